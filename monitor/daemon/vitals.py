"""Vitals: what shows from outside whether mintwatch lives, and outlasts whatever is rebuilt when settings change."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from threading import Event, Lock
from types import TracebackType
from typing import Final, Self

from monitor import __version__, clock
from monitor.daemon.beating import STALE, Beat, Pulse
from monitor.daemon.disk import Disk
from monitor.daemon.heartbeat import Heartbeat
from monitor.daemon.metrics import Metrics
from monitor.daemon.serving import Answer, Server
from monitor.worker.guard import guarded
from monitor.worker.listening import Socket

log = logging.getLogger("mintwatch.daemon")

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Check:
    """Whether something is as it should be, and what there is to say of it: numbers, and names from the settings."""

    ok: bool
    said: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Running:
    """What runs between two reloads, as far as it can be looked at.

    Attributes
    ----------
    sources
        Those that have to be asked once before anybody may rely on us.
    logged_in
        Whether every workspace has let us in: it was asked, and answered as it answers nobody else.
    gone
        Names of the threads that should be there and are not.
    jumped
        What to do when the clock was set by so much.
    """

    sources: Collection[str]
    logged_in: Callable[[], bool]
    gone: Callable[[], list[str]]
    jumped: Callable[[timedelta], object]
    socket: Socket | None = None


class Vitals:
    """The sign of life, the metrics, and the server that shows both; a context manager, one per process.

    Parameters
    ----------
    stop
        Set when a thread has died that nobody else starts anew, so that whoever started the process does.
    directory
        Of the state.
    address
        Where to serve; '' for nowhere.
    dying
        Called besides, so that nothing can hold up the end.

    Attributes
    ----------
    dead
        Why the process had better be started anew; '' while it need not.
    polled
        Sources that were asked, and answered, since the process began; tables that are not there count.
    due
        When the run before this one would have judged next: who takes its place judges no later.

    Raises
    ------
    InputError
        When it is entered, if the address cannot be had.
    """

    def __init__(
        self,
        stop: Event,
        directory: Path,
        address: str = "",
        *,
        dying: Callable[[], object] = lambda: None,
        now: Callable[[], datetime] = clock.now,
        ticks: Callable[[], timedelta] = clock.ticks,
    ) -> None:
        self.dead = ""
        self.polled: set[str] = set()
        self.due: datetime | None = None
        self.metrics = Metrics(now)
        self.beat = Beat(now, ticks)
        self.disk = Disk(directory)
        self.heartbeat = Heartbeat(self.called)
        self.server = Server(address, self._answers()) if address else None
        self._stop, self._now, self._last_words = stop, now, dying
        self._pulse = Pulse(self.beat, self._jumped, self._gone, self.died, now=now, ticks=ticks)
        self._running: Running | None = None
        self._closing, self._dying = ExitStack(), Lock()
        self.metrics.beat.set_function(self._beaten)
        self.metrics.writable.set_function(lambda: float(not self.disk.trouble))
        self.metrics.connected.set_function(lambda: float(bool(self._socket and self._socket.connected)))
        self.metrics.last_heard.set_function(self._last_heard)
        self.metrics.reloaded(ok=True)

    def __enter__(self) -> Self:
        if self.server:
            self._closing.enter_context(self.server)
        before, threading.excepthook = threading.excepthook, self._uncaught
        self._closing.callback(setattr, threading, "excepthook", before)
        for one in (self.disk, self._pulse, self.heartbeat):
            one.start()
            self._closing.callback(one.close)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def follow(self, running: Running | None) -> None:
        """From now on it is this that runs; None: nothing does, for a while."""
        self._running = running
        self.beat.strike()

    def died(self, why: str) -> None:
        """Something ended that nobody starts anew: stop, and say why, once."""
        with self._dying:
            if self.dead or self._stop.is_set():
                return
            self.dead = why
        log.critical("stopping", extra={"part": "run", "error": why})
        self._stop.set()
        self._last_words()

    # --- what it answers -------------------------------------------------------------------------------------------

    def alive(self) -> dict[str, Check]:
        """Whether to start it anew could help: it goes on to tell of a full disk, which no start makes room on."""
        return {name: one for name, one in self.healthy().items() if name != "store"}

    def healthy(self) -> dict[str, Check]:
        """Whether the process lives, and can write; Azure and Slack have no part in it."""
        age, gone = self.beat.age, self._gone()
        beat = Check(age < STALE, {"age_seconds": round(age.total_seconds(), 1)})
        threads = Check(not gone and not self.dead, {"gone": gone, "died": self.dead})
        trouble = self.disk.trouble
        store = Check(not trouble, {"trouble": trouble, "age_seconds": round(self.disk.age.total_seconds(), 1)})
        return {"beat": beat, "threads": threads, "store": store}

    def ready(self) -> dict[str, Check]:
        """Whether it does what it was configured to do."""
        running = self._running
        if running is None:
            return {"configured": Check(ok=False)}
        missing = sorted(set(running.sources) - self.polled)
        return {
            "configured": Check(ok=True, said={"sources": len(running.sources)}),
            "login": Check(running.logged_in()),
            "polled": Check(not missing, {"missing": missing}),
        }

    def _answers(self) -> dict[str, Callable[[str], Answer]]:
        return {
            "/livez": lambda _: _answer(self.alive()),
            "/healthz": lambda _: _answer(self.healthy()),
            "/readyz": lambda _: _answer(self.ready()),
            "/metrics": self._measured,
        }

    def _measured(self, accept: str) -> Answer:
        kind, text = self.metrics.text(accept)
        return Answer(HTTPStatus.OK, kind, text)

    # --- what it hears ---------------------------------------------------------------------------------------------

    @property
    def _socket(self) -> Socket | None:
        return self._running.socket if self._running else None

    def _beaten(self) -> float:
        return self.beat.at.timestamp()

    def _last_heard(self) -> float:
        heard = self._socket.last_heard if self._socket else None
        return heard.timestamp() if heard else 0.0

    def _gone(self) -> list[str]:
        """Threads that should be there, unless everything is on its way out anyway."""
        if self._stop.is_set():
            return []
        running = self._running
        own = {"pulse": self._pulse.alive, "disk": self.disk.alive, "heartbeat": self.heartbeat.alive}
        return [name for name, alive in own.items() if not alive] + (running.gone() if running else [])

    def _jumped(self, by: timedelta) -> None:
        if (running := self._running) is not None:
            guarded("clock", lambda: running.jumped(by), lambda _: None)

    def called(self, taken: bool) -> None:
        """The heartbeat's address was called."""
        self.metrics.heartbeats.labels("ok" if taken else "failed").inc()
        if taken:
            self.metrics.heartbeat.set(self._now().timestamp())

    def _uncaught(self, args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else "a thread"
        kind, error, trace = args.exc_type, args.exc_value, args.exc_traceback
        info = (kind, error, trace) if error is not None else None
        log.critical("failed unexpectedly", extra={"part": name}, exc_info=info)
        self.died(f"{name} ended by {kind.__name__}")


def _answer(checks: Mapping[str, Check]) -> Answer:
    fine = all(one.ok for one in checks.values())
    said = {
        "status": "ok" if fine else "failing",
        "version": __version__,
        "checks": {name: {"ok": one.ok, **one.said} for name, one in checks.items()},
    }
    status = HTTPStatus.OK if fine else HTTPStatus.SERVICE_UNAVAILABLE
    return Answer(status, JSON, json.dumps(said).encode() + b"\n")
