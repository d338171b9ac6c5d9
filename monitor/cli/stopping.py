"""Being told to stop: the signals of a service manager and of a person at a terminal, and a bound on what follows."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Event, Thread
from types import FrameType
from typing import Final

BROKEN: Final = 70
"""Exit code of a daemon of which a part ended that nobody starts anew: what `sysexits.h` calls an internal error."""
BUSY: Final = 75
"""Exit code of a process that left while something was in flight: what `sysexits.h` calls a temporary failure."""


@contextmanager
def until_signalled(stop: Event, within: timedelta | None = None) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`, and nothing else, until it is left.

    A handler runs in the middle of anything, also of a wait for `stop` that holds its lock; so it only writes a byte,
    and a thread sets `stop`.

    Parameters
    ----------
    within
        If given, the process is gone this long after the first signal, with BUSY if it is not by itself: whatever a
        state, a library's pool or the interpreter still waits for.
    """
    heard, told = os.pipe()
    os.set_blocking(told, False)

    def tell(_number: int, _frame: FrameType | None) -> None:
        with suppress(BlockingIOError):
            os.write(told, b".")

    Thread(target=_listen, args=(heard, stop, within), name="signals", daemon=True).start()
    before = {one: signal.signal(one, tell) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        os.close(told)


def _listen(heard: int, stop: Event, within: timedelta | None) -> None:
    said = os.read(heard, 1)
    if said:
        stop.set()
    if said and within is not None:
        Event().wait(within.total_seconds())
        with suppress(OSError):  # by no buffer, whose lock somebody may hold
            os.write(2, b"error: still busy, left without waiting\n")
        os._exit(BUSY)
    os.close(heard)
