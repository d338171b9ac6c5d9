"""Scheduling: jobs at their times, in memory and in UTC; a clock that is set confuses none of them for long."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, JobExecutionEvent, JobSubmissionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from monitor.clock import EPOCH

log = logging.getLogger("mintwatch.daemon")


class Steadily(BaseTrigger):  # type: ignore[misc]  # it carries no types
    """Every so often; of times that are over only the last counts.

    APScheduler's own interval lists every time that was missed: after a clock was set forward by years, billions.
    """

    def __init__(self, every: timedelta) -> None:
        self._every = every

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """An interval after the last time, or, if that is over, after now."""
        following = (previous_fire_time or now) + self._every
        return following if following > now else now + self._every


class Schedule:
    """The scheduler; `missed` is told of a job that was passed over, or broke off, and why."""

    def __init__(self, most: int, missed: Callable[[str, str], object]) -> None:
        self._missed = missed
        self._made = BackgroundScheduler(
            timezone=UTC,
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(most)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._made.add_listener(self._overrun, EVENT_JOB_MAX_INSTANCES)
        self._made.add_listener(self._broken, EVENT_JOB_ERROR)

    def add(self, name: str, work: Callable[[], object], every: timedelta, first: datetime) -> None:
        """Do this every so often, from then on."""
        self._made.add_job(work, Steadily(every), id=name, next_run_time=first)

    def start(self) -> None:
        """Begin."""
        self._made.start()

    def due(self, name: str) -> datetime | None:
        """When that is to be done next."""
        job = self._made.get_job(name)
        due: datetime | None = job.next_run_time if job else None
        return due

    def hurry(self) -> None:
        """Everything is due at once: the times it was to be done at are those of a clock that was set meanwhile."""
        for job in self._made.get_jobs():
            job.modify(next_run_time=EPOCH)

    def close(self) -> None:
        """Begin nothing more, and wait for what is going on."""
        self._made.shutdown()

    def _overrun(self, event: JobSubmissionEvent) -> None:
        log.warning("still at it when its time came again", extra={"part": event.job_id})
        self._missed(event.job_id, "overrun")

    def _broken(self, event: JobExecutionEvent) -> None:
        log.error("failed unexpectedly", extra={"part": event.job_id, "error": repr(event.exception)})
        self._missed(event.job_id, "error")
