"""What people did: the audit trail, silences, and acts another process asks for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import RLock

from monitor.model import Act, Decision, Entry, Incident, Link, Outcome, Part, Silence, Wanted
from monitor.store import bodies
from monitor.store.control import asking
from monitor.store.opening import stamp
from monitor.store.outbox import Outbox


class People(Outbox):
    """Acts and silences of a state directory."""

    def __init__(self, directory: Path | None = None, *, write: bool = True) -> None:
        super().__init__(directory, write=write)
        self._decides = RLock()

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """Whoever reads an incident to write it back holds this meanwhile, so that nobody's change is lost."""
        with self._decides:
            yield

    def record(
        self,
        entry: Entry,
        incident: Incident | None,
        silences: Iterable[Silence],
        wanted: Iterable[Wanted],
        decisions: Iterable[Decision] = (),
    ) -> None:
        """Keep what a person did and everything that follows from it, in one transaction."""
        with self._control.transaction() as control:
            act = entry.act
            control.execute(
                "insert into acts (key, at, incident, outcome, said, body) values (?, ?, ?, ?, ?, ?)",
                (act.key, stamp(act.at), act.incident, entry.outcome, entry.said, bodies.dump(act)),
            )
            if incident is not None:
                control.execute(
                    "update incidents set state = ?, body = ? where id = ?",
                    (incident.state, bodies.dump(incident), incident.id),
                )
            control.executemany(
                "insert or replace into silences values (?, ?, ?)",
                [(one.id, stamp(one.expires_at), bodies.dump(one)) for one in silences],
            )
            self._decide(control, decisions)
            self._queue(control, wanted, act.at)

    def entry(self, key: str) -> Entry | None:
        """What became of the first act of that key."""
        row = self._control.row("select body, outcome, said from acts where key = ? order by seq", (key,))
        return Entry(bodies.act(row[0]), Outcome(row[1]), row[2]) if row else None

    def effect(self, key: str) -> Entry | None:
        """What became of the first act of that key that somebody might do: what was refused counts for nothing."""
        row = self._control.row(
            "select body, outcome, said from acts where key = ? and outcome in (?, ?) order by seq",
            (key, Outcome.DONE, Outcome.HARMLESS),
        )
        return Entry(bodies.act(row[0]), Outcome(row[1]), row[2]) if row else None

    def entries(self, incident: str | None = None, since: datetime | None = None) -> list[Entry]:
        """The audit trail in order; of one incident, or since then, if given."""
        rows = self._control.rows(
            """select body, outcome, said from acts where (? is null or incident = ?) and (? is null or at >= ?)
               order by seq""",
            (incident, incident, stamp(since) if since else None, stamp(since) if since else None),
        )
        return [Entry(bodies.act(body), Outcome(outcome), said) for body, outcome, said in rows]

    def silences(self, since: datetime | None = None) -> list[Silence]:
        """Silences that expire after `since`, or all; the next to expire first."""
        rows = self._control.rows(
            "select body from silences where ? is null or expires_at > ? order by expires_at, id",
            (stamp(since) if since else None, stamp(since) if since else None),
        )
        return [bodies.silence(body) for (body,) in rows]

    def silence(self, silence: str) -> Silence | None:
        """The silence of that id, if there is one."""
        row = self._control.row("select body from silences where id = ?", (silence,))
        return bodies.silence(row[0]) if row else None

    def kept_true(self, incident: str) -> list[Wanted]:
        """The messages about an incident that say where it stands and who did what: to be changed when that changes."""
        rows = self._control.rows(
            "select notifier, part from outbox where incident = ? and part in (?, ?) order by rank, seq",
            (incident, Part.CARD, Part.LOG),
        )
        return [Wanted(notifier, incident, Part(part)) for notifier, part in rows]

    def unkept(self, incident: str) -> list[str]:
        """Notifiers that have news of an incident, and no message about it that is changed when it changes."""
        rows = self._control.rows(
            """select notifier from outbox where incident = ? group by notifier
               having sum(part = 'news') > 0 and sum(part = 'card') = 0 order by notifier""",
            (incident,),
        )
        return [str(notifier) for (notifier,) in rows]

    def links(self, incident: str) -> list[Link]:
        """What an incident has in common with others, seen from it."""
        rows = self._control.rows(
            """select incident, other, because from links where incident = ?
               union select other, incident, because from links where other = ? order by 2, 3""",
            (incident, incident),
        )
        return [Link(*row) for row in rows]

    def ask_for(self, act: Act) -> None:
        """Ask the process that writes here to perform an act; also of a state that was opened for reading."""
        asked = "insert into requests (body) values (?)", (bodies.dump(act),)
        if self.writable:
            with self._control.transaction() as control:
                control.execute(*asked)
            return
        with asking(self.directory / "control.db") as connection:
            connection.execute(*asked)

    def withdraw(self, act: Act) -> bool:
        """Ask no longer; whether nobody has performed it, and nobody will.

        Whoever performs an act strikes it from what is asked for in the transaction that keeps what became of it. So it
        is either there to be withdrawn, or has its entry.
        """
        gone = "delete from requests where body = ?", (bodies.dump(act),)
        if self.writable:
            with self._control.transaction() as control:
                return control.execute(*gone).rowcount > 0
        with asking(self.directory / "control.db", withdraw=True) as connection:
            return connection.execute(*gone).rowcount > 0

    @contextmanager
    def taking(self, act: Act) -> Iterator[bool]:
        """Strike an act that was asked for, in one transaction with what is kept inside; whether it was still there.

        Whoever holds `deciding` may do this, and nobody else: a tick takes its locks in that order.
        """
        with self._control.transaction() as control:
            yield control.execute("delete from requests where body = ?", (bodies.dump(act),)).rowcount > 0

    def asked_for(self) -> list[Act]:
        """Acts that other processes asked for, oldest first."""
        return [bodies.act(body) for (body,) in self._control.rows("select body from requests order by seq")]

    def _decide(self, control: sqlite3.Connection, decisions: Iterable[Decision]) -> None:
        """Keep decisions within a transaction of somebody else's."""
        control.executemany(
            """insert into decisions (incident, notifier, at, reason, because, surprise, level, findings)
               values (?, ?, ?, ?, ?, ?, ?, ?)""",
            [
                (
                    one.incident,
                    one.notifier,
                    stamp(one.at),
                    one.reason,
                    one.because,
                    one.surprise,
                    one.level,
                    one.findings,
                )
                for one in decisions
            ],
        )
