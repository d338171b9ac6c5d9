"""The present of the local Slack, and the timestamps that name its messages."""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor import clock


class Clock:
    """The service's present; until it is set, the machine's.

    It stamps messages, paces callers and lets uploads finish. How long a person waits for an answer is the machine's.
    """

    def __init__(self) -> None:
        self._now: datetime | None = None

    @property
    def now(self) -> datetime:
        """The present, aware, UTC."""
        return self._now or clock.now()

    @now.setter
    def now(self, at: datetime) -> None:
        self._now = clock.aware(at, "the clock of the local Slack")

    def advance(self, length: timedelta) -> None:
        """Let time pass."""
        self.now += length


class Stamps:
    """Slack's `ts`: seconds and six digits that order and name messages, no two alike."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> str:
        """The stamp of what happens now, later than every other."""
        micros = (self._clock.now - clock.EPOCH) // timedelta(microseconds=1)
        self._last = max(self._last + 1, micros)
        return stamp(self._last)


def stamp(micros: int) -> str:
    """Microseconds since the epoch as a `ts`.

    >>> stamp(1_790_000_000_000_042)
    '1790000000.000042'
    """
    return f"{micros // 10**6}.{micros % 10**6:06}"
