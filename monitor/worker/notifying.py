"""From settings to notifiers: each made once, and its secrets fetched when they are first needed."""

from __future__ import annotations

import re
from collections.abc import Callable
from threading import Event

from monitor import plugins
from monitor.errors import InputError
from monitor.notifiers.slack.client import SlackApi
from monitor.notifiers.slack.pacing import Pacer
from monitor.ports import Notifier
from monitor.settings import Logins, NotifierSettings, Reference, Settings
from monitor.settings.notifying import PLACE


def slack_api(settings: Settings, logins: Logins, stop: Event) -> SlackApi | None:
    """The Slack workspace, None if none is configured. Make one only: all that use a token share its pace."""
    if settings.slack is None:
        return None
    return SlackApi(logins.revealing(settings.slack.token), Pacer(stop), url=settings.slack.api_url)


def webhook(address: Reference, logins: Logins) -> Callable[[], str]:
    """A function that reveals the address of a webhook.

    It raises, beside what `Logins.reveal` does, `InputError` if it is none, without a word of it: whoever has it can
    post.
    """
    revealed = logins.revealing(address)
    where = address.env or address.key_vault or str(address.file)

    def checked() -> str:
        found = revealed().strip()
        if not re.search(PLACE, found):
            raise InputError(f"{where}: expected the address of a webhook, https://hooks.slack.com/services/...")
        return found

    return checked


def plugin(name: str, one: NotifierSettings, logins: Logins) -> Notifier:
    """A notifier of another distribution.

    Raises
    ------
    InputError
        If its class does not take what the settings give it.
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
    return made
