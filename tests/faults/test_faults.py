"""What is done to the state of a running mintwatch, what it says, and that nothing is lost: each a row of the table."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from monitor.store import Store
from tests.faults.conftest import ROOT, Life, Row, after, journal, lost
from tests.faults.life import MINUTE, NOON

HOUR = timedelta(hours=1)
Record = Callable[[Row], None]
pytestmark = pytest.mark.slow


def fill(volume: Path) -> Path:
    """A file that takes all the room there is."""
    filler = volume / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        for size in (65536, 4096, 1):
            with suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    return filler


def command(*arguments: object, before: tuple[str, ...] = ()) -> tuple[int, str]:
    """Exit code of a mintwatch command, and the first line that it complained with."""
    done = subprocess.run(
        [*before, sys.executable, "-m", "monitor", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, (done.stderr.splitlines() or [""])[0]


def prune(directory: Path, before: tuple[str, ...] = ()) -> tuple[int, str]:
    """What a mintwatch says that is to write there."""
    return command("state", "prune", "--state", directory, before=before)


def started(code: int) -> str:
    """What a command did that is to write there."""
    return f"refuses to start, exit code {code}" if code else "starts"


def mended(row: Row, life: Life) -> None:
    """Write down how it was since it was mended."""
    row.after, row.told, row.journal = after(life), life.told, journal(life.directory)
    row.lost = lost(life.directory, life.last)


def test_a_full_disk(volume: Path, record: Record) -> None:
    row = Row("the disk is full")
    with Life(volume / "state") as life:
        life.ticks(0, 30)
        life.forget()
        filler = fill(volume)
        life.ticks(30, 60)
        row.said, row.went_on = life.said, life.went_on
        assert lost(volume / "state", NOON + 20 * MINUTE) == "nothing"
        filler.unlink()
        life.forget()
        life.ticks(60, 100)
        mended(row, life)
    record(row)


def test_files_that_may_not_grow(tmp_path: Path, record: Record) -> None:
    """A limit of the process (EFBIG): needs no right to mount anything."""
    row = Row("no file may grow (a limit on the size of files)")
    with Life(tmp_path / "state") as life:
        life.ticks(0, 30)
        life.forget()
        _, hard = resource.prlimit(life.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(life.pid, resource.RLIMIT_FSIZE, (1024, hard))
        life.ticks(30, 60)
        row.said, row.went_on = life.said, life.went_on
        assert lost(tmp_path / "state", NOON + 20 * MINUTE) == "nothing"
        resource.prlimit(life.pid, resource.RLIMIT_FSIZE, (hard, hard))
        life.forget()
        life.ticks(60, 100)
        mended(row, life)
    record(row)


def test_a_read_only_volume(volume: Path, record: Record) -> None:
    row = Row("the volume is read-only when it starts")
    with Life(volume / "state") as life:
        life.ticks(0, 30)
    subprocess.run(["mount", "-o", "remount,ro", volume], check=True)
    code, row.said = prune(volume / "state")
    row.went_on = started(code)
    assert command("state", "verify", "--state", volume / "state")[0] == 0  # whoever only looks still can
    subprocess.run(["mount", "-o", "remount,rw", volume], check=True)
    with Life(volume / "state") as life:
        life.ticks(30, 100)
        mended(row, life)
    record(row)


@pytest.mark.soak
@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_wrong_permissions(tmp_path: Path, record: Record) -> None:
    row, state = Row("the folder belongs to somebody else"), tmp_path / "state"
    with Life(state) as life:
        life.ticks(0, 20)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    state.chmod(0o755)
    (state / "lock").chmod(0o600)
    code, row.said = prune(state, ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"))
    row.went_on = started(code)
    with Life(state) as life:
        life.ticks(20, 100)
        mended(row, life)
    record(row)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 3)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0xFF]))


def live(state: Path, start: datetime) -> Path:
    """The file of the window that starts then."""
    with Store(state, write=False) as store:
        return next(one for one in store.live(["main"]) if one.name.startswith(f"main.{start:%Y%m%dT%H%M}."))


@pytest.mark.parametrize(
    ("what", "harm"),
    [
        ("cut short", cut),
        pytest.param("gone", Path.unlink, marks=pytest.mark.soak),
        pytest.param("changed in a byte", flip, marks=pytest.mark.soak),
    ],
)
def test_a_damaged_facts_file(tmp_path: Path, record: Record, what: str, harm: Callable[[Path], None]) -> None:
    row, state = Row(f"a facts file is {what}"), tmp_path / "state"
    with Life(state) as life:
        life.ticks(0, 30)
        life.forget()
        harmed = live(state, NOON - 3 * HOUR)
        harm(harmed)
        life.ticks(30, 60)
        for minutes in (0, 10, 20, 30):  # every file is read once a day
            life.tick(NOON + 12 * HOUR + minutes * MINUTE)
        row.said, row.went_on = life.said, life.went_on
        life.forget()
        life.tick(NOON + 12 * HOUR + 40 * MINUTE)
        mended(row, life)
        again = live(state, NOON - 3 * HOUR) != harmed
        row.after += "; its window was fetched again" if again else "; its window is as it was"
    record(row)


def header(path: Path) -> None:
    path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])


@pytest.mark.parametrize(
    ("what", "harm"), [("cut short", cut), pytest.param("without its header", header, marks=pytest.mark.soak)]
)
def test_a_damaged_control_database(tmp_path: Path, record: Record, what: str, harm: Callable[[Path], None]) -> None:
    row, state = Row(f"control.db is {what}"), tmp_path / "state"
    with Life(state) as life:
        life.ticks(0, 30)
    harm(state / "control.db")
    code, row.said = prune(state)
    row.went_on = started(code)
    restore = row.said.partition("copy: ")[2].partition(". What")[0]
    subprocess.run(["sh", "-c", restore], check=True)
    with Life(state) as life:
        life.ticks(30, 100)
        mended(row, life)
    record(row)


@pytest.mark.soak
def test_two_daemons(tmp_path: Path, record: Record) -> None:
    row, state = Row("another mintwatch writes there"), tmp_path / "state"
    with Life(state) as life:
        life.ticks(0, 20)
        code, row.said = prune(state)
        row.went_on = f"the second {started(code)}; the first {life.went_on}"
        life.forget()
        life.ticks(20, 100)
        mended(row, life)
    record(row)


@pytest.mark.parametrize(
    ("what", "off"), [pytest.param("an hour ahead", HOUR, marks=pytest.mark.soak), ("an hour behind", -HOUR)]
)
def test_a_clock_that_jumps(tmp_path: Path, record: Record, what: str, off: timedelta) -> None:
    row, state = Row(f"the clock is {what} for half an hour"), tmp_path / "state"
    with Life(state) as life:
        life.ticks(0, 30)
        life.forget()
        life.ticks(30, 60, off)
        life.tick(NOON + HOUR)
        row.said, row.went_on = life.said, life.went_on
        life.forget()
        life.ticks(70, 130)
        mended(row, life)
    record(row)
