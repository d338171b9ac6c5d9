"""The postman in his threads: woken when something is wanted, gone when he is told to stop, stopped by nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event
from typing import Final

import pytest

from monitor import clock
from monitor.errors import LaterError, PermanentError, StateError
from monitor.kql import DuckEngine
from monitor.model import Delivery, Part, Queued, Wanted
from monitor.store import Store
from monitor.worker import App
from monitor.worker.postman import Postman
from tests.worker.alerts import HOUR, NOON, SECOND, Answer, Scripted, alert, want

PATIENCE: Final = timedelta(seconds=8)
CARD: Final = Wanted("slack", "i1", Part.CARD)


class Watched(Scripted):
    """A notifier that says when it has been given so many."""

    def __init__(self, count: int, name: str = "slack", always: Callable[[Delivery], Answer | None] = lambda _: None):
        super().__init__(name, always=always)
        self.count, self.enough = count, Event()

    def send(self, delivery: Delivery) -> str:
        try:
            return super().send(delivery)
        finally:
            if len(self.given) >= self.count:
                self.enough.set()


@contextmanager
def carried(
    store: Store, engine: DuckEngine, *notifiers: Scripted, now: Callable[[], datetime] = lambda: NOON
) -> Iterator[Postman]:
    postman = Postman(App((), (), store, engine, notifiers), Event(), now)
    postman.start()
    try:
        yield postman
    finally:
        assert postman.stop(PATIENCE)


def test_what_is_wanted_is_sent_at_once(engine: DuckEngine) -> None:
    """Off: `told()` in `_queue` of monitor/store/outbox.py."""
    slack = Watched(3)
    with Store() as store, carried(store, engine, slack):
        alert(store, [slack], "i1")
        assert slack.enough.wait(PATIENCE.total_seconds())
        slack.enough.clear()
        slack.count, began = 4, clock.ticks()
        want(store, [CARD], NOON)
        assert slack.enough.wait(PATIENCE.total_seconds())
        assert clock.ticks() - began < 2 * SECOND


def test_one_notifier_that_hangs_keeps_no_other_waiting(engine: DuckEngine) -> None:
    """Off: a lane for each notifier in `Postman`."""
    free = Event()

    def hanging(_: Delivery) -> None:
        free.wait(PATIENCE.total_seconds())

    slack, pager = Watched(1, always=hanging), Watched(3, "pager")
    with Store() as store, carried(store, engine, slack, pager):
        alert(store, [slack, pager], "i1")
        assert pager.enough.wait(PATIENCE.total_seconds())
        assert len(slack.given) <= 1
        free.set()


def test_who_waits_to_be_let_in_again_stops_at_once(engine: DuckEngine) -> None:
    slack = Watched(1, always=lambda _: LaterError("too fast", HOUR))
    with Store() as store:
        with carried(store, engine, slack):
            alert(store, [slack], "i1")
            assert slack.enough.wait(PATIENCE.total_seconds())
            began = clock.ticks()
        assert clock.ticks() - began < SECOND
        assert len(slack.given) == 1


def test_what_was_refused_is_tried_again_at_a_start(engine: DuckEngine) -> None:
    """Off: `reconsider` in `start` of monitor/worker/postman.py."""
    slack = Watched(1, always=lambda _: PermanentError("not_in_channel"))
    with Store() as store:
        alert(store, [slack], "i1")
        with carried(store, engine, slack):
            assert slack.enough.wait(PATIENCE.total_seconds())
        assert len(slack.given) == 1
        mended = Watched(3)
        with carried(store, engine, mended):
            assert mended.enough.wait(PATIENCE.total_seconds())


class Full(Store):
    """A store whose disk is full for a while."""

    tries = 0

    def sending(self, one: Queued) -> None:
        Full.tries += 1
        if Full.tries == 1:
            raise StateError("control.db cannot be written: database or disk is full")
        super().sending(one)


@pytest.mark.slow
def test_an_outbox_that_cannot_be_written_ends_no_lane(engine: DuckEngine) -> None:
    """Off: `guarded` in `_carry` of monitor/worker/postman.py."""
    slack = Watched(3)
    with Full() as store, carried(store, engine, slack):
        alert(store, [slack], "i1")
        assert slack.enough.wait(PATIENCE.total_seconds())
    assert (Full.tries, len(slack.given)) == (4, 3)
