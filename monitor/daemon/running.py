"""Run: the daemon's schedule. A job per source that collects, one that judges, and a postman, until it is stopped."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread
from typing import Final

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, JobExecutionEvent, JobSubmissionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from monitor.clock import BIN, floor, iso, now, ticks
from monitor.ports import LogSource
from monitor.worker.acting import Serving
from monitor.worker.app import App, SourceReport
from monitor.worker.gathering import gather
from monitor.worker.postman import Postman
from monitor.worker.ticking import judge_and_decide

log = logging.getLogger("mintwatch.daemon")

DEADLINE: Final = timedelta(seconds=8)
"""How long work in flight may take to end once the daemon is told to stop.

What has not ended by then is left where it stands: windows are replaced whole, so that loses nothing.
"""

LONG: Final = timedelta(minutes=30)
"""A round that takes longer is trouble, as one that fails is, unless the source is asked so seldom."""


def run(app: App, every: Mapping[str, timedelta], stop: Event) -> bool:
    """Collect each source as often as `every` says, judge and tell, until `stop` is set.

    The schedule is in memory and in UTC. What is to be done follows from the watermarks in the state, so a time that
    was missed is not made up for; work that is still going on when its time comes again is passed over, and said.

    Returns
    -------
    bool
        Whether everything in flight had ended within DEADLINE. If not, its threads are still there, and the caller
        leaves without waiting for them.
    """
    scheduler, postman = _scheduler(Rounds(app, every), every), Postman(app, stop)
    scheduler.start()
    postman.start()
    log.info("started", extra={"part": "run", "sources": len(app.sources), "rules": len(app.rules)})
    with Serving(app):
        stop.wait()
    log.info("stopping", extra={"part": "run"})
    closing = Thread(target=scheduler.shutdown, name="shutdown", daemon=True)
    closing.start()
    end = ticks() + DEADLINE
    carried = postman.stop(DEADLINE)
    closing.join(max(0.0, (end - ticks()).total_seconds()))
    finished = carried and not closing.is_alive()
    log.info("stopped", extra={"part": "run", "finished": finished})
    return finished


class Rounds:
    """The jobs, when each source was last through with one, and what they said since the last judgement."""

    def __init__(self, app: App, every: Mapping[str, timedelta]) -> None:
        self.app = app
        self._every = every
        self._through = dict.fromkeys(every, now())
        self._gathered: list[SourceReport] = []
        self._lock = Lock()

    def collect(self, source: LogSource) -> None:
        """One round of one source."""
        report = gather(self.app, source, floor(now(), BIN))
        said = {"part": source.name, "windows": report.windows, "rows": report.counts.read, "missed": report.missed}
        log.info("collected", extra=said | {"error": report.error, "absent": report.absent})
        with self._lock:
            self._through[source.name] = now()
            self._gathered.append(report)

    def judge(self) -> None:
        """One round of judging; what is to be told waits in the outbox then, and the postman was woken."""
        as_of = floor(now(), BIN)
        with self._lock:
            gathered, self._gathered = self._gathered, []
        for name, since in self.stuck(now()).items():
            self.app.store.failed(name, as_of, f"still at a round that began after {iso(since)}", "Stuck")
        report = judge_and_decide(self.app, as_of, gathered)
        failed = [one.name for one in report.rules if one.error]
        said = {"part": "judge", "as_of": iso(report.now), "findings": sum(one.findings for one in report.rules)}
        log.info("judged", extra=said | {"failed": failed, "waiting": self.app.store.backlog().waiting})

    def stuck(self, at: datetime) -> dict[str, datetime]:
        """Sources whose round takes longer than three of their intervals and half an hour, and since when."""
        with self._lock:
            through = dict(self._through)
        return {name: since for name, since in through.items() if at - since > max(3 * self._every[name], LONG)}


def _scheduler(rounds: Rounds, every: Mapping[str, timedelta]) -> BackgroundScheduler:
    """A job per source, their first rounds apart by a second, and one that judges, first half a bin later."""
    made = BackgroundScheduler(
        timezone=UTC,
        jobstores={"default": MemoryJobStore()},
        executors={"default": ThreadPoolExecutor(len(every) + 2)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    made.add_listener(_overrun, EVENT_JOB_MAX_INSTANCES)
    made.add_listener(_broken, EVENT_JOB_ERROR)
    start = now()
    for place, source in enumerate(rounds.app.sources):
        seconds, first = every[source.name].total_seconds(), start + place * timedelta(seconds=1)
        made.add_job(rounds.collect, "interval", [source], id=source.name, seconds=seconds, next_run_time=first)
    made.add_job(rounds.judge, "interval", id="judge", seconds=BIN.total_seconds(), next_run_time=start + BIN / 2)
    return made


def _overrun(event: JobSubmissionEvent) -> None:
    log.warning("still at it when its time came again", extra={"part": event.job_id})


def _broken(event: JobExecutionEvent) -> None:
    log.error("failed unexpectedly", extra={"part": event.job_id, "error": repr(event.exception)})
