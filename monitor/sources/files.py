"""Finding exported tables in a directory, and making each of them Parquet that can be read where it lies."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

from monitor.errors import InputError
from monitor.kql import unfolded
from monitor.sources import ndjson, parquet
from monitor.sources.pieces import Group
from monitor.sources.reading import BAD, FILE, LINE, Reading
from monitor.sources.report import FileRead, Report, TableRead
from monitor.tables import TABLES, near, schema

MEMORY: Final = "300MB"
"""What turning NDJSON into Parquet may take."""

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "SigninLogs": ("TimeGenerated", "Id", "UserId"),
    "AADNonInteractiveUserSignInLogs": ("TimeGenerated", "Id", "UserId"),
    "AADServicePrincipalSignInLogs": ("TimeGenerated", "Id", "ServicePrincipalId"),
    "AADManagedIdentitySignInLogs": ("TimeGenerated", "Id", "ServicePrincipalId"),
    "AuditLogs": ("TimeGenerated", "Id", "InitiatedBy"),
    "AZKVAuditLogs": ("TimeGenerated", "CorrelationId", "OperationName", "Id", "Identity"),
    # No identity: AzureDiagnostics has such a column only once a row needed it, and challenges do not.
    "AzureDiagnostics": ("TimeGenerated", "CorrelationId", "OperationName", "ResourceProvider", "Category"),
    "AzureActivity": ("TimeGenerated", "EventDataId", "Caller"),
    "AADServicePrincipalRiskEvents": ("TimeGenerated", "Id", "ServicePrincipalId"),
}
"""Row key, time and identity of each table that a source reads; without one of them nothing can be counted."""

ROW_KEYS: Final = frozenset({"Id", "EventDataId"})
"""Columns without which a row is nobody's copy and counts as malformed."""

VAULTS: Final = frozenset({"AZKVAuditLogs", "AzureDiagnostics"})
"""Tables whose Id names the object, is one of four parts of the row key, and may be empty."""

ARRIVAL: Final = "_TimeReceived"

_NAME: Final = re.compile(
    r"^(?P<table>[A-Za-z]\w*)(?:\.(?P<part>\d+))?\.(?P<kind>ndjson\.gz|ndjson|parquet)$", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table as Parquet files, the stretches they are read in, and the times [first, last) its rows can have.

    Of text files, only the columns that queries read are in `paths`; `whole` turns the others, too, when asked.
    """

    paths: tuple[Path, ...]
    groups: tuple[Group, ...]
    first: datetime
    last: datetime
    whole: Callable[[], tuple[Path, ...]]


@dataclass(frozen=True, slots=True)
class Opened:
    """The tables of a directory, and the place of those that had to be turned into Parquet."""

    tables: Mapping[str, Table]
    report: Report
    workplace: tempfile.TemporaryDirectory[str]

    def close(self) -> None:
        """Remove the temporary files."""
        self.workplace.cleanup()


def opened_tables(directory: Path, wanted: Mapping[str, frozenset[str]]) -> Opened:
    """The `wanted` tables in `directory`, readable as Parquet: of each, at least the columns among those words.

    Raises
    ------
    InputError
        If it is no directory, holds none of them, holds a file that is nearly named like one, or a table lacks a key
        column.
    """
    tables, others = found(directory)
    unused = tuple(name for name in tables if name not in wanted)
    if len(unused) == len(tables):
        raise InputError(f"{directory}: expected a table that a source reads ({', '.join(wanted)}), found none")
    workplace = tempfile.TemporaryDirectory(prefix="mintwatch-")
    try:
        read = {
            name: _read(name, tables[name], wanted[name], Path(workplace.name)) for name in tables if name in wanted
        }
    except BaseException:
        workplace.cleanup()
        raise
    report = Report(tuple(part for _, part in read.values()), unused, others)
    return Opened({name: table for name, (table, _) in read.items() if table.paths}, report, workplace)


def found(directory: Path) -> tuple[dict[str, tuple[Path, ...]], tuple[Path, ...]]:
    """The files of `directory` by table, parts in order, and those that are no table.

    Raises
    ------
    InputError
        If it is no directory, holds no known table, or holds a file that is nearly named like one.
    """
    if not directory.is_dir():
        raise InputError(f"{directory}: expected a directory of exported tables, found none")
    parts: dict[str, list[tuple[int, Path]]] = {}
    others, wrong = [], []
    for path in sorted(directory.iterdir()):
        match = _NAME.match(path.name)
        close = near(path.name.partition(".")[0])
        if match and match["table"] in TABLES and path.is_file():
            parts.setdefault(match["table"], []).append((int(match["part"] or -1), path))
        elif match and match["table"] in TABLES:
            wrong.append(f"{path}: expected a file, found a folder")
        elif match and close:
            wrong.append(f"{path}: unknown table {match['table']!r}, did you mean {close!r}?")
        else:
            others.append(path)
    if wrong:
        raise InputError("\n".join(wrong))
    if not parts:
        forms = "<Table>.ndjson, .ndjson.gz or .parquet"
        raise InputError(f"{directory}: expected exported tables named {forms}, found none; known: {', '.join(TABLES)}")
    return {name: tuple(path for _, path in sorted(parts[name])) for name in TABLES if name in parts}, tuple(others)


def _read(name: str, paths: Sequence[Path], wanted: frozenset[str], workplace: Path) -> tuple[Table, TableRead]:
    """A table's files made readable, and what became of their rows."""
    reading = Reading()
    texts = [path for path in paths if path.suffix != ".parquet"]
    headed = parquet.headed([path for path in paths if path.suffix == ".parquet"], reading)
    for path, present in headed.items():
        _require(path, name, present, holds_rows=reading.rows[path] > 0)
    readable = [path for path, present in headed.items() if reading.rows[path] or not _missing(name, present)]
    columns = {column for path in readable for column in headed[path]}
    origins: dict[Path, Sequence[Path]] = dict.fromkeys(readable, ())
    if texts:
        target = workplace / f"{name}.parquet"
        ndjson.convert(texts, _needed(name, wanted), target, reading, MEMORY)
        present = (reading.seen - {ARRIVAL}) | parquet.filled(target)
        # Seen, because no row counts without its key, and yet rows came.
        _require(texts[0], name, present, holds_rows=bool(reading.seen or any(reading.rows[path] for path in texts)))
        columns |= present
        readable.append(target)
        origins[target] = texts
    row_keys = tuple(key for key in KEYS[name] if key in ROW_KEYS and name not in VAULTS)
    within = parquet.plausible(readable)
    for path in readable:
        parquet.judge(path, row_keys, reading, origins[path], within)

    @cache
    def whole() -> tuple[Path, ...]:
        if not texts:
            return tuple(readable)
        target = workplace / f"{name}.whole.parquet"
        ndjson.convert(texts, unfolded(schema(name)), target, Reading(), MEMORY)
        return (*readable[:-1], target)

    return Table(tuple(readable), parquet.groups(readable), *within, whole), _report(name, paths, reading, columns)


def _needed(name: str, wanted: frozenset[str]) -> dict[str, str]:
    """The declared columns of a table that are keys or among the words, however those are written."""
    words = {word.lower() for word in wanted.union(KEYS[name], (ARRIVAL,))}
    return {column: kind for column, kind in unfolded(schema(name)).items() if column.lower() in words}


def _missing(name: str, columns: set[str]) -> list[str]:
    return [key for key in KEYS[name] if key not in columns]


def _require(path: Path, name: str, columns: set[str], *, holds_rows: bool) -> None:
    """Refuse rows without a key column: each file by itself, for another part's column does not name this one's."""
    if holds_rows and (missing := _missing(name, columns)):
        raise InputError(f"{path}: {name} lacks the key column {', '.join(missing)}; without it nothing is counted")


def _report(name: str, paths: Sequence[Path], reading: Reading, columns: set[str]) -> TableRead:
    declared = schema(name)
    return TableRead(
        name,
        tuple(FileRead(path, reading.rows[path], reading.malformed[path], path in reading.broken) for path in paths),
        tuple(sorted(reading.skipped, key=lambda bad: (bad.file, bad.line))),
        absent=tuple(column for column in declared if column not in columns),
        extra=tuple(sorted(columns - set(declared) - {FILE, LINE, BAD})),
        arrival=ARRIVAL in columns,
    )
