"""A life of its own process that faults are done to, a volume of our own, and the table of what happened."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

import pyarrow.parquet as pq
import pytest

from monitor.model import Window
from monitor.store import Store, verify
from tests.faults.life import NOON, events

ROOT: Final = Path(__file__).parents[2]
HAPPENED: Final = Path(__file__).with_name("happened.json")
UPDATE: Final = "MINTWATCH_UPDATE"
NOTHING: Final = timedelta(0)
DAY: Final = timedelta(days=1)
SYS_ADMIN: Final = 21
"""The capability that it takes to mount, as in linux/capability.h."""


@dataclass(slots=True)
class Row:
    """What was seen: what was done to it, what mintwatch said, whether it went on, what it wrote into its journal, who
    was told, how it was after it was mended, and what was lost."""

    fault: str
    said: str = ""
    went_on: str = ""
    journal: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    lost: str = ""
    after: str = ""


class Life:
    """A mintwatch in a process of its own; `failed`, `logged` and `told` are what it said and told so far."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.failed: list[str] = []
        self.logged: list[str] = []
        self.told: list[str] = []
        self.last = NOON
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.life", str(directory)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._read() == "ready"

    def _read(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def tick(self, truth: datetime, off: timedelta = NOTHING) -> list[str]:
        """What failed in a tick at that time, by a clock that is so much off."""
        assert self._process.stdin
        self._process.stdin.write(f"{(truth + off).isoformat()} {truth.isoformat()}\n")
        self._process.stdin.flush()
        answer = json.loads(self._read())
        self.failed += answer["failures"]
        self.logged += answer["logged"]
        self.last = truth
        self.told += answer["told"]
        return list(answer["failures"])

    def ticks(self, start: int, end: int, off: timedelta = NOTHING) -> None:
        """Ticks from so many minutes after noon up to so many, ten minutes apart."""
        for minutes in range(start, end, 10):
            self.tick(NOON + timedelta(minutes=minutes), off)

    @property
    def said(self) -> str:
        """What it said first: what a tick reports as failed, else what is in its log."""
        return next(iter([*self.failed, *self.logged]), "")

    @property
    def went_on(self) -> str:
        """Whether it is still there; whoever ticks was answered."""
        code = self._process.poll()
        return "goes on" if code is None else f"ends, exit code {code}"

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def forget(self) -> None:
        """What it said so far was of before."""
        self.failed.clear()
        self.logged.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(30)
        if self._process.stdout:
            self._process.stdout.close()


def quiet(what: str, done: float) -> None:
    """A progress nobody watches."""


def lost(directory: Path, upto: datetime) -> str:
    """What is missing, doubled or damaged of all that had arrived by then."""
    faults = [str(one) for one in verify(directory, upto, quiet) if not one.harmless]
    expected = sum(one.arrived < upto for one in events())
    with Store(directory, write=False) as store:
        kept = sum(sum(pq.read_table(path, columns=["events"])["events"].to_pylist()) for path in store.live(["main"]))
        gaps = [one for one in store.gaps() if one.source == "main"]
    found = [*faults, *([f"{expected - kept} of {expected} sign-ins"] if kept != expected else []), *map(str, gaps)]
    return "; ".join(found) or "nothing"


def after(life: Life) -> str:
    """How it was since `forget`: whether anything failed, and how far it collected."""
    with Store(life.directory, write=False) as store:
        reached = store.watermark("main")
    failed = f"fails: {life.failed[0]}" if life.failed else "nothing fails"
    behind = life.last - reached if reached else None
    upto = "collected up to the last tick" if not behind else f"collected up to {behind} before the last tick"
    return f"{failed}; {upto}" if reached else f"{failed}; nothing was collected"


def journal(directory: Path) -> list[str]:
    """What it wrote down about itself, each kind once."""
    with Store(directory, write=False) as store:
        noted = store.events(Window(NOON - DAY, NOON + DAY))
    return list(dict.fromkeys(f"{one.action} {one.outcome}" for one in noted))


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """A volume of four megabytes, of memory; it is passed over only where nobody may mount any."""
    made = tmp_path / "volume"
    made.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", made], capture_output=True, check=False)
    if mounted.returncode:
        (held,) = re.findall(r"CapEff:\s+([0-9a-f]+)", Path("/proc/self/status").read_text())
        assert not int(held, 16) >> SYS_ADMIN & 1, f"mount failed: {mounted.stderr.decode()}"
        pytest.skip("no right to mount a volume")
    try:
        yield made
    finally:
        subprocess.run(["umount", "-l", made], check=True)


@pytest.fixture
def record(tmp_path: Path) -> Callable[[Row], None]:
    """Compare what happened with what docs/reference/failures.md says; write it down instead if asked to."""

    def compare(row: Row) -> None:
        told = {key: _plain(value, tmp_path) for key, value in asdict(row).items()}
        rows = {one["fault"]: one for one in json.loads(HAPPENED.read_text())} if HAPPENED.exists() else {}
        if os.environ.get(UPDATE):
            rows[row.fault] = told
            HAPPENED.write_text(json.dumps([rows[key] for key in sorted(rows)], indent=1) + "\n")
        assert rows.get(row.fault) == told, f"set {UPDATE}=1 and make docs, if this is what should happen"

    return compare


def _plain(value: str | list[str], folder: Path) -> str | list[str]:
    """Without what is another each time: folders, processes, hosts, times, names of files."""
    if isinstance(value, list):
        return [str(_plain(one, folder)) for one in value]
    for pattern, word in (
        (re.escape(str(folder)) + r"(/volume)?", ""),
        (r"process \d+ on \S+, since \S+, mintwatch [\w.]+", "process 1234 on host, since ..., mintwatch ..."),
        (r"main\.\d{8}T\d{4}\.[0-9a-f]{12}\.parquet", "main.(window).parquet"),
        (r"control-\d+-\w+\.db", "control-(schema)-(time).db"),
        (r"uid \d+, gid \d+", "uid ..., gid ..."),
    ):
        value = re.sub(pattern, word, value)
    return value
