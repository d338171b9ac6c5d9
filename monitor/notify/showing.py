"""The facts behind findings as a table of text, narrow enough for a chat."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

import pandas as pd

from monitor.hostile import clean, clip
from monitor.model import Finding, Name
from monitor.notify.wording import ID, RESOURCES, deed
from monitor.rules import Rule

TABLES: Final = 3
ROWS: Final = 6
"""How many findings show their facts, and how many each."""
HEADS: Final = {"time": "UTC", "action": "what", "at": "at", "from": "from", "outcome": "outcome", "events": "events"}
WIDTHS: Final = {"time": 11, "action": 60, "at": 60, "from": 42, "outcome": 22, "events": 7}
"""Columns of the table, and how wide each may become; an id is never cut."""


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
    """A finding and the facts it was made of, most events first; `cut` if there were more."""

    finding: Finding
    rows: tuple[Row, ...]
    cut: bool = False

    @classmethod
    def of(cls, finding: Finding, frame: pd.DataFrame, most: int | None = None) -> Shown:
        """From a frame with the columns of `Row`, and any others; its first `most` rows, or all."""
        columns = [one.name for one in fields(Row)]
        rows = tuple(Row(**row) for row in frame[columns].to_dict("records"))  # type: ignore[arg-type]
        return cls(finding, rows[:most], cut=most is not None and len(rows) > most)


def lines(
    shown: Sequence[Shown], rules: Mapping[str, Rule], names: Mapping[str, Name] | None = None
) -> tuple[str, ...]:
    """A heading for each finding and its facts below, in columns that stand under each other over all of them.

    What all rows have in common is said once, above them.
    """
    tables = [
        (one, [_cells(row, one.finding, names or {}) for row in one.rows[:ROWS]]) for one in shown[:TABLES] if one.rows
    ]
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
        left = one.rows[ROWS:]
        if one.cut:
            yield f"   and {len(left):,} more at least"
        elif left:
            yield f"   and {len(left):,} more, {sum(row.events for row in left):,} events"


def _cells(row: Row, finding: Finding, names: Mapping[str, Name]) -> dict[str, str]:
    place = " ".join(part for part in (row.ip, row.country) if part)
    outcome = row.outcome + (f" {row.code}" if row.code not in {"", "0"} else "")
    about = (
        [row.resource, row.object] if finding.stream in {"vault", "sign_in"} else [named(row.target, names), row.object]
    )
    cells = {
        "time": f"{row.first_at:%m-%d %H:%M}",
        "action": row.action,
        "at": at([clean(RESOURCES.get(part, part)) for part in about if part], WIDTHS["at"]),
        "from": place,
        "outcome": outcome,
        "events": f"{row.events:,}",
    }
    cut = {name: clip(clean(value), WIDTHS[name]) for name, value in cells.items() if name != "at"}
    return {**cut, "at": cells["at"]}


def named(target: str, names: Mapping[str, Name]) -> str:
    """What something was done to: its name, if one is known, and its id; '' of nothing.

    >>> named("entra:5f0e1d2c-0000-4000-8000-000000000001", {})
    '5f0e1d2c-0000-4000-8000-000000000001'
    """
    name = names.get(target)
    shown = clip(clean(name.name), 24) if name else ""
    return " ".join(filter(None, (shown, target.rpartition(":")[2])))


def at(parts: Sequence[str], limit: int) -> str:
    """A path of things, as much as fits: the last goes if the first is an id, else whole steps at the start.

    >>> at(["5f0e1d2c-0000-4000-8000-000000000001", "Application"], 40)
    '5f0e1d2c-0000-4000-8000-000000000001'
    >>> at(["/subscriptions/1/resourcegroups/app/vaults/kv-pay"], 24)
    '…/app/vaults/kv-pay'
    """
    whole = "/".join(parts)
    if len(whole) <= limit:
        return whole
    if len(parts) > 1 and "/" not in parts[-1] and ID.search(parts[0]):
        return at(parts[:1], limit)
    steps = (parts[-1] if "/" in parts[-1] else whole).split("/")
    kept = steps.pop()
    while steps and len(steps[-1]) + len(kept) + 3 <= limit:
        kept = f"{steps.pop()}/{kept}"
    return f"…/{kept}" if ID.fullmatch(kept) else clip(f"…/{kept}" if steps else kept, limit)


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
