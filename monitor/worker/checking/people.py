"""Whether the people and user groups that the settings name are there: those who may act, and those who are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from monitor.errors import MintwatchError
from monitor.notifiers.slack.answers import SlackRefusedError
from monitor.notifiers.slack.client import SlackApi
from monitor.settings import Settings, SlackSettings
from monitor.worker.checking.answers import PAGE, Checked, Verdict, failed

SLACK: Final = "slack"


def people(settings: Settings, chosen: SlackSettings, api: SlackApi, workspace: str) -> Iterator[Checked]:
    """What Slack says of each of them; `workspace` is the id of the one that people act from."""
    acting = chosen.may_act
    for group in acting.groups if acting else ():
        yield _may_act(group, api)
    for user in acting.users if acting else ():
        yield _member(f"{SLACK}, member {user}", user, api, workspace)
    for index, route in enumerate(settings.routes):
        if route.escalate and (called := route.escalate.mention):
            about = f"routes.{index}.escalate.mention"
            yield _called(about, called, api) if called.startswith("S") else _member(about, called, api)


def _may_act(group: str, api: SlackApi) -> Checked:
    about = f"{SLACK}, user group {group}"
    try:
        count = len(api.members(group))
    except MintwatchError as error:
        return failed(about, str(error), error)
    if not count:
        return Checked(Verdict.NOTE, about, "nobody is in it, and so nobody may act by it")
    return Checked(Verdict.FINE, about, f"{count:,} {'person' if count == 1 else 'people'} may act")


def _called(about: str, group: str, api: SlackApi) -> Checked:
    try:
        count = len(api.members(group))
    except MintwatchError as error:
        return _unseen(about, f"user group {group}", error)
    if not count:
        return Checked(Verdict.NOTE, about, f"nobody is in the user group {group}, and so nobody is called")
    return Checked(Verdict.FINE, about, f"calls {count:,} {'person' if count == 1 else 'people'}")


def _member(about: str, user: str, api: SlackApi, workspace: str = "") -> Checked:
    """Whether a member is there, and of the workspace, if it has to be one."""
    try:
        found = api.member(user)
    except MintwatchError as error:
        return _unseen(about, f"member {user}", error)
    if found.gone:
        return Checked(Verdict.WRONG, about, f"{user} has left the workspace", (PAGE,))
    if workspace and (found.bot or found.team != workspace):
        what = "a bot" if found.bot else "not a member of mintwatch's own workspace"
        return Checked(Verdict.WRONG, about, f"{user} is {what}, and may not act", (PAGE,))
    return Checked(Verdict.FINE, about, f"{user} {'may act' if workspace else 'is called'}")


def _unseen(about: str, what: str, error: MintwatchError) -> Checked:
    """Nobody needs the scope to call somebody, or to let a person act who is named: it is no mistake to lack it."""
    if isinstance(error, SlackRefusedError) and error.code == "missing_scope":
        return Checked(Verdict.UNKNOWN, about, f"whether the {what} is there: {error}")
    return failed(about, f"{what}: {error}", error)
