"""The only module that reads the clock, the arithmetic of 5-minute bins, and how times are written."""

import time
from datetime import UTC, datetime, timedelta

BIN = timedelta(minutes=5)
DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """The present, aware, UTC."""
    return datetime.now(UTC)


def ticks() -> timedelta:
    """A length of time that only grows: two of these say how long it was between, though the clock be set meanwhile."""
    return timedelta(seconds=time.monotonic())


def floor(at: datetime, step: timedelta = BIN) -> datetime:
    """The start of the bin of width `step` (counted from the epoch) that holds `at`.

    >>> floor(datetime(2026, 5, 1, 10, 7, 59, tzinfo=UTC)).strftime("%H:%M")
    '10:05'
    """
    return at - (at - EPOCH) % step


def ceil(at: datetime, step: timedelta = BIN) -> datetime:
    """The first bin edge at or after `at`."""
    return -(((EPOCH - at) // step) * step) + EPOCH


def midnight(at: datetime) -> datetime:
    """00:00 UTC of the day that holds `at`."""
    return floor(at, DAY)


def aware(at: datetime, where: str) -> datetime:
    """`at` in UTC; `ValueError` naming `where` if it has no zone."""
    if at.tzinfo is None:
        raise ValueError(f"{where}: expected a time with a zone, got {at.isoformat()}")
    return at.astimezone(UTC)


def iso(at: datetime) -> str:
    """RFC 3339 text with `Z` and no trailing zeros, as Log Analytics writes it.

    >>> iso(datetime(2026, 5, 1, 10, 5, tzinfo=UTC))
    '2026-05-01T10:05:00Z'
    """
    text = at.astimezone(UTC).isoformat().removesuffix("+00:00")
    return (text.rstrip("0") if "." in text else text) + "Z"


def length(span: timedelta) -> str:
    """A bucket's width in words.

    >>> length(timedelta(minutes=15)), length(timedelta(hours=3))
    ('15 min', '3 h')
    """
    minutes = int(span.total_seconds() // 60)
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"
