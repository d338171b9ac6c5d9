"""Telling: from decisions to messages in the outbox, and from the outbox to people."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from monitor.clock import DAY, iso
from monitor.errors import LaterError, MintwatchError, PermanentError, StateError, UnsureError
from monitor.model import Decision, Delivery, Name, Part, Queued, Reason, Wanted
from monitor.notify import Told, compose
from monitor.ports import Notifier
from monitor.worker.app import App
from monitor.worker.guard import guarded, told

log = logging.getLogger("mintwatch.worker")
OWED: Final = 3 * DAY
"""For how long it is tried to send a message."""
AGAIN: Final = frozenset({Reason.REOPENED, Reason.WORSENED, Reason.REMINDER, Reason.ESCALATED})
"""For what people are to look up from a card they have seen."""
SHOWN: Final = frozenset({Reason.OPENED, Reason.REOPENED, Reason.WORSENED})
"""What brings new evidence."""
LONGEST: Final = timedelta(minutes=5)
"""The longest wait between two tries."""


def wanted(decisions: Iterable[Decision], notifier: Notifier) -> Iterator[Wanted]:
    """The messages that follow from decisions, in the parts that this notifier wants."""
    for one in decisions:
        if not one.told:
            continue
        about = f"{iso(one.at)} {one.reason}"
        if Part.CARD not in notifier.parts:
            yield Wanted(notifier.name, one.incident, Part.NEWS, about)
            continue
        yield Wanted(notifier.name, one.incident, Part.CARD)
        if one.reason in AGAIN and Part.NEWS in notifier.parts:
            yield Wanted(notifier.name, one.incident, Part.NEWS, about)
        if one.reason in SHOWN and Part.EVIDENCE in notifier.parts:
            yield Wanted(notifier.name, one.incident, Part.EVIDENCE)
        if one.reason in SHOWN and Part.CHART in notifier.parts:
            yield Wanted(notifier.name, one.incident, Part.CHART, about)
        if Part.LOG in notifier.parts:
            yield Wanted(notifier.name, one.incident, Part.LOG)


def tell(app: App, now: datetime) -> list[str]:
    """Send what is due, the most urgent first; returns what was not sent, to be tried again later or given up."""
    unsent = []
    for one in app.store.give_up(now - OWED):
        unsent.append(
            f"{one.wanted.notifier}: {one.wanted.incident}: given up, not sent within {OWED.days} days of"
            f" {iso(one.wanted_at)}"
        )
        log.error("given up", extra={"part": "notify", "error": unsent[-1]})
    notifiers = {one.name: one for one in app.notifiers}
    tried: set[int] = set()
    while due := [one for one in app.store.due(now) if one.seq not in tried and one.wanted.notifier in notifiers]:
        names = app.store.names()
        for one in due:
            tried.add(one.seq)
            error = _send(app, notifiers[one.wanted.notifier], one, names, now)
            if error:
                unsent.append(f"{one.wanted.notifier}: {one.wanted.incident}: {error}")
    return unsent


def _send(app: App, notifier: Notifier, one: Queued, names: Mapping[str, Name], now: datetime) -> str:
    """One try; '' if it was sent."""

    def work() -> str:
        delivery = _delivery(app, one, names, now)
        app.store.sending(one)
        ref = (notifier.find(delivery) if one.unsure and not one.ref else "") or notifier.send(delivery)
        app.store.sent(one, ref, now)
        return ""

    def failed(error: Exception) -> str:
        wait = error.after if isinstance(error, LaterError) else min(timedelta(seconds=2**one.tries), LONGEST)
        unsure = isinstance(error, UnsureError) or not isinstance(error, MintwatchError)
        permanent = isinstance(error, PermanentError)
        app.store.postpone(one, now + wait, told(error), unsure=unsure and not one.ref, permanent=permanent)
        return told(error)

    return guarded(notifier.name, work, failed)


def _delivery(app: App, one: Queued, names: Mapping[str, Name], now: datetime) -> Delivery:
    incident = app.store.incident(one.wanted.incident)
    if incident is None:
        raise StateError(f"{app.store.directory}: expected incident {one.wanted.incident}, of which a message is kept")
    decisions = [each for each in app.store.decisions(incident.id) if each.told]
    decision = next((each for each in decisions if f"{iso(each.at)} {each.reason}" == one.wanted.about), decisions[-1])
    findings = [each for each, _, _ in app.store.findings(incident.id)]
    rules = {rule.id: rule for rule in app.rules}
    message = compose(Told(decision, incident, findings, now, rules, names, decisions=decisions))
    return Delivery(one.key, one.wanted.part, message, ref=one.ref)
