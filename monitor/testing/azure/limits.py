"""How much the service takes and gives: rows, bytes, questions in a while, and at once."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of the Analytics plan (Azure Monitor service limits); None: no limit.

    `requests` are counted per caller and `per`, on the machine's clock; `concurrent` per caller. The real service
    queues for up to three minutes what is too much at once, this one says 429 straight away.
    """

    rows: int | None = 500_000
    bytes: int | None = 100 * 1024 * 1024
    requests: int | None = 200
    per: timedelta = timedelta(seconds=30)
    concurrent: int | None = 5


@dataclass(slots=True)
class Meter:
    """Questions asked lately and at this moment, by caller.

    `throttled` counts those that were too many; `most` is the greatest number there ever was at once.
    """

    throttled: int = 0
    most: int = 0
    _asked: dict[str, deque[float]] = field(default_factory=dict)
    _running: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def admitted(self, caller: str, limits: Limits) -> Iterator[timedelta | None]:
        """Yield None to a question that may be asked, else how long to wait before the next."""
        wait = self._wait(caller, limits)
        try:
            yield wait
        finally:
            with self._lock:
                self._running[caller] -= 1

    def _wait(self, caller: str, limits: Limits) -> timedelta | None:
        now, span = time.perf_counter(), limits.per.total_seconds()
        with self._lock:
            running = self._running[caller] = self._running.get(caller, 0) + 1
            self.most = max(self.most, running)
            asked = self._asked.setdefault(caller, deque())
            while asked and asked[0] <= now - span:
                asked.popleft()
            asked.append(now)
            wait = None
            if limits.concurrent is not None and running > limits.concurrent:
                wait = timedelta(seconds=1)
            elif limits.requests is not None and len(asked) > limits.requests:
                wait = timedelta(seconds=max(1, round(asked[0] + span - now)))
            self.throttled += wait is not None
        return wait
