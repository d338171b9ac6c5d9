"""Tables into files: Parquet or gzipped NDJSON, the same bytes for the same rows."""

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitor.testing.simulate.columns import ARROW, joined

Format = Literal["parquet", "ndjson.gz"]

SLICE: Final = 8_192
"""Rows turned into text at a time."""

_UNSAFE: Final = r'["\\\x00-\x1f]'


def write(path: Path, form: Format, schema: Mapping[str, str], parts: Iterable[pa.Table]) -> int:
    """Write the parts of one table to a file; the number of rows written."""
    writer: Callable[[Path, Mapping[str, str], Iterable[pa.Table]], int]
    writer = _parquet if form == "parquet" else _ndjson
    return writer(path, schema, parts)


def _parquet(path: Path, schema: Mapping[str, str], parts: Iterable[pa.Table]) -> int:
    fields = pa.schema([(name, ARROW[kind]) for name, kind in schema.items()])
    rows = 0
    with pq.ParquetWriter(path, fields, compression="zstd", write_statistics=True) as writer:
        for part in parts:
            writer.write_table(part)
            rows += part.num_rows
    return rows


def _ndjson(path: Path, schema: Mapping[str, str], parts: Iterable[pa.Table]) -> int:
    rows = 0
    with path.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=1) as packed:
        for part in parts:
            for start in range(0, part.num_rows, SLICE):
                packed.write(_letters(_lines(part.slice(start, SLICE), schema)))
            rows += part.num_rows
    return rows


def _letters(lines: pa.Array) -> memoryview:
    """All lines as one stretch of bytes, which is how Arrow holds them."""
    _, offsets, data = lines.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)
    return memoryview(data)[int(ends[lines.offset]) : int(ends[lines.offset + len(lines)])]


def _lines(part: pa.Table, schema: Mapping[str, str]) -> pa.Array:
    """One JSON object per row, each with its line feed.

    The legacy table has hundreds of columns that exist only once a row needed them: those nobody filled are left out.
    """
    names = [name for name in schema if len(schema) < 150 or part[name].null_count < part.num_rows]
    pieces: list[pa.Array | str] = []
    for number, name in enumerate(names):
        column = part[name].combine_chunks()
        pieces.append(("{" if number == 0 else ",") + f'"{name}":')
        pieces.append(_json(column, schema[name]))
    return joined(*pieces, "}\n")


def _json(column: pa.Array, kind: str) -> pa.Array:
    if kind == "datetime":
        text = _moments(column)
    elif kind == "dynamic":
        as_text = pa.array(np.arange(len(column)) % 10 == 3)
        text = pc.if_else(as_text, _quoted(column), column)
    elif kind in {"string", "guid"}:
        text = _quoted(column)
    else:
        text = pc.cast(column, pa.string())
    return pc.fill_null(text, "null")


def _quoted(column: pa.Array) -> pa.Array:
    """JSON strings; rows that need no escaping are only wrapped in quotes."""
    plain = joined('"', column, '"')
    unsafe = pc.fill_null(pc.match_substring_regex(column, _UNSAFE), False)
    if not pc.any(unsafe).as_py():
        return plain
    distinct = pc.dictionary_encode(column.filter(unsafe))
    escaped = pa.array([_escape(text) for text in distinct.dictionary.to_pylist()], type=pa.string())
    return pc.replace_with_mask(plain, unsafe, escaped.take(distinct.indices))


def _escape(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _moments(column: pa.Array) -> pa.Array:
    """ISO text with Z and as many digits as needed, at most seven, trailing zeros dropped, as the service sends it."""
    micros = np.asarray(column.cast(pa.int64()).fill_null(0))
    text = pc.strftime(column.cast(pa.timestamp("us")), format="%Y-%m-%dT%H:%M:%S")
    seventh = np.where(micros % 1000 == 0, 0, (micros // 7) % 10)
    digits = pa.array(np.char.mod("%d", seventh), type=pa.string())
    text = joined(text, digits)
    text = pc.replace_substring_regex(text, r"\.?0+$", "")
    return joined('"', text, 'Z"')
