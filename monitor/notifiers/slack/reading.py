"""What Slack answers, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.errors import UnsureError
from monitor.notifiers.slack.wire import Body, Json, items, text


@dataclass(frozen=True, slots=True)
class Posted:
    """A message as it stands in a channel.

    Attributes
    ----------
    ts
        Names it within the channel; `thread` is that of the message it hangs from, '' if it hangs from none.
    bot
        The `bot_id` of the app that posted it, '' for a person's.
    event, payload
        Type and content of its metadata. Any app of the workspace may have written them: believe those of our `bot`.
    """

    ts: str
    thread: str
    bot: str
    text: str
    event: str = ""
    payload: Body = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a token stands for: ids of workspace, bot user and bot, the workspace's address, and what it may do."""

    team: str
    user: str
    bot: str
    url: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Member:
    """A person as their workspace has them: its id, and whether they are a guest, a bot, or gone."""

    team: str
    guest: bool = False
    bot: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Screen:
    """A modal on somebody's screen; `hash` says in which state, '' is any."""

    id: str
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer that says ok, and the scopes its header says the token has."""

    method: str
    body: Body
    scopes: frozenset[str]

    def text(self, *path: str) -> str:
        """The text at the end of the path, '' if there is none."""
        return text(self.body, *path)

    def needed(self, *path: str) -> str:
        """The text at the end of the path.

        Raises
        ------
        UnsureError
            If it is not there, though Slack says ok.
        """
        if found := self.text(*path):
            return found
        raise UnsureError(f"Slack, {self.method}: ok, but without {'.'.join(path)}")

    def messages(self) -> list[Posted]:
        """The messages of a page, as they come."""
        return [posted(each) for each in items(self.body.get("messages"))]

    def screen(self) -> Screen:
        """The modal that is shown now."""
        return Screen(self.needed("view", "id"), self.text("view", "hash"))

    def member(self) -> Member:
        """A person; who is not said to be a full member is a guest."""
        user = self.body.get("user")
        said = user if isinstance(user, Mapping) else {}
        guest = any(said.get(name) is not False for name in ("is_restricted", "is_ultra_restricted"))
        stranger = said.get("is_stranger") is True
        return Member(
            self.needed("user", "team_id"), guest or stranger, said.get("is_bot") is True, said.get("deleted") is True
        )

    def account(self) -> Account:
        """Whom the token stands for."""
        team, user, bot, url = (self.text(name) for name in ("team_id", "user_id", "bot_id", "url"))
        return Account(team, user, bot, url, self.scopes)


def posted(message: Json) -> Posted:
    """A message as it came; the head of a thread hangs from nothing, though Slack says it hangs from itself."""
    ts, thread = text(message, "ts"), text(message, "thread_ts")
    metadata = message.get("metadata") if isinstance(message, Mapping) else None
    payload = metadata.get("event_payload") if isinstance(metadata, Mapping) else None
    return Posted(
        ts,
        "" if thread == ts else thread,
        text(message, "bot_id"),
        text(message, "text"),
        text(metadata, "event_type"),
        payload if isinstance(payload, Mapping) else {},
    )
