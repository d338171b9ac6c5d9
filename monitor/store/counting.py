"""What is in a state, counted for whoever watches the watcher; without waiting for anybody who writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from monitor.errors import StateError
from monitor.store.control import look
from monitor.store.opening import moment


@dataclass(frozen=True, slots=True)
class Sums:
    """How much there is of what, by source, by level and state, by notifier."""

    watermarks: Mapping[str, datetime]
    facts: Mapping[str, int]
    gaps: Mapping[str, int]
    incidents: Mapping[tuple[str, str], int]
    outbox: Mapping[str, tuple[int, datetime]]
    """How many messages wait for a notifier, and since when the oldest does."""
    identities: int


def sums(directory: Path) -> Sums:
    """All of it, as of one moment, by a connection of its own that is closed again.

    Raises
    ------
    StateError
        If it cannot be read.
    """
    with closing(look(directory / "control.db")) as control:
        try:
            control.execute("begin")
            marks = control.execute("select source, at from watermarks")
            levels = "select body ->> 'level', state, count(*) from incidents group by 1, 2"
            return Sums(
                {source: moment(at) for source, at in marks},
                dict(control.execute("select source, sum(rows) from live_files group by source")),
                dict(control.execute("select source, count(*) from gaps group by source")),
                {(level, state): many for level, state, many in control.execute(levels)},
                _waiting(control),
                int(control.execute("select count(*) from names").fetchone()[0]),
            )
        except sqlite3.Error as error:
            raise StateError(f"{directory}: control.db cannot be read: {error}") from error


def waiting(directory: Path) -> Mapping[str, tuple[int, datetime]]:
    """How many messages wait for each notifier, and since when the oldest does; errors as `sums`."""
    with closing(look(directory / "control.db")) as control:
        try:
            return _waiting(control)
        except sqlite3.Error as error:
            raise StateError(f"{directory}: control.db cannot be read: {error}") from error


def _waiting(control: sqlite3.Connection) -> dict[str, tuple[int, datetime]]:
    rows = control.execute(
        "select notifier, count(*), min(since_at) from outbox where state in ('new', 'sending') group by notifier"
    )
    return {notifier: (many, moment(oldest)) for notifier, many, oldest in rows}
