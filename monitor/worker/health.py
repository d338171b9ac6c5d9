"""mintwatch's own log as a source: which sources it could not read, and what it left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pandas as pd
import pyarrow as pa

from monitor.clock import BIN, DAY, floor, midnight
from monitor.frames import DIMENSIONS, FACTS, conform_facts
from monitor.model import HealthEvent, Window
from monitor.ports import Counts, Fetched
from monitor.rules import HEALTH
from monitor.store import Store

NAME = "mintwatch"


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
