"""Exported logs in a directory as a source: what a workspace would have answered, from files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

import pandas as pd
import pyarrow as pa

from monitor import clock
from monitor.collect import at_once
from monitor.errors import QueryError
from monitor.kql import DuckEngine, Slice, Value
from monitor.model import Window
from monitor.ports import Counts, Fetched
from monitor.sources import arrivals, fold
from monitor.sources.files import Opened, Table, opened_tables
from monitor.sources.pieces import ROWS, pieces
from monitor.sources.report import Report

ARRIVAL: Final = arrivals.arrival("_TimeReceived")

AT_ONCE: Final = 2
"""Pieces of a window folded at once."""

_NOTHING: Final = pa.table({"TimeGenerated": pa.array([], pa.timestamp("us", tz="UTC"))})


class ExportSource:
    """One stream source over exported tables; implements `ports.LogSource`.

    An export is complete where it lies, so nothing is looked at twice (`overlap` is zero); asked for an earlier `now`
    it answers as the workspace would have then.
    """

    def __init__(
        self,
        query: fold.Query,
        tables: Mapping[str, Table],
        *,
        engine: DuckEngine,
        issuer: str = "entra",
        step: timedelta = timedelta(hours=1),
        rows_at_once: int = ROWS,
    ) -> None:
        self.name = query.name
        self.stream = query.stream
        self.settle = query.settle
        self.overlap = timedelta(0)
        self.bound = fold.BOUND
        self.step = step
        self.lanes = 1
        self.tables = MappingProxyType({name: tables[name] for name in query.tables if name in tables})
        self._query = query
        self._engine = engine
        self._issuer = issuer
        self._rows_at_once = rows_at_once
        self._fold = fold.filled(fold.text(query.name), ARRIVAL, lambda column: column)
        self._counting = fold.filled(fold.counting(query.name, step), ARRIVAL, lambda column: column)

    def changed(self, since: datetime | None, now: datetime) -> Sequence[Window]:
        """Windows of width `step` with rows that arrived in [since, now), or near such rows."""
        after = since if since is not None else clock.EPOCH
        spans: list[tuple[datetime, datetime]] = []
        for table, held in self.tables.items():
            kql = arrivals.changed((table,), ARRIVAL)
            values: dict[str, Value] = {"after": after, "as_of": now, "settle": self.settle}
            values |= {"earliest_possible": held.first, "latest_possible": held.last}
            rows = self._engine.run(kql, {table: held.paths}, values).to_pylist()
            spans += [(row["earliest"], row["latest"]) for row in rows]
        return arrivals.touched(spans, fold.MARGIN, self.step)

    def fetch(self, window: Window, now: datetime) -> Fetched:
        """All of the window that had arrived before `now`."""
        groups = [group for table in self.tables.values() for group in table.groups]
        cut = pieces(window, fold.MARGIN, groups, self._rows_at_once)
        answers = at_once(lambda piece: self._asked(self._fold, piece, now), cut, min(AT_ONCE, len(cut)))
        done = fold.unpacked(self._query, answers, self.name)
        ignored = sum(self._ignored(name, window, now) for name in self.tables if name in arrivals.OURS)
        return replace(done, counts=done.counts + Counts(read=ignored, ignored=ignored))

    def _ignored(self, name: str, window: Window, now: datetime) -> int:
        """Rows of the window that are another service's."""
        kql = (
            f"{name} | where TimeGenerated >= window_start and TimeGenerated < window_end"
            f" | where not({arrivals.OURS[name]})"
            f" | extend happened = TimeGenerated | extend arrived = {ARRIVAL} | where arrived < as_of | count"
        )
        values = fold.values(self._query, window, now, self._issuer)
        table = self.tables[name]
        piece = Slice(table.paths, "TimeGenerated", max(window.start, table.first), min(window.end, table.last))
        (count,) = self._engine.run(kql, {name: piece}, values).column(0).to_pylist()
        return int(count)

    def counted(self, window: Window, now: datetime) -> Mapping[datetime, Counts]:
        """What `fetch` would count in each `step` of the window, by the step's start, without fetching it."""
        groups = [group for table in self.tables.values() for group in table.groups]
        cut = pieces(window, fold.MARGIN, groups, self._rows_at_once)
        return fold.counts(self._asked(self._counting, piece, now) for piece in cut)

    def _asked(self, kql: str, window: Window, now: datetime) -> pa.Table:
        tables: dict[str, pa.Table | Slice] = dict.fromkeys(self._query.tables, _NOTHING)
        for name, table in self.tables.items():
            start, end = max(window.start - fold.MARGIN, table.first), min(window.end + fold.MARGIN, table.last)
            tables[name] = Slice(table.paths, "TimeGenerated", start, end)
        values = fold.values(self._query, window, now, self._issuer)
        return self._engine.run(kql, tables, values)

    def rows(self, window: Window, where: str, limit: int) -> pd.DataFrame:
        """Raw rows of the window's tables that satisfy `where`, oldest first; at most `limit`.

        Raises
        ------
        QueryError
            If `where` fits none of the tables.
        """
        frames: list[pd.DataFrame] = []
        failures: list[QueryError] = []
        values: dict[str, Value] = {"window_start": window.start, "window_end": window.end}
        for table, held in self.tables.items():
            kql = (
                f"{table} | where TimeGenerated >= window_start and TimeGenerated < window_end\n"
                f"| where {where}\n| sort by TimeGenerated asc | take {int(limit)}"
            )
            try:
                piece = Slice(held.whole(), "TimeGenerated", window.start, window.end)
                frames.append(self._engine.run(kql, {table: piece}, values).to_pandas())
            except QueryError as error:
                failures.append(error)
        if failures and not frames:
            raise failures[0]
        return pd.concat(frames, ignore_index=True).head(limit) if frames else pd.DataFrame()


def _words(query: fold.Query, table: str) -> frozenset[str]:
    """Every word of what is asked of a table for its facts; a column that is not among them is not read."""
    asked = (fold.text(query.name), arrivals.changed((table,), ARRIVAL), arrivals.OURS.get(table, ""))
    return frozenset(re.findall(r"\w+", " ".join(asked)))


@dataclass(frozen=True, slots=True)
class Exports:
    """What a directory of exports offers: its sources, and what was found while opening it.

    A context manager: leaving it removes the temporary files that NDJSON was turned into.
    """

    sources: tuple[ExportSource, ...]
    report: Report
    opened: Opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary files; the sources cannot be used any more."""
        self.opened.close()


def open_exports(
    directory: Path, *, engine: DuckEngine, issuer: str = "entra", step: timedelta = timedelta(hours=1)
) -> Exports:
    """The sources whose tables lie in `directory`.

    Raises
    ------
    InputError
        If the directory is missing, empty or without a known table; if a file is nearly named like a table; or if a
        table lacks a key column.
    """
    read = {table: _words(query, table) for query in fold.QUERIES.values() for table in query.tables}
    opened = opened_tables(directory, read)
    sources = [
        ExportSource(query, opened.tables, engine=engine, issuer=issuer, step=step)
        for query in fold.QUERIES.values()
        if any(table in opened.tables for table in query.tables)
    ]
    return Exports(tuple(sources), opened.report, opened)
