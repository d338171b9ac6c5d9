"""chat.*: messages written, changed and taken back."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from monitor.testing.slack import blocks as kit
from monitor.testing.slack.blocks import Surface
from monitor.testing.slack.calls import Call, Method
from monitor.testing.slack.http import Body, Json, RefusedError, written
from monitor.testing.slack.messages import Blocks, Channel, Message, Whisper
from monitor.testing.slack.naming import named
from monitor.testing.slack.workspace import Workspace

_CONTROL: Final = re.compile(r"(<(?:[@#!]|https?:|mailto:|tel:)[^<>]*>|&(?:amp|lt|gt);)")


def post(call: Call) -> Body:
    """chat.postMessage."""
    world, channel = call.world, call.world.writable(call.needed("channel", "channel_not_found"))
    text, blocks, attachments = said(call)
    thread = _thread(call, channel)
    message = Message(
        channel.id,
        world.stamps.next(),
        world.app.bot.id,
        text[: world.limits.text],
        blocks,
        attachments,
        thread_ts=thread,
        broadcast=thread is not None and call.flag("reply_broadcast"),
        metadata=_metadata(call),
        bot_id=world.app.bot_id,
        linked=call.flag("link_names") or call.text("parse") == "full",
    )
    channel.put(message)
    return _told(world, message)


def update(call: Call) -> Body:
    """chat.update: a text without blocks removes the blocks; metadata not given stays."""
    world, channel = call.world, call.world.writable(call.needed("channel", "channel_not_found"))
    before = world.message(channel, call.needed("ts", "message_not_found"))
    if before.bot_id != world.app.bot_id:
        raise RefusedError("cant_update_message")
    text, blocks, attachments = said(call)
    if len(text.encode()) > world.limits.update_text:
        raise RefusedError("msg_too_long")
    metadata = _metadata(call)
    after = replace(
        before,
        text=text if call.has("text") else before.text,
        blocks=blocks,
        attachments=attachments if call.has("attachments") else before.attachments if blocks else (),
        metadata=before.metadata if metadata is None else metadata,
        edited=before.edited if blocks else world.stamps.next(),
        versions=before.versions + 1,
        broadcast=before.broadcast or (before.thread_ts is not None and call.flag("reply_broadcast")),
        linked=call.flag("link_names") or call.text("parse") == "full",
    )
    channel.put(after)
    return {**_told(world, after), "text": after.text}


def delete(call: Call) -> Body:
    """chat.delete: only the app's own."""
    channel = call.world.writable(call.needed("channel", "channel_not_found"))
    message = call.world.message(channel, call.needed("ts", "message_not_found"))
    if message.bot_id != call.world.app.bot_id:
        raise RefusedError("cant_delete_message")
    del channel.held[message.ts]
    return {"ok": True, "channel": channel.id, "ts": message.ts}


def whisper(call: Call) -> Body:
    """chat.postEphemeral: seen by one member, kept nowhere."""
    world, channel = call.world, call.world.writable(call.needed("channel", "channel_not_found"))
    user = call.needed("user", "user_not_found")
    if user not in channel.members:
        raise RefusedError("user_not_in_channel")
    text, blocks, _ = said(call)
    seen = Whisper(channel.id, user, text, blocks, _thread(call, channel), world.stamps.next())
    world.whispers.append(seen)
    return {"ok": True, "message_ts": seen.ts}


def permalink(call: Call) -> Body:
    """chat.getPermalink."""
    channel = call.world.known(call.needed("channel", "channel_not_found"))
    message = call.world.message(channel, call.needed("message_ts", "message_not_found"))
    place = f"{call.base}/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.thread_ts:
        place += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"ok": True, "channel": channel.id, "permalink": place}


def said(call: Call) -> tuple[str, Blocks, Blocks]:
    """Text, blocks and attachments of a call, within every limit; lone ``& < >`` are made entities.

    Raises
    ------
    RefusedError
        ``no_text``, ``invalid_blocks_format``, ``invalid_blocks`` with the places, ``msg_blocks_too_long``.
    """
    blocks = call.items("blocks", "invalid_blocks_format")
    attachments = call.items("attachments", "invalid_attachments")
    if not (call.text("text").strip() or blocks or attachments):
        raise RefusedError("no_text")
    checked(call.world, blocks, Surface.MESSAGE)
    return _entities(call.text("text")), named(blocks), tuple(attachments)


def checked(world: Workspace, blocks: Blocks, surface: Surface) -> None:
    """Nothing, if Slack takes the blocks."""
    wrong = kit.wrong(list(blocks), surface) or world.unfit(list(blocks))
    if wrong:
        told: list[Json] = [f"[ERROR] {each}" for each in wrong]
        raise RefusedError("invalid_blocks", {"errors": list(wrong), "response_metadata": {"messages": told}})
    if len(written(list(blocks))) > world.limits.blocks:
        raise RefusedError("msg_blocks_too_long")


def _entities(text: str) -> str:
    parts = _CONTROL.split(text)
    return "".join(part if place % 2 else html.escape(part, quote=False) for place, part in enumerate(parts))


def _thread(call: Call, channel: Channel) -> str | None:
    if not (ts := call.text("thread_ts")):
        return None
    head = channel.held.get(ts)
    if head is None:
        raise RefusedError("thread_not_found")
    if head.thread_ts is not None:
        raise RefusedError("cannot_reply_to_message")
    return ts


def _metadata(call: Call) -> Body | None:
    metadata = call.object("metadata", "invalid_metadata_format")
    if not metadata:
        return metadata
    if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
        raise RefusedError("invalid_metadata_schema")
    if len(written(metadata)) > call.world.limits.metadata:
        raise RefusedError("metadata_too_large")
    return metadata


def _told(world: Workspace, message: Message) -> Body:
    wire = message.wire(world.app.id, world.team, metadata=True)
    return {"ok": True, "channel": message.channel, "ts": message.ts, "message": wire}


METHODS: Final[Mapping[str, Method]] = {
    "chat.delete": Method(delete, "chat:write"),
    "chat.getPermalink": Method(permalink),
    "chat.postEphemeral": Method(whisper, "chat:write"),
    "chat.postMessage": Method(post, "chat:write"),
    "chat.update": Method(update, "chat:write"),
}
