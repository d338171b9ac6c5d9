"""From settings to notifiers: each made once, and its secrets fetched when they are first needed."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from monitor import plugins
from monitor.errors import InputError
from monitor.notifiers.files import FilesNotifier
from monitor.notifiers.slack.client import SlackApi
from monitor.notifiers.slack.notifier import SlackNotifier
from monitor.notifiers.slack.pacing import Pacer
from monitor.notifiers.slack.webhook import WebhookNotifier
from monitor.notifiers.slack.wire import ours
from monitor.ports import UNTOLD, Notifier
from monitor.settings import Logins, NotifierSettings, Reference, Settings
from monitor.settings.notifying import API


class Notifying:
    """The configured notifiers, and the Slack workspace that they share.

    No secret is fetched, and nobody is asked anything yet. Once `stop` is set, nobody waits for a turn any more.

    Attributes
    ----------
    api
        The workspace, None if none is configured: all that use its token keep its pace together.
    """

    def __init__(self, settings: Settings, logins: Logins, stop: Event, *, listens: bool = True) -> None:
        self._settings, self._logins, self._stop, self._listens = settings, logins, stop, listens
        self._slack = settings.slack
        self._url = settings.slack.api_url if settings.slack else API
        self.api = None
        if settings.slack is not None and settings.slack.token is not None:
            self.api = SlackApi(logins.revealing(settings.slack.token), Pacer(stop), url=self._url)

    def notifiers(self, console: Callable[[str], Notifier]) -> tuple[Notifier, ...]:
        """All of them, in their order; `console` makes one of kind `console` of that name.

        Raises
        ------
        InputError
            If the class of another distribution does not take what the settings give it.
        PermanentError
            If it cannot be loaded.
        """
        return tuple(self._made(name, one, console) for name, one in self._settings.notifiers.items())

    def webhook(self, address: Reference) -> Callable[[], str]:
        """A function that reveals the address of a webhook.

        It raises, beside what `Logins.reveal` does, `InputError` if it is none of the same Slack, without a word of it:
        whoever has it can post.
        """
        revealed = self._logins.revealing(address)
        where = address.env or address.key_vault or str(address.file)

        def checked() -> str:
            found = revealed().strip()
            if not ours(found, self._url):
                raise InputError(f"{where}: expected the address of a webhook, https://hooks.slack.com/services/...")
            return found

        return checked

    def _made(self, name: str, one: NotifierSettings, console: Callable[[str], Notifier]) -> Notifier:
        if one.kind == "console":
            return console(name)
        if one.directory is not None:
            return FilesNotifier(one.directory, name)
        if one.url is not None:
            return WebhookNotifier(name, self.webhook(one.url), Pacer(self._stop), api=self._url)
        if self._slack is not None and self.api is not None and one.channel:
            interactive = self._listens and self._slack.app_token is not None
            return SlackNotifier(name, self.api, one.channel, interactive=interactive, charts=one.charts)
        return plugin(name, one, self._logins)


def plugin(name: str, one: NotifierSettings, logins: Logins) -> Notifier:
    """A notifier of another distribution.

    Raises
    ------
    InputError
        If its class does not take what the settings give it, or wants too little.
    PermanentError
        If it cannot be loaded.
    """
    kind = plugins.notifier(one.kind)
    secrets = {key: logins.revealing(secret) for key, secret in one.secrets.items()}
    try:
        made: Notifier = kind(name, **one.options, **secrets)
    except (TypeError, ValueError) as error:
        given = ", ".join((*one.options, *secrets)) or "nothing"
        raise InputError(f"notifiers.{name}: kind {one.kind!r} does not take {given}: {error}") from error
    for part, missed in UNTOLD.items():
        if part not in made.parts:
            where = f"notifiers.{name}: kind {one.kind!r}"
            raise InputError(f"{where}: expected {part} among its parts, else nobody is ever told of {missed}")
    return made
