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
from monitor.sources.reading import BAD, FILE, FIRST, LINE, Reading

_BOM: Final = b"\xef\xbb\xbf"
_SAMPLED: Final = 20
_CODES: Final = frozenset({"AutonomousSystemNumber", "ResultType"})
"""Text that is a number, which some exporters write as one: 0.0 is the code 0, as it is in Parquet."""
_LINES: Final = pa.schema([("text", pa.string()), (LINE, pa.int64()), (FILE, pa.int32())])


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes that are read at a time, that are taken apart at a time, and that a line has at most.

    The longest line is ten times what Log Analytics takes for a record, and no file without line feeds fits.
    """

    read: int = 1 << 20
    block: int = 4 << 20
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

    Text that is absent stays null; columns FILE (index into `paths`) and LINE (1-based) are beside them, and BAD, which
    is the text of a line that is no JSON object.
    """
    structure = json.dumps({name: "JSON" if kind == "dynamic" else "VARCHAR" for name, kind in columns.items()})
    select = ", ".join(f'{_shaped(name, kind)} AS "{name}"' for name, kind in columns.items())
    # One thread here, for another reads ahead: together they fill two cores.
    with duckdb.connect(":memory:", config={"memory_limit": memory_limit, "threads": "1"}) as writer:
        writer.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
        writer.register("lines", pa.RecordBatchReader.from_batches(_LINES, _ahead(_batches(paths, reading, sizes))))
        rows = f"SELECT TRY(from_json(text, {_quoted(structure)})) AS row, text, {FILE}, {LINE} FROM lines"  # noqa: S608
        bad = "CASE WHEN row IS NULL OR NOT (text LIKE '{%' OR ltrim(text, ' \t\r') LIKE '{%') THEN text END"
        into = f"TO {_quoted(str(target))} (FORMAT parquet, ROW_GROUP_SIZE 61440)"
        writer.execute(f"COPY (SELECT {select}, {FILE}, {LINE}, {bad} AS {BAD} FROM ({rows})) {into}")  # noqa: S608
        _count(writer, paths, target, reading)


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
    for index, path in enumerate(paths):
        for line, block in _blocks(path, reading, sizes):
            texts = _split(block)
            for place in range(0, len(texts), max(1, len(texts) // _SAMPLED)):
                reading.seen |= _keys(texts[place].as_py())
            lines = np.arange(line, line + len(texts), dtype=np.int64)
            yield pa.RecordBatch.from_arrays(
                [texts, pa.array(lines), pa.array(np.full(len(texts), index, np.int32))], schema=_LINES
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


def _count(reader: duckdb.DuckDBPyConnection, paths: Sequence[Path], target: Path, reading: Reading) -> None:
    """Count the rows of each file and its lines that are none; blank ones are passed over."""
    origin, wrong = f"read_parquet({_quoted(str(target))})", f"trim({BAD}, ' \t\r\n') <> ''"
    counts = f"count(*) FILTER ({BAD} IS NULL), count(*) FILTER ({wrong})"
    for index, good, bad in reader.execute(f"SELECT {FILE}, {counts} FROM {origin} GROUP BY ALL").fetchall():  # noqa: S608
        reading.rows[paths[index]] += good
        reading.malformed[paths[index]] += bad
    first = f"SELECT {FILE}, {LINE}, {BAD} FROM {origin} WHERE {wrong} ORDER BY ALL LIMIT {FIRST}"  # noqa: S608
    for index, line, text in reader.execute(first).fetchall():
        reading.show(paths[index], line, _reason(text))


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
