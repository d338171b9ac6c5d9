"""conversations.*: what was said in a channel and in a thread."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Final

from monitor.testing.slack.calls import Call, Method
from monitor.testing.slack.http import Body, Json, RefusedError
from monitor.testing.slack.messages import Channel, Message, threaded


def history(call: Call) -> Body:
    """What stands in the channel, newest first."""
    channel = call.world.readable(call.text("channel"), "history")
    found = [message for message in reversed(channel.messages) if _within(call, message)]
    return _page(call, channel, found, 100)


def replies(call: Call) -> Body:
    """A message and its thread, oldest first; of a reply, that reply alone."""
    channel = call.world.readable(call.text("channel"), "history")
    head = channel.held.get(call.needed("ts"))
    if head is None:
        raise RefusedError("thread_not_found")
    found = [head, *(reply for reply in channel.thread(head) if _within(call, reply))]
    return _page(call, channel, found, 1000)


def info(call: Call) -> Body:
    """What the channel is."""
    channel = call.world.known(call.text("channel"))
    call.world.allowed(f"{'groups' if channel.private else 'channels'}:read")
    member = call.world.app.bot.id in channel.members
    body: Body = {
        "id": channel.id,
        "name": channel.name,
        "is_channel": not channel.private,
        "is_private": channel.private,
        "is_archived": channel.archived,
        "is_member": member,
        "num_members": len(channel.members),
    }
    return {"ok": True, "channel": body}


def _within(call: Call, message: Message) -> bool:
    oldest, latest = call.text("oldest"), call.text("latest")
    at = _moment(message.ts)
    if call.flag("inclusive"):
        return (not oldest or at >= _moment(oldest)) and (not latest or at <= _moment(latest))
    return (not oldest or at > _moment(oldest)) and (not latest or at < _moment(latest))


def _moment(ts: str) -> int:
    """A stamp in microseconds; six digits or fewer may follow the point."""
    seconds, _, digits = ts.partition(".")
    try:
        return int(seconds) * 10**6 + int(digits[:6].ljust(6, "0"))
    except ValueError as error:
        raise RefusedError("invalid_ts_oldest") from error


def _page(call: Call, channel: Channel, found: Sequence[Message], otherwise: int) -> Body:
    """One page of messages, and the cursor of the next."""
    limit = call.number("limit", otherwise, 999)
    start = _start(call.text("cursor"), found)
    world = call.world
    shown: list[Json] = [
        {
            **message.wire(world.app.id, world.team, metadata=call.flag("include_all_metadata")),
            **(threaded(message, channel.thread(message)) if message.thread_ts is None else {}),
        }
        for message in found[start : start + limit]
    ]
    more = len(found) > start + limit
    body: dict[str, Json] = {"ok": True, "messages": shown, "has_more": more, "pin_count": 0}
    if more:
        cursor = base64.b64encode(f"next_ts:{found[start + limit].ts}".encode()).decode()
        body["response_metadata"] = {"next_cursor": cursor}
    return body


def _start(cursor: str, found: Sequence[Message]) -> int:
    """Where the page begins: a cursor names a message, so what is posted meanwhile moves nothing."""
    if not cursor:
        return 0
    try:
        ts = base64.b64decode(cursor).decode().removeprefix("next_ts:")
        return [message.ts for message in found].index(ts)
    except ValueError as error:
        raise RefusedError("invalid_cursor") from error


METHODS: Final[Mapping[str, Method]] = {
    "conversations.history": Method(history),
    "conversations.info": Method(info),
    "conversations.replies": Method(replies),
}
