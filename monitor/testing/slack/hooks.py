"""Addresses that need no token: incoming webhooks, and the `response_url` of something a person did."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qs

from monitor.testing.slack import chat
from monitor.testing.slack.calls import Call
from monitor.testing.slack.http import Body, RefusedError, Reply, Request, reply
from monitor.testing.slack.messages import Message, Whisper
from monitor.testing.slack.workspace import Workspace

_PLAIN: Final = {"Content-Type": "text/html"}
_STATUS: Final = {"channel_is_archived": 410, "no_service": 404, "ratelimited": 429}

LIFETIME: Final = timedelta(minutes=30)
USES: Final = 5
"""How long and how often a `response_url` works."""


@dataclass(slots=True)
class _Answer:
    channel: str
    user: str
    message: str | None
    until: datetime
    left: int = USES


class Hooks:
    """The addresses given away so far, each a secret."""

    def __init__(self, world: Workspace) -> None:
        self._world = world
        self._webhooks: dict[str, str] = {}
        self._answers: dict[str, _Answer] = {}

    def webhook(self, channel: str) -> str:
        """Path of a new incoming webhook."""
        path = f"/services/{self._world.team}/{self._world.app.bot_id}/{secrets.token_hex(12)}"
        self._webhooks[path] = channel
        return path

    def answer(self, channel: str, user: str, message: str | None = None) -> str:
        """Path of a new `response_url`."""
        path = f"/actions/{self._world.team}/{secrets.randbelow(10**12)}/{secrets.token_hex(12)}"
        self._answers[path] = _Answer(channel, user, message, self._world.clock.now + LIFETIME)
        return path

    def take(self, request: Request, base: str) -> Reply:
        """What is posted to one of them."""
        try:
            call = Call(self._world, _payload(request), base)
            if request.path in self._webhooks:
                return self._post(call, self._webhooks[request.path])
            if request.path in self._answers:
                return self._reply(call, self._answers[request.path])
        except RefusedError as error:
            word = str(error)
            return Reply(_STATUS.get(word, 400), word.encode(), _PLAIN)
        return Reply(404, b"no_service", _PLAIN)

    def _post(self, call: Call, channel_id: str) -> Reply:
        """An incoming webhook tells nothing of the message but that it was taken."""
        world, channel = self._world, self._world.channels[channel_id]
        if channel.archived:
            raise RefusedError("channel_is_archived")
        wait = world.meter.wait(world.limits, "chat.postMessage", channel_id, world.clock.now)
        if wait is not None:
            return Reply(429, b"ratelimited", {**_PLAIN, "Retry-After": str(wait)})
        text, blocks, attachments = chat.said(call)
        app = world.app
        channel.put(Message(channel.id, world.stamps.next(), app.bot.id, text, blocks, attachments, bot_id=app.bot_id))
        return Reply(200, b"ok", _PLAIN)

    def _reply(self, call: Call, known: _Answer) -> Reply:
        if self._world.clock.now > known.until:
            return reply(404, {"ok": False, "error": "expired_url"})
        if not known.left:
            return reply(404, {"ok": False, "error": "used_url"})
        known.left -= 1
        self._answered(call, known)
        return reply(200, {"ok": True})

    def _answered(self, call: Call, known: _Answer) -> None:
        world, channel = self._world, self._world.channels[known.channel]
        original = channel.held.get(known.message or "")
        if original is not None and call.flag("delete_original"):
            del channel.held[original.ts]
            return
        text, blocks, attachments = chat.said(call)
        if original is not None and call.flag("replace_original"):
            channel.put(replace(original, text=text, blocks=blocks, versions=original.versions + 1))
        elif call.text("response_type") == "in_channel":
            app = world.app
            stamp = world.stamps.next()
            channel.put(Message(channel.id, stamp, app.bot.id, text, blocks, attachments, bot_id=app.bot_id))
        else:
            thread = call.text("thread_ts") or None
            world.whispers.append(Whisper(channel.id, known.user, text, blocks, thread, world.stamps.next()))


def _payload(request: Request) -> Body:
    """The JSON that was posted, as itself or in the field `payload` of a form."""
    body = request.body.decode()
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        body = parse_qs(body).get("payload", [""])[0]
    try:
        found = json.loads(body)
    except ValueError as error:
        raise RefusedError("invalid_payload") from error
    if not isinstance(found, dict):
        raise RefusedError("invalid_payload")
    return found
