"""The store: facts as immutable Parquet files, everything else in control.db, one writer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from monitor.model import Decision, Finding, Incident, Name, Notice, Reason, State
from monitor.store import bodies
from monitor.store.health import Health
from monitor.store.opening import moment, stamp

_TOLD = json.dumps([one.value for one in Reason if one.told])


class Store(Health):
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

    def names(self) -> dict[str, Name]:
        """The newest display name of every identity."""
        rows = self._control.rows("select identity, name, kind, app_id, first_at, last_at from names")
        return {row[0]: Name(row[0], row[1], row[2], row[3], moment(row[4]), moment(row[5])) for row in rows}

    def conclude(
        self,
        judged: Mapping[tuple[str, str], datetime],
        findings: Iterable[tuple[Finding, str, Decision]],
        incidents: Iterable[Incident],
        decisions: Iterable[Decision],
        upto: Mapping[str, int] | None = None,
        settled: int = 0,
    ) -> None:
        """Keep what a tick concluded, in one transaction.

        That is how far each rule judged each source, findings (with their incident and its decision), incidents,
        decisions, and per rule up to which change of facts it judged (`upto`). Changes up to `settled` are forgotten.
        """
        with self._control.transaction() as control:
            control.executemany(
                "insert or replace into judged values (?, ?, ?)",
                [(rule, source, stamp(until)) for (rule, source), until in judged.items()],
            )
            control.executemany("insert or replace into judged_upto values (?, ?)", list((upto or {}).items()))
            control.execute("delete from changes where seq <= ?", (settled,))
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
        rows = self._control.rows("select rule, source, until_at from judged")
        return {(rule, source): moment(until) for rule, source, until in rows}

    def judged_upto(self) -> dict[str, int]:
        """Per rule, up to which change of facts it judged."""
        return dict(self._control.rows("select rule, seq from judged_upto"))

    def known(self, since: datetime) -> set[str]:
        """Keys of the findings kept so far whose bucket starts at or after `since`."""
        return {key for (key,) in self._control.rows("select key from findings where bucket >= ?", (stamp(since),))}

    def findings(self, incident: str | None = None) -> list[tuple[Finding, str, str]]:
        """(finding, incident, reason) in order of time; of one incident, if given."""
        rows = self._control.rows(
            "select body, incident, reason from findings where ? is null or incident = ? order by time, key",
            (incident, incident),
        )
        return [(bodies.finding(body), one, reason) for body, one, reason in rows]

    def incidents(self, state: State | None = None) -> list[Incident]:
        """Incidents, oldest first; only those in that state, if given."""
        rows = self._control.rows(
            "select body from incidents where ? is null or state = ? order by rowid", (state, state)
        )
        return [bodies.incident(body) for (body,) in rows]

    def recent(self, since: datetime) -> list[Incident]:
        """Incidents that are open, or whose last bucket ends at or after `since`, oldest first."""
        rows = self._control.rows(
            "select body from incidents where state = ? or last_at >= ? order by rowid", (State.OPEN, stamp(since))
        )
        return [bodies.incident(body) for (body,) in rows]

    def incident(self, incident: str) -> Incident | None:
        """The incident of that id, if there is one."""
        row = self._control.row("select body from incidents where id = ?", (incident,))
        return bodies.incident(row[0]) if row else None

    def decisions(self, incident: str) -> list[Decision]:
        """Every decision about one incident, in order."""
        rows = self._control.rows(
            "select incident, notifier, at, reason from decisions where incident = ? order by seq", (incident,)
        )
        return [bodies.decision(*row) for row in rows]

    def note(self, notice: Notice) -> None:
        """Keep the proof that a notifier took a message; written after the send."""
        with self._control.transaction() as control:
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
        with self._control.transaction() as control:
            control.execute(
                "insert or ignore into refused values (?, ?, ?)", (decision.incident, notifier, stamp(decision.at))
            )

    def give_up(self, before: datetime) -> list[tuple[str, str, datetime]]:
        """Forget the refused messages of decisions before then: (notifier, incident, when decided), oldest first."""
        with self._control.transaction() as control:
            rows = control.execute(
                "delete from refused where at < ? returning notifier, incident, at", (stamp(before),)
            ).fetchall()
        return [(notifier, one, moment(at)) for notifier, one, at in sorted(rows, key=lambda row: row[::-1])]

    def notices(self, incident: str) -> list[Notice]:
        """Every notice about one incident, in order."""
        rows = self._control.rows(
            "select incident, notifier, at, ref from notices where incident = ? order by rowid", (incident,)
        )
        return [Notice(one, notifier, moment(at), ref) for one, notifier, at, ref in rows]

    def owed(self, notifier: str, since: datetime) -> list[Decision]:
        """Decisions from `since` on that are to be told and of which this notifier gave no notice, oldest first."""
        rows = self._control.rows(
            """select incident, notifier, at, reason from decisions
               where at >= ? and reason in (select value from json_each(?)) and not exists (
               select * from notices where notices.incident = decisions.incident and notices.at = decisions.at
               and notices.notifier = ?) order by seq""",
            (stamp(since), _TOLD, notifier),
        )
        return [bodies.decision(*row) for row in rows]
