"""Being told to stop or to read again: signals of a service manager and of a person, and a bound on what follows."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Event, Thread
from types import FrameType
from typing import Final, NoReturn

_STOP, _AGAIN = b".", b"!"
BROKEN: Final = 70
"""Exit code of a daemon of which a part ended that nobody starts anew: what `sysexits.h` calls an internal error."""
BUSY: Final = 75
"""Exit code of a process that left while something was in flight: what `sysexits.h` calls a temporary failure."""


def _words() -> str:
    return "error: still busy, left without waiting"


@contextmanager
def until_signalled(
    stop: Event,
    within: timedelta | None = None,
    last_words: Callable[[], str] = _words,
    hung_up: Callable[[], None] | None = None,
) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`, and nothing else, until it is left; SIGHUP calls `hung_up`, if that is given.

    A handler runs in the middle of anything, also of a wait for `stop` that holds its lock; so it only writes a byte,
    and a thread does what is to be done.

    Parameters
    ----------
    within
        If given, the process is gone this long after the first signal, with BUSY if it is not by itself: whatever a
        state, a library's pool or the interpreter still waits for.
    last_words
        What is written to standard error then, as a line.
    """
    heard, told = os.pipe()
    os.set_blocking(told, False)

    def tell(number: int, _frame: FrameType | None) -> None:
        with suppress(BlockingIOError):
            os.write(told, _AGAIN if number == signal.SIGHUP else _STOP)

    def listen() -> None:
        while (said := os.read(heard, 1)) == _AGAIN:
            if hung_up is not None:
                hung_up()
        if said:
            stop.set()
            _leave(within, last_words)
        os.close(heard)

    Thread(target=listen, name="signals", daemon=True).start()
    numbers = [signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hung_up is not None else [])]
    before = {one: signal.signal(one, tell) for one in numbers}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        os.close(told)


def leave(code: int) -> NoReturn:
    """Be gone now, with that exit code; whoever calls has closed what is to be closed.

    What the interpreter does at its end is left out: it would wait for threads, and libraries would print there, past
    the log, what those that are left still hold (nanobind's "leaked instances").
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _leave(within: timedelta | None, last_words: Callable[[], str]) -> None:
    """Be gone after that long, if the process is not gone by then."""
    if within is None:
        return
    Event().wait(within.total_seconds())
    with suppress(OSError):  # by no buffer, whose lock somebody may hold
        os.write(2, f"{last_words()}\n".encode())
    os._exit(BUSY)
