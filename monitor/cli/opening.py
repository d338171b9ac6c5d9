"""What several commands open alike: rules, the engine, exported logs, a stretch of time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from monitor import clock, plugins, rules
from monitor.errors import InputError
from monitor.kql import DuckEngine
from monitor.tables import SCHEMAS


def moment(text: str) -> datetime:
    """An aware UTC time from an ISO date (its midnight) or an ISO time with a zone.

    Raises
    ------
    typer.BadParameter
        If it is neither; a time without a zone could mean two moments, so it is refused.
    """
    try:
        if len(text) == len("2026-05-01"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        return clock.aware(datetime.fromisoformat(text), "time")
    except ValueError as error:
        raise typer.BadParameter(
            f"expected a date such as 2026-05-01, or a time with its zone such as 2026-05-01T10:00Z, got {text!r}"
        ) from error


RulesOption: TypeAlias = Annotated[
    Path | None, typer.Option("--rules", metavar="DIR", help="Folder of rules; the shipped ones if left out.")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Answer as JSON, for a machine.")]


def load_rules(directory: Path | None) -> tuple[rules.Rule, ...]:
    """The rules of that folder, or the shipped ones; `RuleError` with every mistake."""
    return rules.load(directory or rules.shipped(), plugins.detectors())


@contextmanager
def engine() -> Iterator[DuckEngine]:
    """The embedded engine over the declared tables; what does not fit its memory spills to a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="mintwatch-spill-") as scratch:
        made = DuckEngine(SCHEMAS, temp_directory=Path(scratch))
        try:
            yield made
        finally:
            made.close()


def writable(path: Path) -> Path:
    """`path` if a file can be put there.

    Raises
    ------
    InputError
        If its folder is missing, or it is itself a folder.
    """
    if path.is_dir():
        raise InputError(f"{path}: expected a file to write, found a folder")
    if not path.parent.is_dir():
        raise InputError(f"{path}: cannot be written, there is no folder {path.parent}")
    return path


def empty_state(directory: Path | None) -> Path | None:
    """`directory` if it may become a state directory of its own: what was judged before would mix with a replay.

    Raises
    ------
    InputError
        If there is anything in it.
    """
    if directory is not None and directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InputError(f"{directory}: expected a new or empty folder for the state; a replay keeps its own")
    return directory
