"""Answers on the wire, as Log Analytics writes them: text, numbers and dates each in their own odd way."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from monitor.testing.azure.http import Json

TOO_LARGE: Final = "-2133196797"
"""E_QUERY_RESULT_SET_TOO_LARGE, 0x80DA0003, as the signed number in a string the service writes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows with the Kusto type of each column; `error` beside them means that they are not all."""

    rows: pa.Table
    kinds: Sequence[str]
    error: Json = None


def kind(column: pa.DataType) -> str:
    """The Kusto type of an Arrow column."""
    if pa.types.is_timestamp(column):
        return "datetime"
    if pa.types.is_boolean(column):
        return "bool"
    if pa.types.is_floating(column):
        return "real"
    if pa.types.is_integer(column):
        return "int" if column == pa.int32() else "long"
    return "timespan" if pa.types.is_interval(column) or pa.types.is_duration(column) else "string"


def columns(answer: Answer) -> list[Json]:
    """The `columns` of a table on the wire."""
    return [{"name": name, "type": kind} for name, kind in zip(answer.rows.column_names, answer.kinds, strict=True)]


def cells(answer: Answer) -> list[list[Json]]:
    """The `rows` of a table on the wire."""
    encoded = [_encoded(column, kind) for column, kind in zip(answer.rows.columns, answer.kinds, strict=True)]
    return [list(row) for row in zip(*encoded, strict=True)]


def body(answer: Answer, limit: int | None, extra: Mapping[str, Json]) -> bytes:
    """The whole body; an answer of more bytes than `limit` is cut, and says so."""
    rows = cells(answer)
    text = _body(answer, rows, answer.error, extra)
    while limit is not None and len(text) > limit and rows:
        rows = rows[: min(len(rows) - 1, len(rows) * limit // len(text))]
        text = _body(answer, rows, partial(TOO_LARGE), extra)
    return text


def partial(code: str, message: str | None = None) -> dict[str, Json]:
    """The `error` beside the rows of an answer that is not whole."""
    text = message or (
        "Query result set has exceeded the internal record count limit 500000 or the internal data size limit 67108864"
        " (E_QUERY_RESULT_SET_TOO_LARGE; see https://aka.ms/kustoquerylimits)."
    )
    inner: dict[str, Json] = {"code": code, "message": text, "severity": 2, "severityName": "Error"}
    engine: dict[str, Json] = {
        "code": "EngineError",
        "message": "Something went wrong processing your query on the server.",
        "innererror": inner,
    }
    return {
        "code": "PartialError",
        "message": "There were some errors when processing your query.",
        "details": [engine],
    }


def _body(answer: Answer, rows: list[list[Json]], error: Json, extra: Mapping[str, Json]) -> bytes:
    table: Json = {"name": "PrimaryResult", "columns": columns(answer), "rows": rows}
    envelope: dict[str, Json] = {"tables": [table], **extra}
    if error is not None:
        envelope["error"] = error
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()


def _encoded(column: pa.ChunkedArray, kind: str) -> list[Json]:
    if kind == "datetime":
        column = _trimmed(column)
    elif kind == "timespan":
        return [_span(value) for value in column.to_pylist()]
    elif kind == "real":
        return [_number(value) for value in column.to_pylist()]
    elif kind == "guid":
        column = pc.if_else(pc.equal(column, ""), None, column)
    values: list[Json] = column.to_pylist()
    return values


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """ISO text with Z, trailing zeros dropped."""
    text = pc.strftime(column.cast(pa.timestamp("us")), format="%Y-%m-%dT%H:%M:%S")  # always six digits
    return pc.binary_join_element_wise(pc.utf8_rtrim(pc.utf8_rtrim(text, "0"), "."), "Z", "")


def _number(value: float | None) -> Json:
    """JSON has no word for what is no number; the service writes text."""
    if value is None or math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _span(value: pa.MonthDayNano | None) -> Json:
    """``[-][d.]hh:mm:ss[.fffffff]``."""
    if value is None:
        return None
    ticks = (value.days * 86_400 * 10**9 + value.nanoseconds) // 100
    sign, ticks = ("-", -ticks) if ticks < 0 else ("", ticks)
    seconds, fraction = divmod(ticks, 10**7)
    days, seconds = divmod(seconds, 86_400)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return sign + (f"{days}." if days else "") + text + (f".{fraction:07}" if fraction else "")
