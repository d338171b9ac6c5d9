"""Rounds: what the jobs do, what they said since the last judgement, and what is shown of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from time import perf_counter
from typing import Final

from monitor import clock
from monitor.clock import BIN, floor, iso
from monitor.daemon.heartbeat import Cycle
from monitor.daemon.scheduling import Schedule
from monitor.daemon.vitals import Vitals
from monitor.model import HealthEvent
from monitor.ports import LogSource
from monitor.store.counting import sums, waiting
from monitor.store.describing import sizes
from monitor.worker import canary
from monitor.worker.app import App, Report, SourceReport
from monitor.worker.gathering import gather
from monitor.worker.guard import guarded
from monitor.worker.health import NAME
from monitor.worker.ticking import judge_and_decide

log = logging.getLogger("mintwatch.daemon")

LONG: Final = timedelta(minutes=30)
"""A round that takes longer is trouble, as one that fails is, unless the source is asked so seldom."""
YOUNG: Final = timedelta(minutes=15)
"""A message that has waited for less is on its way."""
NAMED: Final = 10
"""How many sources, rules or notifiers are named of those in trouble."""


class Rounds:
    """The jobs, when each source was last through with one, and what they said since the last judgement."""

    def __init__(
        self,
        app: App,
        every: Mapping[str, timedelta],
        vitals: Vitals,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self.app = app
        self._every, self._vitals, self._now = every, vitals, now
        self._through = dict.fromkeys(every, now())
        self._well: dict[str, datetime] = {}
        self._failing: set[str] = set()
        self._gathered: list[SourceReport] = []
        self._lock = Lock()

    # --- the jobs --------------------------------------------------------------------------------------------------

    def collecting(self, source: LogSource) -> Callable[[], None]:
        """The job of one source."""
        return partial(self.collect, source)

    def collect(self, source: LogSource) -> None:
        """One round of one source."""
        begun = perf_counter()
        report = gather(self.app, source, floor(self._now(), BIN))
        took = timedelta(seconds=perf_counter() - begun)
        said = {"part": source.name, "windows": report.windows, "rows": report.counts.read, "missed": report.missed}
        log.info("collected", extra=said | {"error": report.error, "absent": report.absent})
        with self._lock:
            self._through[source.name] = self._now()
            self._gathered.append(report)
            if report.error:
                self._failing.add(source.name)
            else:
                self._failing.discard(source.name)
                self._well[source.name] = self._now()
                self._vitals.polled.add(source.name)
        self._vitals.metrics.collected(report, took, self.app.store.watermark(source.name))

    def judge(self) -> None:
        """One round of judging; what is to be told waits in the outbox then, and the postman was woken."""
        begun, as_of = perf_counter(), floor(self._now(), BIN)
        with self._lock:
            gathered, self._gathered = self._gathered, []
        for name, since in self.stuck(self._now()).items():
            self.app.store.failed(name, as_of, f"still at a round that began after {iso(since)}", "Stuck")
        report = judge_and_decide(self.app, as_of, gathered)
        self._vitals.metrics.judged(report, timedelta(seconds=perf_counter() - begun))
        failed = [one.name for one in report.rules if one.error]
        said = {"part": "judge", "as_of": iso(report.now), "findings": sum(one.findings for one in report.rules)}
        log.info("judged", extra=said | {"failed": failed, "waiting": self.app.store.backlog().waiting})
        self.look(report)
        self._vitals.heartbeat.say(self.cycle(report))

    def stuck(self, at: datetime) -> dict[str, datetime]:
        """Sources whose round takes longer than three of their intervals and half an hour, and since when."""
        with self._lock:
            through = dict(self._through)
        return {name: since for name, since in through.items() if at - since > self._patience(name)}

    def _patience(self, name: str) -> timedelta:
        return max(3 * self._every[name], LONG)

    # --- what is shown of it ---------------------------------------------------------------------------------------

    def look(self, report: Report | None = None) -> None:
        """Show what the state holds now; what cannot be read is shown as it was."""
        metrics, directory = self._vitals.metrics, self.app.store.directory

        def shown() -> None:
            found = sums(directory)
            metrics.standing(found, sizes(directory))
            if report is not None:
                metrics.covered(report.heard, found.watermarks, report.now)
            metrics.flown(canary.expected(self.app), canary.last_seen(self.app.store))

        guarded("metrics", shown, lambda _: None)

    def glance(self) -> None:
        """Show how many messages wait."""
        guarded("metrics", lambda: self._vitals.metrics.waits(waiting(self.app.store.directory)), lambda _: None)

    def missed(self, job: str, why: str) -> None:
        """A job was passed over, or broke off."""
        self._vitals.metrics.missed.labels(job, why).inc()
        if job == "judge" and why == "error":
            self._vitals.heartbeat.say(Cycle(complete=False, troubles=("judging failed",)))

    def cycle(self, report: Report) -> Cycle:
        """How the last judgement left things."""
        troubles = tuple(self._troubles(report))
        with self._lock:
            well = dict(self._well)
        at = self._now()
        in_time = all(name in well and at - well[name] <= self._patience(name) for name in self._every)
        return Cycle(in_time and not troubles, troubles)

    def _troubles(self, report: Report) -> Iterator[str]:
        with self._lock:
            failing = sorted(self._failing)
        late = [one.name for one in self.app.notifiers if self._late(one.name)]
        kinds = {
            "cannot be collected": [*failing, *sorted(self.stuck(self._now()))],
            "not judged": [one.name for one in report.rules if one.error],
            "messages wait for": late,
        }
        for what, names in kinds.items():
            if names:
                yield f"{what}: {', '.join(names[:NAMED])}" + (" ..." if len(names) > NAMED else "")
        if trouble := self._vitals.disk.trouble:
            yield f"the state cannot be written: {trouble}"
        if canary.expected(self.app) and canary.missing(self.app.store, self._now()):
            yield "the daily canary did not come through"

    def _late(self, notifier: str) -> bool:
        oldest = self.app.store.backlog(notifier).oldest
        return oldest is not None and self._now() - oldest >= YOUNG

    def jumped(self, by: timedelta, schedule: Schedule) -> None:
        """The clock was set by so much: write it down, and do everything now: the times it was due at are another's."""
        at, back = self._now(), by < timedelta(0)
        with self._lock:
            self._through = dict.fromkeys(self._through, at)
            self._well = dict.fromkeys(self._well, at)
        schedule.hurry()
        event = HealthEvent(
            floor(at) - BIN, "clock", NAME, "back" if back else "forward", f"{abs(by) // timedelta(seconds=1)}s"
        )
        guarded("clock", lambda: self.app.store.note([event]), lambda _: None)
