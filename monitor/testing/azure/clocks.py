"""The clock of the data: which rows a workspace shows depends on it, and a test moves it."""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor import clock


class Clock:
    """The service's present; until it is set, the machine's.

    Tokens and assertions keep the machine's time whatever this says: the clients that carry them do, too.
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
