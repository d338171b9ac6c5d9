"""Scripted events, the truth about them, and what a store says of them; the truth never goes through a query."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import pyarrow.parquet as pq

from monitor.clock import floor
from monitor.errors import TransientError
from monitor.kql import DuckEngine
from monitor.model import Delivery, Message, Part
from monitor.ports import LogSource, Notifier
from monitor.rules import Rule
from monitor.store import Store
from monitor.testing.sources import Event
from monitor.triage import Policy
from monitor.worker import App

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
Counted = Counter[tuple[str, datetime, str]]


@dataclass(slots=True)
class Memory:
    """A notifier that remembers what it took; while `down` it takes nothing."""

    name: str = "memory"
    took: list[Message] = field(default_factory=list)
    down: bool = False
    parts: frozenset[Part] = frozenset({Part.NEWS})

    def send(self, delivery: Delivery) -> str:
        if self.down:
            raise TransientError(f"{self.name}: down, as scripted")
        assert isinstance(delivery.message, Message)
        self.took.append(delivery.message)
        return str(len(self.took))

    def find(self, delivery: Delivery) -> str:  # noqa: ARG002
        return ""


def app(
    sources: Iterable[LogSource],
    judged: Iterable[Rule],
    store: Store,
    engine: DuckEngine,
    notifiers: Iterable[Notifier] = (),
    policy: Policy | None = None,
) -> App:
    return App(tuple(sources), tuple(judged), store, engine, tuple(notifiers), policy or Policy())


def steady(
    days: float, identity: str = "entra:1", beat: timedelta = 30 * MINUTE, start: datetime = NOON
) -> list[Event]:
    """One token every half hour, each seen three minutes later."""
    moments = [start + n * beat for n in range(int(days * DAY / beat))]
    return [Event(f"{identity}/{at.isoformat()}", at, at + 3 * MINUTE, identity=identity) for at in moments]


def tenant(days: float, start: datetime = NOON) -> list[Event]:
    """Ten identities that do the same every hour."""
    return [one for n in range(10) for one in steady(days, f"entra:{n}", HOUR, start)]


def burst(at: datetime, count: int, identity: str = "entra:1", code: str = "7000215") -> list[Event]:
    """Failures a few seconds apart, each seen two minutes later."""
    moments = [at + n * timedelta(seconds=7) for n in range(count)]
    return [
        Event(f"{identity}/f/{one.isoformat()}", one, one + 2 * MINUTE, identity=identity, outcome="failed", code=code)
        for one in moments
    ]


def doubled(events: Iterable[Event], dice: Random) -> list[Event]:
    """Each event, and of some a copy that arrives later."""
    made = list(events)
    copies = [one for one in made if dice.random() < 0.2]
    return made + [
        Event(one.key, one.at, one.arrived + dice.uniform(0, 90) * MINUTE, None, one.identity, one.outcome)
        for one in copies
    ]


def truth(events: Iterable[Event]) -> Counted:
    """How many different events each identity had in each 5-minute bin."""
    first = {one.key: one for one in events}
    return Counter((one.identity, floor(one.at), one.outcome) for one in first.values())


def kept(store: Store) -> Counted:
    """The same as the store's live files have it."""
    counts: Counted = Counter()
    for path in store.live():
        for fact in pq.read_table(path).to_pylist():
            counts[fact["identity"], fact["at"], fact["outcome"]] += fact["events"]
    return counts
