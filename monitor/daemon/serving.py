"""Serving: a few questions over HTTP, answered from memory; nothing is obeyed, and nobody can keep others waiting."""

from __future__ import annotations

import io
import logging
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple, Self

from monitor import clock
from monitor.errors import InputError
from monitor.worker.guard import guarded

log = logging.getLogger("mintwatch.daemon")

PATIENCE: Final = timedelta(seconds=5)
"""How long a question may take to arrive, and its answer to be taken."""
MOST: Final = 32
"""Connections at once; who comes after that takes the place of the oldest, which is slow, or it would be gone."""
TEXT: Final = "text/plain; charset=utf-8"


class Answer(NamedTuple):
    """What is said to a question."""

    status: HTTPStatus
    kind: str
    body: bytes


FAILED: Final = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, TEXT, b"failed\n")
Ask = Callable[[str], Answer]
"""Answers what was asked with that `Accept`."""


class Server:
    """A context manager that answers GET and HEAD for the paths it was given.

    Raises
    ------
    InputError
        When it is entered, if the address cannot be had.
    """

    def __init__(self, address: str, answers: Mapping[str, Ask]) -> None:
        host, _, port = address.rpartition(":")
        self._address, self._answers = (host.strip("[]"), int(port)), answers
        self._server: _Server | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1]) if self._server else self._address[1]

    def __enter__(self) -> Self:
        host, port = self._address
        try:
            self._server = _Server((host, port), self._answers)
        except OSError as error:
            raise InputError(
                f"serve.address: {host}:{port} cannot be listened at: {error.strerror or error};"
                " expected an address of this machine and a free port"
            ) from error
        threading.Thread(target=self._server.serve_forever, args=[0.25], name="serving", daemon=True).start()
        log.info("serving", extra={"part": "serve", "address": f"{host}:{self.port}"})
        return self

    def __exit__(self, *_: object) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], answers: Mapping[str, Ask]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.answers = answers
        self._open: OrderedDict[socket.socket, None] = OrderedDict()
        self._counting = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: object, client_address: object) -> None:
        """As it is, but one more than there may be costs the oldest its connection."""
        assert isinstance(request, socket.socket)  # noqa: S101 - TCP
        with self._counting:
            if len(self._open) >= MOST:
                oldest, _ = self._open.popitem(last=False)
                _cut(oldest)
            self._open[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: object) -> None:
        """As it is; then there is room for another."""
        with self._counting:
            self._open.pop(request, None)  # type: ignore[call-overload]
        super().shutdown_request(request)  # type: ignore[arg-type]

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever asked went away, which is no news; what we fail at is logged where it fails."""
        del request, client_address


class _Handler(BaseHTTPRequestHandler):
    """One question, and its answer; then the connection ends."""

    server: _Server
    server_version, sys_version = "mintwatch", ""

    def setup(self) -> None:
        """As it is, but all of the question together has to arrive in time."""
        super().setup()
        self.connection.settimeout(PATIENCE.total_seconds())
        self.rfile = io.BufferedReader(_InTime(self.connection, clock.ticks() + PATIENCE))

    def do_GET(self) -> None:
        """The answer, or that there is none."""
        path = self.path.partition("?")[0]
        ask = self.server.answers.get(path)
        if ask is None:
            self._say(Answer(HTTPStatus.NOT_FOUND, TEXT, b"not found\n"))
            return
        accept = self.headers.get("Accept", "")
        self._say(guarded("serve", lambda: ask(accept), lambda _: FAILED))

    do_HEAD = do_GET  # noqa: N815

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """In a word, where http.server writes a page that repeats the question."""
        del message, explain
        refused = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self.close_connection = True
        self._say(Answer(refused, TEXT, f"{refused.phrase.lower()}\n".encode()))

    def _say(self, answer: Answer) -> None:
        self.connection.settimeout(PATIENCE.total_seconds())
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if answer.status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nobody needs to know who asked how they are."""


class _InTime(io.RawIOBase):
    """A connection that is read until a moment, and not for so long after each byte."""

    def __init__(self, connection: socket.socket, until: timedelta) -> None:
        self._connection, self._until = connection, until

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """What has arrived; `TimeoutError` once time is up."""
        left = (self._until - clock.ticks()).total_seconds()
        if left <= 0:
            raise TimeoutError("too slow")
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is gone already
