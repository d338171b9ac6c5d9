"""The engine itself: one DuckDB in this process, a connection per thread, and each query translated once."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

import duckdb
import pyarrow as pa

from monitor.errors import QueryError, TransientError
from monitor.frames import TIME
from monitor.kql.keeping import Kept
from monitor.kql.layouts import Layouts
from monitor.kql.mistakes import MistakeError, Problem, diagnosed
from monitor.kql.rewriting import assignments, first_let, together, without_casts
from monitor.kql.shaping import Columns, quoted, sample
from monitor.kql.translation import Asked, Sql, translate
from monitor.kql.views import Source, views

Value: TypeAlias = "datetime | timedelta | str | int | float"

_PARAMETERS: Final[Mapping[type, str]] = {
    datetime: "datetime",
    timedelta: "timespan",
    str: "string",
    bool: "bool",
    int: "long",
    float: "real",
}
_REMEMBERED: Final = 256
_SETTINGS: Final = {
    # No extension is fetched and none is loaded behind our back, so nothing here can reach a network.
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "preserve_insertion_order": "false",
}

warnings.filterwarnings("ignore", "Arrow output on a DB-API result", UserWarning)
"""DuckDB warns that a prepared statement's result is copied once on its way to Arrow; parsing it again costs more."""


class DuckEngine:
    """Runs KQL in this process; implements `ports.Engine`. Any number of threads may use it at once.

    Each thread has a connection of its own, on which the tables of its query are temporary views that no other thread
    sees; they share translations, the memory limit and DuckDB's workers.

    Parameters
    ----------
    schemas
        Declared columns of tables. A table of one of these names is presented with exactly its declared columns and
        types, whatever its files hold; all others as they lie.
    threads, memory_limit, temp_directory
        As DuckDB takes them. What does not fit the limit spills to the directory (None: beside the process).
    keep
        Folder in which translations are kept for the next time (None: nowhere).
    """

    def __init__(
        self,
        schemas: Mapping[str, Columns] | None = None,
        *,
        threads: int = 2,
        memory_limit: str = "600MB",
        temp_directory: Path | None = None,
        keep: Path | None = None,
    ) -> None:
        self._schemas = schemas or {}
        settings = _SETTINGS | {"threads": str(threads), "memory_limit": memory_limit}
        if temp_directory is not None:
            settings["temp_directory"] = str(temp_directory)
        self._root = duckdb.connect(":memory:", config=dict(settings))
        self._cursors = threading.local()
        self._lock = threading.RLock()  # a signal handler may interrupt the thread that holds it
        self._prepared: dict[tuple[object, ...], Sql] = {}
        self._kept = Kept(keep)
        self._layouts = Layouts()
        self._running: list[duckdb.DuckDBPyConnection] = []
        self._stopped = threading.Event()

    def run(self, kql: str, tables: Mapping[str, Source], values: Mapping[str, Value] | None = None) -> pa.Table:
        """The answer of `kql` over `tables`, whole; datetimes are timestamp[us, UTC], `dynamic` is JSON text.

        `values` are names the query may use, as if given by `let`; they are bound, so one translation serves them all.

        Raises
        ------
        QueryError
            If the query does not parse, names a table or column that is not there, or fails on a value; the message
            has the position in `kql` and the nearest right spelling.
        TransientError
            If the engine was interrupted.
        """
        given = dict(values or {})
        with self._busy() as cursor, views(cursor, tables, self._schemas, self._layouts) as columns:
            sql = self._translation(kql, given, columns, cursor)
            bound = {slot: _bindable(given[name]) for name, slot in sql.slots}
            try:
                return _as_promised(self._asked(cursor, sql.text, bound))
            except duckdb.Error as error:
                raise QueryError(str(diagnosed(kql, error, columns))) from error

    def validate(self, kql: str, schema: Mapping[str, Columns]) -> tuple[Problem, ...]:
        """The mistakes in `kql` over tables of `schema`; none if it translates, binds and runs on one row of text.

        One row, because `ResultType == 0` binds on any table and fails on the first value that is no number.
        """
        tables = {name: sample(columns) for name, columns in schema.items()}
        with self._busy() as cursor, views(cursor, tables, {**self._schemas, **schema}, self._layouts) as columns:
            try:
                shown = tuple((name, tuple(types.items())) for name, types in columns.items())
                sql = self._kept.get(("plain", kql, shown), tables)
                if sql is None:
                    sql = translate(kql, (), shown)
                    self._kept.put(("plain", kql, shown), sql)
                cursor.sql(sql.text).fetchall()
            except duckdb.Error as error:
                return (diagnosed(kql, error, columns),)
            except MistakeError as error:
                return error.problems
        return ()

    def interrupt(self) -> None:
        """Stop every query that runs, in whichever thread, and refuse all others from now on.

        Safe from a signal handler. A query that is just being bound is stopped by the refusal of the next one.
        """
        self._stopped.set()
        with self._lock:
            running = tuple(self._running)
        for cursor in running:
            cursor.interrupt()

    def close(self) -> None:
        """Let go of memory and temporary files."""
        self._root.close()

    @contextmanager
    def _busy(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield this thread its connection, listed as running meanwhile; what fails after an interrupt failed of it."""
        if self._stopped.is_set():
            raise TransientError("query refused: the engine was interrupted")
        cursor = self._cursor()
        with self._lock:
            self._running.append(cursor)
        try:
            yield cursor
        except (QueryError, duckdb.Error) as error:
            if self._stopped.is_set():
                raise TransientError("query stopped: the engine was interrupted") from error
            raise
        finally:
            with self._lock:
                self._running.remove(cursor)

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = getattr(self._cursors, "cursor", None)
        if cursor is None:
            with self._lock:
                cursor = self._root.cursor()
            cursor.execute("SET TimeZone = 'UTC'")
            self._cursors.cursor, self._cursors.parsed = cursor, {}
        return cursor

    def _asked(self, cursor: duckdb.DuckDBPyConnection, sql: str, bound: Mapping[str, Value]) -> pa.Table:
        """The rows of `sql`, which this thread parses once; a relation would be parsed and bound twice for each run."""
        parsed: dict[str, duckdb.Statement] = self._cursors.parsed
        if sql not in parsed:
            (parsed[sql],) = cursor.extract_statements(sql)
            if len(parsed) > _REMEMBERED:
                del parsed[next(iter(parsed))]
        return cursor.execute(parsed[sql], bound or None).to_arrow_table()

    def _translation(
        self, kql: str, given: Mapping[str, Value], columns: Mapping[str, Columns], cursor: duckdb.DuckDBPyConnection
    ) -> Sql:
        """The SQL of a query, remembered; two threads that come upon a new one both translate it, to the same text."""
        kinds = tuple((name, _PARAMETERS[type(value)]) for name, value in given.items())
        key: Asked = (kql, kinds, tuple((name, tuple(types.items())) for name, types in columns.items()))
        with self._lock:
            known = self._prepared.get(key)
        if known is None:
            known = self._kept.get(key, columns)
            if known is None:
                known = self._translated(key, cursor, given)
            with self._lock:
                self._prepared[key] = known
                if len(self._prepared) > _REMEMBERED:
                    del self._prepared[next(iter(self._prepared))]
        return known

    def _translated(self, key: Asked, cursor: duckdb.DuckDBPyConnection, given: Mapping[str, Value]) -> Sql:
        """The SQL of a query, made anew and kept; as it came, and for this once, if its first `let` cannot be bound."""
        sql = translate(*key)
        try:
            lean = _lean(sql, cursor, given)
        except duckdb.Error:  # interrupted, or wrong: then running it says it better
            return sql
        self._kept.put(key, lean)
        return lean


def _lean(sql: Sql, cursor: duckdb.DuckDBPyConnection, given: Mapping[str, Value]) -> Sql:
    """The same SQL without turning into text what the first `let` already made text; planning is then twice as fast."""
    first = first_let(sql.text)
    if first is None:
        return replace(sql, text=together(sql.text))
    inner, name = first
    bound = {slot: _bindable(given[name]) for name, slot in sql.slots if f"${slot}" in inner}
    rows = cursor.execute(f"DESCRIBE {inner} SELECT * FROM {quoted(name)}", bound or None).fetchall()  # noqa: S608
    assigned = assignments(sql.text)
    texts = {name for name, kind, *_ in rows if kind == "VARCHAR" and assigned[name] == 1}
    return replace(sql, text=together(without_casts(sql.text, texts)))


def _bindable(value: Value) -> Value:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def _as_promised(table: pa.Table) -> pa.Table:
    return pa.table([_plain(column) for column in table.columns], names=table.column_names)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if isinstance(column.type, pa.BaseExtensionType):
        return column.cast(pa.string())
    if pa.types.is_timestamp(column.type):
        return column.cast(TIME)
    if pa.types.is_decimal(column.type):  # what DuckDB makes of the sum of longs
        return column.cast(pa.int64() if column.type.scale == 0 else pa.float64())
    return column
