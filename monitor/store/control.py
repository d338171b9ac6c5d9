"""control.db: SQLite in WAL mode, written by one process, read by many."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, Final, TypeAlias

from monitor.errors import StateError
from monitor.store import migrating

INCREMENTAL: Final = 2
"""What SQLite calls the mode in which a database becomes smaller when it is asked to."""

BROKEN: Final = (sqlite3.Error, UnicodeError)
"""What Python raises of a database that is damaged: also that it cannot read SQLite's own message about it."""
_ERRNO: Final = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "full"),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "readonly"),
    errno.EIO: "failing",
}
_SQLITE: Final = {
    sqlite3.SQLITE_FULL: "full",
    **dict.fromkeys((sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM), "readonly"),
    sqlite3.SQLITE_IOERR: "failing",
}
Values: TypeAlias = Sequence[Any] | Mapping[str, Any]


class Control:
    """One connection that threads share: a transaction is seen by nobody before it is whole."""

    def __init__(self, connection: sqlite3.Connection, where: str) -> None:
        self.refused = ""
        """Why the last write was refused that was: `full`, `readonly` or `failing`; until somebody has taken note."""
        self._connection = connection
        self._where = where
        self._alone = RLock()

    def rows(self, sql: str, values: Values = ()) -> list[Any]:
        """All rows of the answer, as tuples; `StateError` if the database cannot be read."""
        with self._alone, self._readable():
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Values = ()) -> Any:
        """The first row of the answer, or None; `StateError` if the database cannot be read."""
        with self._alone, self._readable():
            return self._connection.execute(sql, values).fetchone()

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except BROKEN as error:
            raise StateError(f"{self._where}: control.db cannot be read: {error}") from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of what is written inside, or nothing; inside of another one, part of that.

        Raises
        ------
        StateError
            If the database cannot be written.
        """
        with self._alone:
            if self._connection.in_transaction:  # this thread's own: nobody else gets here meanwhile
                yield self._connection
                return
            try:
                self._connection.execute("begin immediate")
                yield self._connection
                self._connection.execute("commit")
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.execute("rollback")
                if isinstance(error, BROKEN):
                    self.refused = refusal(error) or self.refused
                    raise StateError(f"{self._where}: control.db cannot be written: {error}") from error
                raise

    def tidy(self) -> None:
        """Give the room of what was deleted back to the disk, and make the log of changes short.

        Nobody is kept from reading; whoever writes meanwhile waits for a moment.

        Raises
        ------
        StateError
            If the database cannot be written.
        """
        with self._alone:
            try:
                if self._connection.execute("pragma auto_vacuum").fetchone()[0] != INCREMENTAL:
                    self._connection.execute("pragma auto_vacuum = incremental")  # an older mintwatch made it
                    self._connection.execute("vacuum")
                self._connection.execute("pragma incremental_vacuum").fetchall()
                self._connection.execute("pragma optimize").fetchall()
                self._connection.execute("pragma wal_checkpoint(truncate)").fetchall()
            except sqlite3.Error as error:
                raise StateError(f"{self._where}: control.db cannot be written: {error}") from error

    def copy(self, to: Path) -> None:
        """A whole copy of the database as of now, in a file of its own, on the disk."""
        with self._alone:
            migrating.copy(self._connection, to)

    def back_up(self, directory: Path) -> Path:
        """A whole copy of the database under `backups/` of the state directory; see `migrating.back_up`."""
        with self._alone:
            (version,) = self._connection.execute("pragma user_version").fetchone()
            return migrating.back_up(self._connection, directory, version)

    def close(self) -> None:
        """Let go of the database."""
        with self._alone:
            self._connection.close()


def connect(path: Path | None) -> sqlite3.Connection:
    """An open control database, migrated to the newest schema; in memory if `path` is None.

    Raises
    ------
    StateError
        If it is no SQLite file, or was written by a newer mintwatch.
    """
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        connection.execute("pragma busy_timeout = 5000")
        if not migrating.check(connection, path, (known := migrating.scripts())):
            connection.execute("pragma auto_vacuum = incremental")  # before there is anything in it, or never
        connection.execute("pragma synchronous = full")
        connection.execute("pragma journal_mode = wal")
        migrating.migrate(connection, path, known)
        migrating.remember_version(connection)
    except (*BROKEN, StateError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, StateError):
            raise
        raise StateError(unusable(path, error)) from error
    return connection


def look(path: Path) -> sqlite3.Connection:
    """The control database, open for reading alone: neither the file nor its schema is ever changed.

    Raises
    ------
    StateError
        If it is no SQLite file, or was written by another version of mintwatch.
    """
    try:
        connection, version = _opened(path, "mode=ro")
    except BROKEN as error:
        if not _alone(path, error):
            raise StateError(unusable(path, error)) from error
        connection, version = _opened(path, "mode=ro&immutable=1")
    if version != (known := len(migrating.scripts())):
        wrote = migrating.wrote_last(connection)
        connection.close()
        age, by = "a newer" if version > known else "an older", f" ({wrote})" if wrote else ""
        raise StateError(f"{path}: written by {age} mintwatch{by} (schema {version}, this one reads {known})")
    return connection


def _opened(path: Path, how: str) -> tuple[sqlite3.Connection, int]:
    """A database and its schema."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("pragma busy_timeout = 5000")
        (version,) = connection.execute("pragma user_version").fetchone()
    except BROKEN:
        connection.close()
        raise
    return connection, int(version)


def _alone(path: Path, error: Exception) -> bool:
    """Whether it is on a volume that nobody can write to, and all of it is in that one file."""
    wal = path.with_name(f"{path.name}-wal")
    refused = getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
    return (
        refused and path.is_file() and not os.access(path.parent, os.W_OK) and not (wal.exists() and wal.stat().st_size)
    )


def refusal(error: BaseException) -> str:
    """`full`, `readonly` or `failing`, if a disk refused a write; '' if something else is wrong."""
    if isinstance(error, OSError):
        return _ERRNO.get(error.errno or 0, "")
    return _SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "")


def unusable(path: Path | None, error: Exception) -> str:
    """Why a control database cannot be used, and what a person can do about it."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    said = f"{path}: cannot be used as control database: {error}"
    if path is None or code not in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return said
    made = migrating.backups(path.parent)
    again = (
        f"go back to its newest copy: {migrating.restoring(path, made[-1])}" if made else "bring back an export of it"
    )
    return f"{said}; keep it aside, and {again}. What came since then is collected and judged again"


@contextmanager
def asking(path: Path, *, withdraw: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection that may ask whoever writes there for an act, and can do nothing else, not even by mistake.

    With `withdraw` it may take back what was asked, and nothing else.

    Raises
    ------
    StateError
        If it cannot be asked: the file is not ours to write.
    """
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
        try:
            connection.execute("pragma busy_timeout = 5000")
            connection.set_authorizer(_withdraws if withdraw else _asks)
            yield connection
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise StateError(f"{path}: whoever writes there cannot be asked: {error}") from error


def _asks(action: int, table: str | None, *_: str | None) -> int:
    """Whether SQLite may: only rows of `requests` are added."""
    added = action == sqlite3.SQLITE_INSERT and table == "requests"
    return sqlite3.SQLITE_OK if added else sqlite3.SQLITE_DENY


def _withdraws(action: int, table: str | None, *_: str | None) -> int:
    """Whether SQLite may: only rows of `requests` are looked for and deleted."""
    gone = action in {sqlite3.SQLITE_DELETE, sqlite3.SQLITE_READ} and table == "requests"
    return sqlite3.SQLITE_OK if gone else sqlite3.SQLITE_DENY
