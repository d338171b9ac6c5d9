"""The real command in a process of its own: how long it takes, and how much memory it holds at most."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Spent:
    """What one run took: seconds of wall clock, seconds of processor, and the most resident memory in bytes."""

    seconds: float
    processor: float
    memory: int


def backtest(folder: Path) -> Spent:
    """`mintwatch backtest` of that folder, with the shipped rules.

    Raises
    ------
    RuntimeError
        If the command does not exit with 0; with what it said.
    """
    with tempfile.TemporaryDirectory(prefix="mintwatch-bench-") as place:
        return run(
            "-m", "monitor", "backtest", "--input", str(folder), "--output", str(Path(place) / "findings.ndjson")
        )


def run(*arguments: str) -> Spent:
    """This Python with those arguments, in a process of its own.

    A process starts out with the peak of the one it was forked from; so it is started by a small one, which waits.

    Raises
    ------
    RuntimeError
        If it does not exit with 0; with what it said.
    """
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-S", "-c", _WAITS, sys.executable, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}")
    seconds, processor, kilobytes = done.stdout.split()
    return Spent(float(seconds), float(processor), int(kilobytes) * 1024)


_WAITS = """
import os, sys, time
started = time.perf_counter()
null = os.open(os.devnull, os.O_WRONLY)
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
_, status, usage = os.wait4(child, 0)
print(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
