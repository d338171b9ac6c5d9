"""Mistakes in a query: where they stand, and the nearest right spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

import duckdb

from monitor.errors import QueryError

_UNKNOWN_COLUMN: Final = re.compile(r'(?:Referenced column|Table "[^"]*" does not have a column named) "([^"]+)"')


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake in a query: 1-based line and column, and what was expected."""

    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


class MistakeError(QueryError):
    """A QueryError that still knows its problems one by one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def diagnosed(kql: str, error: duckdb.Error, columns: Mapping[str, Mapping[str, str]]) -> Problem:
    """What DuckDB says of a query, where its author sees it."""
    text = str(error)
    if found := _UNKNOWN_COLUMN.search(text):
        names = [name for types in columns.values() for name in types]
        return unknown(kql, found[1], names, "column")
    first = text.splitlines()[0]
    if isinstance(error, duckdb.ConversionException):
        return Problem(1, 1, f'{first}; expected text compared with text, as in ResultType == "0"')
    return Problem(1, 1, first)


def unknown(kql: str, name: str, names: Sequence[str], what: str) -> Problem:
    """A name that is not there, with the nearest that is."""
    lowered = {known.lower(): known for known in names}
    close = get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    hint = f", did you mean {lowered[close[0]]!r}?" if close else f"; expected one of {', '.join(sorted(names)[:12])}"
    return Problem(*place(kql, name), f"unknown {what} {name!r}{hint}")


def place(kql: str, name: str) -> tuple[int, int]:
    """1-based line and column of the first use of `name` in `kql`; (1, 1) if it is not written there."""
    word = name.rpartition(":")[2]
    found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", kql)
    if not found:
        return 1, 1
    return kql.count("\n", 0, found.start()) + 1, found.start() - (kql.rfind("\n", 0, found.start()) + 1) + 1
