"""The facts behind findings as a table of text, narrow enough for a chat."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

import pandas as pd

from monitor.hostile import clean, clip
from monitor.model import Finding
from monitor.notify.wording import deed, known
from monitor.rules import Rule

TABLES: Final = 3
ROWS: Final = 8
"""How many findings show their facts, and how many each."""
WIDTHS: Final = {"time": 11, "action": 30, "at": 34, "from": 26, "outcome": 16, "events": 7}
"""Columns of the table, and how wide each may become."""


@dataclass(frozen=True, slots=True)
class Row:
    """Facts alike in what a person looks at; see FACTS."""

    action: str
    resource: str
    target: str
    object: str
    ip: str
    country: str
    asn: str
    app_id: str
    credential_id: str
    outcome: str
    code: str
    events: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Shown:
    """A finding and the facts it was made of, most events first."""

    finding: Finding
    rows: tuple[Row, ...]

    @classmethod
    def of(cls, finding: Finding, frame: pd.DataFrame) -> Shown:
        """From a frame with the columns of `Row`, and any others."""
        columns = [one.name for one in fields(Row)]
        return cls(finding, tuple(Row(**row) for row in frame[columns].to_dict("records")))  # type: ignore[arg-type]


def lines(shown: Sequence[Shown], rules: Mapping[str, Rule]) -> tuple[str, ...]:
    """A heading for each finding and its facts below, in columns that stand under each other over all of them."""
    tables = [(one, [_cells(row, one.finding) for row in one.rows[:ROWS]]) for one in shown[:TABLES] if one.rows]
    if not tables:
        return ()
    head = dict(zip(WIDTHS, ("UTC", "what", "at", "from", "outcome", "events"), strict=True))
    everything = [head, *(cells for _, rows in tables for cells in rows)]
    used = {name: max(_width(cells[name]) for cells in everything) for name in WIDTHS}
    empty = {name for name in WIDTHS if not any(cells[name] for cells in everything[1:])}
    kept = [(name, width) for name, width in used.items() if name not in empty]
    return tuple(_written(tables, head, kept, rules))


def _written(
    tables: Sequence[tuple[Shown, list[dict[str, str]]]],
    head: Mapping[str, str],
    kept: Sequence[tuple[str, int]],
    rules: Mapping[str, Rule],
) -> Iterator[str]:
    yield _line(head, kept)
    for one, rows in tables:
        if len(tables) > 1:
            said = deed(one.finding, rules.get(one.finding.rule))
            yield f"-- {clip(clean(said), 70)}"
        yield from (_line(cells, kept) for cells in rows)
        if len(one.rows) > ROWS:
            left = sum(row.events for row in one.rows[ROWS:])
            yield f"   and {left:,} more events of {len(one.rows) - ROWS:,} other kinds"


def _cells(row: Row, finding: Finding) -> dict[str, str]:
    place = " ".join(part for part in (row.ip, row.country) if part)
    outcome = row.outcome + (f" {row.code}" if row.code not in {"", "0"} else "")
    at = [row.target, row.object] if finding.stream not in {"vault", "sign_in"} else [row.resource, row.object]
    cells = {
        "time": f"{row.first_at:%m-%d %H:%M}",
        "action": row.action,
        "at": "/".join(known(part) for part in at if part),
        "from": place,
        "outcome": outcome,
        "events": f"{row.events:,}",
    }
    return {name: clip(clean(value), WIDTHS[name]) for name, value in cells.items()}


def _line(cells: Mapping[str, str], kept: Sequence[tuple[str, int]]) -> str:
    parts = []
    for name, width in kept:
        space = " " * (width - _width(cells[name]))
        parts.append(space + cells[name] if name == "events" else cells[name] + space)
    return "  ".join(parts).rstrip()


def _width(text: str) -> int:
    """How many columns it takes where every letter is as wide as another, or twice as wide (Unicode annex 11)."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
