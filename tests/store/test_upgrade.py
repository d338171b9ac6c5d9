"""A state that an older mintwatch wrote is taken over as it is."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.errors import StateError
from monitor.frames import DIMENSIONS, FACTS
from monitor.model import Window
from monitor.ports import Counts
from monitor.store import Store

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PATH = "a.20260504T1200.0123456789ab.parquet"


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A state directory of schema 1 with one fact file."""
    (tmp_path / "facts").mkdir()
    text = dict.fromkeys(DIMENSIONS, "")
    moments = dict.fromkeys(("at", "seen_at", "first_at", "last_at"), NOON)
    pq.write_table(pa.Table.from_pylist([text | moments | {"events": 7}], schema=FACTS), tmp_path / "facts" / PATH)
    control = sqlite3.connect(tmp_path / "control.db")
    control.executescript((files("monitor.store") / "migrations" / "0001_first.sql").read_text())
    control.execute("pragma user_version = 1")
    moment = [one.isoformat(timespec="microseconds") for one in (NOON, NOON + HOUR)]
    control.execute("insert into live_files values (?, 'a', ?, ?, 1, '{\"read\": 7, \"kept\": 7}')", (PATH, *moment))
    control.execute("insert into watermarks values ('a', ?)", (moment[1],))
    control.commit()
    control.close()
    return tmp_path


def test_the_first_schema_is_upgraded_with_its_facts(first: Path) -> None:
    for _ in range(2):
        with Store(first) as store:
            assert [pq.read_table(path)["events"].to_pylist() for path in store.live()] == [[7]]
            assert store.watermark("a") == NOON + HOUR
            assert store.window_counts("a") == {Window(NOON, NOON + HOUR): Counts(read=7, kept=7)}
            (as_of,) = store.windows("a").values()
            assert as_of < NOON  # nobody knows as of when, so it is fetched again when something arrives
            assert (store.gaps(), store.troubles(), store.compared("a")) == ([], [], None)
    with Store(first, write=False) as reader:
        assert len(reader.live()) == 1


def test_a_reader_leaves_an_older_state_as_it_is(first: Path) -> None:
    before = (first / "control.db").read_bytes()
    with pytest.raises(StateError, match="an older mintwatch"):
        Store(first, write=False)
    assert (first / "control.db").read_bytes() == before
