"""Whether a state is whole: everything about it that can be checked, without changing anything."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from monitor.clock import BIN, iso
from monitor.errors import StateError
from monitor.store import bodies, migrating
from monitor.store.control import BROKEN, look
from monitor.store.damage import amiss
from monitor.store.opening import moment

Progress = Callable[[str, float], None]
SWEPT: Final = "Nothing to do: the next start of mintwatch deletes it."
AGAIN: Final = "Start mintwatch: it leaves the file out, and fetches its window again where the source still has it."
RESTORE: Final = "Put an export or a copy from backups/ in its place; docs/howto/state.md says how."
STATES: Final = ("new", "sending", "sent", "lost")
SAID: Final = 20
"""Of one kind of fault in the control database, as many lines."""
_BODIES: Final[dict[str, tuple[str, Callable[[str], object]]]] = {
    "incidents": ("id", bodies.incident),
    "findings": ("key", bodies.finding),
    "acts": ("seq", bodies.act),
    "silences": ("id", bodies.silence),
}
_MADE: Final = ("pragma user_version", "select count(*) from sqlite_master")
_LOST: Final = {
    "findings": "select key, incident from findings where incident not in (select id from incidents)",
    "decisions": "select seq, incident from decisions where incident not in (select id from incidents)",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it should be: what it is about, what is wrong, what to do; `harmless`: nothing."""

    about: str
    said: str
    do: str
    harmless: bool = False

    def __str__(self) -> str:
        return f"{self.about}: {self.said}"


def verify(directory: Path, now: datetime, progress: Progress) -> Iterator[Fault]:
    """Everything that is wrong with a state, as it is found; also of one that is damaged, or being written to.

    Nothing is raised: what cannot be read is a fault. What somebody replaced meanwhile is none.
    """
    path = directory / "control.db"
    try:
        if _unborn(path):
            yield Fault(str(path), "holds nothing yet", "Nothing: the next start makes it.", harmless=True)
            return
        with closing(look(path)) as control:
            control.text_factory = lambda text: text.decode(errors="replace")  # whatever stands there now
            yield from _database(path, control, now, progress)
            yield from _files(directory, control, progress)
    except StateError as error:
        yield Fault(str(path), str(error).removeprefix(f"{path}: "), RESTORE)
    except BROKEN as error:
        yield Fault(str(path), f"cannot be read: {error}", RESTORE)


def _unborn(path: Path) -> bool:
    """Whether whoever began a state ended before the first thing was in it; beside facts that is a loss."""
    facts = path.with_name("facts")
    if not path.is_file() or (facts.is_dir() and any(facts.iterdir())):
        return False
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as control:
        (schema,), (tables,) = (control.execute(one).fetchone() for one in _MADE)
    return (schema, tables) == (0, 0)


def _database(path: Path, control: sqlite3.Connection, now: datetime, progress: Progress) -> Iterator[Fault]:
    """The control database as of one moment."""
    progress("checking control.db", 0.0)
    control.execute("begin")
    try:
        found = [one for (one,) in control.execute("pragma integrity_check(20)") if one != "ok"]
        yield from (Fault(str(path), str(one), RESTORE) for one in found)
        if not found:
            for check in (_belonging, _watermarks, _outbox, _windows, _bodies):
                yield from (Fault(str(path), said, do) for said, do in check(control, now))
    finally:
        if control.in_transaction:
            control.execute("rollback")


def _belonging(control: sqlite3.Connection, _: datetime) -> Iterator[tuple[str, str]]:
    for table, sql in _LOST.items():
        for one, incident in control.execute(f"{sql} limit {SAID}"):
            yield f"{table} {one} belongs to incident {incident}, which is not there", RESTORE


def _watermarks(control: sqlite3.Connection, now: datetime) -> Iterator[tuple[str, str]]:
    for source, at in control.execute("select source, at from watermarks order by source"):
        if moment(at) > now + BIN:
            said = f"{source} was collected up to {iso(moment(at))}, which is in the future: a clock was ahead"
            yield said, "Set the clock; nothing is lost, what arrives is looked for from now on back."


def _outbox(control: sqlite3.Connection, _: datetime) -> Iterator[tuple[str, str]]:
    rows = control.execute(
        """select seq, state, sent_at, tries from outbox where state not in (?, ?, ?, ?) or tries < 0
           or (state = 'sent' and sent_at = '') limit ?""",
        (*STATES, SAID),
    )
    for seq, state, sent_at, tries in rows:
        yield f"message {seq} is {state!r}, sent at {sent_at!r} after {tries} tries, which cannot be", RESTORE


def _windows(control: sqlite3.Connection, _: datetime) -> Iterator[tuple[str, str]]:
    rows = control.execute("select source, start_at, end_at, path from live_files order by source, start_at, end_at")
    live = rows.fetchall()
    for source, start, end, path in live:
        if not start < end:
            yield f"{path}: of {source}, ends at {end} before it starts at {start}", RESTORE
    for before, after in pairwise(live):
        if before[0] == after[0] and after[1] < before[2]:
            yield f"{before[3]} and {after[3]} are of the same time: rows would count twice", RESTORE


def _bodies(control: sqlite3.Connection, _: datetime) -> Iterator[tuple[str, str]]:
    for table, (key, read) in _BODIES.items():
        for name, body in control.execute(f"select {key}, body from {table}"):  # noqa: S608
            try:
                read(body)
            except (ValidationError, ValueError) as error:
                yield f"{table} {name} cannot be read: {str(error).splitlines()[0]}", RESTORE


def _files(directory: Path, control: sqlite3.Connection, progress: Progress) -> Iterator[Fault]:
    """The fact files against the table of those that count."""
    folder = directory / "facts"
    sql = "select path, source, rows from live_files"
    live = control.execute(f"{sql} order by path").fetchall()
    for place, (name, source, rows) in enumerate(live):
        progress("checking facts", place / len(live))
        if (said := amiss(folder / name, source, rows)) and control.execute(
            f"{sql} where path = ?", (name,)
        ).fetchone():
            yield Fault(str(folder / name), said, AGAIN)
    known = {name for (name,) in control.execute("select path from live_files")}
    try:
        left = sorted(one for one in folder.iterdir() if one.name not in known)
    except OSError as error:
        yield Fault(str(folder), f"cannot be read: {error.strerror}", RESTORE)
        return
    left += _unfinished(directory)
    yield from (Fault(str(one), "is left over, and counts for nothing", SWEPT, harmless=True) for one in left)


def _unfinished(directory: Path) -> Iterable[Path]:
    return sorted((directory / migrating.FOLDER).glob("*.tmp"))
