"""What Parquet files say of themselves, and which of their rows cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from monitor.kql import shaped
from monitor.sources.pieces import Group
from monitor.sources.reading import BAD, FILE, LINE, Reading

TIME: Final = "TimeGenerated"

_ALWAYS: Final = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


PLAUSIBLE: Final = (datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))
"""When a row can have happened at all: not before there were such logs, and not when a calendar ends."""

RETAINED: Final = timedelta(days=12 * 366)
"""Log Analytics keeps no row longer (Azure Monitor, "Manage data retention"): rows further apart are not all true."""


def headed(paths: Sequence[Path], reading: Reading) -> dict[Path, set[str]]:
    """The files whose footer can be read with the columns they have; the others are counted as malformed."""
    readable = {}
    for path in paths:
        try:
            with pq.ParquetFile(path) as file:
                reading.rows[path] = file.metadata.num_rows
                readable[path] = set(file.schema_arrow.names)
        except (pa.ArrowException, OSError) as error:
            reading.break_off(path, 0, f"expected a whole Parquet file: {str(error).splitlines()[0]}")
    return readable


def filled(path: Path) -> set[str]:
    """Columns with a value in some row."""
    with pq.ParquetFile(path) as file:
        meta = file.metadata
        return {
            meta.schema.column(column).path.partition(".")[0]
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
            for number in range(file.metadata.num_row_groups):
                group = file.metadata.row_group(number)
                found.append(Group(*_span(_statistics(group, TIME)), group.num_rows))
    return tuple(found)


def _statistics(group: pq.RowGroupMetaData, column: str) -> pq.Statistics | None:
    """What a row group says of a column; a nested column before it is several to Parquet, so no index will do."""
    for number in range(group.num_columns):
        if (chunk := group.column(number)).path_in_schema == column:
            return chunk.statistics
    return None


def _span(statistics: pq.Statistics | None) -> tuple[datetime, datetime]:
    if statistics is None or not statistics.has_min_max:
        return _ALWAYS
    try:
        least, most = statistics.min, statistics.max
    except (pa.ArrowException, ValueError, OverflowError):  # a time beyond the year 9999
        return _ALWAYS
    if not isinstance(least, datetime) or not isinstance(most, datetime):
        return _ALWAYS
    first, last = (at if at.tzinfo else at.replace(tzinfo=UTC) for at in (least, most))
    return first, last


def plausible(paths: Sequence[Path]) -> tuple[datetime, datetime]:
    """The stretch in which the rows of a table can lie; a row outside of it has a mistaken TimeGenerated.

    That is within PLAUSIBLE and, where rows lie further apart than any workspace keeps them, no further than that from
    the row in the middle: one mistaken clock must not stretch everything to its year.
    """
    spans = [group for group in groups(paths) if group.rows]
    earliest, latest = PLAUSIBLE
    if not spans:
        return PLAUSIBLE
    first, last = min(span.first for span in spans), max(span.last for span in spans)
    if earliest <= first and last < latest and last - first <= RETAINED:
        return PLAUSIBLE
    median = _median(paths)
    return (max(earliest, median - RETAINED), min(latest, median + RETAINED)) if median else PLAUSIBLE


def _median(paths: Sequence[Path]) -> datetime | None:
    """The TimeGenerated in the middle of those that are plausible; None if none is."""
    parts = []
    with duckdb.connect(":memory:", config={"threads": "2"}) as reader:
        reader.execute("SET TimeZone = 'UTC'")
        for path in paths:
            origin = f"read_parquet({_literal(path)})"
            kinds = {row[0]: row[1] for row in reader.execute(f"DESCRIBE SELECT * FROM {origin}").fetchall()}  # noqa: S608
            if TIME in kinds:
                parts.append(f"SELECT {shaped(_named(TIME), kinds[TIME], 'datetime')} AS happened FROM {origin}")  # noqa: S608
        if not parts:
            return None
        rows = " UNION ALL ".join(parts)
        answer = reader.execute(
            f"SELECT quantile_disc(happened, 0.5) FROM ({rows})"  # noqa: S608
            f" WHERE happened >= {_moment(PLAUSIBLE[0])} AND happened < {_moment(PLAUSIBLE[1])}"
        ).fetchone()
    return answer[0].replace(tzinfo=UTC) if answer and answer[0] else None


def judge(
    path: Path,
    keys: Sequence[str],
    reading: Reading,
    origins: Sequence[Path] = (),
    within: tuple[datetime, datetime] = PLAUSIBLE,
) -> None:
    """Count the rows of a file that have no TimeGenerated `within` reason or an empty row key: they are in no window.

    `origins` are the text files that it was made of; each row then knows its own.
    """
    with pq.ParquetFile(path) as file:
        present = [key for key in (TIME, *keys) if key in file.schema_arrow.names]
        if all(_complete(file.metadata, key, within) for key in present):
            return
    with duckdb.connect(":memory:", config={"threads": "2"}) as reader:
        reader.execute("SET TimeZone = 'UTC'")
        origin = f"read_parquet({_literal(path)}, file_row_number = true)"
        kinds = {row[0]: row[1] for row in reader.execute(f"DESCRIBE SELECT * FROM {origin}").fetchall()}  # noqa: S608
        time = shaped(_named(TIME), kinds[TIME], "datetime")
        timely = f"coalesce({time} >= {_moment(within[0])} AND {time} < {_moment(within[1])}, false)"
        keyed = " AND ".join(f"{shaped(_named(key), kinds[key], 'string')} <> ''" for key in present if key != TIME)
        place, given = (f"{FILE}, {LINE}", f"{BAD} IS NULL") if origins else ("0, file_row_number + 1", "true")
        bad = reader.execute(
            f"SELECT {place}, {time} IS NOT NULL AND NOT {timely} FROM {origin}"  # noqa: S608
            f" WHERE {given} AND NOT ({timely} AND {keyed or 'true'}) ORDER BY 1, 2"
        ).fetchall()
    lacking = f"expected {' and '.join(present)}, got a row without"
    absurd = f"expected {TIME} between {within[0]:%Y-%m-%d} and {within[1]:%Y-%m-%d}, got another"
    for number, line, far in bad:
        original = origins[number] if origins else path
        reading.rows[original] -= 1
        reading.skip(original, line, absurd if far else lacking)


def _complete(meta: pq.FileMetaData, column: str, within: tuple[datetime, datetime]) -> bool:
    """Whether statistics say that no value of the column is null or empty, and no time outside of `within`."""
    for number in range(meta.num_row_groups):
        statistics = _statistics(meta.row_group(number), column)
        if statistics is None or not statistics.has_null_count or statistics.null_count or not statistics.has_min_max:
            return False
        if column == TIME:
            first, last = _span(statistics)
            if first < within[0] or last >= within[1]:
                return False
        elif isinstance(statistics.min, str | bytes) and len(statistics.min) == 0:
            return False
    return True


def _moment(at: datetime) -> str:
    return f"TIMESTAMP '{at:%Y-%m-%d %H:%M:%S}'"


def _named(column: str) -> str:
    return f'"{column}"'


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
