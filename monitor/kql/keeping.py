"""Translations kept on disk from one run to the next: a command asks a hundred queries, and each takes 20 ms anew."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

from monitor.kql.translation import Sql

_MOST: Final = 2_000
"""Files kept at most; then the older half goes."""


def cache_folder(environment: Mapping[str, str]) -> Path | None:
    """Where this user's caches lie (XDG Base Directory Specification); None where there is no such place."""
    given = environment.get("XDG_CACHE_HOME") or (f"{home}/.cache" if (home := environment.get("HOME")) else "")
    return Path(given) / "mintwatch" / "kql" if Path(given).is_absolute() else None


class Kept:
    """Translations in a folder of our own, by what they were made of and by what; thrown away at will.

    SQL that somebody else could have written is not run: a folder that is not this user's, or that others may write
    to, is left alone. Whatever goes wrong here costs a translation and nothing more.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder if folder is not None and _ours(folder) else None

    def get(self, key: object) -> Sql | None:
        """What was kept under this key, if anything was."""
        if self._folder is None:
            return None
        try:
            kept = json.loads((self._folder / _name(key)).read_text(encoding="utf-8"))
            return Sql(str(kept["text"]), tuple((str(name), str(slot)) for name, slot in kept["slots"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, key: object, sql: Sql) -> None:
        """Keep it, whole or not at all."""
        if self._folder is None:
            return
        try:
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=self._folder, delete=False) as file:
                json.dump({"text": sql.text, "slots": sql.slots}, file)
            Path(file.name).replace(self._folder / _name(key))
            _tidy(self._folder)
        except OSError:
            self._folder = None  # full or gone: not tried again


def _ours(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.stat()
    except OSError:
        return False
    return state.st_uid == os.getuid() and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _tidy(folder: Path) -> None:
    files = list(folder.iterdir())
    if len(files) > _MOST:
        for path in sorted(files, key=lambda one: one.stat().st_mtime)[: _MOST // 2]:
            path.unlink(missing_ok=True)


def _name(key: object) -> str:
    return f"{sha256(f'{_translator()}{key!r}'.encode()).hexdigest()}.json"


@cache
def _translator() -> str:
    """What makes the SQL: the packages by their versions, and our own part of it by its text."""
    ours = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    made = sha256(b"".join(ours)).hexdigest()
    return f"{version('duckdb')} {version('duckdb-kql')} {made} "
