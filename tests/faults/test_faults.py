"""What is done to the state of a running mintwatch, what it says, and that nothing is lost: each a row of the table."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from monitor.store import Store
from tests.faults.conftest import ROOT, Life, Row, lost
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


def test_a_full_disk(volume: Path, record: Record) -> None:
    row = Row("the disk is full")
    with Life(volume / "state") as life:
        life.ticks(0, 30)
        filler = fill(volume)
        life.ticks(30, 60)
        assert life.said
        assert lost(volume / "state", NOON + 20 * MINUTE) == "nothing"
        filler.unlink()
        before = len(life.said)
        life.ticks(60, 100)
        row.after = "resumes by itself" if life.said[before:] == [] else life.said[before]
        row.said, row.went_on, row.told = life.said[0], "goes on", life.told
    row.lost = lost(volume / "state", NOON + 90 * MINUTE)
    record(row)


def test_a_read_only_volume(volume: Path, record: Record) -> None:
    row = Row("the volume is read-only when it starts")
    with Life(volume / "state") as life:
        life.ticks(0, 30)
    subprocess.run(["mount", "-o", "remount,ro", volume], check=True)
    code, row.said = prune(volume / "state")
    row.went_on = f"refuses to start, exit code {code}"
    assert command("state", "verify", "--state", volume / "state")[0] == 0  # whoever only looks still can
    subprocess.run(["mount", "-o", "remount,rw", volume], check=True)
    with Life(volume / "state") as life:
        life.ticks(30, 100)
        row.after = "goes on where it was" if not life.said else life.said[0]
        row.told = life.told
    row.lost = lost(volume / "state", NOON + 90 * MINUTE)
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
    row.went_on = f"refuses to start, exit code {code}"
    with Life(state) as life:
        life.ticks(20, 100)
        row.after = "goes on where it was" if not life.said else life.said[0]
        row.told = life.told
    row.lost = lost(state, NOON + 90 * MINUTE)
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
        harm(live(state, NOON - 3 * HOUR))
        life.ticks(30, 60)
        for minutes in (0, 10, 20, 30):  # every file is read once a day
            life.tick(NOON + 12 * HOUR + minutes * MINUTE)
        said = [one for one in life.said if not one.startswith(("clock", "logs", "source", "state"))]
        row.said, row.went_on, row.told = (
            (said or ["facts damaged (in the log, when every file is read, once a day)"])[0],
            "goes on",
            life.told,
        )
        row.after = "its window is fetched again"
    row.lost = lost(state, NOON + 12 * HOUR + 30 * MINUTE)
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
    row.went_on = f"refuses to start, exit code {code}"
    restore = row.said.partition("copy: ")[2].partition(". What")[0]
    subprocess.run(["sh", "-c", restore], check=True)
    with Life(state) as life:
        life.ticks(30, 100)
        row.after = "goes on from the copy; what came since is collected and judged again"
        row.told = life.told
    row.lost = lost(state, NOON + 90 * MINUTE)
    record(row)


@pytest.mark.soak
def test_two_daemons(tmp_path: Path, record: Record) -> None:
    row, state = Row("another mintwatch writes there"), tmp_path / "state"
    with Life(state) as life:
        life.ticks(0, 20)
        code, row.said = prune(state)
        row.went_on = f"the second refuses to start, exit code {code}"
        life.ticks(20, 100)
        row.after = "the first goes on" if not life.said else life.said[0]
        row.told = life.told
    row.lost = lost(state, NOON + 90 * MINUTE)
    record(row)


@pytest.mark.parametrize(
    ("what", "off"), [pytest.param("an hour ahead", HOUR, marks=pytest.mark.soak), ("an hour behind", -HOUR)]
)
def test_a_clock_that_jumps(tmp_path: Path, record: Record, what: str, off: timedelta) -> None:
    row, state = Row(f"the clock is {what} for half an hour"), tmp_path / "state"
    with Life(state) as life:
        life.ticks(0, 30)
        life.ticks(30, 60, off)
        life.ticks(60, 130)
        row.said = (life.said or ["the clock went back"])[0]
        row.went_on, row.told, row.after = "goes on", life.told, "looks at everything again"
    row.lost = lost(state, NOON + 120 * MINUTE)
    record(row)
