"""`mintwatch run` as a process of its own: it starts, collects, and ends when it is told to, whatever hangs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import IO

import pytest

from monitor.store import Store
from monitor.testing.azure import Fault, LocalAzure, faults
from monitor.testing.azure.http import Request
from tests.cli.conftest import OID
from tests.cli.watching import ROWS, Place, place
from tests.daemon.asking import asked, value

SOURCE = "prod.service_principal"
COLLECTED = rf"info collected part={SOURCE} .*error=\"\""
PATIENCE = 30.0
IDLE, BUSY = 6.0, 10.0
"""Seconds in which a daemon ends that has nothing, or something, in flight; measured: 0.4, on a busy machine 2."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served() -> Iterator[LocalAzure]:
    with LocalAzure() as azure:
        yield azure


@pytest.fixture
def azure(served: LocalAzure) -> LocalAzure:
    served.faults.clear()
    return served


@pytest.fixture
def watched(azure: LocalAzure, tmp_path: Path, rules: Path) -> Place:
    del rules  # made where the settings look for them
    return place(azure, tmp_path, "service_principal")


class Daemon:
    """`mintwatch run`, and what it said on both streams so far."""

    def __init__(self, watched: Place) -> None:
        command = [sys.executable, "-m", "monitor", "run", "--config", str(watched.config)]
        self._said: list[str] = []
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            command,
            cwd=watched.folder,
            env={**os.environ, "COLUMNS": "200", "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._listening = []
        for stream in (self.process.stdout, self.process.stderr):
            assert stream
            self._listening.append(threading.Thread(target=self._listen, args=[stream]))
            self._listening[-1].start()

    def _listen(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                with self._news:
                    self._said.append(line)
                    self._news.notify_all()

    @property
    def said(self) -> str:
        """All of it."""
        with self._news:
            return "".join(self._said)

    def until(self, pattern: str) -> str:
        """What it said, once it has said something like that."""
        with self._news:
            heard = self._news.wait_for(lambda: re.search(pattern, "".join(self._said)), PATIENCE)
            assert heard, f"expected {pattern!r}, got:\n{''.join(self._said)}"
            return "".join(self._said)

    def ended(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Its exit code after this signal, and the seconds until it was gone."""
        begun = perf_counter()
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        return code, perf_counter() - begun

    def close(self) -> None:
        """Make sure that it is gone."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for listening in self._listening:
            listening.join()


@pytest.fixture
def daemon(watched: Place) -> Iterator[Daemon]:
    made = Daemon(watched)
    yield made
    made.close()


def noting(met: threading.Event, part: bytes = b"") -> Callable[[Request], bool]:
    """Whether a request has that part; the first that has is noted."""

    def when(request: Request) -> bool:
        if part in request.body:
            met.set()
        return part in request.body

    return when


def opens_again(watched: Place) -> int:
    """Rows kept in the state, which can be written again."""
    with Store(watched.state) as store:
        assert sorted((watched.state / "facts").iterdir()) == store.live()
        return store.counts()[SOURCE].kept if SOURCE in store.counts() else 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_daemon_collects_and_ends_at_once_when_it_is_told(watched: Place, daemon: Daemon, number: int) -> None:
    daemon.until(r"watching 1 sources with 1 rules; state in \S*state")
    daemon.until(COLLECTED)
    served = re.search(r"serving .*127\.0\.0\.1:(\d+)", daemon.said)
    assert served
    assert asked(int(served[1]), "/healthz").status == 200
    metrics = asked(int(served[1]), "/metrics").body
    assert value(metrics, "rows_total", source=SOURCE, fate="kept") == ROWS
    assert OID not in metrics
    code, seconds = daemon.ended(number)
    assert (code, seconds < IDLE) == (0, True), (code, seconds, daemon.said)
    assert opens_again(watched) == ROWS
    assert "Traceback" not in daemon.said


HANGS = {
    "an answer that does not come": faults.slow(timedelta(minutes=3)),
    "an hour-long Retry-After": faults.throttled(timedelta(hours=1)),
    "a login that does not answer": faults.slow(timedelta(minutes=3)),
}


@pytest.mark.parametrize("what", HANGS)
def test_a_daemon_ends_in_time_while_the_service_hangs(azure: LocalAzure, watched: Place, what: str) -> None:
    hanging = threading.Event()
    fault: Fault = HANGS[what]
    azure.faults.add(
        fault,
        when=noting(hanging),
        service="token" if "login" in what else "query",
        times=None,
    )
    daemon = Daemon(watched)
    try:
        daemon.until("watching 1 sources")
        assert hanging.wait(PATIENCE)
        code, seconds = daemon.ended()
        assert seconds < BUSY, (code, seconds, daemon.said)
        assert code in ({0} if "Retry-After" in what else {0, 75}), (code, daemon.said)
        assert "Traceback" not in daemon.said
        azure.faults.clear()
        assert opens_again(watched) == 0
    finally:
        daemon.close()


def test_a_daemon_killed_while_it_fetches_leaves_a_state_that_the_next_makes_whole(
    azure: LocalAzure, watched: Place
) -> None:
    hanging = threading.Event()
    azure.faults.add(
        faults.slow(timedelta(minutes=3)),
        when=noting(hanging, b"window_start"),
        skip=2,
        times=None,
    )
    first = Daemon(watched)
    try:
        assert hanging.wait(PATIENCE)
        assert first.ended(signal.SIGKILL)[0] == -signal.SIGKILL
    finally:
        first.close()
    azure.faults.clear()
    second = Daemon(watched)
    try:
        second.until(COLLECTED)
        assert second.ended()[0] == 0
    finally:
        second.close()
    assert opens_again(watched) == ROWS


def test_a_second_daemon_on_the_same_state_is_refused_and_the_first_goes_on(watched: Place, daemon: Daemon) -> None:
    daemon.until("watching 1 sources")
    second = Daemon(watched)
    try:
        assert second.process.wait(PATIENCE) == 1
        second.until(r"another mintwatch is writing here .*; stop it first")
        assert "Traceback" not in second.said
    finally:
        second.close()
    assert daemon.process.poll() is None
    daemon.until(COLLECTED)
    assert daemon.ended()[0] == 0


def test_a_daemon_that_would_keep_less_than_rules_look_back_does_not_start(watched: Place) -> None:
    """Off: `too_short` in `watch` of monitor/worker/watching.py."""
    watched.config.write_text(watched.config.read_text() + "keep: {facts: 2d}\n")
    daemon = Daemon(watched)
    assert daemon.process.wait(30) == 2
    daemon.close()
    assert "keep.facts: expected at least " in daemon.said
    assert "because rule failures looks back that far, got 2d" in daemon.said


def test_what_a_daemon_says_holds_no_token(azure: LocalAzure, watched: Place, daemon: Daemon) -> None:
    assert azure.requests is not None
    said = daemon.until(COLLECTED)
    daemon.ended()
    assert watched.config.with_name("token").read_text().strip() not in said
    assert "eyJ" not in daemon.said
