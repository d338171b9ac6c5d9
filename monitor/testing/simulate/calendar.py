"""Local time: working days, holidays, and the two nights a year on which the clocks change.

Times are int64 microseconds since 1970-01-01 UTC throughout the package; days are int64 days since then.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """An aware moment as microseconds since 1970 UTC."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    """Microseconds since 1970 UTC as an aware moment."""
    return EPOCH + timedelta(microseconds=int(at))


@dataclass(frozen=True, slots=True)
class Period:
    """The half-open stretch [start, end) that the logs cover."""

    start: int
    end: int

    @property
    def days(self) -> float:
        """Length in days."""
        return (self.end - self.start) / DAY

    def at(self, share: float) -> int:
        """The moment after this share of the period."""
        return self.start + int(share * (self.end - self.start))

    def within(self, at: Times) -> Times:
        """Those of the times that lie inside."""
        return at[(at >= self.start) & (at < self.end)]


@lru_cache(maxsize=64)
def _offsets(zone: str, first: int, count: int) -> Times:
    info = ZoneInfo(zone)
    hours = (EPOCH + timedelta(hours=first + step) for step in range(count))
    return np.array([int(info.utcoffset(h).total_seconds()) * SECOND for h in hours], dtype=np.int64)  # type: ignore[union-attr]


@dataclass(frozen=True, slots=True)
class Clock:
    """Wall clock of one time zone over one period."""

    zone: str
    period: Period

    def _offset(self, at: Times) -> Times:
        first = self.period.start // HOUR - 72
        table = _offsets(self.zone, first, int(self.period.days * 24) + 144)
        return np.asarray(table[np.clip(at // HOUR - first, 0, len(table) - 1)], dtype=np.int64)

    def local(self, at: Times) -> Times:
        """Wall-clock times of UTC times."""
        return np.asarray(at + self._offset(at), dtype=np.int64)

    def utc(self, wall: Times) -> Times:
        """UTC times of wall-clock times; a time skipped in spring becomes the one an hour later."""
        guess = wall - self._offset(wall)
        return np.asarray(wall - self._offset(guess), dtype=np.int64)

    def days(self) -> Times:
        """Local days that touch the period, in order."""
        return np.arange(self.period.start // DAY - 1, self.period.end // DAY + 2, dtype=np.int64)


def weekday(days: Times) -> Times:
    """0 Monday ... 6 Sunday."""
    return np.asarray((days + 3) % 7, dtype=np.int64)


def working(days: Times, holidays: frozenset[int]) -> Times:
    """Those of the days that are neither weekend nor holiday."""
    free = np.isin(days, np.array(sorted(holidays), dtype=np.int64))
    return days[(weekday(days) < 5) & ~free]


def month_ends(days: Times) -> Times:
    """Those of the days that are the last of their month."""
    month = days.astype("datetime64[D]").astype("datetime64[M]")
    following = (days + 1).astype("datetime64[D]").astype("datetime64[M]")
    return np.asarray(days[month != following], dtype=np.int64)
