"""Socket Mode: what people do in Slack reaches us over a WebSocket that we opened, acknowledged before it is done.

slack-sdk's aiohttp client is one socket here; when it is replaced is for our own watchdog to say. A socket that Slack
asks to go is kept until the next one stands, so that no click falls between them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import random
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Self, TypeAlias

import aiohttp
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from monitor import clock
from monitor.errors import LaterError, MintwatchError, PermanentError
from monitor.notifiers.slack.hands import Hands
from monitor.notifiers.slack.line import Line, opened
from monitor.notifiers.slack.wire import SILENT, SLACK, Body, proxy_to

log = logging.getLogger("mintwatch.notifiers.slack")

PING: Final = timedelta(seconds=5)
BUDGET: Final = timedelta(milliseconds=250)
"""How long an acknowledgement waits for what it is to carry."""
RARELY: Final = timedelta(minutes=10)
"""How often something is tried that will not work until a person changes something."""
SLOWEST: Final = timedelta(seconds=30)
"""How often, at least, something is tried that may work any time."""
GRACE: Final = timedelta(seconds=15)
"""How long a socket that was asked to go is listened to after the next one stands; Slack closes it within 10 s."""
STEADY: Final = 6
"""How many pings a socket lives that is not flapping."""
CLOSING: Final = timedelta(seconds=1)
TIMEOUT: Final = 10

Handle: TypeAlias = "Callable[[str, Body], None]"
Answer: TypeAlias = "Callable[[str, Body], Body | None]"


def nothing(kind: str, payload: Body) -> None:
    """An acknowledgement carries nothing."""
    del kind, payload


class Listener:
    """Hears what people do, for as long as it runs; Slack may be down when it starts, and come and go.

    Every envelope is acknowledged at once and then given to `handle`, in a thread of its own. Slack delivers at least
    once, so the same may come again, and again to another process: `handle` makes twice the same as once.

    Parameters
    ----------
    app_token
        Gives the app-level token (``xapp-``), asked for at every new socket.
    handle
        Called with kind (``interactive``, ``slash_commands``) and payload; what it raises is logged. Calls overlap.
    answer
        Called before, if the acknowledgement may carry something: the errors of a modal, the reply to a command. It
        has `budget` to say so from memory, then the acknowledgement goes empty. A payload it has errors against is not
        given to `handle`; one it was too slow for is.
    ping
        How often Slack is pinged. All else follows: a socket is dead after three pings without a sound.
    workers
        How many threads handle.

    Attributes
    ----------
    reconnects
        How many sockets followed the first.
    redelivered
        How many envelopes Slack said it had delivered before.
    trouble
        Why there is no socket, or no next one; '' once there is.
    """

    def __init__(
        self,
        app_token: Callable[[], str],
        handle: Handle,
        answer: Answer = nothing,
        *,
        api_url: str = SLACK,
        ping: timedelta = PING,
        budget: timedelta = BUDGET,
        rarely: timedelta = RARELY,
        workers: int = 2,
        proxy: str = "",
    ) -> None:
        self.reconnects, self.redelivered, self.trouble = 0, 0, ""
        self._app_token, self._handle, self._answer = app_token, handle, answer
        self._api_url, self._proxy = api_url, proxy
        self._ping, self._budget, self._rarely = ping, budget, rarely
        self._handling, self._answering = Hands("slack-handle", workers), Hands("slack-answer")
        self._thread = threading.Thread(target=self._run, name="slack-socket", daemon=True)
        self._stopped = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._line: Line | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._short = 0
        self._heard: datetime | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connected(self) -> bool:
        """Whether Slack reaches us, as far as anybody can know."""
        line = self._line
        return line is not None and line.open

    @property
    def alive(self) -> bool:
        """Whether its threads run; without them nobody is heard any more."""
        return self._thread.is_alive() and self._handling.alive and self._answering.alive

    @property
    def last_heard(self) -> datetime | None:
        """When Slack was last heard, be it a pong; None if never."""
        line = self._line
        return line.heard_at if line is not None else self._heard

    @property
    def waiting(self) -> int:
        """How many envelopes are acknowledged and nobody has begun to handle."""
        return self._handling.waiting

    def start(self) -> None:
        """Begin; once."""
        for hands in (self._handling, self._answering):
            hands.start()
        self._thread.start()

    def close(self) -> None:
        """Hang up, finish what is acknowledged as far as a second allows, and leave no thread behind."""
        until = clock.ticks() + CLOSING
        self._stopped.set()
        if self._thread.ident is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                if self._loop is not None:
                    self._loop.call_soon_threadsafe(self._cancel)
            self._thread.join(CLOSING.total_seconds())
        done = [hands.close(max(until - clock.ticks(), timedelta(0))) for hands in (self._handling, self._answering)]
        if not all(done):
            log.warning("closed before all was handled", extra={"part": "slack", "waiting": self.waiting})

    def _run(self) -> None:
        """The thread: whatever happens to the loop, nobody is deaf until a restart."""
        while not self._stopped.is_set():
            try:
                with asyncio.Runner() as runner:
                    self._loop = runner.get_loop()
                    runner.run(self._listen())
            except asyncio.CancelledError:
                return
            except Exception as error:
                self.trouble = f"Slack, Socket Mode: {type(error).__name__}"
                log.exception("failed unexpectedly", extra={"part": "slack"})
                self._stopped.wait(self._ping.total_seconds())

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _listen(self) -> None:
        """One socket after the other, for ever."""
        self._task = asyncio.current_task()
        if self._stopped.is_set():
            return
        web = AsyncWebClient(base_url=self._api_url, timeout=TIMEOUT, logger=SILENT, retry_handlers=[])
        web.proxy = proxy_to(self._api_url, self._proxy)
        try:
            while True:
                before, self._line = self._line, await self._next(web)
                if before is not None:
                    self.reconnects += 1
                    self._retire(before)
                await self._watch(self._line)
        finally:
            await self._hung_up()

    async def _watch(self, line: Line) -> None:
        """Return when there has to be another."""
        begun = clock.ticks()
        why = await line.over()
        log.info("socket to be replaced", extra={"part": "slack", "why": why})
        self._short = 0 if clock.ticks() - begun > self._ping * STEADY else self._short + 1
        if not line.open:
            await line.end()

    async def _next(self, web: AsyncWebClient) -> Line:
        """The next socket, however often that takes; at once, unless the last ones did not live long."""
        pause = self._backoff(self._short, self._ping)
        for tries in itertools.count(1):
            await asyncio.sleep(pause.total_seconds())
            try:
                line = await opened(web, self._app_token(), self._taken, self._ping, self._proxy)
            except MintwatchError as error:
                self.trouble = str(error)
                pause = self._pause(error, tries)
                log.warning("no socket", extra={"part": "slack", "error": str(error), "again": pause.total_seconds()})
            else:
                self.trouble = ""
                log.info("socket open", extra={"part": "slack"})
                return line
        raise AssertionError("it counts for ever")

    def _pause(self, error: MintwatchError, tries: int) -> timedelta:
        if isinstance(error, PermanentError):
            return self._rarely
        after = error.after if isinstance(error, LaterError) else timedelta(0)
        return after + self._backoff(tries, SLOWEST)

    def _backoff(self, failures: int, most: timedelta) -> timedelta:
        """A tenth of a ping, doubled by every failure in a row; half of it by chance, lest all come back at once."""
        if not failures:
            return timedelta(0)
        longest = min(self._ping / 10 * 2.0 ** min(failures - 1, 16), most)
        return longest * random.uniform(0.5, 1)  # noqa: S311 - nobody gains by guessing it

    def _retire(self, line: Line) -> None:
        task = asyncio.get_running_loop().create_task(_left(line))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _hung_up(self) -> None:
        for task in self._leaving:
            task.cancel()
        line, self._line = self._line, None
        if line is not None:
            self._heard = line.heard_at
        await asyncio.gather(*self._leaving, *([line.end()] if line is not None else []), return_exceptions=True)

    async def _taken(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        """Acknowledge, then pass it on."""
        if request.retry_attempt:
            self.redelivered += 1
        answer = await self._answered(request) if request.accepts_response_payload else None
        await self._acknowledge(client, request.envelope_id, answer)
        if answer is None or answer.get("response_action") != "errors":
            self._handling.give(partial(self._handle, request.type, request.payload))

    async def _answered(self, request: SocketModeRequest) -> Body | None:
        future: Future[Body | None] = Future()
        self._answering.give(partial(_fill, future, partial(self._answer, request.type, request.payload)))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._budget.total_seconds())
        except TimeoutError:
            log.warning("answer too late", extra={"part": "slack", "kind": request.type})
            return None

    async def _acknowledge(self, client: AsyncBaseSocketModeClient, envelope_id: str, answer: Body | None) -> None:
        response = SocketModeResponse(envelope_id, None if answer is None else dict(answer))
        for line in dict.fromkeys((client, self._line)):  # its own socket may just have died, and the next one stand
            try:
                if line is not None:
                    await line.send_socket_mode_response(response)
                    return
            except (aiohttp.ClientError, ConnectionError, RuntimeError):
                continue
        log.warning("not acknowledged", extra={"part": "slack"})


async def _left(line: Line) -> None:
    """What still comes on it is heard until Slack closes it."""
    try:
        await line.ended(GRACE)
    finally:
        await line.end()


def _fill(future: Future[Body | None], ask: Callable[[], Body | None]) -> None:
    """Ask, unless nobody waits any more; whatever goes wrong, whoever waits hears of it."""
    if not future.set_running_or_notify_cancel():
        return
    said = None
    try:
        said = ask()
        json.dumps(said)
    except (TypeError, ValueError):
        said = None
        raise
    finally:
        future.set_result(said)
