"""The outbox: what is to be sent, is being sent, was sent, or was given up."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from monitor.model import Notice, Part, Queued, Wanted, digest
from monitor.store.health import Health
from monitor.store.opening import moment, stamp

_QUEUED: Final = """seq, key, notifier, incident, part, about, revision, ref, tries, not_before, wanted_at, error,
    permanent, state = 'sending'"""
_FREE: Final = """not exists (
    select * from outbox as earlier
    where earlier.notifier = outbox.notifier and earlier.incident = outbox.incident and earlier.ref = ''
    and earlier.state in ('new', 'sending') and earlier.part in ('card', 'news')
    and (earlier.rank, earlier.seq) < (outbox.rank, outbox.seq))"""
"""Nothing overtakes the first message of its incident, or earlier news of it."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be sent: how much, since when, and what was refused for good until somebody changes something."""

    waiting: int
    oldest: datetime | None
    refused: tuple[Queued, ...]


class Outbox(Health):
    """Messages of a state directory. A message is marked before it is sent and again after, so a crash shows."""

    def want(self, wanted: Iterable[Wanted], at: datetime) -> None:
        """Queue messages; what is kept up to date is queued again, news and charts are not."""
        with self._control.transaction() as control:
            queue(control, wanted, at)

    def due(self, at: datetime) -> list[Queued]:
        """What may be tried now, in the order in which it should; what waits for an earlier message is left out."""
        rows = self._control.rows(
            f"select {_QUEUED} from outbox where state in ('new', 'sending') and not_before <= ? and {_FREE}"  # noqa: S608
            " order by rank, seq",
            (stamp(at),),
        )
        return list(map(_queued, rows))

    def next_due(self) -> datetime | None:
        """When something that waits may be tried next; in the past if it may be now, None if nothing waits."""
        (at,) = self._control.row(
            f"select min(not_before) from outbox where state in ('new', 'sending') and {_FREE}"  # noqa: S608
        )
        return moment(at) if at else None

    def sending(self, one: Queued) -> None:
        """Keep that a try begins; what is found so later may have been sent, or not."""
        with self._control.transaction() as control:
            control.execute(
                "update outbox set state = 'sending', tries = tries + 1, trying = ? where seq = ?",
                (one.revision, one.seq),
            )

    def sent(self, one: Queued, ref: str, at: datetime) -> None:
        """Keep the proof that it was sent; it is due again if it was wanted anew meanwhile."""
        with self._control.transaction() as control:
            control.execute(
                """update outbox set ref = ?, sent_at = ?, tries = 0, error = '', permanent = 0,
                   state = case when revision > trying then 'new' else 'sent' end where seq = ?""",
                (ref, stamp(at), one.seq),
            )

    def postpone(
        self, one: Queued, until: datetime, error: str, *, unsure: bool = False, permanent: bool = False
    ) -> None:
        """Keep that a try failed, and when the next may begin; `unsure` if it may have been sent all the same."""
        with self._control.transaction() as control:
            control.execute(
                "update outbox set state = ?, not_before = ?, error = ?, permanent = ? where seq = ?",
                ("sending" if unsure else "new", stamp(until), error, permanent, one.seq),
            )

    def lose(self, one: Queued, error: str) -> None:
        """Give up one message for good."""
        with self._control.transaction() as control:
            control.execute("update outbox set state = 'lost', error = ? where seq = ?", (error, one.seq))

    def give_up(self, before: datetime) -> list[Queued]:
        """Give up what has waited since before then; oldest first."""
        with self._control.transaction() as control:
            rows = control.execute(
                f"update outbox set state = 'lost' where state in ('new', 'sending') and wanted_at < ? returning {_QUEUED}",  # noqa: S608, E501
                (stamp(before),),
            ).fetchall()
        return sorted(map(_queued, rows), key=lambda one: (one.wanted_at, one.seq))

    def ref(self, notifier: str, incident: str, part: Part) -> str:
        """The reference of a part that was sent, '' if it was not."""
        row = self._control.row(
            "select ref from outbox where notifier = ? and incident = ? and part = ? and ref != '' order by seq",
            (notifier, incident, part),
        )
        return str(row[0]) if row else ""

    def incident_of(self, notifier: str, ref: str) -> str:
        """The incident that a message of that reference is about, '' if there is none."""
        row = self._control.row(
            "select incident from outbox where notifier = ? and ref = ? and ref != ''", (notifier, ref)
        )
        return str(row[0]) if row else ""

    def notices(self, incident: str) -> list[Notice]:
        """Proofs of what was sent about one incident, in order."""
        rows = self._control.rows(
            """select incident, notifier, sent_at, ref, part, about from outbox where incident = ? and ref != ''
               order by sent_at, seq""",
            (incident,),
        )
        return [Notice(row[0], row[1], moment(row[2]), row[3], Part(row[4]), row[5]) for row in rows]

    def backlog(self) -> Backlog:
        """What waits, since when, and what was refused."""
        waiting, oldest = self._control.row(
            "select count(*), min(wanted_at) from outbox where state in ('new', 'sending')"
        )
        rows = self._control.rows(
            f"select {_QUEUED} from outbox where permanent = 1 and state in ('new', 'sending') order by seq"  # noqa: S608
        )
        return Backlog(waiting, moment(oldest) if oldest else None, tuple(map(_queued, rows)))


def queue(control: sqlite3.Connection, wanted: Iterable[Wanted], at: datetime) -> None:
    """Queue messages within a transaction of somebody else's."""
    moment_ = stamp(at)
    control.executemany(
        """insert into outbox (key, notifier, incident, part, rank, about, state, not_before, wanted_at)
           values (?, ?, ?, ?, ?, ?, 'new', ?, ?) on conflict (notifier, incident, part, about) do update set
           revision = revision + 1, wanted_at = excluded.wanted_at,
           not_before = case when state in ('sent', 'lost') then excluded.not_before else not_before end,
           state = case when state = 'sending' then state else 'new' end
           where part not in ('news', 'chart')""",
        [
            (
                digest("message", one.notifier, one.incident, one.part, one.about),
                one.notifier,
                one.incident,
                one.part,
                one.part.rank,
                one.about,
                moment_,
                moment_,
            )
            for one in wanted
        ],
    )


def _queued(row: Sequence[Any]) -> Queued:
    seq, key, notifier, incident, part, about, revision, ref, tries, not_before, wanted_at, error, permanent, unsure = (
        row
    )
    return Queued(
        seq,
        key,
        Wanted(notifier, incident, Part(part), about),
        revision,
        ref,
        tries,
        moment(not_before),
        moment(wanted_at),
        error,
        bool(permanent),
        bool(unsure),
    )
