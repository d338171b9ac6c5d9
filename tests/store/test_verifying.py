"""Whatever is wrong with a state is found and named, nothing is found in one that is whole, and nothing is raised."""

from __future__ import annotations

import os
import re
import sqlite3
import tarfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.errors import InputError, StateError
from monitor.frames import DIMENSIONS, FACTS
from monitor.model import Gap, Window
from monitor.ports import Counts, Fetched
from monitor.store import Fault, Store, describe, export, verify
from tests.worker.alerts import HOUR, NOON, Scripted, alert


def put(store: Store, hour: int, events: int = 1, source: str = "a") -> None:
    moments = dict.fromkeys(("at", "seen_at", "first_at", "last_at"), NOON + hour * HOUR)
    row = dict.fromkeys(DIMENSIONS, "") | moments | {"events": events, "source": source}
    window = Window(NOON + hour * HOUR, NOON + (hour + 1) * HOUR)
    fetched = Fetched(pa.Table.from_pylist([row] * 100, schema=FACTS), (), Counts(read=100, kept=100))
    store.switch(source, [store.write(source, window, fetched, NOON)], NOON)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state with facts of two sources, an incident, and a message about it."""
    with Store(tmp_path / "state") as store:
        for hour in range(3):
            put(store, hour)
        put(store, 0, source="b")
        alert(store, [Scripted()], "i1")
        store.note_gaps([Gap("b", Window(NOON - HOUR, NOON), "", NOON)])
    return tmp_path / "state"


def quiet(what: str, done: float) -> None:
    """A progress nobody watches."""


def found(state: Path) -> list[Fault]:
    return list(verify(state, NOON + HOUR, quiet))


def change(state: Path, sql: str) -> None:
    with closing(sqlite3.connect(state / "control.db", isolation_level=None)) as control:
        control.execute(sql)


def test_a_whole_state_has_no_fault_and_is_not_touched(state: Path) -> None:
    def contents() -> dict[Path, bytes]:
        kept = (one for one in state.rglob("*") if one.is_file() and not one.name.endswith(("-shm", "-wal")))
        return {one: one.read_bytes() for one in kept}

    before = contents()
    assert found(state) == []
    assert contents() == before


def first(state: Path) -> Path:
    return min((state / "facts").glob("a.*.parquet"))


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0xFF]))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def fewer(path: Path) -> None:
    pq.write_table(pq.read_table(path).slice(0, 99), path)


def other(path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), path)


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (Path.unlink, "is not there"),
        (cut, "cannot be read: "),
        (lambda path: flip(path, 300), "cannot be read: .*(CRC|corrupt)"),
        (fewer, "has 99 facts, expected 100"),
        (other, "has not the columns of facts"),
        (lambda path: path.write_bytes(b""), "cannot be read: "),
    ],
)
def test_a_fact_file_that_is_not_as_written_is_named(
    state: Path, break_it: Callable[[Path], object], said: str
) -> None:
    path = first(state)
    break_it(path)
    (fault,) = found(state)
    assert fault.about == str(path)
    assert re.search(said, fault.said), fault.said
    assert not fault.harmless


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "update watermarks set at = '2027-01-01T00:00:00.000000+00:00' where source = 'b'",
            "b was collected up to 2027",
        ),
        ("delete from incidents", "belongs to incident i1, which is not there"),
        ("update outbox set state = 'lost in space'", "'lost in space'"),
        ("update outbox set state = 'sent'", "is 'sent', sent at '' after 0 tries"),
        ("update live_files set end_at = '2026-05-04T13:30:00.000000+00:00' where start_at like '%T12:00%'", "twice"),
        ("update live_files set end_at = start_at where source = 'b'", "before it starts"),
        ("update incidents set body = '{}'", "incidents i1 cannot be read"),
        ("update live_files set source = 'c' where source = 'b'", "has facts of 'b', expected c"),
        ("update live_files set rows = 7 where source = 'b'", "has 100 facts, expected 7"),
    ],
)
def test_what_cannot_be_in_the_control_database_is_named(state: Path, sql: str, said: str) -> None:
    change(state, sql)
    assert said in "\n".join(map(str, found(state)))


def test_what_is_left_over_is_harmless(state: Path) -> None:
    for name in ("a.x.parquet", "a.x.tmp"):
        (state / "facts" / name).write_bytes(b"")
    assert [(Path(one.about).name, one.harmless) for one in found(state)] == [("a.x.parquet", True), ("a.x.tmp", True)]


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_control_database_is_a_fault_and_no_crash(state: Path, seed: int) -> None:
    dice, path = Random(seed), state / "control.db"
    if seed == 0:
        path.write_bytes(b"")
    elif seed == 1:
        cut(path)
    elif seed == 2:
        path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])
    elif seed == 3:
        path.unlink()
    else:
        for _ in range(300):
            flip(path, dice.randrange(200, path.stat().st_size))
    faults = [one for one in found(state) if not one.harmless]
    assert faults
    assert all(str(path) in str(one) and "backups" in one.do for one in faults[:1])


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_an_export_is_a_state_of_its_own(state: Path, tmp_path: Path, name: str) -> None:
    to = tmp_path / name
    with Store(state) as writing:  # somebody has the lock, and something in the log of changes
        put(writing, 7)
        files, size = export(state, to, quiet)
    assert files == 5
    assert size > 1000
    if to.suffix:
        with tarfile.open(to) as file:
            file.extractall(tmp_path / "out", filter="data")
        to = tmp_path / "out"
    assert found(to) == []
    with Store(state, write=False) as before, Store(to) as after:
        assert [one.name for one in after.live()] == [one.name for one in before.live()]
        assert after.incidents() == before.incidents()
        assert after.gaps() == before.gaps()
    assert sorted(one.name for one in tmp_path.iterdir() if one.name.startswith(".")) == []


def test_an_export_never_goes_over_anything(state: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected nothing there, or an empty folder"):
        export(state, state, quiet)
    with pytest.raises(InputError, match="there is no folder"):
        export(state, tmp_path / "no" / "where", quiet)
    with pytest.raises(InputError, match="lies in the state that is copied"):
        export(state, state / "copy.tar", quiet)
    (tmp_path / "empty").mkdir()
    assert export(state, tmp_path / "empty", quiet)[0] == 4


def test_an_export_of_what_lacks_a_file_fails_and_leaves_nothing(state: Path, tmp_path: Path) -> None:
    first(state).unlink()
    with pytest.raises(StateError, match="go faster than they can be copied"):
        export(state, tmp_path / "copy", quiet)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["state"]


def test_looking_and_copying_while_windows_are_replaced_finds_a_whole_state(state: Path, tmp_path: Path) -> None:
    """Off: the loop in `_copied` of monitor/store/exporting.py, or the second look in `_files` of verifying.py."""
    stop = threading.Event()

    def write() -> None:
        with Store(state) as store:
            round_ = 0
            while not stop.is_set():
                round_ += 1
                for hour in range(3):
                    put(store, hour, round_)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for number in range(4):
            assert [one for one in found(state) if not one.harmless] == []
            to = tmp_path / f"copy{number}"
            export(state, to, quiet)
            assert found(to) == []
            with Store(to) as copied:
                rounds = [pq.read_table(path)["events"][0].as_py() for path in copied.live(["a"])]
                assert max(rounds) - min(rounds) <= 1
    finally:
        stop.set()
        writing.join()


def test_a_state_is_described(state: Path) -> None:
    said = describe(state)
    assert [(one.source, one.files, one.facts, one.gaps) for one in said.sources] == [
        ("a", 3, 300, 0),
        ("b", 1, 100, 1),
    ]
    assert said.sources[0].oldest == NOON
    assert said.sources[0].watermark == NOON
    assert said.incidents == {"open": 1}
    assert set(said.outbox) == {"new"}
    assert said.sizes["facts"] > 0
    assert said.holder is None


def test_a_state_whose_maker_died_at_once_is_no_fault_unless_there_are_facts(tmp_path: Path) -> None:
    (tmp_path / "facts").mkdir()
    (tmp_path / "control.db").touch()
    assert [one.harmless for one in verify(tmp_path, NOON, quiet)] == [True]
    (tmp_path / "facts" / "one.parquet").touch()
    assert [one.harmless for one in verify(tmp_path, NOON, quiet)] == [False]
