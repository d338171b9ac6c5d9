"""Socket Mode: WebSockets opened by one-use tickets, envelopes that must be acknowledged, and sockets that fail."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal, TypeAlias

from aiohttp import WSMsgType, web

from monitor.testing.slack.calls import Call
from monitor.testing.slack.http import Body, Json, written
from monitor.testing.slack.server import reset
from monitor.testing.slack.workspace import Workspace

Reason: TypeAlias = Literal["warning", "refresh_requested", "link_disabled", "too_many_websockets"]

MOST: Final = 10
"""Sockets of one app at a time."""


@dataclass(frozen=True, slots=True)
class Ack:
    """One acknowledgement as it came; `after` counts from when the person acted."""

    envelope_id: str
    after: timedelta
    answer: Json


@dataclass(eq=False, slots=True)
class Connection:
    """One open socket. `told`: it was asked to go; `silent`: nothing comes out of it any more."""

    socket: web.WebSocketResponse
    transport: asyncio.BaseTransport | None
    silent: bool = False
    told: bool = False

    async def say(self, body: Json) -> None:
        """Send, unless nothing comes out; whether it arrives nobody knows."""
        if not self.silent:
            with contextlib.suppress(ConnectionError, RuntimeError):
                await self.socket.send_str(written(body))


@dataclass(slots=True)
class _Pending:
    acted: float
    acked: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    ack: Ack | None = None


class Sockets:
    """The sockets of the app.

    Attributes
    ----------
    patience
        How long an acknowledgement may take before the person is told that something went wrong.
    again
        How often an envelope that nobody acknowledged is delivered again.
    pings
        How often Slack pings.
    mute
        While true, a new socket is accepted and then nothing ever comes out of it: no hello, no pong.
    acks
        Every acknowledgement, oldest first, late and repeated ones included.
    opened
        How many sockets were ever opened.
    """

    def __init__(self, world: Workspace, loop: asyncio.AbstractEventLoop) -> None:
        self._world, self._loop = world, loop
        self.patience, self.pings = timedelta(seconds=3), timedelta(seconds=10)
        self.again = 1
        self.mute = False
        self.acks: list[Ack] = []
        self.opened = 0
        self._tickets: set[str] = set()
        self._open: list[Connection] = []
        self._pending: dict[str, _Pending] = {}
        self._running: set[asyncio.Task[None]] = set()

    @property
    def count(self) -> int:
        """How many are open, those asked to go included."""
        return len(self._open)

    @property
    def fresh(self) -> int:
        """How many are open and neither asked to go nor silent."""
        return sum(not (each.told or each.silent) for each in list(self._open))

    def ticket(self, call: Call) -> Body:
        """apps.connections.open: where to connect, once."""
        ticket = secrets.token_hex(8)
        self._tickets.add(ticket)
        place = f"{call.base.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={self._world.app.id}"
        return {"ok": True, "url": place}

    def refresh(self, grace: timedelta = timedelta(seconds=10)) -> None:
        """Ask every socket to make way for a new one, and close it after the grace."""
        self._do(self._dismiss("refresh_requested", grace))

    def warn(self) -> None:
        """Say that a refresh is near; the sockets stay."""
        self._do(self._dismiss("warning", None))

    def close(self) -> None:
        """Close every socket cleanly, without asking."""
        self._do(self._closed(list(self._open)))

    def reset(self) -> None:
        """Reset every socket's connection, without a word."""
        self._do(self._reset())

    def silence(self) -> None:
        """From now on nothing comes out of the sockets that are open, and what goes in is lost."""
        for connection in list(self._open):
            connection.silent = True

    async def deliver(self, kind: str, payload: Body, *, answers: bool) -> tuple[str, Ack | None]:
        """Deliver an envelope; its id, and its acknowledgement if that came while the person waited."""
        envelope_id = secrets.token_hex(8)
        pending = self._pending[envelope_id] = _Pending(time.perf_counter())
        envelope: dict[str, Json] = {
            "envelope_id": envelope_id,
            "payload": payload,
            "type": kind,
            "accepts_response_payload": answers,
        }
        task = self._loop.create_task(self._delivered(envelope, pending))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(pending.acked.wait(), self.patience.total_seconds())
        return envelope_id, pending.ack

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One socket, from its ticket to its end."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403, text="invalid ticket")
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse(autoping=False, autoclose=False, timeout=0.2)
        await socket.prepare(request)
        connection = Connection(socket, request.transport, silent=self.mute)
        if len(self._open) >= MOST:
            await connection.say(_disconnect("too_many_websockets"))
            await socket.close()
            return socket
        self._change(opened=connection)
        pinging = self._loop.create_task(self._pinging(connection))
        try:
            await connection.say(self._hello())
            await self._listen(connection)
        finally:
            pinging.cancel()
            self._change(gone=connection)
        return socket

    async def end(self) -> None:
        """Hang up on everybody and deliver nothing more."""
        for task in list(self._running):
            task.cancel()
        await self._reset()

    async def _delivered(self, envelope: Mapping[str, Json], pending: _Pending) -> None:
        """Send until it is acknowledged, on a new socket if the one it went to ends, as often as is allowed."""
        for attempt in range(1 + self.again):
            retry: Body = {"retry_attempt": attempt, "retry_reason": "timeout"} if attempt else {}
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._attempted({**envelope, **retry}, pending), self.patience.total_seconds())
                return

    async def _attempted(self, envelope: Body, pending: _Pending) -> None:
        used: Connection | None = None
        while not pending.acked.is_set():
            target = self._target()
            if target is not None and used not in self._open:  # none yet, or one that ended before it answered
                used = target
                await target.say(envelope)
            await pending.news.wait()
            pending.news.clear()

    def _target(self) -> Connection | None:
        """The newest socket that was not asked to go; else the newest. Slack cannot tell which are silent."""
        staying = [each for each in self._open if not each.told] or self._open
        return staying[-1] if staying else None

    async def _listen(self, connection: Connection) -> None:
        async for message in connection.socket:
            if connection.silent:
                continue
            if message.type is WSMsgType.PING:
                await connection.socket.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                self._heard(message.data)
        if not connection.silent:
            await connection.socket.close()

    def _heard(self, text: str) -> None:
        try:
            body = json.loads(text)
            envelope_id = str(body["envelope_id"])
            pending = self._pending[envelope_id]
        except (ValueError, KeyError, TypeError):
            return
        after = timedelta(seconds=time.perf_counter() - pending.acted)
        ack = Ack(envelope_id, after, body.get("payload"))
        with self._world.changing():
            self.acks.append(ack)
        pending.ack = pending.ack or ack
        pending.acked.set()
        pending.news.set()

    async def _pinging(self, connection: Connection) -> None:
        number = 0
        while True:
            await asyncio.sleep(self.pings.total_seconds())
            number += 1
            if not connection.silent:
                with contextlib.suppress(ConnectionError, RuntimeError):
                    await connection.socket.ping(f"Ping from applink-{number}".encode())

    def _change(self, *, opened: Connection | None = None, gone: Connection | None = None) -> None:
        with self._world.changing():
            if opened is not None:
                self._open.append(opened)
                self.opened += 1
            if gone in self._open:
                self._open.remove(gone)
        for pending in self._pending.values():
            pending.news.set()

    def _hello(self) -> Body:
        return {
            "type": "hello",
            "num_connections": len(self._open),
            "debug_info": {"host": "applink-local", "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": self._world.app.id},
        }

    async def _dismiss(self, reason: Reason, grace: timedelta | None) -> None:
        asked = list(self._open)
        for connection in asked:
            connection.told = connection.told or grace is not None
            await connection.say(_disconnect(reason))
        if grace is not None:
            self._loop.call_later(grace.total_seconds(), lambda: self._loop.create_task(self._closed(asked)))

    async def _closed(self, connections: list[Connection]) -> None:
        for connection in connections:
            with contextlib.suppress(ConnectionError, RuntimeError):
                await connection.socket.close()

    async def _reset(self) -> None:
        for connection in list(self._open):
            reset(connection.transport)

    def _do(self, work: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _disconnect(reason: Reason) -> Body:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-local"}}
