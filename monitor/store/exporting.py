"""A whole copy of a state, taken while somebody writes to it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from monitor.errors import InputError, StateError
from monitor.store.control import BROKEN, look
from monitor.store.migrating import copy
from monitor.store.writing import sync

Progress = Callable[[str, float], None]
TRIES: Final = 10
TAR: Final = ".tar"


class _Place(Protocol):
    """Where a copy goes to."""

    def add(self, path: Path, name: str) -> None:
        """Put the file there under that name."""

    def only(self, facts: Collection[str]) -> None:
        """Of fact files let only these stay, if that can be; what is more counts for nothing."""


@dataclass(frozen=True, slots=True)
class _Folder:
    path: Path

    def add(self, path: Path, name: str) -> None:
        to = self.path / name
        to.parent.mkdir(mode=0o700, exist_ok=True)
        shutil.copyfile(path, to)
        to.chmod(0o600)
        sync(to)

    def only(self, facts: Collection[str]) -> None:
        for one in (self.path / "facts").iterdir():
            if one.name not in facts:
                one.unlink()


@dataclass(frozen=True, slots=True)
class _Tar:
    file: tarfile.TarFile

    def add(self, path: Path, name: str) -> None:
        self.file.add(path, name)

    def only(self, facts: Collection[str]) -> None:
        """An archive is only ever added to."""


def export(directory: Path, to: Path, progress: Progress) -> tuple[int, int]:
    """Copy a state to a new folder, or into a new file that ends in .tar; how many fact files, and how many bytes.

    The control database is copied as of one moment, then the files that were live then. A file that went meanwhile was
    replaced, so it begins again with a newer moment; what was copied before is not copied again. Until it is whole it
    has another name.

    Raises
    ------
    InputError
        If there is something already, or no folder to put it in.
    StateError
        If the state cannot be read, or files go faster than they can be copied.
    OSError
        If the copy cannot be written.
    """
    if to.exists() and (to.suffix == TAR or not to.is_dir() or any(to.iterdir())):
        raise InputError(f"{to}: expected nothing there, or an empty folder")
    if not to.parent.is_dir():
        raise InputError(f"{to}: there is no folder {to.parent}")
    if to.resolve().is_relative_to(directory.resolve()):
        raise InputError(f"{to}: lies in the state that is copied; expected a place outside of {directory}")
    aside = to.with_name(f".{to.name}.tmp")
    control = to.with_name(f".{to.name}.control.tmp")
    try:
        with _place(aside, tar=to.suffix == TAR) as place:
            files = _copied(directory, place, control, progress)
            place.add(control, "control.db")
        size = sum(one.stat().st_size for one in (aside.rglob("*") if aside.is_dir() else [aside]) if one.is_file())
        if to.is_dir():
            to.rmdir()
        aside.rename(to)
        sync(to.parent)
    finally:
        with suppress(OSError):
            control.unlink(missing_ok=True)
            if aside.is_dir():
                shutil.rmtree(aside)
            aside.unlink(missing_ok=True)
    return files, size


@contextmanager
def _place(aside: Path, *, tar: bool) -> Iterator[_Place]:
    """Somewhere new, on the disk when it is left."""
    if aside.is_dir():
        shutil.rmtree(aside)
    if not tar:
        (aside / "facts").mkdir(mode=0o700, parents=True)
        yield _Folder(aside)
        sync(aside / "facts")
    else:
        descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as raw, tarfile.open(fileobj=raw, mode="w") as file:
            yield _Tar(file)
    sync(aside)


def _copied(directory: Path, place: _Place, control: Path, progress: Progress) -> int:
    """Copy the control database to `control` and every file that is live in it to its place; how many those are."""
    done: set[str] = set()
    for _ in range(TRIES):
        progress("copying control.db", 0.0)
        control.unlink(missing_ok=True)
        live = _snapshot(directory, control)
        try:
            for number, name in enumerate(live):
                progress("copying facts", number / len(live))
                if name not in done:
                    place.add(directory / "facts" / name, f"facts/{name}")
                    done.add(name)
        except FileNotFoundError:
            continue
        place.only(live)
        return len(live)
    raise StateError(f"{directory}: fact files go faster than they can be copied; try again")


def _snapshot(directory: Path, to: Path) -> list[str]:
    """Copy the control database; the names of the files that are live in the copy."""
    try:
        with closing(look(directory / "control.db")) as control:
            copy(control, to)
        with closing(sqlite3.connect(to)) as copied:
            return [name for (name,) in copied.execute("select path from live_files order by path")]
    except BROKEN as error:
        raise StateError(f"{directory}: control.db cannot be copied: {error}") from error
