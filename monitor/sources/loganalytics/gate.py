"""The gate in front of a credential: the service counts questions per caller, so all its sources share one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event, Lock
from typing import Final

from monitor import clock
from monitor.errors import StoppedError, TransientError
from monitor.sources.loganalytics.faults import Outcome

AT_ONCE: Final = 4
PER_SPAN: Final = 180
SPAN: Final = timedelta(seconds=30)
"""Log Analytics answers 5 questions at once and 200 in 30 s per caller (Azure Monitor service limits, "Log queries");
what is left over is for the person who looks at the portal meanwhile."""

PATIENCE: Final = timedelta(seconds=30)
"""How long a question waits because the service asked for it; if for longer, it is given up."""

LONGEST: Final = timedelta(hours=1)
"""No service is obeyed for longer than this."""

_GLANCE: Final = timedelta(seconds=0.05)


class NotAskedError(TransientError):
    """A question that was kept back, and as what that counts."""

    def __init__(self, message: str, outcome: Outcome) -> None:
        super().__init__(message)
        self.outcome = outcome


class NotBegunError(NotAskedError, StoppedError):
    """A question that was kept back because we were told to stop."""


class Gate:
    """Lets questions through: at most `at_once` together, `per_span` in any `span`, none while the service says wait.

    Threads wait on `stop`, so none outlasts it.
    """

    def __init__(
        self,
        stop: Event,
        *,
        at_once: int = AT_ONCE,
        per_span: int = PER_SPAN,
        span: timedelta = SPAN,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._stop = stop
        self._at_once = at_once
        self._per_span = per_span
        self._span = span
        self._now = now
        self._lock = Lock()
        self._inside = 0
        self._entered: deque[datetime] = deque()
        self._held = (clock.EPOCH, clock.EPOCH)

    @contextmanager
    def passing(self) -> Iterator[None]:
        """One question, from when it may be asked until it is answered.

        Raises
        ------
        NotAskedError
            If it would have to wait longer than PATIENCE because the service asked for it.
        NotBegunError
            On `stop`.
        """
        while wait := self._entering():
            if self._stop.wait(wait.total_seconds()):
                break
        if self._stop.is_set():
            if not wait:
                self._leave()
            raise NotBegunError("not asked: stopping", Outcome.STOPPED)
        try:
            yield
        finally:
            self._leave()

    def hold(self, wait: timedelta) -> datetime:
        """Let nothing in for so long, at most LONGEST; the moment it opens again."""
        now = self._now()
        with self._lock:
            until = max(self._held[1] if self._held[0] <= now else now, now + min(wait, LONGEST))
            self._held = (now, until)
        return until

    def _entering(self) -> timedelta:
        """How long to wait before trying again; nothing once entered."""
        with self._lock:
            now = self._now()
            since, until = self._held
            if since <= now < until:  # a clock that was set back holds nobody
                if until - now > PATIENCE:
                    raise NotAskedError(f"not asked: the service wants none before {clock.iso(until)}", Outcome.HELD)
                return until - now
            while self._entered and not now - self._span < self._entered[0] <= now:
                self._entered.popleft()
            if len(self._entered) >= self._per_span:
                return max(self._entered[0] + self._span - now, _GLANCE)
            if self._inside >= self._at_once:
                return _GLANCE
            self._inside += 1
            self._entered.append(now)
            return timedelta(0)

    def _leave(self) -> None:
        with self._lock:
            self._inside -= 1
