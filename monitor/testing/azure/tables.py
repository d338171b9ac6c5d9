"""Tables that grow: each row has the moment it arrived, and another from which a query finds it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitor.clock import EPOCH
from monitor.frames import TIME
from monitor.kql import unfolded

ARRIVED: Final = "_ingestion_time"
"""The column behind `ingestion_time()`, which no answer shows."""

GENERATED: Final = "TimeGenerated"

Row: TypeAlias = "Mapping[str, object]"
Moments: TypeAlias = npt.NDArray[np.int64]
"""Microseconds since 1970, UTC."""

_ARROW: Final[Mapping[str, pa.DataType]] = {
    "bool": pa.bool_(),
    "datetime": TIME,
    "dynamic": pa.string(),
    "guid": pa.string(),
    "int": pa.int32(),
    "long": pa.int64(),
    "real": pa.float64(),
    "string": pa.string(),
}
_GROWN: Final = re.compile(r"_[bdgst]$")
_SMALL: Final = 20_000
"""Rows up to which segments are put together again when read."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows in order of TimeGenerated, with when each becomes visible."""

    rows: pa.Table
    generated: Moments
    visible: Moments

    def shown(self, now: int, start: int, end: int) -> pa.Table:
        """Rows generated in [start, end) that are visible at `now`; a view of the segment where all of them are."""
        first, last = np.searchsorted(self.generated, (start, end))
        piece = self.rows.slice(first, last - first)
        mask = self.visible[first:last] <= now
        return piece if mask.all() else piece.filter(pa.array(mask))

    def filled(self) -> dict[str, int]:
        """Each column with a value, and the moment from which a query finds one."""
        found = {}
        for name in self.rows.column_names:
            column = self.rows[name]
            if column.null_count < len(column):
                valid = np.asarray(pc.is_valid(column.combine_chunks()))
                found[name] = int(self.visible[valid].min())
        return found


class Table:
    """One table of a workspace.

    Parameters
    ----------
    columns
        Column -> Kusto type.
    grows
        Whether columns exist only once some row needed them, as in AzureDiagnostics; those whose name ends in the
        letter of a type do, the others are always there.
    """

    def __init__(self, name: str, columns: Mapping[str, str], *, grows: bool = False) -> None:
        self.name = name
        self.columns = dict(columns)
        self._kept = set(unfolded(columns))
        self._segments: list[Segment] = []
        self._since: dict[str, int] | None = {} if grows else None
        self._first: int | None = None

    def append(self, rows: pa.Table, arrived: Moments, visible: Moments) -> None:
        """Add rows; the order of calls is of no matter.

        Raises
        ------
        ValueError
            If a column is not the table's, or a row has no TimeGenerated.
        """
        if rows.num_rows == 0:
            return
        unknown = [name for name in rows.column_names if name not in self.columns]
        if unknown or GENERATED not in rows.column_names or rows[GENERATED].null_count:
            raise ValueError(f"{self.name}: expected its columns and a {GENERATED} in each row, got {unknown}")
        generated = _micros(rows[GENERATED])
        order = np.argsort(generated, kind="stable")
        kept = [name for name in rows.column_names if rows[name].null_count < rows.num_rows and name in self._kept]
        sorted_rows = rows.select(kept).append_column(ARRIVED, pa.array(arrived).cast(TIME)).take(pa.array(order))
        segment = Segment(sorted_rows, generated[order], visible[order])
        self._segments.append(segment)
        earliest = int(visible.min())
        self._first = earliest if self._first is None else min(self._first, earliest)
        if self._since is not None:
            for name, at in segment.filled().items():
                self._since[name] = min(at, self._since.get(name, at))

    def exists(self, now: datetime) -> bool:
        """Whether any row is visible: a table that never had one does not exist."""
        return self._first is not None and self._first <= micros(now)

    def present(self, now: datetime) -> frozenset[str]:
        """Columns that exist."""
        if self._since is None:
            return frozenset(self.columns)
        at = micros(now)
        grown = {name for name, since in self._since.items() if since <= at}
        return frozenset(name for name in self.columns if name in grown or not _GROWN.search(name))

    def shown(self, now: datetime, start: datetime | None, end: datetime | None) -> pa.Table:
        """What a query with that time span finds; nothing that need not be is copied."""
        self._settle()
        low = micros(start) if start else np.iinfo(np.int64).min
        high = micros(end) if end else np.iinfo(np.int64).max
        parts = [segment.shown(micros(now), low, high) for segment in self._segments]
        found = [part for part in parts if part.num_rows] or parts[:1]
        return pa.concat_tables(found, promote_options="default") if found else _nothing()

    def _settle(self) -> None:
        """Put small segments together, so that many small appends cost one query once."""
        small = [segment for segment in self._segments if segment.rows.num_rows < _SMALL]
        if len(small) < 2:
            return
        generated = np.concatenate([segment.generated for segment in small])
        order = np.argsort(generated, kind="stable")
        rows = pa.concat_tables([segment.rows for segment in small], promote_options="default")
        visible = np.concatenate([segment.visible for segment in small])
        large = [segment for segment in self._segments if segment.rows.num_rows >= _SMALL]
        merged = Segment(rows.take(pa.array(order)).combine_chunks(), generated[order], visible[order])
        self._segments = [*large, merged]


def micros(at: datetime) -> int:
    """Microseconds since 1970 of an aware time."""
    difference = at - EPOCH
    return (difference.days * 86_400 + difference.seconds) * 1_000_000 + difference.microseconds


def _micros(column: pa.ChunkedArray) -> Moments:
    values: Moments = column.cast(pa.int64()).to_numpy()
    return values


def _nothing() -> pa.Table:
    return pa.table({GENERATED: pa.array([], TIME), ARRIVED: pa.array([], TIME)})


def tabled(name: str, columns: Mapping[str, str], rows: Sequence[Row]) -> pa.Table:
    """Rows as an Arrow table: times as aware datetimes or ISO text, dynamic values as what JSON can hold or its text.

    Raises
    ------
    ValueError
        If a column is not the table's or a value not of its type.
    """
    names = dict.fromkeys(column for row in rows for column in row)
    arrays = {}
    for column in names:
        if column not in columns:
            raise ValueError(f"{name} has no column {column!r}")
        kind = columns[column]
        try:
            arrays[column] = pa.array([_cell(kind, row.get(column)) for row in rows], _ARROW[kind])
        except (pa.ArrowException, ValueError) as error:
            raise ValueError(f"{name}.{column}: expected {kind}: {error}") from error
    return pa.table(arrays)


def _cell(kind: str, value: object) -> object:
    if kind == "dynamic" and value is not None and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if kind == "datetime" and isinstance(value, str):
        return datetime.fromisoformat(value)
    if kind == "datetime" and isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError(f"got a time without a zone, {value}")
    return value
