"""control.db: SQLite in WAL mode with numbered migrations, and the one-writer lock beside it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from monitor.errors import StateError


def connect(path: Path | None) -> sqlite3.Connection:
    """An open control database, migrated to the newest schema; in memory if `path` is None.

    Raises
    ------
    StateError
        If it is no SQLite file, or was written by a newer mintwatch.
    """
    try:
        connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("pragma busy_timeout = 5000")
        migrate(connection, str(path or "memory"))
    except sqlite3.DatabaseError as error:
        raise StateError(f"{path}: cannot be used as control database: {error}") from error
    return connection


def look(path: Path) -> sqlite3.Connection:
    """The control database, open for reading alone: neither the file nor its schema is ever changed.

    Raises
    ------
    StateError
        If it is no SQLite file, or was written by another version of mintwatch.
    """
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        connection.execute("pragma busy_timeout = 5000")
        (version,) = connection.execute("pragma user_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise StateError(f"{path}: cannot be read as control database: {error}") from error
    if version != (known := len(_scripts())):
        connection.close()
        age = "a newer" if version > known else "an older"
        raise StateError(f"{path}: written by {age} mintwatch (schema {version}, this one reads {known})")
    return connection


def migrate(connection: sqlite3.Connection, where: str) -> None:
    """Run the numbered migrations this database has not seen, each in its own transaction.

    Raises
    ------
    StateError
        If the database is newer than this mintwatch.
    """
    scripts = _scripts()
    (version,) = connection.execute("pragma user_version").fetchone()
    if version > len(scripts):
        raise StateError(f"{where}: written by a newer mintwatch (schema {version}, this one knows {len(scripts)})")
    for number, script in enumerate(scripts[version:], start=version + 1):
        connection.executescript(f"begin;\n{script.read_text()}\npragma user_version = {number};\ncommit;")


def _scripts() -> list[Traversable]:
    """The numbered migrations, in order."""
    folder = files("monitor.store") / "migrations"
    return sorted((one for one in folder.iterdir() if one.name.endswith(".sql")), key=lambda one: one.name)


def lock(directory: Path) -> int:
    """Hold the directory's one-writer lock until the returned descriptor is closed or the process ends.

    Raises
    ------
    StateError
        If another process holds it.
    """
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StateError(f"{directory}: another mintwatch is writing here; stop it first") from error
    return descriptor
