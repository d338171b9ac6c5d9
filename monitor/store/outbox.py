"""The outbox: what is to be sent, is being sent, was sent, or was given up."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from monitor.model import Notice, Part, Queued, Wanted, digest
from monitor.store.health import Health
from monitor.store.opening import moment, stamp

_QUEUED: Final = """seq, key, notifier, incident, part, about, revision, ref, tries, not_before, wanted_at, since_at,
    error, permanent, state = 'sending'"""
_WAITS: Final = "(? is null or notifier = ?) and state in ('new', 'sending')"
LONGEST: Final = timedelta(minutes=10)
"""No message is put off for longer. What seems to be was put off by a clock that was ahead, and is due."""
EACH: Final = frozenset({Part.NEWS, Part.CHART})
"""What is sent each time it is wanted; of everything else there is one, which is brought up to date."""
_AWAKE: Final = """(not_before <= ? or not_before > ?) and not exists (
    select * from rests where rests.notifier = outbox.notifier and rests.since_at <= ? and rests.until_at > ?)"""
_FREE: Final = """not exists (
    select * from outbox as earlier
    where earlier.notifier = outbox.notifier and earlier.incident = outbox.incident and +earlier.ref = ''
    and +earlier.state in ('new', 'sending') and earlier.part in ('card', 'news')
    and (earlier.rank, earlier.seq) < (outbox.rank, outbox.seq))"""
"""Nothing overtakes the first message of its incident, or earlier news of it; with + it looks at one incident only."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be sent: how much, since when, and what is refused until a person changes something."""

    waiting: int
    oldest: datetime | None
    refused: tuple[Queued, ...]


class Outbox(Health):
    """Messages of a state directory. A message is marked before it is sent and again after, so a crash shows."""

    def __init__(self, directory: Path | None = None, *, write: bool = True) -> None:
        super().__init__(directory, write=write)
        self._listeners: list[Callable[[], object]] = []

    @contextmanager
    def listening(self, told: Callable[[], object]) -> Iterator[None]:
        """Meanwhile `told` is called whenever something is wanted, in the thread that wants it; it must not wait."""
        self._listeners.append(told)
        try:
            yield
        finally:
            self._listeners.remove(told)

    def due(self, at: datetime, notifier: str | None = None, most: int = -1) -> list[Queued]:
        """What may be tried now, in the order in which it should; what waits for an earlier message is left out.

        For all notifiers unless one is named; all of it unless `most` says how many.
        """
        rows = self._control.rows(
            f"select {_QUEUED} from outbox where {_WAITS} and {_AWAKE} and {_FREE} order by rank, seq limit ?",  # noqa: S608
            (notifier, notifier, stamp(at), stamp(at + LONGEST), stamp(at), stamp(at), most),
        )
        return list(map(_queued, rows))

    def next_due(self, notifier: str | None = None) -> datetime | None:
        """When something that waits and is not `due` may be tried next; in the past if it is, None if nothing waits."""
        (at,) = self._control.row(
            f"""select min(max(not_before, coalesce(
                (select until_at from rests where rests.notifier = outbox.notifier), '')))
                from outbox where {_WAITS} and {_FREE}""",  # noqa: S608
            (notifier, notifier),
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
        """Keep that a try, or a look-up, failed and when the next may begin; `unsure` if it may have been sent.

        That is never longer than `LONGEST` from now; a notifier that wants more is let `rest`.
        """
        with self._control.transaction() as control:
            control.execute(
                "update outbox set state = ?, not_before = ?, error = ?, permanent = ?, tries = ? where seq = ?",
                ("sending" if unsure else "new", stamp(until), error, permanent, one.tries + 1, one.seq),
            )

    def rest(self, notifier: str, at: datetime, until: datetime) -> None:
        """Let nothing for a notifier be tried before then, be it wanted later; a rest it has is not made shorter.

        A rest that seems to begin only later was begun by a clock that was ahead, and is none.
        """
        with self._control.transaction() as control:
            control.execute(
                """insert into rests values (?, ?, ?) on conflict (notifier) do update set since_at = excluded.since_at,
                   until_at = iif(since_at > excluded.since_at, excluded.until_at, max(until_at, excluded.until_at))""",
                (notifier, stamp(at), stamp(until)),
            )

    def reconsider(self, notifier: str, at: datetime) -> None:
        """Let what a notifier refused be tried at once: somebody may have mended what was wrong."""
        with self._control.transaction() as control:
            control.execute(
                """update outbox set not_before = ? where notifier = ? and state in ('new', 'sending') and permanent = 1
                   and not_before > ?""",
                (stamp(at), notifier, stamp(at)),
            )

    def lose(self, one: Queued, error: str, *, unsure: bool = False) -> bool:
        """Give up one message, unless it is wanted anew: then that is False, and nothing is changed.

        If it is `unsure` whether it was sent, it is looked for before it is ever sent again.
        """
        with self._control.transaction() as control:
            changed = control.execute(
                "update outbox set state = 'lost', error = ?, unsure = ? where seq = ? and revision = ?",
                (error, unsure, one.seq, one.revision),
            )
            return changed.rowcount > 0

    def give_up(self, before: datetime, served: Iterable[str]) -> list[Queued]:
        """Give up what has waited since before then for notifiers that nobody serves any more; oldest first."""
        with self._control.transaction() as control:
            rows = control.execute(
                f"""update outbox set unsure = (state = 'sending'), state = 'lost' where state in ('new', 'sending')
                    and wanted_at < ? and notifier not in (select value from json_each(?)) returning {_QUEUED}""",  # noqa: S608
                (stamp(before), json.dumps(list(served))),
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

    def waiting(self, notifier: str | None = None, most: int = -1) -> list[Queued]:
        """What waits, in the order in which it is to be sent, whether or not it may be tried now."""
        rows = self._control.rows(
            f"select {_QUEUED} from outbox where {_WAITS} order by rank, seq limit ?",  # noqa: S608
            (notifier, notifier, most),
        )
        return list(map(_queued, rows))

    def backlog(self, notifier: str | None = None) -> Backlog:
        """What waits, since when, and what was refused; for one notifier, if named."""
        waiting, oldest = self._control.row(
            f"select count(*), min(since_at) from outbox where {_WAITS}",  # noqa: S608
            (notifier, notifier),
        )
        rows = self._control.rows(
            f"select {_QUEUED} from outbox where {_WAITS} and permanent = 1 order by seq",  # noqa: S608
            (notifier, notifier),
        )
        return Backlog(waiting, moment(oldest) if oldest else None, tuple(map(_queued, rows)))

    def untold(self, since: datetime) -> dict[str, str]:
        """Notifiers for which something nobody was told yet has waited since before then, and what its last try said.

        What only adds to a message, or changes one, is left out.
        """
        rows = self._control.rows(
            """select notifier, error from outbox where state in ('new', 'sending') and ref = '' and since_at < ?
               and part in ('card', 'digest', 'news', 'daily') order by error, seq""",
            (stamp(since),),
        )
        return dict(rows)

    def late(self, before: datetime) -> dict[str, tuple[int, datetime]]:
        """Of each notifier how many messages nobody got yet have waited since before then, and since when the oldest.

        What only adds to a message, or changes one, is left out.
        """
        rows = self._control.rows(
            """select notifier, count(*), min(since_at) from outbox where state in ('new', 'sending') and ref = ''
               and since_at < ? and part in ('card', 'digest', 'news', 'daily') group by notifier order by notifier""",
            (stamp(before),),
        )
        return {notifier: (many, moment(oldest)) for notifier, many, oldest in rows}

    def lost(self, since: datetime) -> int:
        """How many messages wanted since then were given up, so that somebody was not told."""
        (many,) = self._control.row(
            """select count(*) from outbox where state = 'lost' and ref = '' and wanted_at >= ?
               and part in ('card', 'digest', 'news', 'daily')""",
            (stamp(since),),
        )
        return int(many)

    def days(self, most: int = 8) -> list[str]:
        """The daily digests that were ever wanted, the newest of them, by what names their day, newest first."""
        rows = self._control.rows(
            "select distinct incident from outbox where part = 'daily' order by incident desc limit ?", (most,)
        )
        return [str(one) for (one,) in rows]

    def want(self, wanted: Iterable[Wanted], at: datetime, noted: Mapping[str, str]) -> None:
        """Queue messages that follow from no decision, and note under names what they are to say, or none of it."""
        with self._control.transaction() as control:
            for name, value in noted.items():
                self.note_mark(name, value)
            self._queue(control, wanted, at)

    def _queue(self, control: sqlite3.Connection, wanted: Iterable[Wanted], at: datetime) -> None:
        """Queue messages within a transaction of somebody else's; who listens is told when they look."""
        for one in (_numbered(control, each) for each in wanted):
            control.execute(
                """insert into outbox
                   (key, notifier, incident, part, rank, about, state, not_before, wanted_at, since_at)
                   values (?, ?, ?, ?, ?, ?, 'new', ?, ?, ?) on conflict (notifier, incident, part, about) do update set
                   revision = revision + 1, wanted_at = excluded.wanted_at,
                   since_at = iif(state = 'sent' or (state = 'lost' and not unsure), excluded.since_at, since_at),
                   not_before = iif(state in ('sent', 'lost'), excluded.not_before, not_before),
                   tries = iif(state = 'lost', 0, tries), unsure = 0,
                   state = iif(state = 'sending' or (state = 'lost' and unsure), 'sending', 'new')""",
                (_key(one), one.notifier, one.incident, one.part, one.part.rank, one.about, *3 * [stamp(at)]),
            )
        for told in self._listeners:
            told()  # whoever looks now waits for the end of the transaction


def _numbered(control: sqlite3.Connection, one: Wanted) -> Wanted:
    """It, told from what was wanted before with the same words: two ticks of one time may decide the same twice."""
    if one.part not in EACH:
        return one
    (alike,) = control.execute(
        """select count(*) from outbox where notifier = ? and incident = ? and part = ?
           and (about = ? or about like ? || ' _%')""",
        (one.notifier, one.incident, one.part, one.about, one.about),
    ).fetchone()
    return replace(one, about=f"{one.about} {alike + 1}") if alike else one


def _key(one: Wanted) -> str:
    return digest("message", one.notifier, one.incident, one.part, one.about)


def _queued(row: Sequence[Any]) -> Queued:
    seq, key, notifier, incident, part, about, revision, ref, tries, *times, error, permanent, unsure = row
    wanted = Wanted(notifier, incident, Part(part), about)
    not_before, wanted_at, since = map(moment, times)
    return Queued(
        seq, key, wanted, revision, ref, tries, not_before, wanted_at, since, error, bool(permanent), bool(unsure)
    )
