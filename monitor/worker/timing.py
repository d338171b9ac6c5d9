"""Timing: how long each stage of a tick took."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import perf_counter


class Timing:
    """A stopwatch with a hand for each stage; a stage that comes twice adds up.

    >>> timing = Timing()
    >>> with timing.stage("judge"):
    ...     pass
    >>> [*timing.took], timing.took["judge"] < timedelta(seconds=1)
    (['judge'], True)
    """

    def __init__(self) -> None:
        self.took: dict[str, timedelta] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What is done within takes the time of this stage, also if it fails."""
        begun = perf_counter()
        try:
            yield
        finally:
            self.took[name] = self.took.get(name, timedelta(0)) + timedelta(seconds=perf_counter() - begun)
