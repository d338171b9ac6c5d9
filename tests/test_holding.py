"""Facts held in memory answer as facts read anew, and are not held when they would not fit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor import aggregate
from monitor.aggregate import Ask, Held, Shelf, Straight
from monitor.frames import FACTS
from monitor.kql import DuckEngine
from monitor.model import Window
from monitor.ports import Tables, Value
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
    assert Held.of(engine, tables, ASKS, most=100_000) is not None


class Counting(DuckEngine):
    """Counts what it is asked."""

    asked = 0

    def run(self, query: str, tables: Tables, values: Mapping[str, Value] | None = None) -> pa.Table:
        self.asked += 1
        return super().run(query, tables, values)


def test_what_does_not_fit_is_not_read_again_until_it_shrinks_or_is_asked_otherwise(
    tables: dict[str, list[Path]], caplog: pytest.LogCaptureFixture
) -> None:
    """Or every judgement would read up to the bound for nothing. It is said once."""
    engine, shelf = Counting(threads=1), Shelf()
    assert Held.of(engine, tables, ASKS, 100, shelf=shelf) is None
    before = engine.asked
    assert before > 0
    assert Held.of(engine, tables, ASKS, 100, shelf=shelf) is None
    assert (engine.asked, [one.getMessage() for one in caplog.records]) == (before, ["facts not held"])
    assert Held.of(engine, tables, ASKS[:1], 100, shelf=shelf) is None
    assert engine.asked > before
    assert len(caplog.records) == 1
    assert Held.of(engine, {"facts": tables["facts"][:1]}, ASKS[:1], 100_000, shelf=shelf) is not None
    assert shelf.vain is None


def test_days_of_subjects_take_room_too(tables: dict[str, list[Path]]) -> None:
    """Though no rule asks for any of the facts."""
    engine, shelf, ask = DuckEngine(threads=1), Shelf(), Ask('stream == "none"', ("identity",))
    assert Held.of(engine, tables, [ask], shelf=shelf) is not None
    room = sum(rows.size() for rows in shelf.rows) + shelf.spelled
    assert Held.of(engine, tables, [ask], room) is not None
    assert Held.of(engine, tables, [ask], room, about=[("identity",), ("ip", "resource")]) is None


def test_a_table_is_held_as_often_as_it_is_there(tables: dict[str, list[Path]]) -> None:
    """Not once more each time: it is no file that one could know again."""
    engine, shelf, facts = DuckEngine(threads=1), Shelf(), pa.concat_tables(map(pq.read_table, tables["facts"]))
    sizes = []
    for _ in range(2):
        held = Held.of(engine, {"facts": facts}, ASKS, shelf=shelf)
        assert held is not None
        sizes.append(len(held.met))
    assert sizes[0] == sizes[1] <= facts.num_rows
    assert not shelf.files


ABOUT = [("identity",), ("ip", "resource")]


def everything(held: Held | Straight, bins: pd.DataFrame, as_of: datetime) -> list[str]:
    """All that can be asked, as text in an order of its own."""
    window = Window(NOON.replace(hour=0), NOON + 2 * DAY)
    frames = [bins, *(held.days(about, window, as_of) for about in ABOUT)]
    for ask in ASKS:
        picked = held.pick(ask, window, as_of)
        frames.append(picked.named(picked.table.to_pandas(), term="term", source="source"))
    return [one.sort_values(names := sorted(map(str, one)), ignore_index=True)[names].to_csv() for one in frames]


@pytest.mark.parametrize("seed", range(4))
def test_what_is_on_the_shelf_is_what_is_read_whatever_comes_and_goes(seed: int, tmp_path: Path) -> None:
    """Files that are replaced, put together and taken away, and moments that cut through them.

    Off: `gone` in `Rows.add`, or `partly` in `Held._found`.
    """
    (tmp_path / "facts.ndjson").write_text(ROWS, "utf-8")
    facts, engine, shelf, dice = (
        facts_of(tmp_path / "facts.ndjson").cast(FACTS),
        DuckEngine(threads=1),
        Shelf(),
        Random(seed),
    )
    cuts = sorted({0, facts.num_rows, *(dice.randrange(facts.num_rows) for _ in range(5))})
    live: list[Path] = []
    for step in range(12):
        if len(live) > 2 and dice.random() < 0.5:
            live.remove(dice.choice(live))
        start, end = dice.choice(list(pairwise(cuts)))
        live.append(tmp_path / f"{step}.parquet")
        pq.write_table(facts.slice(start, end - start), live[-1], row_group_size=4)
        as_of = NOON + dice.randrange(-6, 40) * timedelta(hours=1)
        tables, before = {"facts": list(live)}, shelf.read
        held, straight = Held.of(engine, tables, ASKS, about=ABOUT, shelf=shelf), Straight(engine, tables)
        assert held is not None
        assert everything(held, held.bins(), as_of) == everything(straight, aggregate.bins(engine, tables), as_of)
        assert shelf.read == before + 1
        assert set(shelf.files) == set(live)
        assert (
            len(held.facts.numbers["at"]) == len(shelf.facts.of) <= sum(pq.read_metadata(one).num_rows for one in live)
        )


def test_a_shelf_forgets_words_that_no_row_uses(tmp_path: Path) -> None:
    """Or a year of addresses would be kept."""
    engine, shelf, ask = DuckEngine(threads=1), Shelf(), Ask('stream == "sign_in"', ("ip",))
    for day in range(40):
        lines = [f'{{"at": "2026-05-04T10:00:00Z", "stream": "sign_in", "ip": "{day}.{n}"}}' for n in range(200)]
        (tmp_path / "facts.ndjson").write_text("\n".join(lines), "utf-8")
        pq.write_table(facts_of(tmp_path / "facts.ndjson").cast(FACTS), tmp_path / f"{day}.parquet")
        held = Held.of(engine, {"facts": [tmp_path / f"{day}.parquet"]}, [ask], shelf=shelf)
        assert held is not None
        named = held.pick(ask, Window(NOON - DAY, NOON + DAY), NOON + DAY)
        assert set(named.named(named.table.to_pandas())["ip"]) == {f"{day}.{n}" for n in range(200)}
    assert len(shelf.lexicons["ip"].words) < 2_000
