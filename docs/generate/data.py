"""What goes in and what comes out: sources, frames, findings, errors."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from docs.generate.words import heading, length, meaning, table
from monitor import cli, errors, frames
from monitor.frames import ACTIVITY, FACTS, SCORES, SPANS
from monitor.model import Finding, Level, Reason
from monitor.sources.files import KEYS
from monitor.sources.fold import BOUND, MARGIN, QUERIES
from monitor.tables import TABLES
from monitor.worker.lines import line


def sources() -> str:
    """Which tables are read, by what, and without which columns nothing can be counted."""
    rows = [(f"`{one.name}`", one.stream, ", ".join(one.tables), length(one.settle)) for one in QUERIES.values()]
    keyed = [(name, ", ".join(f"`{key}`" for key in KEYS[name])) for name in TABLES if name in KEYS]
    others = ", ".join(name for name in TABLES if name not in KEYS)
    parts = [
        *heading("Sources", "One source per kind of log, each with one query in `monitor/queries/`."),
        *table(("source", "stream", "tables", "settle"), rows),
        "Settle is how long after its end a bucket counts as whole: before, it is no history, and its silence proves",
        "nothing. Judged it is at once.",
        f"Copies of a row up to {length(MARGIN)} apart are recognised. Rows that arrive more than {length(BOUND)} late",
        "are counted and reported, and not folded.\n",
        "## Key columns\n",
        "Without one of these the input is refused. Other absent columns are named and read as empty.\n",
        *table(("table", "key columns"), keyed),
        f"Known by name, read by no source yet: {others}.",
    ]
    return "\n".join(parts) + "\n"


def frame_pages() -> str:
    """The frames that pass between stages."""
    types = {field.name: str(field.type) for field in FACTS}
    meanings = meaning("facts", types)
    notes = attributes(frames)
    parts = [
        *heading("Frames", inspect.cleandoc(frames.__doc__ or "").split("\n\n", 1)[1]),
        "## FACTS\n",
        notes["FACTS"] + "\n",
        *table(("column", "type", "meaning"), [(f"`{name}`", kind, meanings[name]) for name, kind in types.items()]),
    ]
    schemas: Mapping[str, Mapping[str, str]] = {"ACTIVITY": ACTIVITY, "SPANS": SPANS, "SCORES": SCORES}
    for name, columns in schemas.items():
        parts += [f"## {name}\n", notes[name] + "\n"]
        parts += table(("column", "type"), [(f"`{column}`", kind) for column, kind in columns.items()])
    return "\n".join(parts).rstrip() + "\n"


def attributes(module: Any) -> dict[str, str]:
    """The docstrings of a module's variables, which Python keeps nowhere but in the source."""
    body = ast.parse(inspect.getsource(module)).body
    notes = {}
    for before, after in pairwise(body):
        target = before.targets[0] if isinstance(before, ast.Assign) else getattr(before, "target", None)
        if isinstance(target, ast.Name) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            notes[target.id] = inspect.cleandoc(str(after.value.value))
    return notes


def findings() -> str:
    """The lines that `mintwatch backtest` writes."""
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    one = Finding(
        "", "", Level.LOW, "", "", False, "", (), "", moment, moment, moment, moment, 0.0, 0.0, 0.0, 0.0, 0.0, ""
    )
    keys = line(one, "", Reason.OPENED, {})
    meanings, reasons = meaning("finding", keys), meaning("reason", [one.value for one in Reason])
    parts = [
        *heading(
            "Findings",
            "`mintwatch backtest` writes one JSON object a line per finding, told or not, in order of `time`.",
        ),
        *table(("key", "meaning"), [(f"`{key}`", meanings[key]) for key in keys]),
        "A line never changes once it could be told: cutting the input in time leaves the lines before the cut as they",
        "were. When a later row makes the same judgement more surprising by at least 0.5, that is another line with a",
        "`time` of its own ([why](../decisions/0006-findings-never-change.md)).\n",
        "## Reasons\n",
        *table(("reason", "means"), [(f"`{one}`", reasons[one]) for one in reasons]),
    ]
    return "\n".join(parts).rstrip() + "\n"


def failures() -> str:
    """The errors mintwatch raises on purpose, and what the command line makes of them."""
    found = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, errors.MintwatchError)]
    rows = [
        (f"`{one.__name__}`", inspect.cleandoc(one.__doc__ or "").replace("\n", " "), _code(one))
        for one in sorted(found, key=lambda one: (len(one.__mro__), one.__name__))
    ]
    parts = [
        *heading("Errors", "Messages say where, what, and what was expected; several mistakes are reported at once."),
        *table(("error", "means", "exit code"), rows),
        "A source, a rule or a notifier that fails is reported and stops nobody else;",
        f"the command then exits with {cli.UNFINISHED}.",
    ]
    return "\n".join(parts) + "\n"


def _code(error: type[Exception]) -> int:
    return cli.WRONG if issubclass(error, errors.InputError) else cli.UNFINISHED
