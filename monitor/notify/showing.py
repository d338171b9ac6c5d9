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
ROWS: Final = 6
"""How many findings show their facts, and how many each."""
HEADS: Final = {"time": "UTC", "action": "what", "at": "at", "from": "from", "outcome": "outcome", "events": "events"}
WIDTHS: Final = {"time": 11, "action": 24, "at": 40, "from": 22, "outcome": 14, "events": 7}
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
    """A heading for each finding and its facts below, in columns that stand under each other over all of them.

    What all rows have in common is said once, above them.
    """
    tables = [(one, [_cells(row, one.finding) for row in one.rows[:ROWS]]) for one in shown[:TABLES] if one.rows]
    if not tables:
        return ()
    everything = [cells for _, rows in tables for cells in rows]
    alike = {name: everything[0][name] for name in HEADS if len({cells[name] for cells in everything}) == 1}
    common = ", ".join(alike[name] for name in ("time", "action", "at", "from", "outcome") if alike.get(name))
    kept = [(name, max(_width(cells[name]) for cells in [HEADS, *everything])) for name in HEADS if name not in alike]
    said = [f"all {len(everything)}: {common}"] if common and len(everything) > 1 else [common] if common else []
    return (*said, *_written(tables, kept, rules))


def _written(
    tables: Sequence[tuple[Shown, list[dict[str, str]]]], kept: Sequence[tuple[str, int]], rules: Mapping[str, Rule]
) -> Iterator[str]:
    if kept:
        yield _line(HEADS, kept)
    for one, rows in tables:
        if len(tables) > 1:
            yield f"-- {clip(clean(deed(one.finding, rules.get(one.finding.rule))), 60)}"
        yield from (_line(cells, kept) for cells in rows if kept)
        if left := one.rows[ROWS:]:
            yield f"   and {len(left):,} more, {sum(row.events for row in left):,} events"


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
    cut = {name: clip(clean(value), WIDTHS[name]) for name, value in cells.items() if name != "at"}
    return {**cut, "at": _end(clean(cells["at"]), WIDTHS["at"])}


def _end(text: str, limit: int) -> str:
    """The end of a path, where it says what it leads to."""
    return text if len(text) <= limit else f"…{text[1 - limit :]}"


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
