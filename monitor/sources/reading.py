"""What is learned of a table's files while they are read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from monitor.ports import Skipped

FIRST: Final = 20
"""Bad lines kept with their reason per table; all are counted."""

FILE: Final = "__file"
LINE: Final = "__line"
BAD: Final = "__bad"
"""Columns beside the declared ones that say where a row stood, and what stood there if it is none."""


@dataclass(slots=True)
class Reading:
    """Rows read and rows that could not be, per file; why the first ones could not; columns seen; broken files."""

    rows: Counter[Path] = field(default_factory=Counter)
    malformed: Counter[Path] = field(default_factory=Counter)
    skipped: list[Skipped] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    broken: set[Path] = field(default_factory=set)

    def break_off(self, path: Path, line: int, reason: str) -> None:
        """Count what is missing behind `line` as one bad line: nobody knows how many there were."""
        self.broken.add(path)
        self.skip(path, line, reason)

    def skip(self, path: Path, line: int, reason: str) -> None:
        """Count a bad line, and keep why."""
        self.malformed[path] += 1
        self.show(path, line, reason)

    def show(self, path: Path, line: int, reason: str) -> None:
        """Keep why a bad line is one, if it is among the first few."""
        if len(self.skipped) < FIRST:
            self.skipped.append(Skipped(str(path), line, reason))
