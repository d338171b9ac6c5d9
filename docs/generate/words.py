"""What pages are written with: headings, tables, meanings from meanings.toml, lengths of time."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

MEANINGS: Final = Path(__file__).parents[1] / "meanings.toml"
MADE: Final = "<!-- Made from the code by docs/generate/; `make docs` writes it anew. -->"


def heading(title: str, said: str) -> list[str]:
    return [f"# {title}\n", f"{MADE}\n", f"{said}\n"]


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A Markdown table, and an empty line."""
    shown = [f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *shown, ""]


def meaning(of: str, names: Iterable[str]) -> dict[str, str]:
    """What each name means, from meanings.toml, which must know these and no others."""
    known = tomllib.loads(MEANINGS.read_text("utf-8"))[of]
    wanted = list(names)
    wrong = sorted(set(wanted) ^ set(known))
    if wrong:
        raise SystemExit(f"docs/meanings.toml: [{of}] and the code disagree about {', '.join(wrong)}")
    return {name: known[name] for name in wanted}


def written(value: object) -> str:
    return length(value) if isinstance(value, timedelta) else str(value)


def spoken(iso: str) -> str:
    """`28d` for P28D, `1h` for PT1H: as rules write a duration."""
    match = re.fullmatch(r"PT?(\d+)([DHMS])", iso)
    return f"{match[1]}{match[2].lower()}" if match else iso


def length(span: timedelta) -> str:
    """As a rule would write it."""
    for unit, width in (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1))):
        if span >= width and not span % width:
            return f"{span // width}{unit}"
    return f"{span // timedelta(seconds=1)}s"
