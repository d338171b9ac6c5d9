"""An engine that answers, and remembers what it was asked: over which columns, with which values."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from monitor.kql import Columns, DuckEngine
from monitor.ports import Tables, Value
from monitor.rules import KUSTO_FACTS
from tests.kusto.binder import Question


class RecordingEngine:
    """`DuckEngine`, with every different question kept; implements `ports.Engine`."""

    def __init__(self) -> None:
        self.asked: dict[tuple[str, str], Question] = {}
        self._engine = DuckEngine(threads=1)

    def run(self, kql: str, tables: Tables, values: Mapping[str, Value] | None = None) -> pa.Table:
        """What `DuckEngine` says."""
        shapes = {name: shape(table) for name, table in tables.items()}
        self.asked.setdefault((kql, str(shapes)), Question(kql.partition("\n")[0], kql, shapes, dict(values or {})))
        return self._engine.run(kql, tables, values)


def shape(table: object) -> Columns:
    """Columns with their Kusto types; files hold facts."""
    return {field.name: _kusto(field.type) for field in table.schema} if isinstance(table, pa.Table) else KUSTO_FACTS


def _kusto(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "datetime"
    if pa.types.is_boolean(kind):
        return "bool"
    if pa.types.is_integer(kind):
        return "long"
    return "real" if pa.types.is_floating(kind) else "string"
