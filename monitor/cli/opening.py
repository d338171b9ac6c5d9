"""What several commands open alike: rules, the engine, exported logs, a stretch of time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from monitor import clock, plugins, rules, settings
from monitor.errors import InputError
from monitor.kql import DuckEngine, cache_folder
from monitor.tables import SCHEMAS

FIRST_YEAR, LAST_YEAR = 1970, 2200
"""Years that logs can be of, the second excluded: times far outside overflow where a margin is added."""


def moment(text: str) -> datetime:
    """An aware UTC time from an ISO date (its midnight) or an ISO time with a zone.

    Raises
    ------
    typer.BadParameter
        If it is neither, or of another century; a time without a zone could mean two moments, so it is refused.
    """
    try:
        if len(text) == len("2026-05-01"):
            given = datetime.combine(date.fromisoformat(text), time(), UTC)
        else:
            given = clock.aware(datetime.fromisoformat(text), "time")
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(
            f"expected a date such as 2026-05-01, or a time with its zone such as 2026-05-01T10:00Z, got {text!r}"
        ) from error
    if not FIRST_YEAR <= given.year < LAST_YEAR:
        raise typer.BadParameter(f"expected a time of the years {FIRST_YEAR} to {LAST_YEAR - 1}, got {text!r}")
    return given


RulesOption: TypeAlias = Annotated[
    Path | None, typer.Option("--rules", metavar="DIR", help="Folder of rules; the shipped ones if left out.")
]
CONFIG: Final = Path("mintwatch.yml")
CONFIGURED: Final = "MINTWATCH_CONFIG"
"""The variable that names the file of settings where no option does, as in a container."""
ConfigOption: TypeAlias = Annotated[
    Path,
    typer.Option("--config", envvar=CONFIGURED, metavar="FILE", help="File of settings; the environment goes over it."),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Answer as JSON, for a machine.")]


def load_rules(directory: Path | None) -> tuple[rules.Rule, ...]:
    """The rules of that folder, or the shipped ones; `RuleError` with every mistake."""
    return rules.load(directory or rules.shipped(), plugins.detectors())


def configured(path: Path) -> settings.Settings:
    """The settings of that file and the environment; of the environment alone if the usual file is not there.

    Raises
    ------
    InputError
        With every mistake.
    """
    alone = path == CONFIG and not path.exists() and any(name.startswith(settings.PREFIX) for name in os.environ)
    return settings.load(None if alone else path, os.environ)


@contextmanager
def engine() -> Iterator[DuckEngine]:
    """The embedded engine over the declared tables; what does not fit its memory spills to a folder that goes away.

    One thread for each query: two are asked at once wherever there is much to do, by pieces of a window and by rules.
    """
    with tempfile.TemporaryDirectory(prefix="mintwatch-spill-") as scratch:
        made = DuckEngine(SCHEMAS, threads=1, temp_directory=Path(scratch), keep=cache_folder(os.environ))
        try:
            yield made
        finally:
            made.close()


def writable(path: Path) -> Path:
    """`path` if a file can be put there.

    Raises
    ------
    InputError
        If its folder is missing or closed to us, or something else than a file is there: a folder, a pipe, a device.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path}: expected a file to write, found a folder")
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: expected a file to write, found a pipe or a device")
        if not path.parent.is_dir():
            raise InputError(f"{path}: cannot be written, there is no folder {path.parent}")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(f"{path}: cannot be written, {path.parent} does not let us")
    return path


def readable(directory: Path) -> Path:
    """`directory` if it is a folder whose files can be read; `InputError` naming what cannot."""
    try:
        if not directory.is_dir():
            raise InputError(f"{directory}: expected a folder of exported tables, found none")
        shut = [path for path in sorted(directory.iterdir()) if path.is_file() and not os.access(path, os.R_OK)]
    except OSError as error:
        raise InputError(f"{directory}: cannot be read: {error.strerror or error}") from error
    if shut:
        raise InputError("\n".join(f"{path}: cannot be read, permission denied" for path in shut))
    return directory


def empty_state(directory: Path | None) -> Path | None:
    """`directory` if it may become a state directory of its own: what was judged before would mix with a replay.

    Raises
    ------
    InputError
        If there is anything in it, or it cannot be made.
    """
    if directory is None:
        return None
    try:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise InputError(f"{directory}: expected a new or empty folder for the state; a replay keeps its own")
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{directory}: cannot be made: {error.strerror or error}") from error
    return directory
