"""A message as it stands, and a channel as a person sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from monitor.testing.slack.http import Body, Json

Blocks: TypeAlias = "Sequence[Body]"


@dataclass(frozen=True, slots=True)
class Message:
    """One message, as of when it was looked at.

    Attributes
    ----------
    user
        Who wrote it; of an app, its bot user.
    thread_ts
        The message it replies to; None if it is no reply.
    broadcast
        Whether the reply shows in the channel, too.
    metadata
        What the app put beside it, shown only to who asks.
    edited
        When its text was last changed; None if the channel does not show it as edited.
    versions
        How often it was written: 1, and one more for each update.
    linked
        Whether names and channels written plainly become mentions (``link_names``, ``parse=full``).
    """

    channel: str
    ts: str
    user: str
    text: str
    blocks: Blocks = ()
    attachments: Blocks = ()
    thread_ts: str | None = None
    broadcast: bool = False
    metadata: Body | None = None
    files: tuple[str, ...] = ()
    bot_id: str | None = None
    edited: str | None = None
    versions: int = 1
    linked: bool = False

    @property
    def shown(self) -> bool:
        """Whether it stands in the channel itself and not only in a thread."""
        return self.thread_ts is None or self.broadcast

    def wire(self, app_id: str, team: str, *, metadata: bool) -> dict[str, Json]:
        """It in the Web API; its metadata only if asked for."""
        body: dict[str, Json] = {"type": "message", "user": self.user, "text": self.text, "ts": self.ts, "team": team}
        if self.bot_id:
            body |= {"bot_id": self.bot_id, "app_id": app_id}
        if self.blocks:
            body["blocks"] = self.blocks
        if self.attachments:
            body["attachments"] = self.attachments
        if self.thread_ts:
            body["thread_ts"] = self.thread_ts
        if self.broadcast:
            body["subtype"] = "thread_broadcast"
        if self.edited:
            body["edited"] = {"user": self.user, "ts": self.edited}
        if self.files:
            body |= {"files": [{"id": name} for name in self.files], "upload": False}
        if metadata and self.metadata:
            body["metadata"] = self.metadata
        return body


@dataclass(slots=True)
class Channel:
    """A channel and what was said in it.

    Attributes
    ----------
    members
        Ids of users; change it to invite or remove.
    archived, private
        Change them as a person would.
    posted
        How many messages were ever posted, deleted ones included.
    """

    id: str
    name: str
    members: set[str]
    private: bool = False
    archived: bool = False
    posted: int = 0
    held: dict[str, Message] = field(default_factory=dict)

    @property
    def messages(self) -> list[Message]:
        """What stands in the channel, oldest first; replies only if they were broadcast."""
        return [message for message in self.all if message.shown]

    @property
    def all(self) -> list[Message]:
        """Every message and reply, oldest first."""
        return [self.held[ts] for ts in sorted(self.held)]

    def thread(self, message: Message | str) -> list[Message]:
        """The replies to a message, oldest first."""
        ts = message if isinstance(message, str) else message.ts
        return [reply for reply in self.all if reply.thread_ts == ts]

    def now(self, message: Message) -> Message:
        """A message as it stands now; `KeyError` if it was deleted."""
        return self.held[message.ts]

    def put(self, message: Message) -> None:
        """Let a message stand, in place of what had its stamp."""
        self.posted += message.ts not in self.held
        self.held[message.ts] = message


@dataclass(frozen=True, slots=True)
class Whisper:
    """What one person alone saw, until the page was loaded again."""

    channel: str
    user: str
    text: str
    blocks: Blocks = ()
    thread_ts: str | None = None
    ts: str = ""


def threaded(message: Message, replies: Sequence[Message]) -> Mapping[str, Json]:
    """What the head of a thread says of it."""
    if not replies:
        return {}
    users = list(dict.fromkeys(reply.user for reply in replies))
    return {
        "thread_ts": message.ts,
        "reply_count": len(replies),
        "reply_users_count": len(users),
        "latest_reply": replies[-1].ts,
        "reply_users": users[:5],
        "is_locked": False,
        "subscribed": False,
    }
