"""An upgrade happens whole or not at all, after a copy; a downgrade is refused, and says what to do instead."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from monitor import __version__
from monitor.errors import StateError
from monitor.store import Store
from monitor.store.migrating import backups, copy, migrate, scripts, spare

DIES = """
import os, signal, sqlite3, sys
from pathlib import Path
from monitor.store.migrating import migrate, scripts
path, steps = Path(sys.argv[1]), int(sys.argv[2])
connection = sqlite3.connect(path, isolation_level=None)
left = [steps]
def step():
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return 0
connection.execute("pragma synchronous = full")
connection.execute("pragma journal_mode = wal")
if steps:
    connection.set_progress_handler(step, 50)
migrate(connection, path, scripts())
"""
"""An upgrade that is killed after so many times fifty steps of SQLite's own."""


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """A state of schema 2, with something in it."""
    (tmp_path / "facts").mkdir()
    with closing(sqlite3.connect(tmp_path / "control.db", isolation_level=None)) as control:
        control.execute("pragma journal_mode = wal")
        for one in scripts()[:2]:
            control.executescript(one.read_text())
        control.execute("pragma user_version = 2")
        body = '{"surprise": 4.5, "level": "high", "findings": 3}'
        control.executemany(
            "insert into incidents values (?, 's', 'open', '2026-05-04', ?)", [(f"i{n}", body) for n in range(50)]
        )
        control.executemany(
            "insert into decisions (incident, notifier, at, reason) values (?, 'n', '2026-05-04', 'opened')",
            [(f"i{n}",) for n in range(50)],
        )
    return tmp_path


def contents(path: Path) -> tuple[int, list[str]]:
    """Schema, and all that is in it as SQL."""
    with closing(sqlite3.connect(path)) as control:
        return control.execute("pragma user_version").fetchone()[0], list(control.iterdump())


def test_an_upgrade_copies_first(second: Path) -> None:
    before = contents(second / "control.db")
    Store(second).close()
    (copied,) = backups(second)
    assert copied.name.startswith("control-2-")
    assert copied.stat().st_mode & 0o777 == 0o600
    assert contents(copied) == before
    assert contents(second / "control.db")[0] == len(scripts())
    Store(second).close()
    assert backups(second) == [copied]


def test_killed_in_the_middle_of_an_upgrade_the_old_schema_is_intact(second: Path) -> None:
    """Off: `begin immediate` in `migrate`."""
    path = second / "control.db"
    before, died, steps = contents(path), 0, 1
    while True:
        done = subprocess.run([sys.executable, "-c", DIES, str(path), str(steps)], check=False, env=_here())
        if done.returncode != -signal.SIGKILL:
            break
        died += 1
        assert contents(path) == before, f"after {steps} steps"
        steps = steps * 2 + 1
    assert died > 3
    assert done.returncode == 0
    assert contents(path)[0] == len(scripts())
    with closing(sqlite3.connect(path)) as control:
        assert control.execute("select sum(surprise), min(level) from decisions").fetchone() == (225.0, "high")


def _here() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def test_a_script_that_fails_leaves_no_trace_of_those_before_it(second: Path, tmp_path: Path) -> None:
    bad = tmp_path / "9999_bad.sql"
    bad.write_text("create table fine (a);\ncreate table fine (a);")
    path = second / "control.db"
    before = contents(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as control:
        with pytest.raises(sqlite3.OperationalError, match="already exists"):
            migrate(control, path, [*scripts(), bad])
        assert not control.in_transaction
    assert contents(path) == before


def test_a_downgrade_says_who_wrote_it_and_how_to_go_back(second: Path) -> None:
    Store(second).close()
    with closing(sqlite3.connect(second / "control.db", isolation_level=None)) as control:
        control.execute("pragma user_version = 99")
        control.execute("update marks set value = '7.1.0' where name = 'version'")
    before = contents(second / "control.db")
    with pytest.raises(StateError) as refused:
        Store(second)
    said = str(refused.value)
    assert "written by a newer mintwatch, 7.1.0 (schema 99, this one knows 4), nothing was changed" in said
    assert "run mintwatch 7.1.0 again" in said
    command = said.rpartition("upgrade: ")[2]
    assert contents(second / "control.db") == before
    subprocess.run(["sh", "-c", command], check=True)
    with Store(second) as store:
        assert store.mark("version") == __version__


def test_without_room_for_a_copy_nothing_is_changed(second: Path) -> None:
    before = contents(second / "control.db")
    (second / "backups").write_text("in the way")
    with pytest.raises(StateError, match="a copy of the control database cannot be written"):
        Store(second)
    assert contents(second / "control.db") == before


def test_of_copies_the_newest_stay_and_the_newest_of_an_earlier_schema() -> None:
    made = [Path(f"control-{schema}-2026050{day}T000000.db") for day, schema in enumerate([2, 2, 3, 4, 4, 4, 4])]
    assert [one.name[8:18] for one in spare(made, 2)] == ["2-20260500", "2-20260501", "4-20260503", "4-20260504"]
    assert spare(made[-2:], 2) == []


def test_a_copy_is_one_file(second: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(second / "control.db")) as control:
        copy(control, tmp_path / "one.db")
    assert contents(tmp_path / "one.db") == contents(second / "control.db")
    assert sorted(one.name for one in tmp_path.glob("one.db*")) == ["one.db"]


def test_a_new_database_gives_back_what_is_deleted(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "control.db")) as control:
        assert control.execute("pragma auto_vacuum").fetchone() == (2,)
