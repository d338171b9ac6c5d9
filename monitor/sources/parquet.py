"""What Parquet files say of themselves, and which of their rows cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from monitor.kql import shaped
from monitor.sources.pieces import Group
from monitor.sources.reading import FILE, LINE, Reading

TIME: Final = "TimeGenerated"

_ALWAYS: Final = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def headed(paths: Sequence[Path], reading: Reading) -> tuple[list[Path], set[str]]:
    """The files whose footer can be read, and the columns they have; the others are counted as malformed."""
    readable, columns = [], set()
    for path in paths:
        try:
            with pq.ParquetFile(path) as file:
                reading.rows[path] = file.metadata.num_rows
                columns |= set(file.schema_arrow.names)
            readable.append(path)
        except (pa.ArrowException, OSError) as error:
            reading.break_off(path, 0, f"expected a whole Parquet file: {str(error).splitlines()[0]}")
    return readable, columns


def filled(path: Path) -> set[str]:
    """Columns with a value in some row."""
    with pq.ParquetFile(path) as file:
        meta = file.metadata
        names = file.schema_arrow.names
        return {
            names[column]
            for group in range(meta.num_row_groups)
            for column in range(meta.num_columns)
            if (chunk := meta.row_group(group).column(column)).statistics is None
            or chunk.statistics.null_count < chunk.num_values
        }


def groups(paths: Sequence[Path]) -> tuple[Group, ...]:
    """The row groups of the files, by the TimeGenerated they span; of unknown span, always."""
    found = []
    for path in paths:
        with pq.ParquetFile(path) as file:
            column = file.schema_arrow.get_field_index(TIME)
            for number in range(file.metadata.num_row_groups):
                group = file.metadata.row_group(number)
                found.append(Group(*_span(group.column(column).statistics), group.num_rows))
    return tuple(found)


def _span(statistics: pq.Statistics | None) -> tuple[datetime, datetime]:
    if statistics is None or not statistics.has_min_max or not isinstance(statistics.min, datetime):
        return _ALWAYS
    first, last = (at if at.tzinfo else at.replace(tzinfo=UTC) for at in (statistics.min, statistics.max))
    return first, last


def judge(path: Path, keys: Sequence[str], reading: Reading, origins: Sequence[Path] = ()) -> None:
    """Count the rows of a file that have no TimeGenerated or an empty row key: they are in no window.

    `origins` are the text files that it was made of; each row then knows its own.
    """
    with pq.ParquetFile(path) as file:
        present = [key for key in (TIME, *keys) if key in file.schema_arrow.names]
        if all(_complete(file.metadata, file.schema_arrow.get_field_index(key)) for key in present):
            return
    with duckdb.connect(":memory:", config={"threads": "2"}) as reader:
        reader.execute("SET TimeZone = 'UTC'")
        origin = f"read_parquet({_literal(path)}, file_row_number = true)"
        kinds = {row[0]: row[1] for row in reader.execute(f"DESCRIBE SELECT * FROM {origin}").fetchall()}  # noqa: S608
        where = " OR ".join(
            f"{shaped(_named(key), kinds[key], 'datetime')} IS NULL"
            if key == TIME
            else f"{shaped(_named(key), kinds[key], 'string')} = ''"
            for key in present
        )
        place = f"{FILE}, {LINE}" if origins else "0, file_row_number + 1"
        bad = reader.execute(f"SELECT {place} FROM {origin} WHERE {where} ORDER BY 1, 2").fetchall()  # noqa: S608
    for number, line in bad:
        original = origins[number] if origins else path
        reading.rows[original] -= 1
        reading.skip(original, line, f"expected {' and '.join(present)}, got a row without")


def _complete(meta: pq.FileMetaData, column: int) -> bool:
    """Whether statistics say that no value of the column is null or empty."""
    for group in range(meta.num_row_groups):
        statistics = meta.row_group(group).column(column).statistics
        if statistics is None or not statistics.has_null_count or statistics.null_count or not statistics.has_min_max:
            return False
        if isinstance(statistics.min, str | bytes) and len(statistics.min) == 0:
            return False
        if meta.row_group(group).column(column).path_in_schema == TIME and not isinstance(statistics.min, datetime):
            return False
    return True


def _named(column: str) -> str:
    return f'"{column}"'


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
