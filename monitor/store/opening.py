"""A state directory, opened: its lock, its control database, one transaction at a time."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from monitor.errors import StateError
from monitor.store.control import Control, connect, look
from monitor.store.locking import Holder, holder, lock, unlock


class Opened:
    """A state directory, opened for writing, by one process alone, or for reading."""

    def __init__(self, directory: Path | None = None, *, write: bool = True) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="mintwatch-") if directory is None else None
        self.directory = Path(self._temporary.name) if self._temporary else Path(directory or "")
        self._facts = self.directory / "facts"
        if write:
            _make(self._facts)
        elif not (self.directory / "control.db").is_file():
            raise StateError(f"{self.directory}: expected a state directory (control.db), found none")
        self._lock = lock(self.directory) if write else None
        try:
            path = self.directory / "control.db"
            connection = connect(None if self._temporary else path) if write else look(path)
        except StateError:
            self._unlock()
            raise
        self._control = Control(connection, str(self.directory))

    @property
    def holder(self) -> Holder | None:
        """Who writes there now; None if nobody does."""
        return holder(self.directory)

    @property
    def writable(self) -> bool:
        """Whether it was opened for writing."""
        return self._lock is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database and the lock."""
        self._control.close()
        self._unlock()
        if self._temporary:
            self._temporary.cleanup()

    def _unlock(self) -> None:
        if self._lock is not None:
            unlock(self._lock)
            self._lock = None


def _make(folder: Path) -> None:
    """Make the folder where facts are kept, if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(
            f"{folder}: cannot be made: {error.strerror}; expected a folder that uid {os.getuid()} may write to"
        ) from error


def stamp(at: datetime) -> str:
    """Fixed-width UTC text: it sorts as the times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    """Back from `stamp`."""
    return datetime.fromisoformat(text)
