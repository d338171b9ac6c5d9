"""A TLS server on loopback that says, byte for byte, what it was told to, and a workspace that asks it."""

from __future__ import annotations

import gzip
import json
import ssl
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme
from azure.core.credentials import AccessToken, AccessTokenInfo

from monitor.model import Window
from monitor.sources.loganalytics.client import Workspace
from monitor.sources.loganalytics.gate import Gate

SPAN = Window(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 2, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Said:
    """One answer; `cut` leaves out its last bytes, and the connection is then closed.

    After so many bytes as `stalls` says (0: not even a status) nothing follows until the server ends.
    """

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int = 0
    zipped: bool = False
    stalls: int | None = None

    def raw(self) -> bytes:
        if self.body is None or isinstance(self.body, bytes):
            plain = self.body or b""
        else:
            plain = self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()
        return gzip.compress(plain) if self.zipped else plain


def table(columns: Mapping[str, str], rows: Sequence[Sequence[object]]) -> dict[str, object]:
    shape = [{"name": name, "type": kind} for name, kind in columns.items()]
    return {"tables": [{"name": "PrimaryResult", "columns": shape, "rows": rows}]}


ONE = Said(body=table({"n": "long"}, [[1]]))


def refusal(code: str, message: str, *inner: tuple[str, str]) -> dict[str, object]:
    error: dict[str, object] = {}
    for name, text in reversed([(code, message), *inner]):
        error = {"code": name, "message": text} | ({"innererror": error} if error else {})
    return {"error": error}


class Wire:
    """The server. Answers are said in the order they were `told`; the last one for ever."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.ended = threading.Event()
        self.url = f"https://localhost:{server.server_port}"
        self.told: deque[Said] = deque()
        self.asked: list[dict[str, object]] = []
        self.headers: list[Mapping[str, str]] = []

    def tell(self, *answers: Said) -> None:
        self.told = deque(answers)


@contextmanager
def serving(folder: Path) -> Iterator[Wire]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            wire.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            wire.headers.append(dict(self.headers))
            said = wire.told.popleft() if len(wire.told) > 1 else wire.told[0]
            raw = said.raw()
            if said.stalls == 0:
                wire.ended.wait(60)
                return
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            if said.zipped:
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw[: said.stalls or len(raw) - said.cut])
            if said.stalls:
                wire.ended.wait(60)
            self.close_connection = bool(said.cut)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("localhost", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    wire = Wire(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield wire
    finally:
        wire.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


class Pass:
    """A token, by default nobody's; `error` is what logging in fails with."""

    def __init__(self, token: str = "a.b.c") -> None:  # noqa: S107 - it opens nothing
        self.token = token
        self.error: Exception | None = None
        self.scopes: set[str] = set()

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        if self.error:
            raise self.error
        self.scopes |= set(scopes)
        return AccessToken(self.token, 4_000_000_000)

    def get_token_info(self, *scopes: str, options: object = None) -> AccessTokenInfo:  # noqa: ARG002
        if self.error:
            raise self.error
        self.scopes |= set(scopes)
        return AccessTokenInfo(self.token, 4_000_000_000)

    def close(self) -> None:
        """Nothing to close."""


class Hurried(threading.Event):
    """A stop on which waiting takes no time: it moves a clock forward instead, and remembers for how long."""

    def __init__(self, now: datetime = SPAN.start) -> None:
        super().__init__()
        self.now = now
        self.waited: list[float] = []
        self.stop_after: float | None = None

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0.0)
        self.now += timedelta(seconds=timeout or 0.0)
        if self.stop_after is not None and sum(self.waited) >= self.stop_after:
            self.set()
        return self.is_set()


def workspace(
    wire: Wire,
    ca: Path,
    stop: Hurried,
    credential: Pass,
    *,
    working: float = 180,
    grace: float = 30,
    largest: int = 2**20,
) -> Workspace:
    return Workspace(
        "00000000-0000-4000-8000-000000000001",
        credential,
        endpoint=wire.url,
        audience="https://api.loganalytics.io",
        gate=Gate(stop, now=lambda: stop.now),
        stop=stop,
        connection_verify=str(ca),
        working=timedelta(seconds=working),
        grace=timedelta(seconds=grace),
        largest=largest,
        now=lambda: stop.now,
    )
