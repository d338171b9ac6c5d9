"""Finding exported tables in a directory: which files are which table, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from monitor.errors import InputError
from monitor.tables import TABLES, near

_NAME: Final = re.compile(r"^(?P<table>[A-Za-z_][A-Za-z0-9_]*)(?:\.(?P<part>\d+))?\.(?P<kind>ndjson\.gz|ndjson|parquet)$")


@dataclass(frozen=True, slots=True)
class Found:
    """The files of a directory by table, parts in order, and those that are no table."""

    tables: Mapping[str, tuple[Path, ...]]
    skipped: tuple[Path, ...]


def found(directory: Path) -> Found:
    """The exported tables in `directory`.

    Raises
    ------
    InputError
        If it is no directory, holds no known table, or holds a file that is nearly named like one.
    """
    if not directory.is_dir():
        raise InputError(f"{directory}: expected a directory of exported tables, found none")
    tables: dict[str, list[tuple[int, Path]]] = {}
    skipped: list[Path] = []
    wrong: list[str] = []
    for path in sorted(directory.iterdir()):
        match = _NAME.match(path.name)
        if match is None or not path.is_file():
            skipped.append(path)
        elif match["table"] in TABLES:
            tables.setdefault(match["table"], []).append((int(match["part"] or -1), path))
        elif close := near(match["table"]):
            wrong.append(f"{path}: unknown table {match['table']!r}, did you mean {close!r}?")
        else:
            skipped.append(path)
    if wrong:
        raise InputError("\n".join(wrong))
    if not tables:
        raise InputError(
            f"{directory}: expected exported tables such as {TABLES[0]}.ndjson, .ndjson.gz or .parquet, found none; "
            f"known tables: {', '.join(TABLES)}"
        )
    ordered = {name: tuple(path for _, path in sorted(tables[name])) for name in TABLES if name in tables}
    return Found(ordered, tuple(skipped))
