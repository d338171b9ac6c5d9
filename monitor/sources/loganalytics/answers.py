"""From the JSON of an answer to a typed Arrow table: every cell accounted for, or no table at all.

The SDK's own rows are not used: it decodes cell by cell (a third of a minute for an answer of the largest size) and
turns null guids into the text 'None'. Columns are decoded here as wholes, cell by cell only where one of them is odd.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from monitor.frames import TIME

Cells: TypeAlias = Sequence[object]

_NO_NUMBERS: Final = frozenset({"NaN", "Infinity", "-Infinity", ""})
_SEVENTH_DIGIT: Final = r"(\.\d{6})\d+"


class UnreadableError(ValueError):
    """An answer that is not what Log Analytics answers; says what of it."""


def tabled(body: object) -> pa.Table:
    """The primary result of an answer's JSON.

    datetime becomes timestamp[us, UTC], bool, int, long and real their Arrow types with null where there is no finite
    number; all else is text, never null: dynamic as JSON, '' for null; timespan, guid and decimal as written.

    Raises
    ------
    UnreadableError
        If a table, its columns or its rows are missing or of another shape, or a cell is not of its column's type.
    """
    table = _primary(body)
    columns = list(_columns(table))
    names = [name for name, _ in columns]
    if not names or len(set(names)) < len(names):
        raise UnreadableError(f"expected columns, each of another name, got {names}")
    rows = table.get("rows")
    if not isinstance(rows, list):
        raise UnreadableError(f"expected rows, got {type(rows).__name__}")
    if any(type(row) is not list or len(row) != len(names) for row in rows):
        raise UnreadableError(f"expected {len(names)} cells in each row")
    cells = [[row[place] for row in rows] for place in range(len(names))]  # thrice as fast as zip(*rows)
    texts = [values for (_, kind), values in zip(columns, cells, strict=True) if kind == "string"]
    if len(texts) > 1 and rows and all(cell is None for values in texts for cell in values):
        raise UnreadableError("expected text in columns of text, which are never null in Kusto, got nulls alone")
    return pa.table([_column(name, kind, values) for (name, kind), values in zip(columns, cells, strict=True)], names)


def _primary(body: object) -> Mapping[str, object]:
    tables = body.get("tables") if isinstance(body, dict) else None
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UnreadableError("expected tables")
    named = [table for table in tables if table.get("name") == "PrimaryResult"]
    if not (named or tables):
        raise UnreadableError("expected a table")
    primary: dict[str, object] = (named or tables)[0]
    return primary


def _columns(table: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Names and types; the type's absence is a string's."""
    columns = table.get("columns")
    if not isinstance(columns, list):
        raise UnreadableError(f"expected columns, got {type(columns).__name__}")
    for column in columns:
        name, kind = (column.get("name"), column.get("type", "string")) if isinstance(column, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(kind, str):
            raise UnreadableError(f"expected a column's name and type, got {str(column)[:80]!r}")
        yield name, kind


def _column(name: str, kind: str, cells: Cells) -> pa.Array:
    try:
        return _DECODERS.get(kind, _text)(cells)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise UnreadableError(f"column {name}: expected {kind}: {str(error)[:200]}") from error


def _text(cells: Cells) -> pa.Array:
    """Text as it came; objects as JSON."""
    try:
        found = pa.array(cells, pa.string())
    except (pa.ArrowException, TypeError, ValueError):
        found = pa.array([_written(cell) for cell in cells], pa.string())
    return pc.fill_null(found, "") if found.null_count else found


def _written(cell: object) -> str | None:
    if cell is None:
        return None
    text = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode()  # half a surrogate pair is no text


def _strings(cells: Cells) -> pa.Array:
    """A string column holds text alone."""
    if strange := next((cell for cell in cells if cell is not None and not isinstance(cell, str)), None):
        raise ValueError(f"got {type(strange).__name__}")
    return _text(cells)


def _unless(*nothing: str) -> Callable[[Cells], pa.Array]:
    """A decoder of text in which `nothing` says that there is none."""
    absent = pa.array(nothing)

    def decoded(cells: Cells) -> pa.Array:
        found = _text(cells)
        return pc.if_else(pc.is_in(found, absent), "", found)

    return decoded


def _times(cells: Cells) -> pa.Array:
    """Times of any number of digits; the seventh, a tenth of a microsecond, is cut."""
    texts = pc.replace_substring_regex(pa.array(cells, pa.string()), pattern=_SEVENTH_DIGIT, replacement=r"\1")
    return texts.cast(TIME)


def _whole(cells: Cells) -> pa.Array:
    """Whole numbers, null for what is none. Arrow would cut 1.5 to 1 in silence, so it is not told the type."""
    try:
        found = pa.array(cells)
    except pa.ArrowException:
        found = pa.nulls(0)
    if pa.types.is_int64(found.type) or found.null_count == len(cells) > 0:
        return found.cast(pa.int64())
    numbers = [_number(cell) for cell in cells]
    if strange := next((number for number in numbers if isinstance(number, float)), None):
        raise ValueError(f"got {strange!r}")
    return pa.array(numbers, pa.int64())


def _reals(cells: Cells) -> pa.Array:
    """Real numbers, null for what is none: JSON cannot say NaN, so it may come as text."""
    try:
        found = pa.array(cells, pa.float64())
    except pa.ArrowException:
        found = pa.array([_number(cell) for cell in cells], pa.float64())
    return pc.if_else(pc.is_finite(found), found, None)


def _number(cell: object) -> float | int | None:
    if cell is None or (isinstance(cell, str) and cell in _NO_NUMBERS):
        return None
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise ValueError(f"got {cell!r:.40}")
    if isinstance(cell, float) and not math.isfinite(cell):
        return None
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell


def _truths(cells: Cells) -> pa.Array:
    return pa.array(cells, pa.bool_())


_DECODERS: Final[Mapping[str, Callable[[Cells], pa.Array]]] = {
    "bool": _truths,
    "datetime": _times,
    "int": _whole,
    "long": _whole,
    "real": _reals,
    "string": _strings,
    "dynamic": _unless("null"),
    "guid": _unless("None"),
    "timespan": _unless("None"),
}
"""By Kusto type; any other (decimal, or one to come) as text."""
