"""What mintwatch keeps about itself: troubles, gaps, comparisons, and the journal that its own rules judge."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from monitor.clock import BIN, DAY, floor
from monitor.model import Change, Gap, HealthEvent, Trouble, Window
from monitor.store.facts import FactFiles
from monitor.store.opening import moment, stamp

STATE: Final = "state"
"""What the journal calls the state itself, where it says what of mintwatch something happened to."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a judgement rests on, as it was at one moment.

    The fact files of the sources that were live, how far each was collected then, what was known not to be seen, which
    windows had changed that somebody may not have judged, in order, and since when each source is collected.
    """

    live: tuple[Path, ...]
    watermarks: Mapping[str, datetime]
    gaps: tuple[Gap, ...]
    changes: tuple[Change, ...] = ()
    begun: Mapping[str, datetime] = field(default_factory=dict)


class Health(FactFiles):
    """How well the sources of a state directory can be read."""

    def __init__(self, directory: Path | None = None, *, write: bool = True) -> None:
        super().__init__(directory, write=write)
        self._refused_at: datetime | None = None

    @contextmanager
    def standing(self, sources: Collection[str]) -> Iterator[Standing]:
        """What is live of these sources, collected and left out, all of one moment; its files stay until it is left."""
        with self.reading():
            with self._control.transaction():  # several questions, and nobody writes in between
                standing = Standing(
                    tuple(self.live(sources)),
                    {one: moment(at) for one, at in self._control.rows("select source, at from watermarks")},
                    tuple(self.gaps()),
                    tuple(self.changes()),
                    {one: moment(at) for one, at in self._control.rows("select source, at from begun")},
                )
            yield standing

    def note_begun(self, source: str, at: datetime) -> None:
        """Keep since when a source is collected; the first time stands."""
        with self._control.transaction() as control:
            control.execute("insert or ignore into begun values (?, ?)", (source, stamp(at)))

    def begun(self, source: str) -> datetime | None:
        """Since when a source is collected; None before the first time."""
        row = self._control.row("select at from begun where source = ?", (source,))
        return moment(row[0]) if row else None

    def changes(self) -> list[Change]:
        """Windows that came to say something else and that some rule may not have judged since, in order."""
        rows = self._control.rows("select seq, start_at, as_of from changes order by seq")
        return [Change(seq, moment(start), moment(as_of)) for seq, start, as_of in rows]

    def origins(self) -> dict[str, tuple[str, frozenset[str]]]:
        """Of each source the workspace it was first read from, and the tables of it that ever answered."""
        rows = self._control.rows("select source, workspace, tables from origins")
        return {source: (workspace, frozenset(json.loads(tables))) for source, workspace, tables in rows}

    def note_origin(self, source: str, workspace: str) -> None:
        """Keep which workspace a source is read from; the first stands."""
        with self._control.transaction() as control:
            control.execute("insert or ignore into origins values (?, ?, '[]')", (source, workspace))

    def note_tables(self, source: str, tables: Collection[str]) -> None:
        """Keep which tables of a source answered; of one without a workspace nothing is kept."""
        text = json.dumps(sorted(tables))
        with self._control.transaction() as control:
            control.execute("update origins set tables = ? where source = ? and tables <> ?", (text, source, text))

    def failed(self, source: str, at: datetime, error: str, code: str) -> None:
        """Keep that a source cannot be read as of `at`, and write down each 5-minute bin of it not written down yet.

        It is in trouble since the bin before it first failed; bins are written down for a day at most.
        """
        begin = floor(at) - BIN
        with self._control.transaction() as control:
            row = control.execute("select until_at from troubles where source = ?", (source,)).fetchone()
            upto = max(moment(row[0]), floor(at) - DAY) if row else begin
            control.execute(
                """insert into troubles values (?, ?, ?, ?) on conflict (source) do update set
                   until_at = excluded.until_at, error = excluded.error""",
                (source, stamp(begin), stamp(floor(at)), error),
            )
            bins = (upto + n * BIN for n in range((floor(at) - upto) // BIN))
            _write(control, (HealthEvent(one, "collect", source, "failed", code) for one in bins))

    def recovered(self, source: str) -> None:
        """Keep that a source can be read."""
        with self._control.transaction() as control:
            control.execute("delete from troubles where source = ?", (source,))

    def troubles(self) -> list[Trouble]:
        """The sources that cannot be read, longest first."""
        rows = self._control.rows("select source, since_at, error from troubles order by since_at, source")
        return [Trouble(source, moment(since), error) for source, since, error in rows]

    def note_gaps(self, gaps: Iterable[Gap]) -> None:
        """Keep stretches that were not seen whole, and write down those that are new; a known one keeps its reason."""
        with self._control.transaction() as control:
            for one in gaps:
                told = control.execute(
                    "insert or ignore into gaps values (?, ?, ?, ?, ?, ?)",
                    (
                        one.source,
                        *map(stamp, (one.window.start, one.window.end)),
                        one.reason,
                        stamp(one.noted_at),
                        one.kind,
                    ),
                )
                if told.rowcount:
                    outcome = "shrunk" if one.kind == "shrunk" else "gap"
                    _write(control, [HealthEvent(one.noted_at - BIN, "collect", one.source, outcome, "")])

    def mended(self, source: str, windows: Iterable[Window]) -> None:
        """Forget the gaps that lie in these windows: they were fetched whole after all."""
        with self._control.transaction() as control:
            control.executemany(
                "delete from gaps where source = ? and start_at >= ? and end_at <= ?",
                [(source, stamp(one.start), stamp(one.end)) for one in windows],
            )

    def gaps(self) -> list[Gap]:
        """Every stretch that was not seen whole, oldest first."""
        rows = self._control.rows(
            "select source, start_at, end_at, reason, noted_at, kind from gaps order by start_at, source"
        )
        return [
            Gap(source, Window(moment(start), moment(end)), reason, moment(noted), kind)
            for source, start, end, reason, noted, kind in rows
        ]

    def note_compared(self, source: str, at: datetime) -> None:
        """Keep when a source's counts were last compared with what it would count now."""
        with self._control.transaction() as control:
            control.execute("insert or replace into compared values (?, ?)", (source, stamp(at)))

    def compared(self, source: str) -> datetime | None:
        """When a source's counts were last compared; None before the first time."""
        row = self._control.row("select at from compared where source = ?", (source,))
        return moment(row[0]) if row else None

    def mark(self, name: str) -> str:
        """What was noted under that name, '' if nothing was."""
        row = self._control.row("select value from marks where name = ?", (name,))
        return str(row[0]) if row else ""

    def note_mark(self, name: str, value: str) -> None:
        """Note something small under a name, in place of what was noted before."""
        with self._control.transaction() as control:
            control.execute("insert or replace into marks values (?, ?)", (name, value))

    def note(self, events: Iterable[HealthEvent]) -> None:
        """Write down what happened, each once: the same of the same part at the same moment is one event."""
        with self._control.transaction() as control:
            control.executemany(
                """insert into journal select ?1, ?2, ?3, ?4, ?5 where not exists (
                   select * from journal where at = ?1 and action = ?2 and source = ?3 and outcome = ?4)""",
                [(stamp(one.at), one.action, one.source, one.outcome, one.code) for one in events],
            )

    @property
    def refused(self) -> str:
        """Why the last write that was refused was: `full`, `readonly` or `failing`; '' once it was written down."""
        return self._control.refused

    def note_refused(self, at: datetime) -> datetime:
        """Write down that nothing could be written, a `store` event for each 5-minute bin, a day at most; since when.

        That is the bin before this was first asked for, if it could not be written down then.

        Raises
        ------
        StateError
            If nothing can be written yet: it is written down some other time.
        """
        last = floor(at) - BIN
        self._refused_at = min(self._refused_at or last, last)
        first = max(self._refused_at, last - DAY)
        bins = [first + n * BIN for n in range((last - first) // BIN + 1)]
        events = [HealthEvent(one, "store", STATE, self.refused, "") for one in bins]
        self.note([*events, HealthEvent(last, "store", STATE, "restored", "")])
        self._control.refused, self._refused_at = "", None
        return first

    def forget(self, before: datetime) -> None:
        """Forget what happened before then."""
        with self._control.transaction() as control:
            control.execute("delete from journal where at < ?", (stamp(before),))

    def events(self, window: Window) -> list[HealthEvent]:
        """What happened to mintwatch itself in a stretch of time, oldest first."""
        rows = self._control.rows(
            "select at, action, source, outcome, code from journal where at >= ? and at < ? order by at, rowid",
            (stamp(window.start), stamp(window.end)),
        )
        return [HealthEvent(moment(at), action, source, outcome, code) for at, action, source, outcome, code in rows]


def _write(control: sqlite3.Connection, events: Iterable[HealthEvent]) -> None:
    control.executemany(
        "insert into journal values (?, ?, ?, ?, ?)",
        [(stamp(one.at), one.action, one.source, one.outcome, one.code) for one in events],
    )
