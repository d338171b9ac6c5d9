"""What opening an export found: files, rows, what could not be read and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from monitor.ports import Skipped

TOLERATED: Final = 0.01
"""The share of a file that may be malformed before the run is said not to have finished."""


@dataclass(frozen=True, slots=True)
class FileRead:
    """One file: rows that were read and rows that could not be; whether it breaks off before its end."""

    path: Path
    rows: int
    malformed: int
    broken: bool

    @property
    def flagged(self) -> bool:
        """Whether more of it is malformed than is tolerated, or its end is missing."""
        return self.broken or self.malformed > TOLERATED * (self.rows + self.malformed)


@dataclass(frozen=True, slots=True)
class TableRead:
    """One table: its files, the first malformed rows, and how its columns differ from the declared ones.

    `absent` are declared columns no row has, `extra` columns nobody declared; in text files, those that no query reads
    are looked for in a sample of the lines. `arrival` says whether the export knows when rows arrived, or it had to be
    assumed.
    """

    table: str
    files: tuple[FileRead, ...]
    skipped: tuple[Skipped, ...]
    absent: tuple[str, ...]
    extra: tuple[str, ...]
    arrival: bool

    @property
    def rows(self) -> int:
        """Rows read."""
        return sum(file.rows for file in self.files)

    @property
    def malformed(self) -> int:
        """Rows that could not be read."""
        return sum(file.malformed for file in self.files)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in a directory of exports: tables read, known tables no source reads, files that are no table."""

    tables: tuple[TableRead, ...]
    unused: tuple[str, ...]
    other_files: tuple[Path, ...]

    @property
    def flagged(self) -> Sequence[FileRead]:
        """Files of which too much is malformed; the command then exits 1."""
        return [file for table in self.tables for file in table.files if file.flagged]
