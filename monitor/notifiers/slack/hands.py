"""Threads that do what they are given, and survive it."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TypeAlias

from monitor import clock

log = logging.getLogger("mintwatch.notifiers.slack")

Work: TypeAlias = "Callable[[], None]"


class Hands:
    """A few threads, each doing one thing at a time, in the order they were given."""

    def __init__(self, name: str, count: int = 1) -> None:
        self._given: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, name=f"{name}-{number}", daemon=True) for number in range(count)
        ]

    @property
    def waiting(self) -> int:
        """How much nobody has begun yet."""
        return self._given.qsize()

    @property
    def alive(self) -> bool:
        """Whether all of them are there."""
        return all(thread.is_alive() for thread in self._threads)

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def give(self, work: Work) -> None:
        """Something to do as soon as a hand is free; what it raises is logged."""
        self._given.put(work)

    def close(self, within: timedelta) -> bool:
        """Whether all that was given is done and nobody works any more; false: it took longer and was left."""
        for _ in self._threads:
            self._given.put(None)
        until = clock.ticks() + within
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(timedelta(0), until - clock.ticks()).total_seconds())
        return not any(thread.is_alive() for thread in self._threads)

    def _serve(self) -> None:
        while (work := self._given.get()) is not None:
            try:
                work()
            except Exception:
                log.exception("failed unexpectedly", extra={"part": threading.current_thread().name})
