"""One question to a workspace, answered by the embedded engine or refused as Log Analytics would."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import pyarrow as pa

from monitor.clock import EPOCH
from monitor.errors import QueryError
from monitor.kql import DuckEngine, Value
from monitor.testing.azure.dialect import NOW, Plain, UnresolvedError, plain
from monitor.testing.azure.http import Json, Reply, refused
from monitor.testing.azure.lexing import prelude
from monitor.testing.azure.tables import ARRIVED
from monitor.testing.azure.wire import Answer, kind
from monitor.testing.azure.workspace import Workspace

Span = tuple[datetime | None, datetime | None]

_DURATION: Final = re.compile(
    r"P(?:(?P<days>[\d.]+)D)?(?:T(?:(?P<hours>[\d.]+)H)?(?:(?P<minutes>[\d.]+)M)?(?:(?P<seconds>[\d.]+)S)?)?$"
)
_SCHEMA: Final = re.compile(r"\s*(\w+)\s*\|\s*getschema\s*$")
_UNKNOWN: Final = re.compile(r"unknown (table|column) '([^']*)'")
_SYSTEM: Final[Mapping[str, str]] = {
    "bool": "System.SByte",
    "datetime": "System.DateTime",
    "dynamic": "System.Object",
    "guid": "System.Guid",
    "int": "System.Int32",
    "long": "System.Int64",
    "real": "System.Double",
    "string": "System.String",
}


class RefusedError(Exception):
    """A question that gets an error instead of rows."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body.decode())
        self.reply = reply


class Answerer:
    """Answers KQL over what workspaces show at a moment.

    Parameters
    ----------
    schemas
        Table -> column -> Kusto type, of every table there can be.
    """

    def __init__(self, schemas: Mapping[str, Mapping[str, str]]) -> None:
        self._schemas = schemas
        self._columns = {name: frozenset(columns) for name, columns in schemas.items()}
        self._engine = DuckEngine({name: {**columns, ARRIVED: "datetime"} for name, columns in schemas.items()})

    def answer(self, workspace: Workspace, client_id: str, kql: str, span: Span, now: datetime) -> Answer:
        """The whole answer.

        Raises
        ------
        RefusedError
            With the reply of status 400 that the real service would give.
        """
        values, text = prelude(kql)
        catalogue = workspace.catalogue(client_id, now)
        try:
            query = plain(text, tuple(sorted(catalogue.items())), self._columns)
        except UnresolvedError as error:
            raise RefusedError(unresolved(error.message)) from error
        if found := _SCHEMA.match(query.kql):
            return self._schema(found[1], catalogue[found[1]])
        tables = {name: workspace.shown(name, now, *span) for name in query.tables}
        if query.timed:
            values[NOW] = now
        rows = self._run(query, tables, values)
        shown = rows.select([name for name in rows.column_names if name not in query.hidden])
        return Answer(shown, [self._kind(query, name, shown.schema.field(name).type) for name in shown.column_names])

    def close(self) -> None:
        """Let go of the engine."""
        self._engine.close()

    def _run(self, query: Plain, tables: Mapping[str, pa.Table], values: Mapping[str, Value]) -> pa.Table:
        try:
            return self._engine.run(query.kql, tables, values)
        except QueryError as error:
            raise RefusedError(_worded(str(error))) from error

    def _schema(self, table: str, present: frozenset[str]) -> Answer:
        kinds = {name: own for name, own in self._schemas[table].items() if name in present}
        rows = pa.table(
            {
                "ColumnName": pa.array(list(kinds), pa.string()),
                "ColumnOrdinal": pa.array(range(len(kinds)), pa.int32()),
                "DataType": pa.array([_SYSTEM[kind] for kind in kinds.values()], pa.string()),
                "ColumnType": pa.array(list(kinds.values()), pa.string()),
            }
        )
        return Answer(rows, ["string", "int", "string", "string"])

    def _kind(self, query: Plain, column: str, found: pa.DataType) -> str:
        """The declared type of a column that is a table's own, where the engine's agrees with it."""
        declared = {self._schemas[table][column] for table in query.tables if column in self._schemas[table]}
        by_engine = kind(found)
        if len(declared) == 1:
            (own,) = declared
            if (own in {"guid", "dynamic"} and by_engine == "string") or (own == "int" and by_engine == "long"):
                return own
        return by_engine


def unresolved(message: str) -> Reply:
    """SEM0100: a table or column that is not there."""
    inner: Json = {
        "code": "SemanticError",
        "message": "A semantic error occurred.",
        "innererror": {"code": "SEM0100", "message": message},
    }
    return refused(400, "BadArgumentError", "The request had some invalid properties", inner)


def _worded(message: str) -> Reply:
    """What the embedded engine found wrong, in the words of Log Analytics."""
    if found := _UNKNOWN.search(message):
        what = "table or column expression" if found[1] == "table" else "column or scalar expression"
        return unresolved(f"Failed to resolve {what} named '{found[2]}'")
    inner: Json = {
        "code": "SyntaxError",
        "message": "A syntax error occurred.",
        "innererror": {"code": "SYN0002", "message": f"Query could not be parsed: {message}"},
    }
    if "is not supported here" in message:
        inner = {
            "code": "LocalServiceError",
            "message": f"The real service may know this, the local one does not: {message}",
        }
    return refused(400, "BadArgumentError", "The request had some invalid properties", inner)


def span(text: str | None, now: datetime) -> Span:
    """The stretch of TimeGenerated an ISO 8601 time span names; nothing named is all of it.

    Raises
    ------
    ValueError
        If it is no time span.
    """
    if not text:
        return None, None
    first, _, second = text.partition("/")
    if not second:
        return now - _duration(first), now
    if first.startswith("P"):
        end = _moment(second)
        return end - _duration(first), end
    start = _moment(first)
    return start, start + _duration(second) if second.startswith("P") else _moment(second)


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=EPOCH.tzinfo)


def _duration(text: str) -> timedelta:
    found = _DURATION.match(text)
    if not found:
        raise ValueError(f"expected an ISO 8601 duration, got {text!r}")
    return timedelta(**{unit: float(number) for unit, number in found.groupdict().items() if number})
