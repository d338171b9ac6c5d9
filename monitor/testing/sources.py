"""A scripted log source: events with when they happened, arrived and became visible, and failures by appointment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import pandas as pd
import pyarrow as pa

from monitor.clock import EPOCH, floor
from monitor.errors import TransientError
from monitor.frames import DIMENSIONS, FACTS, conform_facts
from monitor.model import Name, Window
from monitor.ports import Counts, Fetched

MARGIN: Final = timedelta(hours=1)
"""How far apart two copies of an event may be generated and still be recognised."""


@dataclass(frozen=True, slots=True)
class Event:
    """One log row. Rows of one `key` are copies, of which the first to arrive counts.

    `visible` is when a query first finds it, a little after it `arrived`; None means at once. Of the dimensions of
    FACTS those that a test does not name are ''.
    """

    key: str
    at: datetime
    arrived: datetime
    visible: datetime | None = None
    identity: str = "entra:1"
    outcome: str = "issued"
    ip: str = "20.1.2.3"
    country: str = "SE"
    code: str = "0"

    def shown(self, now: datetime) -> bool:
        """Whether a query asked at `now` finds it."""
        return self.arrived < now and (self.visible or self.arrived) < now


@dataclass(slots=True)
class ScriptedSource:
    """Implements `ports.LogSource` over a list of events, which may grow between ticks.

    Parameters
    ----------
    fails
        Fetches that fail with `TransientError`, by the `now` they are asked at.
    """

    name: str = "scripted"
    stream: str = "sign_in"
    events: list[Event] = field(default_factory=list)
    settle: timedelta = timedelta(minutes=10)
    overlap: timedelta = timedelta(0)
    bound: timedelta = timedelta(days=3)
    step: timedelta = timedelta(hours=1)
    lanes: int = 1
    fails: frozenset[datetime] = frozenset()

    def changed(self, since: datetime | None, now: datetime) -> Sequence[Window]:
        """Windows near the events that arrived in [since, now), as far as a query asked at `now` finds them."""
        after = since or EPOCH
        starts: set[datetime] = set()
        for event in self.events:
            if event.arrived >= after and event.shown(now):
                start = floor(event.at - MARGIN, self.step)
                while start <= event.at + MARGIN:
                    starts.add(start)
                    start += self.step
        return [Window(start, start + self.step) for start in sorted(starts)]

    def fetch(self, window: Window, now: datetime) -> Fetched:
        """The window's facts.

        Raises
        ------
        TransientError
            If that was scripted.
        """
        if now in self.fails:
            raise TransientError(f"{self.name}: fails at {now}, as scripted")
        mine, counts = self._kept(window, now)
        names = tuple(
            Name(one.identity, f"name of {one.identity}", "service_principal", "", one.at, one.at)
            for one in {event.identity: event for event in sorted(mine, key=lambda one: one.at)}.values()
        )
        return Fetched(self._facts(mine), names, counts)

    def counted(self, window: Window, now: datetime) -> Mapping[datetime, Counts]:
        """What `fetch` would count in each `step` of the window.

        Raises
        ------
        TransientError
            If that was scripted.
        """
        return {piece.start: self.fetch(piece, now).counts for piece in window.pieces(self.step)}

    def _kept(self, window: Window, now: datetime) -> tuple[list[Event], Counts]:
        """The events of the window, one of each key, and how many there were."""
        near = Window(window.start - MARGIN, window.end + MARGIN)
        shown = [event for event in self.events if event.at in near and event.shown(now)]
        kept: dict[str, Event] = {}
        for event in sorted(shown, key=lambda one: (one.arrived, one.at, repr(one))):
            kept.setdefault(event.key, event)
        mine = [event for event in kept.values() if event.at in window]
        copies = sum(1 for event in shown if kept[event.key].at in window)
        return mine, Counts(read=copies, kept=len(mine), doubled=copies - len(mine))

    def rows(self, window: Window, where: str, limit: int) -> pd.DataFrame:  # noqa: ARG002
        """The events of the window, whatever `where` says; at most `limit`."""
        rows = [(one.at, one.key, one.identity) for one in self.events if one.at in window]
        return pd.DataFrame(sorted(rows)[:limit], columns=["TimeGenerated", "Id", "identity"])

    def _facts(self, events: Sequence[Event]) -> pa.Table:
        facts: dict[tuple[object, ...], list[Event]] = {}
        for one in events:
            alike = (floor(one.arrived), floor(one.at), one.identity, one.outcome, one.ip, one.country, one.code)
            facts.setdefault(alike, []).append(one)
        rows = [
            dict.fromkeys(DIMENSIONS, "")
            | dict(zip(("seen_at", "at", "identity", "outcome", "ip", "country", "code"), alike, strict=True))
            | {
                "stream": self.stream,
                "source": self.name,
                "kind": "service_principal",
                "events": len(same),
                "first_at": min(one.at for one in same),
                "last_at": max(one.at for one in same),
            }
            for alike, same in facts.items()
        ]
        return conform_facts(pa.Table.from_pylist(rows, schema=FACTS))
