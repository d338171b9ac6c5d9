"""What a process holds, step by step, and whether that grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np
import psutil

MB: Final = 2**20


@dataclass(frozen=True, slots=True)
class Sample:
    """A process after a step: simulated hours so far, seconds the step took and seconds of processor since it began,
    bytes resident, descriptors, threads of Python's, and threads with those of libraries.
    """

    hours: float
    took: float
    processor: float
    resident: int
    descriptors: int
    threads: int
    lines: int

    @classmethod
    def of(cls, process: psutil.Process, threads: int, hours: float, took: float) -> Self:
        """As it is now; it says itself how many threads of Python's it has."""
        with process.oneshot():
            used = process.cpu_times()
            return cls(
                hours,
                took,
                used.user + used.system,
                process.memory_info().rss,
                process.num_fds(),
                threads,
                process.num_threads(),
            )


class Slope(NamedTuple):
    """What is added per hour, and the standard error of that."""

    per_hour: float
    error: float

    @property
    def surely(self) -> float:
        """What is added at least, beyond noise."""
        return self.per_hour - 2 * self.error


def slope(hours: Sequence[float], values: Sequence[float]) -> Slope:
    """The line through the points by least squares; its error as if each point erred by itself.

    Resident memory moves in steps, so the true error is larger; that makes `surely` the stricter of the two.

    >>> slope([0, 1, 2, 3], [5.0, 7.0, 9.0, 11.0])
    Slope(per_hour=2.0, error=0.0)
    """
    x, y = np.asarray(hours), np.asarray(values)
    off = x - x.mean()
    per_hour = float(off @ y / (off @ off))
    left = y - y.mean() - per_hour * off
    return Slope(per_hour, float(np.sqrt(left @ left / (len(x) - 2) / (off @ off))))
