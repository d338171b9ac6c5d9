"""One WebSocket of Socket Mode, from its ticket to its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeAlias

import aiohttp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from monitor import clock
from monitor.errors import PermanentError, TransientError, UnsureError
from monitor.notifiers.slack.answers import refusal, translated
from monitor.notifiers.slack.wire import FOREIGN, SILENT, proxy_to, text, usable

OPEN: Final = "apps.connections.open"
SWITCHED_OFF: Final = "link_disabled"
"""Why a socket goes and no other stands, until somebody switches Socket Mode on again."""
STALE: Final = 3
"""After how many pings without a sound a socket is dead."""
LONGEST: Final = timedelta(seconds=10)
"""How long Slack may take to say hello."""
GOODBYE: Final = timedelta(seconds=0.3)
"""How long the other side is given to close as well."""
SHORT: Final = 2_000
"""Characters of what is read to see whether it is about the socket itself."""


Taken: TypeAlias = "Callable[[AsyncBaseSocketModeClient, SocketModeRequest], Awaitable[None]]"


class Line(SocketModeClient):
    """slack-sdk's client, for one socket: it does not replace itself, it says when it must be replaced.

    Attributes
    ----------
    heard, heard_at
        When Slack was last heard, be it a pong, by `clock.ticks` and by `clock.now`.
    spoken, greeted
        Set once Slack said the first thing; whether that was hello.
    reason
        Slack's word for why this socket has to go, '' while it need not.
    """

    def __init__(self, web: AsyncWebClient, url: str, taken: Taken, ping: timedelta, proxy: str) -> None:
        super().__init__(
            "",
            logger=SILENT,
            web_client=web,
            auto_reconnect_enabled=False,
            ping_interval=ping.total_seconds(),
            on_message_listeners=[self._told],
            on_close_listeners=[self._left],
            on_error_listeners=[self._left],
        )
        self.socket_mode_request_listeners.append(taken)
        self.wss_uri = url
        self.proxy = proxy_to(url.replace("ws", "http", 1), proxy)
        # Slack's pongs are seen here alone. While it is None, slack-sdk sets it itself, which is no pong.
        self.last_ping_pong_time = 0.0
        self._pong: float | None = 0.0
        self.heard, self.heard_at = clock.ticks(), clock.now()
        self.spoken, self.gone = asyncio.Event(), asyncio.Event()
        self.greeted, self.reason = False, ""
        self._stale = ping * STALE
        self._glance = min(ping / 5, timedelta(seconds=0.5)).total_seconds()

    @property
    def open(self) -> bool:
        """Whether anything may still come of it."""
        session = self.current_session
        return not self.closed and session is not None and not session.closed and not self._silent

    async def connect_to_new_endpoint(self, force: bool = False) -> None:  # noqa: ARG002 - slack-sdk's
        """Slack asked this socket to go: whoever opened it opens the next, and this one lives until then."""
        self.gone.set()

    async def over(self) -> str:
        """Why it has to be replaced: Slack's word for it, ``closed`` or ``silent``. Returns when it has to."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.gone.wait(), self._glance)
            self._listen()
            if self._silent:
                return "silent"
            if not self.open:
                return "closed"
            if self.gone.is_set():
                return self.reason or "left"

    async def ended(self, within: timedelta) -> None:
        """Return when the other side has closed it, or fallen silent, or time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within.total_seconds()):
                while self.open:
                    await asyncio.sleep(self._glance)
                    self._listen()

    async def end(self) -> None:
        """Hang up, though the other side may not be there to hear of it."""
        for _ in range(2):  # a socket whose goodbye nobody answers is left open by the first
            with contextlib.suppress(TimeoutError, aiohttp.ClientError, ConnectionError):
                async with asyncio.timeout(GOODBYE.total_seconds()):
                    await self.close()  # type: ignore[no-untyped-call]
                    return

    def _listen(self) -> None:
        if self.last_ping_pong_time != self._pong:
            self._pong = self.last_ping_pong_time
            self._hear()

    def _hear(self) -> None:
        self.heard, self.heard_at = clock.ticks(), clock.now()

    @property
    def _silent(self) -> bool:
        return clock.ticks() - self.heard > self._stale

    async def _told(self, message: aiohttp.WSMessage) -> None:
        self._hear()
        if len(message.data) > SHORT:
            return
        try:
            said: object = json.loads(message.data)
        except ValueError:
            return
        if text(said, "type") == "disconnect":
            self.reason = text(said, "reason") or "disconnect"
        elif text(said, "type") == "hello":
            self.greeted = True
        self.spoken.set()

    async def _left(self, message: aiohttp.WSMessage) -> None:
        del message
        self.gone.set()


async def opened(web: AsyncWebClient, token: str, taken: Taken, ping: timedelta, proxy: str = "") -> Line:
    """A socket on which Slack has said hello; `taken` is awaited with every envelope.

    Raises
    ------
    TransientError, PermanentError
        As `answers` says of ``apps.connections.open``, and if nobody says hello.
    """
    line = Line(web, await ticket(web, token), taken, ping, proxy)
    stands = False
    try:
        async with asyncio.timeout(min(LONGEST, max(ping * STALE, timedelta(seconds=1))).total_seconds()):
            await line.connect()  # type: ignore[no-untyped-call]
            await line.spoken.wait()
        stands = line.greeted  # it may be asked to go already: it stands all the same
        if stands:
            return line
        if line.reason == SWITCHED_OFF:
            raise refusal("Socket Mode", 200, {}, {"error": line.reason})
        raise TransientError(f"Slack, Socket Mode: {line.reason or 'something else'} instead of hello")
    except TimeoutError:
        raise TransientError("Slack, Socket Mode: the socket opened, or did not, and nobody said hello") from None
    finally:
        if not stands:
            await line.end()


async def ticket(web: AsyncWebClient, token: str) -> str:
    """Where to connect, once and soon."""
    try:
        answer = await web.apps_connections_open(app_token=usable(token))
    except (*FOREIGN, aiohttp.ClientError) as error:
        raise translated(OPEN, error) from None
    url = text(answer.data, "url")
    if not url:
        raise UnsureError(f"Slack, {OPEN}: ok, but without url")
    if web.base_url.startswith("https:") and not url.startswith("wss:"):
        raise PermanentError(f"Slack, {OPEN}: expected an address of wss:, got one that is not encrypted")
    return url
