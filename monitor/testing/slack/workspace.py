"""The workspace: its people, channels, user groups, and the one app that is installed in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from monitor.testing.clocks import Clock
from monitor.testing.slack.http import Json, RefusedError
from monitor.testing.slack.limits import Limits, Meter
from monitor.testing.slack.messages import Channel, Message, Whisper
from monitor.testing.slack.stamps import Stamps

Kind: TypeAlias = Literal["bot", "app"]

SCOPES: Final = frozenset(
    {
        "chat:write",
        "files:write",
        "commands",
        "usergroups:read",
        "users:read",
        "channels:history",
        "groups:history",
    }
)
"""What the bot token may do unless a test gives more or takes some away: what mintwatch asks for."""


@dataclass(frozen=True, slots=True)
class User:
    """One person, or the app's bot."""

    id: str
    name: str
    team: str
    bot: bool = False
    guest: bool = False


@dataclass(slots=True)
class Group:
    """A user group; change `members` as a person would."""

    id: str
    handle: str
    members: list[str]
    enabled: bool = True


@dataclass(slots=True)
class App:
    """The installed app: tokens, and what each may do."""

    id: str
    bot: User
    bot_id: str
    token: str
    app_token: str
    scopes: set[str] = field(default_factory=lambda: set(SCOPES))
    app_scopes: set[str] = field(default_factory=lambda: {"connections:write"})
    revoked: set[str] = field(default_factory=set)

    def kind(self, token: str | None) -> Kind:
        """Which of its tokens this is.

        Raises
        ------
        RefusedError
            ``not_authed`` without one, ``invalid_auth`` for a stranger's, ``token_revoked`` for one taken back.
        """
        if not token:
            raise RefusedError("not_authed")
        if token in self.revoked:
            raise RefusedError("token_revoked")
        if token == self.token:
            return "bot"
        if token == self.app_token:
            return "app"
        raise RefusedError("invalid_auth")


class Workspace:
    """Everything the local Slack remembers. Hold `changing` while touching it from outside.

    Attributes
    ----------
    whispers
        What single people saw, oldest first.
    unfit
        What is wrong with the files that blocks name.
    """

    def __init__(self, limits: Limits) -> None:
        self.clock, self.limits, self.meter = Clock(), limits, Meter()
        self.stamps = Stamps(self.clock)
        self.team, self.domain = "T0000000001", "local"
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.groups: dict[str, Group] = {}
        self.whispers: list[Whisper] = []
        self.unfit: Callable[[Json], list[str]] = lambda _: []
        bot = self.user("mintwatch", bot=True)
        self.app = App("A0000000001", bot, "B0000000001", "xoxb-local-bot", "xapp-1-A0000000001-local-app")
        self._changed = threading.Condition(threading.RLock())
        self._watchers: list[Callable[[], object]] = []

    def user(self, name: str, *, team: str | None = None, bot: bool = False, guest: bool = False) -> User:
        """A new person of this workspace, or of the `team` named: somebody from outside; or a guest in this one."""
        user = User(f"U{len(self.users) + 1:010}", name, team or self.team, bot, guest)
        self.users[user.id] = user
        return user

    def channel(self, name: str, members: set[str], *, private: bool) -> Channel:
        """A new channel."""
        channel = Channel(f"{'G' if private else 'C'}{len(self.channels) + 1:010}", name, members, private)
        self.channels[channel.id] = channel
        return channel

    def group(self, handle: str, members: list[str]) -> Group:
        """A new user group."""
        group = Group(f"S{len(self.groups) + 1:010}", handle, members)
        self.groups[group.id] = group
        return group

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Nobody else touches anything meanwhile; who waits for a change looks again afterwards."""
        with self._changed:
            yield
            self._changed.notify_all()
            for told in self._watchers:
                told()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Nobody changes anything meanwhile."""
        with self._changed:
            yield

    @contextmanager
    def watched(self, told: Callable[[], object]) -> Iterator[None]:
        """Meanwhile `told` is called after every change, in the thread that made it."""
        with self._changed:
            self._watchers.append(told)
        try:
            yield
        finally:
            with self._changed:
                self._watchers.remove(told)

    def until(self, claim: Callable[[], bool], seconds: float) -> bool:
        """Whether the claim came true in time; it is asked again after every change."""
        with self._changed:
            return self._changed.wait_for(claim, seconds)

    def readable(self, channel: str, scope: str) -> Channel:
        """The channel, if the bot may do there what ``channels:<scope>`` or ``groups:<scope>`` lets it.

        Raises
        ------
        RefusedError
            ``channel_not_found`` if it is not there or private and none of the bot's, ``not_in_channel``,
            ``missing_scope``.
        """
        found = self.known(channel)
        self.allowed(f"{'groups' if found.private else 'channels'}:{scope}")
        if self.app.bot.id not in found.members:
            raise RefusedError("not_in_channel")
        return found

    def writable(self, channel: str) -> Channel:
        """The channel, if the bot may write there; who has ``chat:write.public`` need not be in a public one.

        Raises
        ------
        RefusedError
            ``channel_not_found``, ``not_in_channel``, ``is_archived``.
        """
        found = self.known(channel)
        if found.archived:
            raise RefusedError("is_archived")
        if self.app.bot.id not in found.members and "chat:write.public" not in self.app.scopes:
            raise RefusedError("not_in_channel")
        return found

    def known(self, channel: str) -> Channel:
        """The channel, if the bot can see that it exists; names are not ids."""
        found = self.channels.get(channel)
        if found is None or (found.private and self.app.bot.id not in found.members):
            raise RefusedError("channel_not_found")
        return found

    def allowed(self, scope: str, *, kind: Kind = "bot") -> None:
        """Nothing, if the token has the scope; else ``missing_scope``."""
        held = self.app.scopes if kind == "bot" else self.app.app_scopes
        if scope not in held:
            raise RefusedError("missing_scope", {"needed": scope, "provided": ",".join(sorted(held))})

    def message(self, channel: Channel, ts: str) -> Message:
        """A message by its stamp; ``message_not_found``."""
        found = channel.held.get(ts)
        if found is None:
            raise RefusedError("message_not_found")
        return found
