"""Whether Slack takes what will be sent: the token, its rights, each channel, Socket Mode, and who may act."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.util import find_spec
from typing import Final

from monitor.errors import InputError, LaterError, MintwatchError, PermanentError
from monitor.notifiers.slack.client import SlackApi
from monitor.notifiers.slack.reading import Account
from monitor.settings import Settings, SlackSettings
from monitor.worker.checking.answers import Checked, Verdict

ABOUT: Final = "slack"
PAGE: Final = "# docs/slack.md"
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
    for group in chosen.may_act.groups if chosen.may_act else ():
        yield _group(group, api)


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
    known = POSTING | {CHARTS, ACTING, GROUPS, PEOPLE}
    if spare := sorted(account.scopes - known):
        said = f"the app may do more than mintwatch needs: {', '.join(spare)}"
        yield Checked(Verdict.NOTE, ABOUT, said, ("# take these scopes away, and install the app again", PAGE))


def _channel(about: str, channel: str, api: SlackApi, now: datetime) -> Checked:
    try:
        next(iter(api.history(channel, now, 1)), None)
    except MintwatchError as error:
        return _failed(about, f"channel {channel}: {error}", error)
    return Checked(Verdict.FINE, about, f"channel {channel}: the bot is in it")


def _socket(api: SlackApi, app_token: Callable[[], str]) -> Checked:
    if find_spec("aiohttp") is None:
        said = "people cannot act from Slack: Socket Mode needs a package that is not installed"
        return Checked(Verdict.WRONG, ABOUT, said, ('pip install "mintwatch[slack]"',))
    try:
        api.try_socket(app_token)
    except MintwatchError as error:
        return _failed(ABOUT, f"Socket Mode, through which people act: {error}", error)
    return Checked(Verdict.FINE, ABOUT, "Socket Mode lets us in: people can act")


def _group(group: str, api: SlackApi) -> Checked:
    about = f"{ABOUT}, user group {group}"
    try:
        count = len(api.members(group))
    except MintwatchError as error:
        return _failed(about, str(error), error)
    if not count:
        return Checked(Verdict.NOTE, about, "nobody is in it, and so nobody may act by it")
    return Checked(Verdict.FINE, about, f"{count:,} {'person' if count == 1 else 'people'} may act")


def _failed(about: str, said: str, error: MintwatchError) -> Checked:
    """Wrong if somebody has to change something, else unknown."""
    lasting = isinstance(error, PermanentError | InputError)
    return Checked(Verdict.WRONG if lasting else Verdict.UNKNOWN, about, said, (PAGE,) if lasting else ())
