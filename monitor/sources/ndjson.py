"""NDJSON exports made Parquet: one pass over the text, every bad line named, nothing raised over a value.

Log Analytics' own rules apply to what a line holds: times have 0 to 7 fractional digits (the seventh is cut) and are
UTC unless they say otherwise, `dynamic` is an object or its JSON text, numbers may be text, and absent means null.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import duckdb
import numpy as np
import pyarrow as pa

from monitor.kql import shaped
from monitor.sources.reading import FILE, LINE, Reading

_BOM: Final = b"\xef\xbb\xbf"
_SAMPLED: Final = 50
_CODES: Final = frozenset({"AutonomousSystemNumber", "ResultType"})
"""Text that is a number, which some exporters write as one: 0.0 is the code 0, as it is in Parquet."""
_LINES: Final = pa.schema([("text", pa.string()), (LINE, pa.int64()), (FILE, pa.int32())])


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes that are read at a time, that are taken apart at a time, and that a line has at most.

    The longest line is ten times what Log Analytics takes for a record, and no file without line feeds fits.
    """

    read: int = 1 << 20
    block: int = 16 << 20
    longest: int = 64 << 20


def convert(
    paths: Sequence[Path],
    columns: Mapping[str, str],
    target: Path,
    reading: Reading,
    memory_limit: str,
    sizes: Sizes = Sizes(),
) -> None:
    """Write the rows of `paths` as one Parquet file with `columns` (name -> Kusto type).

    Text that is absent stays null; columns FILE (index into `paths`) and LINE (1-based) are beside them.
    """
    structure = json.dumps({name: "JSON" if kind == "dynamic" else "VARCHAR" for name, kind in columns.items()})
    select = ", ".join(f'{_shaped(name, kind)} AS "{name}"' for name, kind in columns.items())
    with duckdb.connect(":memory:", config={"memory_limit": memory_limit, "threads": "2"}) as writer:
        writer.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
        writer.register("lines", pa.RecordBatchReader.from_batches(_LINES, _ahead(_batches(paths, reading, sizes))))
        rows = f"SELECT from_json(text, {_quoted(structure)}) AS row, {FILE}, {LINE} FROM lines"  # noqa: S608
        into = f"TO {_quoted(str(target))} (FORMAT parquet, ROW_GROUP_SIZE 61440)"
        writer.execute(f"COPY (SELECT {select}, {FILE}, {LINE} FROM ({rows})) {into}")  # noqa: S608


def _shaped(name: str, kind: str) -> str:
    if name in _CODES and kind == "string":
        return f"regexp_replace({_field(name)}, '^(-?[0-9]+)[.]0+$', '\\1')"
    return shaped(_field(name), "JSON" if kind == "dynamic" else "VARCHAR", kind, null_text=True)


def _field(name: str) -> str:
    return f'"row"."{name}"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same batches, the next one being made while one is used."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch


def _batches(paths: Sequence[Path], reading: Reading, sizes: Sizes) -> Iterator[pa.RecordBatch]:
    with duckdb.connect(":memory:", config={"threads": "1"}) as judge:
        for index, path in enumerate(paths):
            for line, block in _blocks(path, reading, sizes):
                texts = _split(block)
                good = _judged(judge, texts, path, line, reading)
                reading.rows[path] += good.num_rows
                yield pa.RecordBatch.from_arrays(
                    [good["text"], good[LINE], pa.array(np.full(good.num_rows, index, np.int32))], schema=_LINES
                )


def _blocks(path: Path, reading: Reading, sizes: Sizes) -> Iterator[tuple[int, bytes]]:
    """The file in pieces of whole lines, each with the number of its first line.

    A line that is too long is counted and passed over; a stream that breaks off is counted and ends the file.
    """
    rest, size, line, passing = [b""], 0, 1, False
    try:
        for data in _bytes(path, sizes.read):
            _, feed, behind = data.partition(b"\n") if passing else (b"", b"", data)
            line += len(feed)
            if passing and not feed:
                continue
            rest.append(behind)
            size += len(behind)
            full = size >= sizes.block and b"\n" in behind
            passing = size > sizes.longest and not full
            if not (full or passing):
                continue
            block = b"".join(rest)
            cut = block.rfind(b"\n") + 1
            if cut:
                yield line, block[:cut]
            line += block.count(b"\n")
            rest, size = ([b""], 0) if passing else ([block[cut:]], len(block) - cut)
            if passing:
                reading.skip(path, line, f"expected a line of at most {sizes.longest >> 20} MiB, got a longer one")
    except (EOFError, zlib.error, OSError) as error:
        reading.break_off(path, line + b"".join(rest).count(b"\n"), f"the file breaks off: {error}")
    if last := b"".join(rest):
        yield line, last


def _bytes(path: Path, size: int) -> Iterator[bytes]:
    """What is in the file, inflated if need be, up to where it breaks off; without a byte order mark."""
    with path.open("rb") as stream:
        pieces = _inflated(stream, size) if path.suffix == ".gz" else iter(lambda: stream.read(size), b"")
        for number, data in enumerate(pieces):
            yield data if number else data.removeprefix(_BOM)


def _inflated(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """As gzip.open reads it, but what came before a broken end is not lost with it."""
    inflater = zlib.decompressobj(wbits=31)
    whole = True
    while data := stream.read(size):
        while data:
            whole = False
            inflated = inflater.decompress(data, size)  # so much at a time: a small file may hold a great one
            yield inflated
            while len(inflated) == size and not inflater.eof:
                inflated = inflater.decompress(inflater.unconsumed_tail, size)
                yield inflated
            data = b""
            if inflater.eof:  # the next member of a file that was appended to; zeros may pad the end
                data = inflater.unused_data.lstrip(b"\0")
                inflater, whole = zlib.decompressobj(wbits=31), True
    if not whole:
        raise EOFError("gzip stream without its end")


def _split(block: bytes) -> pa.Array:
    """The lines of a block as text, without copying it; bytes that are no UTF-8 become U+FFFD."""
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + 1
    if not len(ends) or ends[-1] != len(block):
        ends = np.append(ends, len(block))
    offsets = np.concatenate(([0], ends)).astype(np.int32)
    raw = pa.BinaryArray.from_buffers(pa.binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(block)])
    try:
        return raw.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([line.decode("utf-8", "replace") for line in raw.to_pylist()], pa.string())


def _judged(
    judge: duckdb.DuckDBPyConnection, texts: pa.Array, path: Path, first: int, reading: Reading
) -> pa.RecordBatch:
    """The lines that hold a JSON object; blank ones are passed over, all others counted."""
    numbers = pa.array(np.arange(first, first + len(texts), dtype=np.int64))
    block = pa.table({"text": texts, LINE: numbers})
    judge.register("block", block)
    bad = judge.execute(
        f"SELECT {LINE}, text FROM block WHERE NOT json_valid(text) OR ltrim(text, ' \t')[1] <> '{{' ORDER BY {LINE}"  # noqa: S608
    ).fetchall()
    judge.unregister("block")
    for number, text in bad:
        if text.strip():
            reading.skip(path, number, _reason(text))
    for place in range(0, len(texts), max(1, len(texts) // _SAMPLED)):
        reading.seen |= _keys(texts[place].as_py())
    if not bad:
        return block.combine_chunks().to_batches()[0]
    keep = np.ones(len(texts), bool)
    keep[[number - first for number, _ in bad]] = False
    kept = block.filter(pa.array(keep)).combine_chunks()
    return kept.to_batches()[0] if kept.num_rows else pa.RecordBatch.from_pylist([], kept.schema)


def _reason(text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"expected one JSON object, got {_shown(text)}: {error}"
    return (
        f"expected a JSON object, got {type(value).__name__}" if not isinstance(value, dict) else "too deep or too odd"
    )


def _shown(text: str) -> str:
    """How a line begins, without what it says: a log line may hold what nobody may print."""
    return "nothing" if not text.strip() else f"{len(text.strip())} characters that begin with {text.strip()[0]!r}"


def _keys(text: str) -> set[str]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return set()
    return set(value) if isinstance(value, dict) else set()
