"""Translations kept on disk from one run to the next: a command asks a hundred queries, and each takes 20 ms anew."""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

from monitor.kql.translation import Sql, reads_only

_MOST: Final = 2_000
"""Files kept at most; then the older half goes."""


def cache_folder(environment: Mapping[str, str]) -> Path | None:
    """Where this user's caches lie (XDG Base Directory Specification); None where there is no such place."""
    given = environment.get("XDG_CACHE_HOME") or (f"{home}/.cache" if (home := environment.get("HOME")) else "")
    return Path(given) / "mintwatch" / "kql" if Path(given).is_absolute() else None


class Kept:
    """Translations in a folder of our own, by what they were made of and by what; thrown away at will.

    SQL that somebody else could have written is not run: a folder or a file that is not this user's, or that others
    may write to, is left alone, and what comes back must still be a SELECT over the tables asked. Whatever goes wrong
    here costs a translation and nothing more.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def get(self, key: object, tables: Collection[str]) -> Sql | None:
        """What was kept under this key, if anything was and it reads no more than `tables`."""
        if self._folder is None:
            return None
        try:
            with _opened(self._folder) as folder:
                kept = json.loads(_read(folder, _name(key)))
            sql = Sql(str(kept["text"]), tuple((str(name), str(slot)) for name, slot in kept["slots"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return sql if reads_only(sql.text, tables) else None

    def put(self, key: object, sql: Sql) -> None:
        """Keep it, whole or not at all."""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _opened(self._folder) as folder:
                _write(folder, _name(key), json.dumps({"text": sql.text, "slots": sql.slots}))
                _tidy(folder)
        except OSError:
            self._folder = None  # full, gone or not ours: not tried again


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """A descriptor of the folder: what is checked is then what is used. `OSError` if it is not ours alone."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _ours(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def _ours(descriptor: int) -> None:
    """`PermissionError` if what is open is another user's, or others may write to it."""
    state = os.fstat(descriptor)
    if state.st_uid != os.getuid() or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError("expected a folder or file of this user, that nobody else may write to")


def _read(folder: int, name: str) -> str:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # neither follow a link nor wait for a pipe
    with os.fdopen(os.open(name, flags, dir_fd=folder), encoding="utf-8") as file:
        _ours(file.fileno())
        return file.read()


def _write(folder: int, name: str, text: str) -> None:
    made = f"{name}.{secrets.token_hex(8)}"
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(made, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        os.unlink(made, dir_fd=folder)
        raise


def _tidy(folder: int) -> None:
    names = os.listdir(folder)
    if len(names) > _MOST:
        with suppress(FileNotFoundError):  # another of ours tidies, too
            for name in sorted(names, key=lambda one: os.stat(one, dir_fd=folder).st_mtime)[: _MOST // 2]:
                os.unlink(name, dir_fd=folder)


def _name(key: object) -> str:
    return f"{sha256(f'{_translator()}{key!r}'.encode()).hexdigest()}.json"


@cache
def _translator() -> str:
    """What makes the SQL: the packages by their versions, and our own part of it by its text."""
    ours = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    made = sha256(b"".join(ours)).hexdigest()
    return f"{version('duckdb')} {version('duckdb-kql')} {made} "
