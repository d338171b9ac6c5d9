"""Whom a heartbeat calls, on this machine: it remembers each call, and answers as it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATH = "5d1c0ffee"
"""The part of an address that is a secret."""
PATIENCE = 10.0


class Called(ThreadingHTTPServer):
    """Whoever is called: it remembers, and answers as it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.calls: list[tuple[str, str, str]] = []
        self.news = threading.Condition()
        self.answers: list[int] = []
        self.hanging = threading.Event()
        self.hanging.set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{PATH}?rid=1"

    def until(self, heard: Callable[[list[tuple[str, str, str]]], bool]) -> list[tuple[str, str, str]]:
        with self.news:
            assert self.news.wait_for(lambda: heard(self.calls), PATIENCE), self.calls
            return list(self.calls)


class _Answering(BaseHTTPRequestHandler):
    server: Called

    def do_GET(self) -> None:
        said = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        with self.server.news:
            self.server.calls.append((self.command, self.path, said))
            self.server.news.notify_all()
        self.server.hanging.wait(PATIENCE)
        status = self.server.answers.pop(0) if self.server.answers else 200
        self.send_response(status)
        if status == 302:
            self.send_header("Location", f"/elsewhere/{PATH}")
        self.end_headers()

    do_POST = do_GET  # noqa: N815 - as http.server has it

    def log_message(self, *_: object) -> None:
        pass
