"""A daemon's life over a workspace: ticks whenever they come, everything that goes wrong, kills, restarts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from threading import Event
from typing import Final
from uuid import UUID

import pyarrow.parquet as pq

from monitor.collect import Backlog
from monitor.kql import DuckEngine
from monitor.model import Gap, Window
from monitor.ports import Counts, Fetched
from monitor.sources.fold import QUERIES
from monitor.sources.loganalytics.client import Workspace
from monitor.sources.loganalytics.gate import Gate
from monitor.sources.loganalytics.source import LogAnalyticsSource
from monitor.store import Store, Written
from monitor.testing.azure import LocalAzure, faults
from monitor.worker import App, SourceReport, gather
from tests.sources.wires import Pass
from tests.worker.ledger import BOUND, DAY, HOUR, MINUTE, SECOND, START, Ledger, Truth

TENANT: Final = "33333333-0000-0000-0000-000000000001"
BACKLOG: Final = Backlog(history=DAY, slice=12 * HOUR, compare=DAY)


class Killed(BaseException):
    """The process died, as by SIGKILL."""


class Hurried(Event):
    """A stop that nobody waits for: the clock that gate and retries go by moves on instead."""

    def __init__(self, azure: LocalAzure) -> None:
        super().__init__()
        self._azure = azure
        self._waited = timedelta(0)

    def wait(self, timeout: float | None = None) -> bool:
        self._waited += timedelta(seconds=timeout or 0)
        return self.is_set()

    def now(self) -> datetime:
        return self._azure.clock.now + self._waited


class Mortal(Store):
    """A store that may die before or after any of its steps, while it has dice to say so."""

    dice: Random | None = None
    risk = 0.03

    def _maybe(self) -> None:
        if self.dice is not None and self.dice.random() < self.risk:
            raise Killed

    def write(self, source: str, window: Window, fetched: Fetched, as_of: datetime) -> Written:
        self._maybe()
        written = super().write(source, window, fetched, as_of)
        self._maybe()
        return written

    def switch(self, source: str, written: Sequence[Written], watermark: datetime | None) -> None:
        self._maybe()
        super().switch(source, written, watermark)
        self._maybe()

    def note_gaps(self, gaps: Sequence[Gap]) -> None:  # type: ignore[override]
        super().note_gaps(gaps)
        self._maybe()

    def note_compared(self, source: str, at: datetime) -> None:
        self._maybe()
        super().note_compared(source, at)

    def discard(self, written: Sequence[Written]) -> None:  # type: ignore[override]
        """Not if it died: a dead process tidies nothing up."""


@dataclass(frozen=True, slots=True)
class Life:
    """What is the case for one life: by default with all defences up."""

    ledger: Ledger
    dice: Random
    backlog: Backlog = BACKLOG
    overlap: timedelta = 15 * MINUTE
    trouble: float = 0.4
    store: type[Mortal] = Mortal
    source: type[LogAnalyticsSource] = LogAnalyticsSource
    hours: float = 5

    def ticks(self) -> Iterator[datetime]:
        """Busy hours, with a pause now and then; then ever longer ones, until everything has long shown."""
        now = START
        while now < START + self.hours * HOUR:
            now += self.dice.choices((5, 15, 40, 150), (3, 4, 3, 1))[0] * MINUTE
            yield now
        for hours in (3, 9, 20, 25, 30, 26):
            now += hours * HOUR + self.dice.randrange(0, 60, 5) * MINUTE
            yield now


@dataclass(slots=True)
class Lived:
    """What is left of a life."""

    kept: Truth
    late: int
    gaps: Sequence[Gap]
    troubles: int
    kills: int
    reports: list[SourceReport] = field(default_factory=list)


def live(life: Life, azure: LocalAzure, engine: DuckEngine, state: Path) -> Lived:
    """Live it, from a workspace without a row to the end; the last two ticks meet no trouble."""
    azure.faults.clear()
    azure.clock.now = START
    workspace = azure.workspace(str(UUID(int=life.dice.getrandbits(128))))
    workspace.before = lambda _: azure.clock.advance(
        life.dice.randrange(10) * SECOND
    )  # rows show between two questions
    for line in life.ledger.lines:
        workspace.append(line.table, [line.row()], line.arrived, line.visible)
    stop = Hurried(azure)
    pass_ = Pass(azure.authority.token(azure.authority.trust(workspace.id, TENANT), azure.audience))
    lived = Lived(Counter(), 0, (), 0, 0)
    try:
        with Workspace(
            workspace.id,
            pass_,
            endpoint=azure.url,
            audience=azure.audience,
            gate=Gate(stop, now=stop.now),
            stop=stop,
            connection_verify=str(azure.ca),
            now=stop.now,
        ) as asked:
            _tick(life, lived, azure, engine, asked, state)
    finally:
        azure.drop(workspace.id)
    return lived


def _tick(life: Life, lived: Lived, azure: LocalAzure, engine: DuckEngine, asked: Workspace, state: Path) -> None:
    moments = list(life.ticks())
    store = life.store(state)
    for place, now in enumerate(moments):
        peace = place >= len(moments) - 2
        azure.clock.now = max(now, azure.clock.now)
        azure.faults.clear()
        if not peace and life.dice.random() < life.trouble:
            for _ in range(life.dice.randint(1, 4)):
                azure.faults.add(life.dice.choice(faults.EVERY), skip=life.dice.randrange(6))
        store.dice = None if peace else life.dice
        try:
            lived.reports.append(_gathered(life, engine, asked, store, now))
        except Killed:
            lived.kills += 1
            store.close()
            store = life.store(state)
    with store:
        lived.kept = kept(store)
        lived.late = sum((one for one in store.counts().values()), Counts()).late
        lived.gaps = store.gaps()
        lived.troubles = len(store.troubles())


def _gathered(life: Life, engine: DuckEngine, asked: Workspace, store: Store, now: datetime) -> SourceReport:
    query = QUERIES[life.ledger.shape]
    source = life.source(query, asked, name=f"main.{query.name}", overlap=life.overlap, bound=BOUND, step=2 * HOUR)
    app = App((source,), (), store, engine, backlogs={source.name: life.backlog})
    return gather(app, source, now)


def kept(store: Store) -> Truth:
    """What the live facts say, as the ledger says it."""
    found: Truth = Counter()
    for path in store.live():
        for fact in pq.read_table(path).to_pylist():
            found[fact["identity"].removeprefix("entra:"), fact["at"], fact["seen_at"], fact["code"]] += fact["events"]
    return found
