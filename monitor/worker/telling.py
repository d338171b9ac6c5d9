"""Telling: from decisions to messages in the outbox, and from the outbox to people."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import groupby
from threading import Event
from typing import Final

from monitor import charts, clock
from monitor.clock import iso
from monitor.model import Decision, Part, Reason, Wanted
from monitor.ports import Notifier
from monitor.worker.app import App
from monitor.worker.composing import Composer, about
from monitor.worker.keeping import present
from monitor.worker.postman import OWED, Lane

log = logging.getLogger("mintwatch.worker")
AGAIN: Final = frozenset({Reason.REOPENED, Reason.WORSENED, Reason.REMINDER, Reason.ESCALATED})
"""For what people are to look up from a card they have seen."""
SHOWN: Final = frozenset({Reason.OPENED, Reason.REOPENED, Reason.WORSENED})
"""What brings new evidence."""
NAMED: Final = 10
"""How many incidents are named of those nobody was told."""


def wanted(decisions: Iterable[Decision], notifier: Notifier, also: Iterable[Wanted] = ()) -> Iterator[Wanted]:
    """The messages that follow from decisions about this notifier, and `also` others, in the parts that it wants."""
    yield from (one for one in also if one.notifier == notifier.name and one.part in notifier.parts)
    for one in decisions:
        if not one.told or one.notifier != notifier.name:
            continue
        if Part.CARD not in notifier.parts:
            yield Wanted(notifier.name, one.incident, Part.NEWS, about(one))
            continue
        yield Wanted(notifier.name, one.incident, Part.CARD)
        if one.reason in AGAIN and Part.NEWS in notifier.parts:
            yield Wanted(notifier.name, one.incident, Part.NEWS, about(one))
        if one.reason in SHOWN and Part.EVIDENCE in notifier.parts:
            yield Wanted(notifier.name, one.incident, Part.EVIDENCE)
        if one.reason in SHOWN and Part.CHART in notifier.parts and charts.installed():
            yield Wanted(notifier.name, one.incident, Part.CHART, about(one))
        if Part.LOG in notifier.parts:
            yield Wanted(notifier.name, one.incident, Part.LOG)


def overdue(app: App, now: datetime) -> list[str]:
    """Give up what has waited for days for a notifier that is gone; a line for each.

    What waits for a notifier that is there is given up only after many tries. Days pass by what was collected, so that
    a clock that was set forward makes nothing late.
    """
    borne_out = present(app.store, now)
    if borne_out is None:
        return []
    names = {one.name for one in app.notifiers}
    said = []
    for one in app.store.give_up(borne_out - OWED, names):
        wanted = one.wanted
        said.append(
            f"{wanted.notifier}: {wanted.incident}: given up, not sent within {OWED.days} days of {iso(one.wanted_at)}"
        )
        log.error("given up", extra={"part": wanted.notifier, "error": said[-1]})
    return said


def tell(app: App, now: datetime, patience: timedelta = timedelta(0), composer: Composer | None = None) -> list[str]:
    """Send what is due, to each notifier on its own; returns what was given up, and what is left for later.

    With `patience`, what is due within it is waited for, and what has not been tried by its end is left. Without, time
    stands still, and everything that is due is tried once. A `composer` that is kept remembers what it has read.
    """
    began, stop = clock.ticks(), Event()

    def moment() -> datetime:
        return now + (clock.ticks() - began) if patience else now

    def drain(lane: Lane) -> None:
        while not stop.is_set() and moment() <= now + patience:
            if lane.step():
                continue
            due = lane.next_due()
            if due is None or due > now + patience:
                return
            stop.wait(max(0.0, (due - moment()).total_seconds()))

    writer = composer or Composer(app)
    lanes = [Lane(writer, one, moment) for one in app.notifiers]
    pool = ThreadPoolExecutor(max(1, len(app.notifiers)), thread_name_prefix="tell")
    try:
        list(pool.map(drain, lanes))
    finally:
        stop.set()
        pool.shutdown()
    return [line for lane in lanes for line in (*lane.given_up, *_left(app, lane.notifier))]


def _left(app: App, notifier: Notifier) -> Iterator[str]:
    """What waits for a notifier, a line for each incident of the first few."""
    waiting = sorted(app.store.waiting(notifier.name), key=lambda one: one.wanted.incident)
    lines = [
        f"{notifier.name}: {incident}: {next((one.error for one in rows if one.error), 'waits')}"
        for incident, rows in groupby(waiting, key=lambda one: one.wanted.incident)
    ]
    yield from lines[:NAMED]
    if len(lines) > NAMED:
        yield f"{notifier.name}: messages about {len(lines) - NAMED:,} more incidents wait"
