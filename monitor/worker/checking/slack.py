"""Whether Slack takes what will be sent: the token, its rights, each channel, Socket Mode, and who may act."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.resources import files
from importlib.util import find_spec
from typing import Final

from ruamel.yaml import YAML

from monitor.errors import LaterError, MintwatchError
from monitor.notifiers.slack.client import SlackApi
from monitor.notifiers.slack.reading import Account
from monitor.settings import Settings, SlackSettings
from monitor.worker.checking.answers import PAGE, Checked, Verdict, failed
from monitor.worker.checking.people import people

ABOUT: Final = "slack"
POSTING: Final = frozenset({"chat:write", "channels:history", "groups:history"})
"""Scopes without which nothing can be posted once: the history is where an unsure try is looked up."""
CHARTS: Final = "files:write"
ACTING: Final = "commands"
GROUPS: Final = "usergroups:read"
PEOPLE: Final = "users:read"
"""Says who is a guest; needed where every full member may act."""


def slack(
    settings: Settings, chosen: SlackSettings, api: SlackApi, app_token: Callable[[], str] | None, now: datetime
) -> Iterator[Checked]:
    """What the token finds; nothing more after it was refused altogether."""
    try:
        account = api.account()
    except MintwatchError as error:
        verdict = Verdict.UNKNOWN if isinstance(error, LaterError) else Verdict.WRONG
        yield Checked(verdict, ABOUT, str(error), (PAGE,))
        return
    yield _workspace(chosen, account)
    yield from _scopes(settings, chosen, account)
    for name, one in settings.notifiers.items():
        if one.kind == "slack":
            yield _channel(f"notifier {name}", one.channel, api, now)
    if app_token is not None:
        yield _socket(api, app_token)
    yield from people(settings, chosen, api, chosen.workspace or account.team)


def _workspace(chosen: SlackSettings, account: Account) -> Checked:
    said = f"the bot token is of {account.user} in workspace {account.team} ({account.url})"
    if chosen.workspace and chosen.workspace != account.team:
        todo = "# slack.workspace or slack.token: they have to belong together"
        return Checked(Verdict.WRONG, ABOUT, f"{said}, expected {chosen.workspace}", (todo,))
    return Checked(Verdict.FINE, ABOUT, said)


def _scopes(settings: Settings, chosen: SlackSettings, account: Account) -> Iterator[Checked]:
    """What the app may not do and should, and what it may do and need not; nothing if Slack does not say."""
    if not account.scopes:
        return
    needed = set(POSTING)
    needed |= {CHARTS} if any(one.kind == "slack" and one.charts for one in settings.notifiers.values()) else set()
    needed |= {ACTING} if chosen.app_token else set()
    needed |= {PEOPLE} if chosen.app_token and not chosen.may_act else set()
    needed |= {GROUPS} if chosen.may_act and chosen.may_act.groups else set()
    if lacking := sorted(needed - account.scopes):
        todo = "# add them under OAuth & Permissions in the app's settings, and install the app again"
        yield Checked(Verdict.WRONG, ABOUT, f"the app lacks the scopes {', '.join(lacking)}", (todo, PAGE))
    if spare := sorted(account.scopes - manifest_scopes()):
        said = f"the app may do more than mintwatch needs: {', '.join(spare)}"
        yield Checked(Verdict.NOTE, ABOUT, said, ("# take these scopes away, and install the app again", PAGE))


def manifest_scopes() -> frozenset[str]:
    """What an app may do that was made from our manifest."""
    text = (files("monitor.notifiers.slack") / "manifest.yml").read_text("utf-8")
    return frozenset(map(str, YAML(typ="safe").load(text)["oauth_config"]["scopes"]["bot"]))


def _channel(about: str, channel: str, api: SlackApi, now: datetime) -> Checked:
    try:
        next(iter(api.history(channel, now, 1)), None)
    except MintwatchError as error:
        return failed(about, f"channel {channel}: {error}", error)
    return Checked(Verdict.FINE, about, f"channel {channel}: the bot is in it")


def _socket(api: SlackApi, app_token: Callable[[], str]) -> Checked:
    if find_spec("aiohttp") is None:
        said = "people cannot act from Slack: Socket Mode needs a package that is not installed"
        return Checked(Verdict.WRONG, ABOUT, said, ('pip install "mintwatch[slack]"',))
    try:
        api.try_socket(app_token)
    except MintwatchError as error:
        return failed(ABOUT, f"Socket Mode, through which people act: {error}", error)
    return Checked(Verdict.FINE, ABOUT, "Socket Mode lets us in: people can act")
