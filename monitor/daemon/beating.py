"""Beating: the scheduler's sign of life, clocks that are set, and threads that are gone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Final

from monitor import clock

log = logging.getLogger("mintwatch.daemon")

EACH: Final = timedelta(seconds=1)
"""How often there is a beat."""
STALE: Final = timedelta(seconds=10)
"""How old a beat may be."""
GONE: Final = 60
"""After how many looks without a beat a scheduler is taken for dead."""
JUMP: Final = timedelta(seconds=30)
"""By how much a clock must have been set that anybody needs to know; less delays a round by as much, at worst."""


class Beat:
    """When the scheduler last did what it was to do at once."""

    def __init__(self, now: Callable[[], datetime] = clock.now, ticks: Callable[[], timedelta] = clock.ticks) -> None:
        self._now, self._ticks = now, ticks
        self._last = ticks()
        self.at = now()
        self.number = 0

    def strike(self) -> None:
        """It is alive."""
        self._last, self.at = self._ticks(), self._now()
        self.number += 1

    @property
    def age(self) -> timedelta:
        """How long ago that was, whatever the clock was set to meanwhile."""
        return self._ticks() - self._last


class Clocks:
    """The clock on the wall beside the one that only goes on: where they part, the first was set."""

    def __init__(self, now: Callable[[], datetime], ticks: Callable[[], timedelta]) -> None:
        self._now, self._ticks = now, ticks
        self._wall, self._steady = now(), ticks()

    def jump(self) -> timedelta | None:
        """By how much the clock was set since the last time, negative if back; None if it was not."""
        wall, steady = self._now(), self._ticks()
        by = (wall - self._wall) - (steady - self._steady)
        self._wall, self._steady = wall, steady
        return by if abs(by) >= JUMP else None


class Pulse:
    """A thread that looks every second whether the clock was set, and whether everybody is still there.

    It is no job of the scheduler: a scheduler whose clock is set back does nothing until the clock catches up.

    Parameters
    ----------
    jumped
        Called with how much later it is all at once (earlier, if negative).
    gone
        Names the threads that should be there and are not.
    died
        Called once with why mintwatch had better be started anew.
    """

    def __init__(
        self,
        beat: Beat,
        jumped: Callable[[timedelta], object],
        gone: Callable[[], list[str]],
        died: Callable[[str], object],
        *,
        now: Callable[[], datetime] = clock.now,
        ticks: Callable[[], timedelta] = clock.ticks,
    ) -> None:
        self._beat, self._jumped, self._gone, self._died = beat, jumped, gone, died
        self._clocks = Clocks(now, ticks)
        self._left = Event()
        self._number, self._quiet = beat.number, 0
        self._thread = Thread(target=self._look, name="pulse", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether it looks."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin; once."""
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._left.set()
        self._thread.join(1.0)

    def _look(self) -> None:
        while not self._left.wait(EACH.total_seconds()):
            self.look()

    def look(self) -> None:
        """One look."""
        by = self._clocks.jump()
        if by is not None:
            log.warning("clock was set", extra={"part": "clock", "seconds": round(by.total_seconds())})
            self._jumped(by)
        self._quiet = self._quiet + 1 if self._beat.number == self._number else 0
        self._number = self._beat.number
        gone = self._gone() + (["scheduler"] if self._quiet >= GONE else [])
        if gone:
            self._died(f"threads are gone: {', '.join(gone)}")
