"""The disk: whether the state can be written, found out by writing, in a thread that nobody waits for.

A try says that the directory takes a new block, and no more: control.db may be somebody else's, or on its limit. So
once the store was refused a write of its own, control.db is tried as well, until it was written down that it was.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Final

from monitor import clock
from monitor.errors import StateError
from monitor.store import Store
from monitor.store.control import refusal

log = logging.getLogger("mintwatch.daemon")

EACH: Final = timedelta(seconds=10)
STALE: Final = timedelta(seconds=60)
"""A disk that takes a write no sooner is stuck."""
NAME: Final = ".writable"
MARK: Final = "written"
"""The mark that says when control.db was last tried."""
BYTES: Final = bytes(4096)
"""A block: what is written over can be written on a full disk, too, so the file is new each time."""


@dataclass(frozen=True, slots=True)
class Tried:
    """How the last try to write ended: '' if well, else `full`, `readonly` or `failing`; and when."""

    trouble: str
    at: timedelta


class Disk:
    """A thread that writes a block into a directory and takes it away again, every ten seconds.

    Parameters
    ----------
    changed
        Called with '' or the trouble whenever that is another than before; also if it was in trouble at the first try.

    Attributes
    ----------
    refusing
        Asked at each try that went well: why something else cannot be written; '' if it can. See `refusing`.
    """

    def __init__(
        self,
        directory: Path,
        changed: Callable[[str], object] = lambda _: None,
        *,
        each: timedelta = EACH,
        ticks: Callable[[], timedelta] = clock.ticks,
    ) -> None:
        self.refusing: Callable[[], str] = str
        self._path, self._changed, self._each, self._ticks = directory / NAME, changed, each, ticks
        self._last = Tried("", ticks())
        self._left = Event()
        self._thread = Thread(target=self._work, name="disk", daemon=True)

    @property
    def age(self) -> timedelta:
        """How long ago the last try ended."""
        return self._ticks() - self._last.at

    @property
    def trouble(self) -> str:
        """Why the state cannot be written now: `full`, `readonly`, `failing`, or `stuck`; '' if it can."""
        return self._last.trouble or ("stuck" if self.age > STALE else "")

    @property
    def alive(self) -> bool:
        """Whether it tries."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin; once."""
        self._thread.start()

    def close(self) -> None:
        """Try no more; one that is stuck is left where it is."""
        self._left.set()
        self._thread.join(0.5)

    def _work(self) -> None:
        while True:
            self.look()
            if self._left.wait(self._each.total_seconds()):
                return

    def look(self) -> None:
        """One try."""
        trouble, before = _tried(self._path) or self.refusing(), self._last.trouble
        self._last = Tried(trouble, self._ticks())
        if trouble != before:
            said = {"part": "state", "trouble": trouble}
            log.log(logging.ERROR if trouble else logging.INFO, "state", extra=said)
            self._changed(trouble)


def refusing(store: Store) -> str:
    """Why control.db takes no write now; '' if it does, or was refused none since it was last written down."""
    if not (why := store.refused):
        return ""
    try:
        store.note_mark(MARK, clock.iso(clock.now()))
    except StateError:
        return store.refused or why
    return ""


def _tried(path: Path) -> str:
    """Why the directory takes no new block; '' if it does."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, BYTES)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            path.unlink()
    except OSError as error:
        return refusal(error) or "failing"
    return ""
