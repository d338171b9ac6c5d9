"""Microsoft's own KQL parser and binder, asked about many queries at once: one Node process for all of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from monitor.kql import Columns, Value
from monitor.sources.fold import lets

HOME = Path(sys.prefix) / "kusto"
"""Where `make setup` installs the npm package."""
SCRIPT = Path(__file__).with_name("bind.cjs")


@dataclass(frozen=True, slots=True)
class Question:
    """A query, the tables it is asked over, and the values it is given by `let`."""

    name: str
    kql: str
    tables: Mapping[str, Columns]
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The query as it is sent."""
        return lets(self.values) + self.kql


@dataclass(frozen=True, slots=True)
class Complaint:
    """What the binder has against a query; `line` and `column` are 1-based places in its text as sent."""

    question: str
    severity: str
    code: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.question}:{self.line}:{self.column}: {self.severity} {self.code}: {self.text}"


def complaints(questions: Sequence[Question]) -> list[Complaint]:
    """Errors, warnings and hints about all of the questions, in their order.

    Raises
    ------
    RuntimeError
        If Node or the npm package is missing, or the script fails.
    """
    if not (HOME / "node_modules").is_dir():
        raise RuntimeError(f"{HOME}: Microsoft's KQL parser is not installed, run `make setup`")
    asked = [
        {"kql": one.text, "tables": {name: dict(types) for name, types in one.tables.items()}} for one in questions
    ]
    node = Path(sys.executable).with_name("node")
    done = subprocess.run(
        [node, SCRIPT], cwd=HOME, input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{SCRIPT.name} failed: {done.stderr[-2000:]}")
    answers = json.loads(done.stdout)
    return [_complaint(one, **found) for one, answer in zip(questions, answers, strict=True) for found in answer]


def _complaint(question: Question, *, severity: str, code: str, start: int, length: int, text: str) -> Complaint:
    before = question.text[:start]
    line, column = before.count("\n") + 1, start - (before.rfind("\n") + 1) + 1
    quoted = question.text[start : start + length]
    return Complaint(question.name, severity, code, line, column, f"{text} [{quoted[:80]}]")
