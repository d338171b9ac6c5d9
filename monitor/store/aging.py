"""What is old enough to go: facts by age, and of control.db whatever belongs to incidents that are long over."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from monitor.model import Gap, Part, Reason, State, Window
from monitor.store import migrating
from monitor.store.damage import amiss, skimmed
from monitor.store.opening import moment, stamp
from monitor.store.people import People

BATCH: Final = 500
"""Incidents that go in one transaction: whoever acts on another meanwhile waits for no more than that."""
TRAIL: Final = 2
"""How many times as long as anything else it is kept who did what."""
AUDITED: Final = "acts.since"
"""The mark that says since when the audit trail is whole; '' if nothing of it was ever dropped."""
_LIVE: Final = json.dumps([one.value for one in State if one.live])
_HEARD: Final = json.dumps([*(one.value for one in Reason if one.told), Reason.STORM.value])
_PASSING: Final = json.dumps([Part.NEWS, Part.CHART])

_OVER: Final = """select id from incidents where last_at < :before
    and state not in (select value from json_each(:live))
    and not exists (select * from acts where acts.incident = incidents.id and acts.at >= :before)
    and not exists (select * from decisions where decisions.incident = incidents.id and decisions.at >= :before)
    and not exists (select * from outbox where outbox.incident = incidents.id
                    and (outbox.state in ('new', 'sending') or outbox.wanted_at >= :before))"""
"""Incidents that are over, of which nobody has heard and with which nobody has done anything since."""
_BELONGS: Final[Mapping[str, str]] = {
    "findings": "incident in ({gone})",
    "decisions": "incident in ({gone})",
    "outbox": "incident in ({gone})",
    "links": "incident in ({gone}) or other in ({gone})",
    "incidents": "id in ({gone})",
}
"""What goes with an incident, and last the incident."""
_ALONE: Final[Mapping[str, str]] = {
    "findings": """counted_at < :before and time < :before
        and incident in (select id from incidents where last_at >= :before)""",  # an incident keeps its last words
    "decisions": """at < :before and reason not in (select value from json_each(:heard))
        and incident in (select id from incidents)""",
    "outbox": """state in ('sent', 'lost') and wanted_at < :before and (part in (select value from json_each(:passing))
        or incident not in (select id from incidents))""",
    "silences": "expires_at < :before",
    "names": "last_at < :before",
    "acts": "at < :audit",
}
"""What goes by its own age: also of an incident that never ends, but for what it was told by."""


@dataclass(frozen=True, slots=True)
class Keep:
    """For how long things are kept: facts, incidents that are over, and how many copies of control.db."""

    facts: timedelta = timedelta(days=180)
    incidents: timedelta = timedelta(days=400)
    backups: int = 3


@dataclass(frozen=True, slots=True)
class Gone:
    """What went, or would go: fact files and their bytes, rows per table, copies of control.db."""

    files: int = 0
    size: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    backups: int = 0

    @property
    def anything(self) -> bool:
        """Whether there was any."""
        return bool(self.files or self.backups or any(self.rows.values()))


class Aging(People):
    """A state directory that does not grow without end."""

    def drop_facts(self, before: datetime, *, dry: bool = False) -> Gone:
        """Let the fact files of windows that ended by then go, with what is known of gaps before then.

        They are struck from the live ones in one transaction; a file is deleted after that, when nobody in this process
        reads, and by the next start at the latest. `dry` only says what would go.
        """
        old = self._control.rows("select path, source from live_files where end_at <= ?", (stamp(before),))
        size = sum(_size(self._facts / path) for path, _ in old)
        ended = "end_at <= ?"
        (gaps,) = self._control.row(f"select count(*) from gaps where {ended}", (stamp(before),))  # noqa: S608
        if not dry and (old or gaps):
            with self._control.transaction() as control:
                control.executemany("delete from live_files where path = ?", [(path,) for path, _ in old])
                control.execute(f"delete from gaps where {ended}", (stamp(before),))  # noqa: S608
            for source in {source for _, source in old}:
                self._retire(source, [path for path, whose in old if whose == source])
        return Gone(len(old), size, {"gaps": gaps})

    def drop_control(self, before: datetime, now: datetime, *, dry: bool = False) -> Gone:
        """Let everything go that belongs to incidents that were over by then, and whatever else is as old.

        Who did what is kept `TRAIL` times as long; that some of it went is kept for good.
        """
        audit = now - TRAIL * (now - before)
        said = {
            "before": stamp(before),
            "audit": stamp(audit),
            "live": _LIVE,
            "heard": _HEARD,
            "passing": _PASSING,
        }
        gone = dict.fromkeys([*_BELONGS, *_ALONE], 0)
        for table, many in self._counted(said) if dry else self._dropped(said):
            gone[table] += many
        if gone["acts"] and not dry:
            self.note_mark(AUDITED, stamp(audit))
        return Gone(rows=gone)

    def _counted(self, said: Mapping[str, str]) -> Iterator[tuple[str, int]]:
        for table, where in _BELONGS.items():
            yield table, self._control.row(f"select count(*) from {table} where {where.format(gone=_OVER)}", said)[0]  # noqa: S608
        for table, where in _ALONE.items():
            rest = f"and incident not in ({_OVER})" if table in _BELONGS else ""
            yield table, self._control.row(f"select count(*) from {table} where {where} {rest}", said)[0]  # noqa: S608

    def _dropped(self, said: Mapping[str, str]) -> Iterator[tuple[str, int]]:
        these = "select value from json_each(:ids)"
        while ids := [one for (one,) in self._control.rows(f"{_OVER} limit {BATCH}", said)]:
            with self._control.transaction() as control:
                for table, where in _BELONGS.items():
                    sql = f"delete from {table} where {where.format(gone=these)}"  # noqa: S608
                    yield table, control.execute(sql, {"ids": json.dumps(ids)}).rowcount
        for table, where in _ALONE.items():
            with self._control.transaction() as control:
                yield table, control.execute(f"delete from {table} where {where}", said).rowcount  # noqa: S608

    def back_up(self, keep: int, *, dry: bool = False) -> int:
        """Copy the control database to `backups/`, and let all but the newest copies go; how many went.

        Raises
        ------
        StateError
            If the copy cannot be written; then the older ones stay.
        """
        if not dry:
            self._control.back_up(self.directory)
        made = self.backups()
        old = migrating.spare(made, keep - 1 if dry else keep)
        for path in [] if dry else [*old, *(self.directory / migrating.FOLDER).glob("*.tmp")]:
            path.unlink(missing_ok=True)
        return len(old)

    def backups(self) -> list[Path]:
        """The copies of the control database, oldest first."""
        return migrating.backups(self.directory)

    def damaged(self, *, whole: bool) -> dict[Path, str]:
        """The live files that are not as they were written, and what is wrong with each.

        `whole` reads all of each; else only whether it is there, ends as it should, and has as many facts.
        """
        rows = self._control.rows("select path, source, rows from live_files order by path")
        look = amiss if whole else skimmed
        found = {self._facts / path: look(self._facts / path, source, rows) for path, source, rows in rows}
        live = set(self.live())  # by now: some may have been replaced
        return {path: said for path, said in found.items() if said and path in live}

    def leave_out(self, damaged: Mapping[Path, str], at: datetime) -> list[Gap]:
        """Let live files go that cannot be read; each leaves a gap, to be told and filled. In one transaction."""
        gaps = []
        with self._control.transaction() as control:
            for path, said in damaged.items():
                row = control.execute("select source, start_at, end_at from live_files where path = ?", (path.name,))
                for source, start, end in row.fetchall():
                    because = f"its facts were damaged on our disk: {path.name} {said}"
                    gaps.append(Gap(source, Window(moment(start), moment(end)), because, at, "damaged"))
                control.execute("delete from live_files where path = ?", (path.name,))
            self.note_gaps(gaps)
        return gaps

    def tidy(self) -> None:
        """Give the room of what went back to the disk; `StateError` if the database cannot be written."""
        self._control.tidy()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
