"""How questions ended, counted: per source, purpose and outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from threading import Lock
from typing import NamedTuple

from monitor.sources.loganalytics.faults import Outcome


class Asked(NamedTuple):
    """What is counted together: `purpose` is what the question was for (changed, fetch, counted, schema, rows, ...)."""

    source: str
    purpose: str
    outcome: Outcome


class Tally:
    """Counts that any thread may add to. Each question, a repeated one too, has one outcome."""

    def __init__(self) -> None:
        self._counts: Counter[Asked] = Counter()
        self._lock = Lock()
        self._told: Callable[[Asked, timedelta], object] = _nobody

    def tell(self, told: Callable[[Asked, timedelta], object]) -> None:
        """From now on `told` is called with each question as it is added, and how long it took."""
        self._told = told

    def add(self, asked: Asked, took: timedelta = timedelta(0)) -> None:
        """One more of it, which `took` so long, from when it was to be asked until it was answered."""
        with self._lock:
            self._counts[asked] += 1
        self._told(asked, took)

    def counts(self) -> Mapping[Asked, int]:
        """All of it, as it is now."""
        with self._lock:
            return dict(self._counts)

    @property
    def let_in(self) -> bool:
        """Whether any question was answered as only those of who was let in are."""
        return any(asked.outcome.let_in for asked in self.counts())

    def total(self, *, source: str | None = None, purpose: str | None = None, outcome: Outcome | None = None) -> int:
        """How many questions were sent that are alike in what is given; all of them, if nothing is."""
        wanted = (source, purpose, outcome)
        return sum(
            count
            for asked, count in self.counts().items()
            if (asked.outcome.sent or outcome)
            and all(one is None or one == other for one, other in zip(wanted, asked, strict=True))
        )


def _nobody(asked: Asked, took: timedelta) -> None:
    """Who is told until somebody wants to be."""
    del asked, took
