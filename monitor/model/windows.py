"""Stretches of time, and what is known of a source in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open stretch of time, `start <= t < end`, aware UTC.

    Raises
    ------
    ValueError
        If it is empty or reversed.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise ValueError(f"window: expected start < end, got {self.start} .. {self.end}")

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at < self.end

    @property
    def length(self) -> timedelta:
        """End minus start."""
        return self.end - self.start

    def overlaps(self, other: Window) -> bool:
        """Whether some moment lies in both."""
        return self.start < other.end and other.start < self.end

    def without(self, others: Iterable[Window]) -> Iterator[Window]:
        """What is left of it between the others, oldest first."""
        start = self.start
        for other in sorted(others):
            if start < min(other.start, self.end):
                yield Window(start, min(other.start, self.end))
            start = max(start, other.end)
        if start < self.end:
            yield Window(start, self.end)

    def pieces(self, step: timedelta) -> Iterator[Window]:
        """The window cut at every multiple of `step` from its start, oldest first."""
        start = self.start
        while start < self.end:
            end = min(start + step, self.end)
            yield Window(start, end)
            start = end


GapKind: TypeAlias = Literal["left out", "too large", "shrunk", "damaged"]


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of a source's time of which mintwatch knows that it did not see everything, and why; noted when.

    `kind` is what happened: it was left out (down for too long), too large to be answered, rows of it
    are gone, or what was read of it was damaged on our disk.
    """

    source: str
    window: Window
    reason: str
    noted_at: datetime
    kind: GapKind = "left out"


@dataclass(frozen=True, slots=True)
class Change:
    """A window of facts that came to say something else: where it starts, and as of when it was fetched; in order."""

    seq: int
    start: datetime
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Trouble:
    """A source that cannot be read: since which tick, and what it said last."""

    source: str
    since: datetime
    error: str


@dataclass(frozen=True, slots=True)
class HealthEvent:
    """Something that happened to mintwatch itself: to which of its sources, doing what, how it ended, and why."""

    at: datetime
    action: str
    source: str
    outcome: str
    code: str
