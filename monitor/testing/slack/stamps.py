"""The timestamps that name the messages of the local Slack."""

from __future__ import annotations

from datetime import timedelta

from monitor import clock
from monitor.testing.clocks import Clock


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
