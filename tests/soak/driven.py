"""A daemon whose time is told to it: its real jobs over real sockets, in a process that may be killed at any moment.

What a scheduler would start, its orders start: at each moment every source's round, then a judgement, then whatever is
to be sent. Only APScheduler is not there, because it goes by the machine's clock; nothing of ours is replaced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event
from typing import Final

from monitor import plugins, rules
from monitor.clock import BIN, EPOCH, floor
from monitor.collect import Backlog
from monitor.daemon.rounds import Rounds
from monitor.daemon.vitals import Vitals
from monitor.kql import DuckEngine
from monitor.notifiers.slack.client import SlackApi
from monitor.notifiers.slack.notifier import SlackNotifier
from monitor.notifiers.slack.pacing import PACES, Pacer
from monitor.rules import Rule
from monitor.sources.fold import QUERIES
from monitor.sources.loganalytics.client import Workspace
from monitor.sources.loganalytics.gate import Gate
from monitor.sources.loganalytics.source import LogAnalyticsSource
from monitor.store import Store
from monitor.tables import SCHEMAS
from monitor.worker import App
from monitor.worker.composing import Composer
from monitor.worker.health import NAME, HealthSource
from monitor.worker.postman import Lane
from tests.sources.wires import Pass

SOURCE: Final = "main.service_principal"
TRIES: Final = 100
UNHURRIED: Final = {method: replace(pace, every=timedelta(0)) for method, pace in PACES.items()}
BACKLOG: Final = Backlog(history=timedelta(days=1), slice=timedelta(hours=12), compare=timedelta(hours=6))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a daemon lives, and whom it asks and tells."""

    state: Path
    rules: Path
    query: Mapping[str, str]
    """Address, audience, certificate, id of the workspace and a token."""
    slack: tuple[str, str, str]


class Hurried(Event):
    """A stop that nobody waits for: the clocks that questions, and messages, go by move on instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.posting = EPOCH

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timedelta(seconds=timeout or 0)
        return self.is_set()


class Driven:
    """The daemon, from one moment to the next."""

    def __init__(self, app: App, place: Place, stop: Hurried) -> None:
        self._app, self._stop = app, stop
        every = {one.name: BIN for one in app.sources}
        self._moment = EPOCH
        self._rounds = Rounds(app, every, Vitals(Event(), place.state, now=self.now), self.now)
        composer = Composer(app)
        self._lanes = [Lane(composer, one, lambda: stop.posting) for one in app.notifiers]

    def now(self) -> datetime:
        """The present as it was told."""
        return self._moment

    def step(self, moment: datetime) -> None:
        """All that is to be done at a moment; a source that fails is asked again until it answers."""
        self._moment = self._stop.posting = self._stop.now = moment
        for source in self._app.sources:
            for _ in range(TRIES):
                self._rounds.collect(source)
                if source.name == NAME or self._app.store.watermark(source.name) == floor(moment, BIN):
                    break
                self._stop.now += timedelta(minutes=10)
            else:
                raise AssertionError(f"{source.name}: not through after {TRIES} rounds: {self._app.store.troubles()}")
        self._rounds.judge()
        for lane in self._lanes:
            self._carry(lane)

    def _carry(self, lane: Lane) -> None:
        """What waits, each at its time, until nothing does."""
        while (due := lane.next_due()) is not None:
            self._stop.posting = max(self._stop.posting, due)
            lane.step()


@contextmanager
def daemon(place: Place) -> Iterator[Driven]:
    """A daemon over what is in the state."""
    stop = Hurried()
    with housed(place, stop) as app:
        yield Driven(app, place, stop)


@contextmanager
def housed(place: Place, stop: Hurried) -> Iterator[App]:
    """What a daemon works with, over what is in the state."""
    query = place.query
    url, token, channel = place.slack
    engine = DuckEngine(SCHEMAS, threads=1)
    asked = Workspace(
        query["id"],
        Pass(query["token"]),
        endpoint=query["url"],
        audience=query["audience"],
        gate=Gate(stop, now=lambda: stop.now),
        stop=stop,
        connection_verify=query["ca"],
        now=lambda: stop.now,
    )
    with Store(place.state) as store, asked:
        source = LogAnalyticsSource(QUERIES["service_principal"], asked, name=SOURCE, step=timedelta(hours=1))
        api = SlackApi(lambda: token, Pacer(Event(), UNHURRIED, ticks=lambda: stop.posting - EPOCH), url=url)
        notifier = SlackNotifier("slack", api, channel, charts=False)
        yield App((source, HealthSource(store)), read(place), store, engine, (notifier,), backlogs={SOURCE: BACKLOG})
    engine.close()


def read(place: Place) -> tuple[Rule, ...]:
    """Its rules."""
    return rules.load(place.rules, plugins.detectors())


def live(place: Place, orders: Connection) -> None:
    """A daemon in a process of its own: a moment comes, and an answer goes back once all is done."""
    with daemon(place) as driven:
        while (moment := orders.recv()) is not None:
            driven.step(moment)
            orders.send(True)
