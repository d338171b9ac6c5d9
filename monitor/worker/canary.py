"""The canary: once a day an event of our own goes through the whole walk, and is missed if it does not come through.

It is written into the journal, which `HealthSource` serves as facts like any log; rule `daily-canary` finds it, and it
has come through once that finding is concluded. Nobody is told of it, and the daily digest says how long it took.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from monitor.clock import BIN, floor, iso
from monitor.model import HealthEvent, Window
from monitor.store import Store
from monitor.worker.app import App

log = logging.getLogger("mintwatch.worker")

RULE: Final = "daily-canary"
"""What finds it."""
ACTION: Final = "canary"
"""What it is called in the journal."""
PATIENCE: Final = timedelta(minutes=30)
"""How long it may take; a daemon needs five to ten minutes."""
EARLIER: Final = timedelta(hours=1)
"""How long before the daily digest it is sent."""
SENT: Final = "canary-sent"
SEEN: Final = "canary-seen"
"""Marks: when the newest was sent; when the newest that came through was sent, and when it was seen."""


@dataclass(frozen=True, slots=True)
class Canary:
    """The newest one: when it was sent, and when it came through, None if it has not."""

    sent: datetime
    seen: datetime | None = None

    @property
    def took(self) -> timedelta | None:
        """How long it took."""
        return self.seen - self.sent if self.seen else None

    def lost(self, now: datetime) -> bool:
        """Whether it has not come through, and should have."""
        return self.seen is None and now - self.sent >= PATIENCE


def expected(app: App) -> bool:
    """Whether one is sent daily; where none is, what the state keeps of earlier ones says nothing."""
    return app.daily is not None and app.daily.canary


def newest(store: Store) -> Canary | None:
    """The newest canary; None if none was ever sent."""
    sent = store.mark(SENT)
    if not sent:
        return None
    which, _, seen = store.mark(SEEN).partition(" ")
    return Canary(datetime.fromisoformat(sent), datetime.fromisoformat(seen) if which == sent else None)


def last_seen(store: Store) -> datetime | None:
    """When a canary came through last; None if none ever did."""
    seen = store.mark(SEEN).partition(" ")[2]
    return datetime.fromisoformat(seen) if seen else None


def missing(store: Store, now: datetime) -> bool:
    """Whether a canary should have come through and has not: then nobody can rely on being told of anything.

    To be asked after a judgement: right after a downtime it may still be on its way.
    """
    one = newest(store)
    return one is not None and one.lost(now)


def fly(app: App, now: datetime, slot: Callable[[datetime], datetime]) -> None:
    """See whether the last one came through, write down that it did not, and send the next one when it is time.

    `slot` says when the last daily digest was due, at a moment.
    """
    one = newest(app.store)
    if one is not None and one.seen is None:
        one = _seen(app.store, one, now)
        if one.lost(now):
            log.error("canary lost", extra={"part": "canary", "sent": iso(one.sent)})
            app.store.note([HealthEvent(now, ACTION, name(one.sent), "lost", "")])
    if one is None or not slot(now + EARLIER) - EARLIER <= one.sent <= now:
        app.store.note([HealthEvent(now, ACTION, name(now), "sent", "")])
        app.store.note_mark(SENT, iso(now))
        log.info("canary sent", extra={"part": "canary", "sent": iso(now)})


def name(sent: datetime) -> str:
    """What a canary is called: each is another's subject, so that none is a worse case of the one before."""
    return f"canary {iso(sent)}"


def _seen(store: Store, one: Canary, now: datetime) -> Canary:
    """It, with when it came through, if its finding has been concluded."""
    since = floor(one.sent)
    found = store.spoke(Window(since, max(now, since) + BIN))
    if not any(rule == RULE and subject == f"source:{name(one.sent)}" for rule, subject, _, _ in found):
        return one
    store.note_mark(SEEN, f"{iso(one.sent)} {iso(now)}")
    log.info("canary seen", extra={"part": "canary", "sent": iso(one.sent)})
    return Canary(one.sent, now)
