"""The store: facts as immutable Parquet files, everything else in control.db, one writer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from monitor.model import Decision, Finding, Incident, Link, Name, Reason, State, Wanted, Window
from monitor.store import bodies
from monitor.store.aging import Aging
from monitor.store.opening import moment, stamp

_TOLD = json.dumps([one.value for one in Reason if one.told])
_HEARD = json.dumps([*(one.value for one in Reason if one.told), Reason.STORM.value])
_LIVE = json.dumps([one.value for one in State if one.live])
_DECIDED = "incident, notifier, at, reason, because, surprise, level, findings"


class Store(Aging):
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

    def names(self, identities: Iterable[str] | None = None) -> dict[str, Name]:
        """The newest display name of every identity, or of those named."""
        columns = "select identity, name, kind, app_id, first_at, last_at from names"
        if identities is None:
            rows = self._control.rows(columns)
        else:
            named = json.dumps(list(identities))
            only = "where identity in (select value from json_each(?))"
            rows = self._control.rows(f"{columns} {only}", (named,))
        return {row[0]: Name(row[0], row[1], row[2], row[3], moment(row[4]), moment(row[5])) for row in rows}

    def known_identities(self) -> int:
        """How many identities anything was ever collected of."""
        (many,) = self._control.row("select count(*) from names")
        return int(many)

    def conclude(
        self,
        judged: Mapping[tuple[str, str], datetime],
        findings: Iterable[tuple[Finding, str, Decision]],
        incidents: Iterable[Incident],
        decisions: Iterable[Decision],
        upto: Mapping[str, int] | None = None,
        settled: int = 0,
        *,
        wanted: Iterable[Wanted] = (),
        links: Iterable[Link] = (),
        at: datetime | None = None,
    ) -> None:
        """Keep what a tick concluded, in one transaction.

        That is how far each rule judged each source, findings (with their incident and its decision), incidents,
        decisions, and per rule up to which change of facts it judged (`upto`); the messages that are `wanted`
        since `at`, and what incidents have in common. Changes up to `settled` are forgotten.
        """
        with self._control.transaction() as control:
            control.executemany(
                "insert or replace into judged values (?, ?, ?)",
                [(rule, source, stamp(until)) for (rule, source), until in judged.items()],
            )
            control.executemany("insert or replace into judged_upto values (?, ?)", list((upto or {}).items()))
            control.execute("delete from changes where seq <= ?", (settled,))
            control.executemany(
                "insert or ignore into findings values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                        finding.surprise,
                        finding.level.rank,
                        stamp(max(finding.time, finding.judged_at)),
                    )
                    for finding, incident, decision in findings
                ],
            )
            control.executemany(
                """insert into incidents values (?, ?, ?, ?, ?) on conflict (id) do update set
                   state = excluded.state, last_at = excluded.last_at, body = excluded.body""",  # keeps its place
                [(one.id, one.subject, one.state, stamp(one.last_at), bodies.dump(one)) for one in incidents],
            )
            self._decide(control, decisions)
            control.executemany(
                "insert or ignore into links values (?, ?, ?)",
                [(one.incident, one.other, one.because) for one in links],
            )
            if at is not None:
                self._queue(control, wanted, at)

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
        columns, order = "select body, incident, reason from findings", "order by time, key"
        if incident is None:
            rows = self._control.rows(f"{columns} {order}")
        else:  # one question for both would read all of them
            rows = self._control.rows(f"{columns} where incident = ? {order}", (incident,))
        return [(bodies.finding(body), one, reason) for body, one, reason in rows]

    def strongest(self, incident: str, most: int, since: datetime | None = None, after: int = 0) -> list[Finding]:
        """The strongest findings of an incident, the strongest first; `after` so many of them.

        Only those that could be told, or were judged, at or after `since`, if that is given.
        """
        rows = self._control.rows(
            """select body from findings where incident = ? and counted_at >= ?
               order by surprise desc, rank desc, time, key limit ? offset ?""",
            (incident, stamp(since) if since else "", most, after),
        )
        return [bodies.finding(body) for (body,) in rows]

    def spoke(self, window: Window) -> list[tuple[str, str, datetime, datetime]]:
        """(rule, subject, bucket, time) of the findings whose bucket starts in the window."""
        rows = self._control.rows(
            "select rule, subject, bucket, time from findings where bucket >= ? and bucket < ?",
            (stamp(window.start), stamp(window.end)),
        )
        return [(rule, subject, moment(bucket), moment(time)) for rule, subject, bucket, time in rows]

    def incidents(self, state: State | None = None) -> list[Incident]:
        """Incidents, oldest first; only those in that state, if given."""
        rows = self._control.rows(
            "select body from incidents where ? is null or state = ? order by rowid", (state, state)
        )
        return [bodies.incident(body) for (body,) in rows]

    def lately(self, since: datetime) -> list[Finding]:
        """Findings that could first be told since then, in order of time."""
        rows = self._control.rows("select body from findings where time >= ? order by time, key", (stamp(since),))
        return [bodies.finding(body) for (body,) in rows]

    def recent(self, since: datetime) -> list[Incident]:
        """Incidents that are live, or whose last bucket ends at or after `since`, oldest first."""
        rows = self._control.rows(
            """select body from incidents where state in (select value from json_each(?)) or last_at >= ?
               order by rowid""",
            (_LIVE, stamp(since)),
        )
        return [bodies.incident(body) for (body,) in rows]

    def incident(self, incident: str) -> Incident | None:
        """The incident of that id, if there is one."""
        row = self._control.row("select body from incidents where id = ?", (incident,))
        return bodies.incident(row[0]) if row else None

    def starting(self, start: str) -> list[str]:
        """Ids of incidents that start so."""
        rows = self._control.rows(
            "select id from incidents where id >= ? and substr(id, 1, ?) = ? order by id", (start, len(start), start)
        )
        return [str(one) for (one,) in rows]

    def these(self, incidents: Iterable[str]) -> list[Incident]:
        """The incidents of those ids that there are, oldest first."""
        rows = self._control.rows(
            "select body from incidents where id in (select value from json_each(?)) order by rowid",
            (json.dumps(list(incidents)),),
        )
        return [bodies.incident(body) for (body,) in rows]

    def stormed(self, storm: str, notifier: str) -> list[Decision]:
        """Decisions by which incidents were told to a notifier in the digest of a storm, in order."""
        rows = self._control.rows(
            f"select {_DECIDED} from decisions where because = ? and reason = 'storm' and notifier = ? order by seq",  # noqa: S608
            (storm, notifier),
        )
        return [bodies.decision(*row) for row in rows]

    def decisions(self, incident: str, notifier: str | None = None, without: Iterable[Reason] = ()) -> list[Decision]:
        """Every decision about one incident, in order; of one notifier, if named, and without some reasons."""
        rows = self._control.rows(
            f"""select {_DECIDED} from decisions where incident = ? and (? is null or notifier = ?)
                and reason not in (select value from json_each(?)) order by seq""",  # noqa: S608
            (incident, notifier, notifier, json.dumps(list(without))),
        )
        return [bodies.decision(*row) for row in rows]

    def told(self, incidents: Iterable[str]) -> dict[tuple[str, str], Decision]:
        """Of each incident and notifier the last decision that was told."""
        rows = self._control.rows(
            f"""select {_DECIDED} from decisions where seq in (
                select max(seq) from decisions where incident in (select value from json_each(?))
                and reason in (select value from json_each(?)) group by incident, notifier)""",  # noqa: S608
            (json.dumps(list(incidents)), _TOLD),
        )
        return {(one.incident, one.notifier): one for one in (bodies.decision(*row) for row in rows)}

    def said(self, incidents: Iterable[str]) -> list[Decision]:
        """Every decision by which somebody heard of these incidents, be it in a storm's digest, in order."""
        rows = self._control.rows(
            f"""select {_DECIDED} from decisions where incident in (select value from json_each(?))
                and reason in (select value from json_each(?)) order by seq""",  # noqa: S608
            (json.dumps(list(incidents)), _HEARD),
        )
        return [bodies.decision(*row) for row in rows]

    def openings(self, since: datetime) -> list[Decision]:
        """Decisions since then by which incidents were opened, again or anew, or kept back in a storm; in order."""
        rows = self._control.rows(
            f"select {_DECIDED} from decisions where at >= ? and reason in (?, ?, ?) order by seq",  # noqa: S608
            (stamp(since), Reason.OPENED, Reason.REOPENED, Reason.STORM),
        )
        return [bodies.decision(*row) for row in rows]
