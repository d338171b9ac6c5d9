"""control.db from one schema to the next: a copy first, then all of the scripts or none."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from importlib.metadata import version as installed
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from monitor import clock
from monitor.errors import StateError
from monitor.store.writing import sync

FOLDER: Final = "backups"
WROTE: Final = "version"
"""The mark that names the mintwatch that last wrote here."""
VERSION: Final = installed("mintwatch")
ROOM: Final = 3
"""How often the database has to fit on the disk before it is migrated: the copy, and the log of what is changed."""


def scripts() -> list[Traversable]:
    """The numbered migrations, in order."""
    folder = files("monitor.store") / "migrations"
    return sorted((one for one in folder.iterdir() if one.name.endswith(".sql")), key=lambda one: one.name)


def check(connection: sqlite3.Connection, path: Path | None, known: Sequence[Traversable]) -> int:
    """The schema of the database; nothing is changed.

    Raises
    ------
    StateError
        If it is newer than this mintwatch: who wrote it, and what to do.
    """
    version = int(connection.execute("pragma user_version").fetchone()[0])
    if version > len(known):
        raise StateError(newer(connection, path, version, len(known)))
    return version


def migrate(connection: sqlite3.Connection, path: Path | None, known: Sequence[Traversable]) -> None:
    """Run the numbered migrations this database has not seen, all in one transaction.

    Before that an existing database is copied to `backups/`. Whatever goes wrong on the way, be it the end of the
    process, leaves the database as it was. `path` is where it is; None if it is in memory.

    Raises
    ------
    StateError
        If the database is newer than this mintwatch, or there is no room for the copy.
    """
    version = check(connection, path, known)
    if version == len(known):
        return
    if version and path is not None:
        if shutil.disk_usage(path.parent).free < ROOM * (size := path.stat().st_size):
            raise StateError(
                f"{path}: too little room to upgrade it: expected {ROOM * size:,} free bytes for a copy of it and what"
                " is changed; nothing was changed, make room and start again"
            )
        back_up(connection, path.parent, version)
    text = "\n".join(one.read_text() for one in known[version:])
    try:
        connection.executescript(f"begin immediate;\n{text}\npragma user_version = {len(known)};\ncommit;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def back_up(connection: sqlite3.Connection, directory: Path, version: int) -> Path:
    """A whole copy of the database as of now, on the disk, under `backups/`.

    Raises
    ------
    StateError
        If it cannot be written; nothing of it stays behind.
    """
    folder = directory / FOLDER
    made = folder / f"control-{version}-{clock.now():%Y%m%dT%H%M%S%f}.db"
    aside = made.with_suffix(".tmp")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        copy(connection, aside)
        aside.rename(made)
        sync(folder)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise StateError(f"{made}: a copy of the control database cannot be written: {error}") from error
    return made


def copy(connection: sqlite3.Connection, to: Path) -> None:
    """A whole copy of a database in a file of its own, on the disk; nobody who reads or writes is stopped."""
    with closing(sqlite3.connect(to, isolation_level=None)) as made:
        connection.backup(made)
        made.execute("pragma journal_mode = delete")  # one file, nothing beside it
    to.chmod(0o600)
    sync(to)


def backups(directory: Path) -> list[Path]:
    """The copies of the control database, oldest first."""
    return sorted((directory / FOLDER).glob("control-*.db"), key=lambda one: one.name.rpartition("-")[2])


def schema_of(backup: Path) -> int:
    """The schema that a copy was made of, as its name says."""
    number = backup.name.split("-")[1]
    return int(number) if number.isdigit() else 0


def spare(made: Sequence[Path], keep: int) -> list[Path]:
    """Those of the copies, oldest first, that are neither of the newest nor the newest of an earlier schema.

    Without that one nobody could go back to an earlier mintwatch some days after an upgrade.
    """
    newest = list(made[max(0, len(made) - keep) :])
    earlier = [one for one in made if schema_of(one) < max(map(schema_of, made))] if keep else []
    return [one for one in made if one not in [*newest, *earlier[-1:]]]


def newer(connection: sqlite3.Connection, path: Path | None, version: int, known: int) -> str:
    """Why a database of a later mintwatch is refused, and what a person can do, which is never to delete it."""
    wrote = wrote_last(connection)
    by = f"a newer mintwatch, {wrote}" if wrote else "a newer mintwatch"
    again = f"run mintwatch {wrote} again" if wrote else "run that version again"
    said = (
        f"{path or 'memory'}: written by {by} (schema {version}, this one knows {known}), nothing was changed;"
        f" do not delete it: {again}"
    )
    fitting = [one for one in backups(path.parent) if schema_of(one) <= known] if path else []
    return f"{said}, or go back to the state before the upgrade: {restoring(path, fitting[-1])}" if fitting else said


def restoring(path: Path | None, backup: Path) -> str:
    """The command that puts a copy in the place of the database, while nobody writes there."""
    return f"rm -f {path}-wal {path}-shm && cp {backup} {path}"


def wrote_last(connection: sqlite3.Connection) -> str:
    """Which version of mintwatch wrote there last; '' if nobody can say."""
    with suppress(sqlite3.Error):
        row = connection.execute("select value from marks where name = ?", (WROTE,)).fetchone()
        return str(row[0]) if row else ""
    return ""


def remember_version(connection: sqlite3.Connection) -> None:
    """Keep which mintwatch writes here, unless that is known."""
    if wrote_last(connection) != VERSION:
        connection.execute("insert or replace into marks values (?, ?)", (WROTE, VERSION))
