"""What a query may read, as temporary views on one connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import duckdb
import pyarrow as pa

from monitor.errors import QueryError
from monitor.kql.layouts import Layouts, described
from monitor.kql.shaping import Columns, presented, quoted


@dataclass(frozen=True, slots=True)
class Slice:
    """Parquet files, of which only rows with `start <= time < end` (aware UTC) are wanted.

    The engine hands the bounds to the Parquet reader, which skips the row groups outside of them.
    """

    paths: tuple[Path, ...]
    time: str
    start: datetime
    end: datetime


Source: TypeAlias = "pa.Table | Sequence[Path] | Slice"


@contextmanager
def views(
    cursor: duckdb.DuckDBPyConnection,
    tables: Mapping[str, Source],
    schemas: Mapping[str, Columns],
    layouts: Layouts,
) -> Iterator[dict[str, Columns]]:
    """Temporary views of `tables` on this cursor; yields each one's columns with their DuckDB types."""
    made: list[str] = []
    shown: dict[str, Columns] = {}
    try:
        for name, source in tables.items():
            origin, present = _origin(cursor, name, source, layouts)
            if isinstance(source, pa.Table):
                made.append(f"__{name}")
            select, shown[name] = presented(present, schemas.get(name))
            try:
                cursor.execute(f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS SELECT {select} FROM {origin}")  # noqa: S608
            except duckdb.Error as error:
                raise QueryError(f"table {name} cannot be read: {error}") from error
        yield shown
    finally:
        for name in shown:
            cursor.execute(f"DROP VIEW IF EXISTS {quoted(name)}")
        for name in made:
            cursor.unregister(name)


def _origin(
    cursor: duckdb.DuckDBPyConnection, name: str, source: Source, layouts: Layouts
) -> tuple[str, dict[str, str]]:
    """What a view selects from, and the columns it finds there."""
    if isinstance(source, pa.Table):
        cursor.register(f"__{name}", source)
        return quoted(f"__{name}"), described(cursor, quoted(f"__{name}"))
    if isinstance(source, Slice):
        reader, present = layouts.reader(cursor, source.paths)
        return f"{reader}{_bounds(source, present)}", present
    return layouts.reader(cursor, tuple(source))


def _bounds(piece: Slice, present: Mapping[str, str]) -> str:
    """A filter on the column as the file stores it, which the reader can hold against row group statistics."""
    kind = present.get(piece.time, "")
    if not kind.startswith("TIMESTAMP"):
        return ""
    aware = kind.endswith("TIME ZONE") or kind.startswith("TIMESTAMPTZ")
    column, zone = quoted(piece.time), "TIMESTAMPTZ" if aware else "TIMESTAMP"
    start, end = (
        f"CAST({zone} '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}' AS {kind})" for at in (piece.start, piece.end)
    )
    return f" WHERE {column} >= {start} AND {column} < {end}"
