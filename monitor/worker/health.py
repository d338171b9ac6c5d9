"""mintwatch's own log as a source: what it could not read, what it left out, and whom it could not tell."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import pandas as pd
import pyarrow as pa

from monitor import watchdog
from monitor.clock import BIN, DAY, floor, midnight
from monitor.coverage import Hearing
from monitor.frames import DIMENSIONS, FACTS, conform_facts
from monitor.model import HealthEvent, Window
from monitor.ports import Counts, Fetched
from monitor.rules import HEALTH
from monitor.store import Standing, Store
from monitor.worker.app import App, RuleReport

log = logging.getLogger("mintwatch.worker")

NAME = "mintwatch"
LATE: Final = timedelta(minutes=9)
"""From when on it is trouble of its own that people were not told: by the second tick after it was wanted."""


class HealthSource:
    """The journal of a state as one more source, so that troubles of ours are judged and told as everything else is.

    A fact has the source it is about as `resource`, and what it was that failed as `action`, `outcome` and `code`.
    """

    name = NAME
    stream = HEALTH
    settle = BIN
    overlap = timedelta(0)
    bound = 3 * DAY
    step = DAY
    lanes = 1

    def __init__(self, store: Store) -> None:
        self._store = store

    def changed(self, since: datetime | None, now: datetime) -> Sequence[Window]:  # noqa: ARG002
        """The days within the bound of which the journal holds other events than were fetched.

        Not those since then: what befell a source is written down as of when its round began, which may be before the
        last round of this one.
        """
        held = self._store.window_counts(NAME)
        written = self.counted(Window(midnight(now - self.bound), now), now)
        days = {Window(day, day + DAY): counts for day, counts in sorted(written.items())}
        return [day for day, counts in days.items() if held.get(day) != counts]

    def fetch(self, window: Window, now: datetime) -> Fetched:
        """All that was written down of the window."""
        events = self._events(window, now)
        rows = [_fact(one) for one in events]
        return Fetched(
            conform_facts(pa.Table.from_pylist(rows, schema=FACTS)), (), Counts(read=len(rows), kept=len(rows))
        )

    def counted(self, window: Window, now: datetime) -> Mapping[datetime, Counts]:
        """How much was written down on each day."""
        counts: dict[datetime, Counts] = {}
        for one in self._events(window, now):
            day = midnight(one.at)
            counts[day] = counts.get(day, Counts()) + Counts(read=1, kept=1)
        return counts

    def rows(self, window: Window, where: str, limit: int) -> pd.DataFrame:  # noqa: ARG002
        """What was written down, whatever `where` says; at most `limit`."""
        columns = ["TimeGenerated", "action", "source", "outcome", "code"]
        rows = [(one.at, one.action, one.source, one.outcome, one.code) for one in self._store.events(window)[:limit]]
        return pd.DataFrame(rows, columns=columns)

    def _events(self, window: Window, now: datetime) -> list[HealthEvent]:
        return [one for one in self._store.events(window) if one.at < now]


def note_untold(app: App, now: datetime) -> None:
    """Write down whom nobody could tell for two ticks; before the journal is read, so that this very tick judges it."""
    names = {one.name for one in app.notifiers}
    stuck = {name: error for name, error in app.store.untold(now - LATE).items() if name in names}
    app.store.note(HealthEvent(floor(now) - BIN, "notify", name, "failed", "") for name in stuck)
    for name, error in stuck.items():
        log.error("people are not told", extra={"part": name, "error": error})


def note_blindness(
    store: Store, hearing: Mapping[str, Hearing], standing: Standing, rules: Sequence[RuleReport], as_of: datetime
) -> None:
    """Write down which sources are silent or stale, and which rules could not be judged; the next tick tells it."""
    events = list(watchdog.blindness(hearing, standing.watermarks, as_of))
    for one in events:
        log.warning(one.outcome, extra={"part": one.source, "since": one.code})
    failed = [HealthEvent(as_of - BIN, "judge", one.name, "failed", "") for one in rules if one.error]
    store.note([*events, *failed])


def _fact(event: HealthEvent) -> dict[str, object]:
    said = {"source": NAME, "stream": HEALTH, "action": event.action, "resource": event.source}
    at = floor(event.at)
    return {
        **dict.fromkeys(DIMENSIONS, ""),
        **said,
        "outcome": event.outcome,
        "code": event.code,
        "at": at,
        "seen_at": at,
        "events": 1,
        "first_at": event.at,
        "last_at": event.at,
    }
