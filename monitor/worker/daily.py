"""The daily digest: once a day, when people begin to work, one message that says how mintwatch itself is.

It goes by the outbox like every message. What it says is written down with the wish to send it, in one transaction: a
crash neither doubles nor loses it, and a late one says what was true when it was due.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from monitor.clock import DAY, iso
from monitor.coverage import Hearing
from monitor.errors import StateError
from monitor.model import Daily, Part, Wanted
from monitor.notify import accounted
from monitor.ports import Notifier
from monitor.settings import DailySettings
from monitor.store import Store
from monitor.worker import canary
from monitor.worker.accounting import Moment, account
from monitor.worker.app import App, RuleReport
from monitor.worker.guard import guarded

MARK: Final = "daily"
"""The mark that holds what the newest digests say, by their ids, the newest last."""
BEGUN: Final = "daily-begun"
"""The mark that says since when there are digests: none is late that was due before."""
KEPT: Final = 7
"""How many are remembered: longer than it is tried to send one."""
MISSED: Final = 31
"""How many days are looked through for digests that were not sent."""
_WRITTEN: Final = TypeAdapter(dict[str, Daily])


def every_day(app: App, now: datetime, rules: Sequence[RuleReport], hearing: Mapping[str, Hearing]) -> None:
    """What is done once a day: the canary, and an hour later the digest. What fails is logged, and tried again."""
    chosen = app.daily
    if chosen is None:
        return
    if chosen.canary:
        guarded("canary", lambda: canary.fly(app, now, lambda at: last_due(chosen, at)), lambda _: None)
    if chosen.digest:
        guarded("daily", lambda: digest(app, chosen, now, rules, hearing), lambda _: None)


def digest(
    app: App, chosen: DailySettings, now: datetime, rules: Sequence[RuleReport], hearing: Mapping[str, Hearing]
) -> None:
    """Queue today's digest, if it is due and nobody did; what an earlier day missed is only named."""
    takers, store = [one.name for one in takes(app.notifiers, chosen)], app.store
    begun = store.mark(BEGUN)
    if not begun or datetime.fromisoformat(begun) > now:  # the clock may have been ahead once
        store.note_mark(BEGUN, begun := iso(now))
    day = today(chosen, now)
    due, id, known = due_at(chosen, day), name(day), _known(store)  # noqa: A001
    if not takers or not datetime.fromisoformat(begun) <= due <= now or id in known:
        return
    made = accounted(account(app, Moment(id, day, due, now, skipped(known, day)), rules, hearing))
    kept = dict(islice({**known, id: made}.items(), max(len(known) + 1 - KEPT, 0), None))
    noted = {MARK: _WRITTEN.dump_json(kept).decode()}
    store.want([Wanted(one, id, Part.DAILY) for one in takers], now, noted)


def written(store: Store, id: str) -> Daily:  # noqa: A002
    """What the digest of that id says.

    Raises
    ------
    StateError
        If it is so old that nobody knows any more.
    """
    found = _known(store).get(id)
    if found is None:
        raise StateError(f"{store.directory}: what {id} was to say is no longer known")
    return found


def takes(notifiers: Sequence[Notifier], chosen: DailySettings) -> list[Notifier]:
    """The notifiers that get it: those that want such a part, of those that are named."""
    return [one for one in notifiers if Part.DAILY in one.parts and (not chosen.to or one.name in chosen.to)]


def deaf(app: App) -> list[str]:
    """Which notifiers are to get the daily digest and do not take it, a sentence each."""
    named = app.daily.to if app.daily else ()
    return [
        f"daily.to: expected notifiers that take a daily digest, got {one.name}, whose parts have no {Part.DAILY!r}"
        for one in app.notifiers
        if one.name in named and Part.DAILY not in one.parts
    ]


def today(chosen: DailySettings, now: datetime) -> date:
    """The date where the readers are."""
    return now.astimezone(ZoneInfo(chosen.zone)).date()


def due_at(chosen: DailySettings, day: date) -> datetime:
    """When that day's digest is due, in UTC.

    Of a time that comes twice, the first; where clocks skip it, as long after the skip began as it says.
    """
    return datetime.combine(day, chosen.at, ZoneInfo(chosen.zone)).astimezone(UTC)


def last_due(chosen: DailySettings, now: datetime) -> datetime:
    """When the newest digest was due at `now`."""
    day = today(chosen, now)
    return next(due for due in (due_at(chosen, day - n * DAY) for n in range(3)) if due <= now)


def name(day: date) -> str:
    """What names a day's digest, in the outbox as everywhere."""
    return f"daily-{day.isoformat()}"


def skipped(known: Mapping[str, Daily], day: date) -> tuple[date, ...]:
    """The days between the last digest and this one."""
    last = [*known][-1] if known else ""
    earlier = [day - n * timedelta(days=1) for n in range(1, MISSED + 1)]
    return tuple(reversed([one for one in earlier if name(one) > last])) if last else ()


def _known(store: Store) -> dict[str, Daily]:
    return _WRITTEN.validate_json(store.mark(MARK) or "{}")
