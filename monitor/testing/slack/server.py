"""The loopback server: one event loop in a thread of its own, and connections that break by appointment."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Final, TypeAlias, TypeVar

from aiohttp import web

from monitor.testing.slack.http import Reply, Request

Handler: TypeAlias = "Callable[[web.Request], Awaitable[web.StreamResponse]]"
Result = TypeVar("Result")

LARGEST: Final = 64 * 1024**2
"""Bytes of a request."""


class Server:
    """Serves `handler` over HTTP on a free port of this machine until closed."""

    def __init__(self, handler: Handler) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="local-slack", daemon=True)
        self._thread.start()
        self._runner, self.port = self.run(_listening(handler)).result()
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def closed(self) -> bool:
        """Whether it has stopped."""
        return self.loop.is_closed()

    def run(self, work: Coroutine[object, object, Result]) -> Future[Result]:
        """Do something in the server's thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def close(self) -> None:
        """Stop listening and hang up on everybody."""
        self.run(self._runner.cleanup()).result()
        self.run(_drained()).result()
        self.run(self.loop.shutdown_default_executor()).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()


async def _drained() -> None:
    """Let nothing go on any more."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


async def _listening(handler: Handler) -> tuple[web.AppRunner, int]:
    app = web.Application(client_max_size=LARGEST)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, int(runner.addresses[0][1])


async def received(request: web.Request) -> Request:
    """The request as a value, its body read."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Request(request.method, request.raw_path, headers, await request.read())


async def sent(request: web.Request, reply: Reply, cut: float | None) -> web.StreamResponse:
    """The reply on its way; reset after the share `cut` of its body, 0: before a status."""
    if cut is None:
        return web.Response(status=reply.status, body=reply.body, headers=dict(reply.headers))
    response = web.StreamResponse(
        status=reply.status, headers={**reply.headers, "Content-Length": str(max(2, len(reply.body)))}
    )
    if cut:
        await response.prepare(request)
        await response.write(reply.body[: max(1, int(len(reply.body) * cut))])
    reset(request.transport)
    return response


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Hang up with RST, as a failing middlebox does."""
    if not isinstance(transport, asyncio.Transport):
        return
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.fileno() != -1:  # the other side may have hung up meanwhile
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
