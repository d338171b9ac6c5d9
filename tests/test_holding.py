"""Facts held in memory answer as facts read anew, and are not held when they would not fit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from monitor.aggregate import Ask, Held, Straight
from monitor.frames import FACTS
from monitor.kql import DuckEngine
from monitor.model import Window
from monitor.testing.proofs import facts_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ASKS = (
    Ask('stream == "sign_in" and outcome == "failed"', ("identity",), ("ip",)),
    Ask('resource startswith "v"', ("ip",), ("resource", "identity")),
)
ROWS = "\n".join(
    f'{{"at": "2026-05-0{4 + n // 12}T{n % 12 + 10}:00:00Z", "stream": "{"vault" if n % 3 else "sign_in"}",'
    f' "identity": "entra:{n % 4 or ""}", "ip": "192.0.2.{n % 5}", "outcome": "{"failed" if n % 2 else "issued"}",'
    f' "resource": "{"v" if n % 7 else "w"}{n % 3}"}}'
    for n in range(24)
)


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, list[Path]]:
    """The facts as files, the second of two row groups."""
    (tmp_path / "facts.ndjson").write_text(ROWS, "utf-8")
    facts = facts_of(tmp_path / "facts.ndjson").cast(FACTS)
    pq.write_table(facts.slice(0, 9), tmp_path / "a.parquet")
    pq.write_table(facts.slice(9), tmp_path / "b.parquet", row_group_size=8)
    return {"facts": [tmp_path / "a.parquet", tmp_path / "b.parquet"]}


@pytest.mark.parametrize("ask", ASKS)
def test_what_is_held_is_what_is_read(ask: Ask, tables: dict[str, list[Path]]) -> None:
    """Group, term, source and numbers of every fact asked for; some lie outside the window."""
    engine, window = DuckEngine(threads=1), Window(NOON, NOON + DAY)
    held, straight = Held.of(engine, tables, ASKS), Straight(engine, tables)
    assert held is not None
    picked = [one.pick(ask, window, NOON + DAY) for one in (held, straight)]
    mine, other = (one.named(one.table.to_pandas(), term="term", source="source") for one in picked)
    keys = list(mine.columns)
    assert 0 < len(mine) < len(ROWS.splitlines())
    assert mine.sort_values(keys, ignore_index=True).equals(other[keys].sort_values(keys, ignore_index=True))


def test_days_are_of_all_facts(tables: dict[str, list[Path]]) -> None:
    """Held or not, but not those that name no identity."""
    engine, window = DuckEngine(threads=1), Window(NOON - DAY, NOON + 2 * DAY)
    held = Held.of(engine, tables, ASKS[:1])
    assert held is not None
    days = held.days(("identity",), window, window.end)
    assert set(zip(days["identity"], days["day"].dt.day, strict=True)) >= {("entra:1", 4), ("entra:2", 5)}
    assert len(days) == len(days.drop_duplicates(["identity", "day"]))


def test_more_facts_than_fit_are_not_held(tables: dict[str, list[Path]]) -> None:
    """The caller then reads them anew for every rule."""
    engine = DuckEngine(threads=1)
    assert Held.of(engine, tables, ASKS, most=3) is None
    assert Held.of(engine, tables, ASKS, most=24) is not None
