"""What columns Parquet files have, remembered: a state of many months is hundreds of files, asked every few minutes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeAlias

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from monitor.errors import QueryError
from monitor.kql.shaping import literal

_File: TypeAlias = "tuple[str, int, int]"
_MOST: Final = 50_000
"""Files remembered at most; then all are forgotten, for most of them are gone."""


class Layouts:
    """The columns of Parquet files by DuckDB's types, each file looked at once; any number of threads may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._schemas: dict[_File, pa.Schema] = {}
        self._columns: dict[pa.Schema, dict[str, str]] = {}

    def reader(self, cursor: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> tuple[str, dict[str, str]]:
        """SQL that reads these files as one table, and its columns.

        Only files that differ are matched by the names of their columns, for which DuckDB opens every one of them
        before it starts.

        Raises
        ------
        QueryError
            If there are none, or one cannot be read.
        """
        if not paths:
            raise QueryError("expected at least one Parquet file, got none")
        listed = ", ".join(literal(str(path)) for path in paths)
        try:
            first, *others = map(self._schema, paths)
            if any(one is not first and not one.equals(first) for one in others):
                union = f"read_parquet([{listed}], union_by_name = true)"
                return union, described(cursor, union)
            return f"read_parquet([{listed}])", self._described(cursor, first, paths[0])
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise QueryError(f"cannot read Parquet: {error}") from error

    def _schema(self, path: Path) -> pa.Schema:
        state = path.stat()
        file = (str(path), state.st_mtime_ns, state.st_size)
        with self._lock:
            known = self._schemas.get(file)
        if known is None:
            known = pq.read_schema(path).remove_metadata()
            with self._lock:
                if len(self._schemas) >= _MOST:
                    self._schemas.clear()
                self._schemas[file] = known
        return known

    def _described(self, cursor: duckdb.DuckDBPyConnection, schema: pa.Schema, path: Path) -> dict[str, str]:
        with self._lock:
            known = self._columns.get(schema)
        if known is None:
            known = described(cursor, f"read_parquet([{literal(str(path))}])")
            with self._lock:
                self._columns[schema] = known
        return known


def described(cursor: duckdb.DuckDBPyConnection, origin: str) -> dict[str, str]:
    """The columns of what SQL selects from, with DuckDB's types."""
    return {row[0]: row[1] for row in cursor.execute(f"DESCRIBE SELECT * FROM {origin}").fetchall()}  # noqa: S608
