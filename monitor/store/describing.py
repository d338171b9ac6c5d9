"""What is in a state, in numbers."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from monitor.errors import StateError
from monitor.store.aging import AUDITED
from monitor.store.control import BROKEN, look
from monitor.store.locking import Holder, holder
from monitor.store.migrating import FOLDER, backups, wrote_last
from monitor.store.opening import moment


@dataclass(frozen=True, slots=True)
class Held:
    """What is kept of one source: from when to when, how far it was collected, how many stretches were not seen."""

    source: str
    files: int
    facts: int
    size: int
    oldest: datetime | None
    newest: datetime | None
    watermark: datetime | None
    gaps: int


@dataclass(frozen=True, slots=True)
class Described:
    """A state: its schema, who wrote it last, bytes per part, sources, how many there are of what, who writes now."""

    schema: int
    version: str
    sizes: dict[str, int]
    sources: tuple[Held, ...]
    incidents: dict[str, int]
    outbox: dict[str, int]
    findings: int
    identities: int
    acts: int
    audited_since: datetime | None
    backups: tuple[Path, ...]
    holder: Holder | None


def describe(directory: Path) -> Described:
    """What is in a state, as of one moment; also while somebody writes to it.

    Raises
    ------
    StateError
        If it cannot be read.
    """
    with closing(look(directory / "control.db")) as control:
        try:
            control.execute("begin")
            return _described(directory, control)
        except BROKEN as error:
            said = f"{directory}: control.db cannot be read: {error}; `mintwatch state verify` says more"
            raise StateError(said) from error


def _described(directory: Path, control: sqlite3.Connection) -> Described:
    (since,) = control.execute("select max(value) from marks where name = ?", (AUDITED,)).fetchone()
    return Described(
        schema=_count(control, "pragma user_version"),
        version=wrote_last(control),
        sizes=sizes(directory),
        sources=tuple(_sources(directory, control)),
        incidents=dict(control.execute("select state, count(*) from incidents group by state order by state")),
        outbox=dict(control.execute("select state, count(*) from outbox group by state order by state")),
        findings=_count(control, "select count(*) from findings"),
        identities=_count(control, "select count(*) from names"),
        acts=_count(control, "select count(*) from acts"),
        audited_since=moment(since) if since else None,
        backups=tuple(backups(directory)),
        holder=holder(directory),
    )


def sizes(directory: Path) -> dict[str, int]:
    """Bytes of each part of a state: facts, the control database with its log, copies of it."""
    return {
        "facts": _size(directory, "facts/*"),
        "control": _size(directory, "control.db*"),
        "backups": _size(directory, f"{FOLDER}/*"),
    }


def _sources(directory: Path, control: sqlite3.Connection) -> list[Held]:
    marks = {source: moment(at) for source, at in control.execute("select source, at from watermarks")}
    gaps = dict(control.execute("select source, count(*) from gaps group by source"))
    size: dict[str, int] = {}
    for path, source in control.execute("select path, source from live_files"):
        size[source] = size.get(source, 0) + _size(directory / "facts", path)
    rows = control.execute(
        "select source, count(*), sum(rows), min(start_at), max(end_at) from live_files group by source"
    ).fetchall()
    held = {source: (files, facts, moment(start), moment(end)) for source, files, facts, start, end in rows}
    found = []
    for one in sorted({*held, *marks, *gaps}):
        files, facts, oldest, newest = held.get(one, (0, 0, None, None))
        found.append(Held(one, files, facts, size.get(one, 0), oldest, newest, marks.get(one), gaps.get(one, 0)))
    return found


def _count(control: sqlite3.Connection, sql: str) -> int:
    return int(control.execute(sql).fetchone()[0])


def _size(directory: Path, pattern: str) -> int:
    """Bytes of what is there; a file that goes meanwhile has none."""
    total = 0
    for one in directory.glob(pattern):
        try:
            total += one.stat().st_size
        except OSError:
            continue
    return total
