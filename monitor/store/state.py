"""The store: facts as immutable Parquet files, everything else in control.db, one writer."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from monitor.errors import PermanentError, StateError
from monitor.frames import FACTS, conform_facts
from monitor.model import Decision, Finding, Incident, Name, Notice, Reason, State, Window
from monitor.ports import Counts, Fetched
from monitor.store import bodies
from monitor.store.control import connect, lock, look

ROW_GROUP = 100_000
"""Facts in one row group of a fact file."""
_TOLD = json.dumps([one.value for one in Reason if one.told])


@dataclass(frozen=True, slots=True)
class Written:
    """A fact file on disk that is not live yet."""

    path: Path
    window: Window
    rows: int
    counts: Counts
    names: tuple[Name, ...]


class Store:
    """Facts and control of one state directory; in a temporary directory that goes away if `directory` is None.

    Parameters
    ----------
    directory
        Made if it does not exist.
    write
        False opens an existing state for reading, also while another process writes.

    Raises
    ------
    StateError
        If another process writes there, or the state cannot be used.
    """

    def __init__(self, directory: Path | None = None, *, write: bool = True) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="mintwatch-") if directory is None else None
        self.directory = Path(self._temporary.name) if self._temporary else Path(directory or "")
        self._facts = self.directory / "facts"
        if write:
            self._facts.mkdir(parents=True, exist_ok=True)
        elif not (self.directory / "control.db").is_file():
            raise StateError(f"{self.directory}: expected a state directory (control.db), found none")
        self._lock = lock(self.directory) if write else None
        self._retired: dict[str, list[str]] = {}
        try:
            path = self.directory / "control.db"
            self._control = connect(None if self._temporary else path) if write else look(path)
        except StateError:
            self._unlock()
            raise
        if write:
            self.sweep()

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
            os.close(self._lock)
            self._lock = None

    # Facts

    def write(self, source: str, window: Window, fetched: Fetched) -> Written:
        """Put one window's facts on disk, fsynced, without making them live.

        Raises
        ------
        PermanentError
            Naming the file, if it cannot be written (the disk is full); nothing stays behind.
        """
        facts = fetched.facts
        path = self._facts / f"{source}.{window.start:%Y%m%dT%H%M}.{uuid4().hex[:12]}.parquet"
        aside = path.with_suffix(".tmp")
        try:
            with pq.ParquetWriter(aside, FACTS, compression="zstd") as file:
                for start in range(0, max(facts.num_rows, 1), ROW_GROUP):  # text is made plain a group at a time
                    file.write_table(conform_facts(facts.slice(start, ROW_GROUP)))
            _sync(aside)
            aside.rename(path)
            _sync(self._facts)
        except BaseException as error:
            for left in (aside, path):
                left.unlink(missing_ok=True)
            if isinstance(error, OSError | pa.ArrowException):
                raise PermanentError(f"{path}: facts cannot be written: {error}") from error
            raise
        return Written(path, window, facts.num_rows, fetched.counts, fetched.names)

    def switch(self, source: str, written: Sequence[Written], watermark: datetime) -> None:
        """Make these files live in place of every older one whose window they cover, and move the watermark.

        It is one transaction: all of it or nothing. The older files are deleted at the source's next switch, because
        somebody may just be reading them.

        Raises
        ------
        StateError
            If a live window would be replaced in part: a window is replaced whole.
        """
        with self._transaction() as control:
            old: list[str] = []
            for one in written:
                covered = self._covered(control, source, one.window)
                control.executemany("delete from live_files where path = ?", [(path,) for path in covered])
                control.execute(
                    "insert into live_files values (?, ?, ?, ?, ?, ?)",
                    (
                        one.path.name,
                        source,
                        *map(stamp, (one.window.start, one.window.end)),
                        one.rows,
                        _text(one.counts),
                    ),
                )
                old += covered
            _remember(control, (name for one in written for name in one.names))
            control.execute("insert or replace into watermarks values (?, ?)", (source, stamp(watermark)))
        for path in self._retired.get(source, ()):
            (self._facts / path).unlink(missing_ok=True)
        self._retired[source] = old

    def discard(self, written: Iterable[Written]) -> None:
        """Delete those of the files that are not live: another window of their source could not be fetched."""
        live = set(self.live())
        for one in written:
            if one.path not in live:
                one.path.unlink(missing_ok=True)

    def _covered(self, control: sqlite3.Connection, source: str, window: Window) -> list[str]:
        rows = control.execute(
            "select path, start_at, end_at from live_files where source = ? and start_at < ? and end_at > ?",
            (source, stamp(window.end), stamp(window.start)),
        ).fetchall()
        for path, start, end in rows:
            if _time(start) < window.start or _time(end) > window.end:
                raise StateError(f"{path}: window {start} .. {end} would be replaced only in part")
        return [path for path, _, _ in rows]

    def live(self) -> list[Path]:
        """The fact files that count, of every source. Never a glob: a file on disk may not be live yet, or any more."""
        return [self._facts / path for (path,) in self._control.execute("select path from live_files order by path")]

    def windows(self, source: str) -> list[Window]:
        """The windows of that source's live files, oldest first."""
        rows = self._control.execute(
            "select start_at, end_at from live_files where source = ? order by start_at", (source,)
        )
        return [Window(_time(start), _time(end)) for start, end in rows]

    def counts(self) -> dict[str, Counts]:
        """What became of the rows of each source's live windows."""
        total: dict[str, Counts] = {}
        for source, counts in self._control.execute("select source, counts from live_files order by source"):
            total[source] = total.get(source, Counts()) + Counts(**json.loads(counts))
        return total

    def watermark(self, source: str) -> datetime | None:
        """How far this source was collected, in arrival time; None before the first time."""
        row = self._control.execute("select at from watermarks where source = ?", (source,)).fetchone()
        return _time(row[0]) if row else None

    def names(self) -> dict[str, Name]:
        """The newest display name of every identity."""
        rows = self._control.execute("select identity, name, kind, app_id, first_at, last_at from names")
        return {row[0]: Name(row[0], row[1], row[2], row[3], _time(row[4]), _time(row[5])) for row in rows}

    def sweep(self) -> list[Path]:
        """Delete fact files that are not live: left by a crash between writing and switching."""
        live = set(self.live())
        orphans = [path for path in self._facts.iterdir() if path not in live]
        for path in orphans:
            path.unlink()
        return orphans

    # Judgements

    def conclude(
        self,
        judged: Mapping[tuple[str, str], datetime],
        findings: Iterable[tuple[Finding, str, Decision]],
        incidents: Iterable[Incident],
        decisions: Iterable[Decision],
        as_of: Mapping[str, datetime] | None = None,
    ) -> None:
        """Keep what a tick concluded, in one transaction.

        That is how far each rule judged each source, findings (with their incident and its decision), incidents,
        decisions, and per rule before when the facts were seen that it judged (`as_of`).
        """
        with self._transaction() as control:
            control.executemany(
                "insert or replace into judged values (?, ?, ?)",
                [(rule, source, stamp(until)) for (rule, source), until in judged.items()],
            )
            control.executemany(
                "insert or replace into judged_as_of values (?, ?)",
                [(rule, stamp(at)) for rule, at in (as_of or {}).items()],
            )
            control.executemany(
                "insert or ignore into findings values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        finding.key,
                        finding.rule,
                        finding.subject,
                        stamp(finding.bucket),
                        stamp(finding.time),
                        incident,
                        decision.reason,
                        decision.told,
                        bodies.dump(finding),
                    )
                    for finding, incident, decision in findings
                ],
            )
            control.executemany(
                """insert into incidents values (?, ?, ?, ?, ?) on conflict (id) do update set
                   state = excluded.state, last_at = excluded.last_at, body = excluded.body""",  # keeps its place
                [(one.id, one.subject, one.state, stamp(one.last_at), bodies.dump(one)) for one in incidents],
            )
            control.executemany(
                "insert into decisions (incident, notifier, at, reason) values (?, ?, ?, ?)",
                [(one.incident, one.notifier, stamp(one.at), one.reason) for one in decisions],
            )

    def judged(self) -> dict[tuple[str, str], datetime]:
        """How far each (rule, source) was judged."""
        rows = self._control.execute("select rule, source, until_at from judged")
        return {(rule, source): _time(until) for rule, source, until in rows}

    def judged_as_of(self) -> dict[str, datetime]:
        """Per rule, before when the facts were seen that it last judged."""
        rows = self._control.execute("select rule, at from judged_as_of")
        return {rule: _time(as_of) for rule, as_of in rows}

    def known(self, since: datetime) -> set[str]:
        """Keys of the findings kept so far whose bucket starts at or after `since`."""
        return {key for (key,) in self._control.execute("select key from findings where bucket >= ?", (stamp(since),))}

    def findings(self, incident: str | None = None) -> list[tuple[Finding, str, str]]:
        """(finding, incident, reason) in order of time; of one incident, if given."""
        rows = self._control.execute(
            "select body, incident, reason from findings where ? is null or incident = ? order by time, key",
            (incident, incident),
        )
        return [(bodies.finding(body), one, reason) for body, one, reason in rows]

    def incidents(self, state: State | None = None) -> list[Incident]:
        """Incidents, oldest first; only those in that state, if given."""
        rows = self._control.execute(
            "select body from incidents where ? is null or state = ? order by rowid", (state, state)
        )
        return [bodies.incident(body) for (body,) in rows]

    def recent(self, since: datetime) -> list[Incident]:
        """Incidents that are open, or whose last bucket ends at or after `since`, oldest first."""
        rows = self._control.execute(
            "select body from incidents where state = ? or last_at >= ? order by rowid", (State.OPEN, stamp(since))
        )
        return [bodies.incident(body) for (body,) in rows]

    def incident(self, incident: str) -> Incident | None:
        """The incident of that id, if there is one."""
        row = self._control.execute("select body from incidents where id = ?", (incident,)).fetchone()
        return bodies.incident(row[0]) if row else None

    def decisions(self, incident: str) -> list[Decision]:
        """Every decision about one incident, in order."""
        rows = self._control.execute(
            "select incident, notifier, at, reason from decisions where incident = ? order by seq", (incident,)
        )
        return [bodies.decision(*row) for row in rows]

    def note(self, notice: Notice) -> None:
        """Keep the proof that a notifier took a message; written after the send."""
        with self._transaction() as control:
            control.execute(
                "insert into notices values (?, ?, ?, ?)",
                (notice.incident, notice.notifier, stamp(notice.at), notice.ref),
            )
            control.execute(
                "delete from refused where incident = ? and notifier = ? and at = ?",
                (notice.incident, notice.notifier, stamp(notice.at)),
            )

    def refuse(self, decision: Decision, notifier: str) -> None:
        """Keep that this notifier could not take the message of a decision, until it does or it is given up."""
        with self._transaction() as control:
            control.execute(
                "insert or ignore into refused values (?, ?, ?)", (decision.incident, notifier, stamp(decision.at))
            )

    def give_up(self, before: datetime) -> list[tuple[str, str, datetime]]:
        """Forget the refused messages of decisions before then: (notifier, incident, when decided), oldest first."""
        with self._transaction() as control:
            rows = control.execute(
                "delete from refused where at < ? returning notifier, incident, at", (stamp(before),)
            ).fetchall()
        return [(notifier, one, _time(at)) for notifier, one, at in sorted(rows, key=lambda row: row[::-1])]

    def notices(self, incident: str) -> list[Notice]:
        """Every notice about one incident, in order."""
        rows = self._control.execute(
            "select incident, notifier, at, ref from notices where incident = ? order by rowid", (incident,)
        )
        return [Notice(one, notifier, _time(at), ref) for one, notifier, at, ref in rows]

    def owed(self, notifier: str, since: datetime) -> list[Decision]:
        """Decisions from `since` on that are to be told and of which this notifier gave no notice, oldest first."""
        rows = self._control.execute(
            """select incident, notifier, at, reason from decisions
               where at >= ? and reason in (select value from json_each(?)) and not exists (
               select * from notices where notices.incident = decisions.incident and notices.at = decisions.at
               and notices.notifier = ?) order by seq""",
            (stamp(since), _TOLD, notifier),
        )
        return [bodies.decision(*row) for row in rows]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._control.execute("begin immediate")
            yield self._control
            self._control.execute("commit")
        except BaseException as error:
            if self._control.in_transaction:
                self._control.execute("rollback")
            if isinstance(error, sqlite3.Error):
                raise StateError(f"{self.directory}: control.db cannot be written: {error}") from error
            raise


def _remember(control: sqlite3.Connection, names: Iterable[Name]) -> None:
    """The newest name wins; first and last seen only widen."""
    control.executemany(
        """insert into names values (?, ?, ?, ?, ?, ?, ?) on conflict (identity) do update set
           name = iif(excluded.named_at >= named_at and excluded.name <> '', excluded.name, name),
           named_at = max(named_at, excluded.named_at),
           kind = iif(excluded.last_at >= last_at and excluded.kind <> '', excluded.kind, kind),
           app_id = iif(excluded.last_at >= last_at and excluded.app_id <> '', excluded.app_id, app_id),
           first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)""",
        [
            (one.identity, one.name, one.kind, one.app_id, *map(stamp, (one.first_at, one.last_at)), _named_at(one))
            for one in names
        ],
    )


def _named_at(name: Name) -> str:
    return stamp(name.last_at) if name.name else ""


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _text(counts: Counts) -> str:
    return json.dumps(asdict(counts))


def stamp(at: datetime) -> str:
    """Fixed-width UTC text: it sorts as the times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
