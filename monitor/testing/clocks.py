"""The present of a local service: which rows are shown, when messages were posted; a test moves it."""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor import clock


class Clock:
    """The service's present; until it is set, the machine's.

    What clients measure themselves keeps the machine's time whatever this says: how long a token lives, how long a
    person waits for an answer.
    """

    def __init__(self) -> None:
        self._now: datetime | None = None

    @property
    def now(self) -> datetime:
        """The present, aware, UTC."""
        return self._now or clock.now()

    @now.setter
    def now(self, at: datetime) -> None:
        self._now = clock.aware(at, "the clock of the local service")

    def advance(self, length: timedelta) -> None:
        """Let time pass."""
        self.now += length
