"""A daemon that stays: its jobs in a pool, its postman, its HTTP server, all in threads; only the time is told to it.

What is not here is APScheduler, which goes by the machine's clock: whoever gives the orders is the schedule.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, time
from multiprocessing.connection import Connection
from threading import Event, Thread, active_count
from typing import Final

from monitor.clock import BIN
from monitor.daemon.rounds import Rounds
from monitor.daemon.running import DEADLINE
from monitor.daemon.vitals import Running, Vitals
from monitor.settings import DailySettings
from monitor.store import Keep
from monitor.worker import App
from monitor.worker.acting import Serving
from monitor.worker.postman import Postman
from tests.soak.driven import Hurried, Place, housed

GLANCE: Final = 0.005
"""Seconds between two looks whether the postman is through."""
PATIENCE: Final = 120.0
"""Seconds within which he must be."""
_LEAKED: Final[list[object]] = []


def _piled() -> None:
    _LEAKED.append(os.urandom(2**22))


def _opened() -> None:
    _LEAKED.append(os.open(os.devnull, os.O_RDONLY))


def _started() -> None:
    left = Event()
    Thread(target=left.wait, daemon=True).start()
    _LEAKED.append(left)


LEAKS: Final[Mapping[str, Callable[[], None]]] = {
    "": lambda: None,
    "memory": _piled,
    "descriptors": _opened,
    "threads": _started,
}
"""What may be lost at every step, on purpose: a soak that does not see it is none."""


class Staying:
    """The daemon, from one moment to the next."""

    def __init__(self, app: App, vitals: Vitals, postman: Postman, stop: Hurried, pool: ThreadPoolExecutor) -> None:
        self._app, self._vitals, self._postman, self._stop, self._pool = app, vitals, postman, stop, pool
        self._rounds = Rounds(app, {one.name: BIN for one in app.sources}, vitals, lambda: stop.posting)
        self._waking = Event()

    def step(self, moment: datetime) -> None:
        """One round of each source, side by side, then a judgement, and what is to be told until the next step."""
        self._stop.posting = self._stop.now = moment
        self._vitals.beat.strike()
        for done in [self._pool.submit(self._rounds.collect, one) for one in self._app.sources]:
            done.result()
        self._pool.submit(self._rounds.judge).result()
        self._pool.submit(self._rounds.glance).result()
        self._carried(moment + BIN)
        self._vitals.beat.strike()

    def _carried(self, until: datetime) -> None:
        """The postman brings away what is due before then, by a clock that moves on to it."""
        store = self._app.store
        while True:
            self._app.store.want((), self._stop.posting, {})  # he is woken: his clock was set
            self._idle()
            due = store.next_due()
            if due is None or due >= until:
                return
            self._stop.posting = max(self._stop.posting, due)

    def _idle(self) -> None:
        looks = 0
        while self._app.store.due(self._stop.posting):
            looks += 1
            assert looks * GLANCE < PATIENCE, self._app.store.due(self._stop.posting)
            assert not self._postman.gone(), "the postman is gone"
            self._waking.wait(GLANCE)


@contextmanager
def staying(place: Place) -> Iterator[tuple[Staying, int]]:
    """A daemon over what is in the state, and where it is asked how it is."""
    stop = Hurried()
    with (
        housed(place, stop) as made,
        Vitals(Event(), place.state, "127.0.0.1:0") as vitals,
        ThreadPoolExecutor(len(made.sources) + 4) as pool,
    ):
        app = replace(made, keep=Keep(), daily=DailySettings(at=time(8)))
        names = [one.name for one in app.sources]
        vitals.metrics.configured(names, [one.id for one in app.rules], ["slack"], listens=False)
        postman = Postman(app, Event(), lambda: stop.posting, vitals.metrics.message, vitals.metrics.notified)
        postman.start()
        with Serving(app):
            vitals.follow(Running(names, lambda: True, postman.gone, lambda _: None))
            assert vitals.server
            yield Staying(app, vitals, postman, stop, pool), vitals.server.port
        assert postman.stop(DEADLINE), "the postman does not go"


def stay(place: Place, leak: str, orders: Connection) -> None:
    """A daemon in a process of its own, so that what is measured is its own; its port and its threads, at first
    and after each order."""
    logging.getLogger().addHandler(logging.NullHandler())
    with staying(place) as (daemon, port):
        orders.send((port, active_count()))
        while (moment := orders.recv()) is not None:
            daemon.step(moment)
            LEAKS[leak]()
            orders.send((port, active_count()))
