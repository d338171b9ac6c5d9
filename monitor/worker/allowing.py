"""Who may act from Slack: told by ids that Slack vouches for, and remembered: its trouble locks nobody out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from threading import Event, Lock, Thread
from typing import Final, Self

from monitor import clock
from monitor.errors import MintwatchError
from monitor.notifiers.slack.answers import SlackRefusedError
from monitor.notifiers.slack.client import SlackApi
from monitor.notifiers.slack.payloads import Origin
from monitor.notifiers.slack.reading import Account, Member

log = logging.getLogger("mintwatch.worker")
GONE: Final = "no_such_subteam"
FRESH: Final = timedelta(minutes=5)
"""For how long what Slack said of a group, or of a person, is believed without asking again."""
ELSEWHERE: Final = "this does not come from the workspace that mintwatch works for"
OTHER_APP: Final = "this is of another app"
FOREIGN: Final = "only members of mintwatch's own workspace may act"
GUEST: Final = "guests may not act"
NOT_NAMED: Final = "you are not among those who may act; whoever runs mintwatch can add you (slack.may_act)"
UNKNOWN: Final = "Slack does not say just now who may act; try again in a minute"
UNSCOPED: Final = (
    "mintwatch cannot tell members from guests: name who may act (slack.may_act), or give the app the scope users:read"
)


class Allowed:
    """Who may act.

    Parameters
    ----------
    api
        Says who is in a group.
    workspace
        Id of the workspace (``T...``); '' is the one the token belongs to.
    app
        Gives the id of the app (``A...``); '' is any.
    users, groups
        Who may; if both are empty, every full member of the workspace.
    """

    def __init__(
        self,
        api: SlackApi,
        *,
        workspace: str = "",
        app: Callable[[], str] = str,
        users: Iterable[str] = (),
        groups: Iterable[str] = (),
        fresh: timedelta = FRESH,
    ) -> None:
        self._api, self._app, self._fresh = api, app, fresh
        self._workspace, self._users, self._groups = workspace, frozenset(users), tuple(groups)
        self._account: Account | None = None
        self._members: dict[str, frozenset[str]] = {}
        self._people: dict[str, tuple[Member, timedelta]] = {}
        self._known, self._left = Lock(), Event()
        self._thread = Thread(target=self._keep, name="slack-members", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join(1.0)

    @property
    def account(self) -> Account | None:
        """Whom the token stands for, None as long as Slack did not say."""
        return self._account

    def refusal(self, origin: Origin) -> str:
        """Why somebody may not act, '' if they may; never asks Slack for what it said lately."""
        workspace, app = self._workspace or self._own(), self._app_id()
        if not workspace or app is None:
            return UNKNOWN
        if origin.team != workspace or origin.organisation:
            return ELSEWHERE
        if app and origin.app != app:
            return OTHER_APP
        if origin.who.workspace != workspace:
            return FOREIGN
        if not self._users and not self._groups:
            return self._as_member(origin.who.id, workspace)
        return "" if origin.who.id in self._users else self._in_group(origin.who.id)

    def refresh(self) -> None:
        """Ask who is in the groups; where Slack does not say, what it said last stays."""
        for group in self._groups:
            self._ask(group)

    def _keep(self) -> None:
        self._own()
        self.refresh()
        while not self._left.wait(self._fresh.total_seconds()):
            self.refresh()

    def _own(self) -> str:
        if self._account is None:
            try:
                self._account = self._api.account()
            except MintwatchError as error:
                log.warning("failed", extra={"part": "slack", "error": str(error)})
                return ""
        return self._account.team

    def _app_id(self) -> str | None:
        """None as long as it cannot be found out."""
        try:
            return self._app()
        except MintwatchError as error:
            log.warning("failed", extra={"part": "slack", "error": str(error)})
            return None

    def _in_group(self, user: str) -> str:
        """Why somebody in none of the groups may not; a group never heard of is asked for once more."""
        for group in self._groups:
            if group not in self._members:
                self._ask(group)
        if any(user in self._members.get(group, ()) for group in self._groups):
            return ""
        return UNKNOWN if any(group not in self._members for group in self._groups) else NOT_NAMED

    def _ask(self, group: str) -> None:
        try:
            found = self._api.members(group)
        except SlackRefusedError as error:
            if error.code != GONE:
                log.warning("failed", extra={"part": "slack", "group": group, "error": str(error)})
                return
            found = frozenset()
        except MintwatchError as error:
            log.warning("failed", extra={"part": "slack", "group": group, "error": str(error)})
            return
        with self._known:
            self._members[group] = found

    def _as_member(self, user: str, workspace: str) -> str:
        """Why somebody may not act where every full member may."""
        known, at = self._people.get(user, (None, timedelta(0)))
        if known is None or clock.ticks() - at > self._fresh:
            try:
                known = self._api.member(user)
            except SlackRefusedError as error:
                return UNSCOPED if error.code == "missing_scope" else FOREIGN
            except MintwatchError as error:
                log.warning("failed", extra={"part": "slack", "error": str(error)})
            else:
                with self._known:
                    self._people[user] = known, clock.ticks()
        if known is None:
            return UNKNOWN
        if known.team != workspace or known.gone or known.bot:
            return FOREIGN
        return GUEST if known.guest else ""
