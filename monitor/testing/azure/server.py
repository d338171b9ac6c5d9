"""The loopback server: TLS, keep-alive, gzip, and connections that break by appointment."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from monitor.testing.azure.http import Reply, Request

_PATIENCE: Final = 60.0
"""Seconds a connection may stay silent."""


@dataclass(frozen=True, slots=True)
class Sending:
    """A reply, and the share of its body after which the connection is reset (None: never)."""

    reply: Reply
    cut: float | None = None


class Server:
    """Serves `answer` over HTTPS on a free port of this machine until closed."""

    def __init__(self, context: ssl.SSLContext, answer: Callable[[Request], Sending]) -> None:
        self._http = _Listener(context, answer)
        self.url = f"https://localhost:{self._http.server_port}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, name="local-azure", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening and hang up on everybody."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        self._http.hang_up()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, context: ssl.SSLContext, answer: Callable[[Request], Sending]) -> None:
        self._context = context
        self.answer = answer
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket.socket, object]:
        """A connection; its handshake is left to the thread that will serve it."""
        plain, address = super().get_request()
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = self._context.wrap_socket(
            plain, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True
        )
        with self._lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Close a connection."""
        if isinstance(request, socket.socket):
            with self._lock:
                self._open.discard(request)
            with contextlib.suppress(OSError):
                request.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a caller that hangs up is no news, and what our own code raises is answered with a 500."""

    def hang_up(self) -> None:
        """Close what callers still keep open."""
        with self._lock:
            kept = list(self._open)
        for connection in kept:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE
    server: _Listener

    def do_GET(self) -> None:
        """Answer one request."""
        self._answer()

    def do_POST(self) -> None:
        """Answer one request."""
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: tokens are in these requests."""

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.rfile.read(length))
        sending = self.server.answer(request)
        if sending.cut == 0:
            self._reset()
            return
        packed = sending.reply.packed and "gzip" in headers.get("accept-encoding", "") and bool(sending.reply.body)
        head, body = _framed(sending.reply, packed)
        if sending.cut is not None:
            self.connection.sendall(head + body[: max(1, int(len(body) * sending.cut))])
            self._reset()
            return
        self.connection.sendall(head + body)

    def _reset(self) -> None:
        """Hang up with RST, as a failing middlebox does."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.shutdown_request(self.connection)


def _framed(reply: Reply, packed: bool) -> tuple[bytes, bytes]:
    """Status line with headers, and body as it travels: gzipped and in chunks, or plain with its length."""
    lines = [f"HTTP/1.1 {reply.status} {_PHRASES.get(reply.status, 'Status')}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    body = reply.body
    if packed:
        body = gzip.compress(body, compresslevel=1)
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        lines += ["Content-Encoding: gzip", "Transfer-Encoding: chunked", "Vary: Accept-Encoding"]
    elif reply.status != 204:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1"), body


_PHRASES: Final = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
