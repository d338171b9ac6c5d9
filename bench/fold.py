"""Folding one table into facts: our KQL through our engine, beside the same by hand in DuckDB SQL."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from monitor.kql import DuckEngine
from monitor.model import Window
from monitor.sources import fold
from monitor.sources.export import open_exports
from monitor.tables import SCHEMAS

THREADS = 2
MEMORY = "4GB"
"""What the hand-written query may use; ours keeps to its own, smaller limit."""
EVER = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Folded:
    """One fold: how long it took, and what came of it."""

    seconds: float
    facts: int
    events: int


def ours(path: Path) -> Folded:
    """What a daemon does with a window: the source's query, addresses and details spelled one way, FACTS in memory."""
    engine = DuckEngine(SCHEMAS, threads=THREADS, temp_directory=path.parent)
    try:
        with open_exports(path.parent, engine=engine) as exports:
            (source,) = exports.sources
            started = time.perf_counter()
            fetched = source.fetch(EVER, EVER.end)
            seconds = time.perf_counter() - started
        return Folded(seconds, fetched.facts.num_rows, fetched.counts.kept)
    finally:
        engine.close()


def by_hand(path: Path) -> Folded:
    """The same aggregation, deduplication included, as one would write it in SQL for this very table."""
    settings: dict[str, str | bool | int | float | list[str]] = {"threads": THREADS, "memory_limit": MEMORY}
    with duckdb.connect(config=settings | {"temp_directory": str(path.parent)}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        sql = SQL.read_text(encoding="utf-8").replace("$TABLE", f"read_parquet('{path}')")
        values = {"settle": fold.QUERIES["service_principal"].settle, "bound": fold.BOUND, "margin": fold.MARGIN}
        started = time.perf_counter()
        facts: pa.Table = connection.sql(sql, params=values).to_arrow_table()
        seconds = time.perf_counter() - started
    return Folded(seconds, facts.num_rows, pc.sum(facts["events"]).as_py())


SQL = Path(__file__).with_name("fold.sql")
