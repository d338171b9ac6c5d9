"""Being told to stop: the signals of a service manager and of a person at a terminal."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType


@contextmanager
def until_signalled(stop: Event) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`, and nothing else, until it is left."""

    def told(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {one: signal.signal(one, told) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
