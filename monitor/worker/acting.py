"""Acting: the one way in which anything takes effect that a person does, wherever they do it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Final, Self

from monitor import clock
from monitor.clock import iso
from monitor.model import Act, Decision, Entry, Incident, Outcome, Owners, Part, Reason, Verb, Wanted
from monitor.rules import Rule
from monitor.store import Store
from monitor.triage import acting
from monitor.worker.app import App
from monitor.worker.composing import about
from monitor.worker.guard import guarded, told
from monitor.worker.quieting import touched

log = logging.getLogger("mintwatch.worker")
BEAT: Final = timedelta(milliseconds=500)
"""How often it is looked whether another process asked for something."""
SELDOM: Final = timedelta(minutes=1)
"""How often it is looked whether a silence is about to expire."""
SOON: Final = timedelta(hours=1)
"""How long before it expires that is said."""
LOOK: Final = timedelta(milliseconds=50)
"""How often whoever asked looks for the answer."""
NOBODYS: Final = Owners()
PATIENCE: Final = timedelta(seconds=5)
"""How long whoever asked waits for it."""
LIFETIME: Final = timedelta(minutes=10)
"""How old what is asked for may be: one who was killed while they waited asks for nothing half a day later."""


def perform(app: App, act: Act, now: datetime) -> Entry:
    """Make an act take effect, once however often it comes, and keep it in the audit trail."""
    return enact(app.store, act, now, app.rules, app.owners)


def enact(store: Store, act: Act, now: datetime, rules: Sequence[Rule] = (), owners: Owners = NOBODYS) -> Entry:
    """As `perform`, by whoever has the state open for writing and watches nothing.

    What changes, the entry, and that messages are to say so are one transaction; whoever sends is told of it. What was
    refused has not taken effect: the same key may come again from somebody who may.
    """
    with store.deciding():
        if earlier := store.effect(act.key):
            entry = Entry(act, Outcome.REPEATED, earlier.said)
            store.record(entry, None, (), ())
        else:
            incident = store.incident(act.incident) if act.incident else None
            silence = store.silence(act.silence if act.verb is Verb.EXPIRE else acting.silence_id(act))
            acted = acting.act(act, incident, now, silence)
            made = acted.silence
            if made is not None:
                act = replace(act, silence=made.id, matchers=made.matchers)
            entry = Entry(act, acted.outcome, acted.said)
            kept = _kept_true(store, act, rules, owners) if acted.outcome is Outcome.DONE else []
            closed = _closings(store, acted.incident, act, now)
            store.record(entry, acted.incident, [made] if made else [], [*kept, *_news(closed)], closed)
    _log(entry)
    return entry


def _kept_true(store: Store, act: Act, rules: Sequence[Rule], owners: Owners) -> list[Wanted]:
    """The messages of what was acted on, and those of every incident that a silence mutes: it shows on them."""
    muted = touched(store, act.matchers, {one.id: one for one in rules}, owners) if act.matchers else []
    found = dict.fromkeys(one for one in (act.incident, *(one.id for one in muted)) if one)
    return [wanted for one in found for wanted in store.kept_true(one)]


def _closings(store: Store, incident: Incident | None, act: Act, now: datetime) -> list[Decision]:
    """That a person closed it, to all that were told of it and have no message that changes: it is over there, too."""
    if incident is None or incident.state.live:
        return []
    last, because = store.told([incident.id]), f"by {act.who.shown}"
    stood = incident.surprise, incident.level, incident.heard
    return [
        Decision(incident.id, name, now, Reason.RESOLVED, because, *stood)
        for name in store.unkept(incident.id)
        if (one := last.get((incident.id, name)))
        and one.reason is not Reason.RESOLVED
        and (incident.reopened_at is None or one.at >= incident.reopened_at)
    ]


def _news(decisions: Iterable[Decision]) -> list[Wanted]:
    return [Wanted(one.notifier, one.incident, Part.NEWS, about(one)) for one in decisions]


def refuse(store: Store, act: Act, why: str) -> Entry:
    """Keep in the audit trail that somebody asked for what they may not, and change nothing."""
    entry = Entry(act, Outcome.REFUSED, why)
    with store.deciding():
        store.record(entry, None, (), ())
    _log(entry)
    return entry


def serve_requests(app: App, now: datetime) -> list[Entry]:
    """Perform what other processes asked for, in the order in which they asked."""
    return serve(app.store, now, app.rules, app.owners)


def serve(store: Store, now: datetime, rules: Sequence[Rule] = (), owners: Owners = NOBODYS) -> list[Entry]:
    """As `serve_requests`, by whoever has the state open for writing."""
    return [entry for act in store.asked_for() if (entry := _served(store, act, now, rules, owners))]


def _served(store: Store, act: Act, now: datetime, rules: Sequence[Rule], owners: Owners) -> Entry | None:
    """What became of an act that was asked for; None if it was withdrawn meanwhile."""

    def done() -> Entry | None:
        with store.deciding(), store.taking(act) as there:
            if there and now - act.at > LIFETIME:
                return refuse(store, act, f"asked for at {iso(act.at)}, which is too long ago: ask again")
            return enact(store, act, now, rules, owners) if there else None

    def refused(error: Exception) -> Entry | None:
        with store.deciding(), store.taking(act) as there:
            return refuse(store, act, told(error)) if there else None

    return guarded("requests", done, refused)


class Serving:
    """A thread that performs what other processes ask for, until it is left; a context manager.

    It also says of each silence, once, that it is about to expire.
    """

    def __init__(self, app: App, beat: timedelta = BEAT) -> None:
        self._app, self._beat = app, beat
        self._warned: set[str] = set()
        self._looked = timedelta(0)
        self._left = Event()
        self._thread = Thread(target=self._serve, name="requests", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether anybody performs."""
        return self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join(1.0)

    def _serve(self) -> None:
        while not self._left.wait(self._beat.total_seconds()):
            guarded("requests", lambda: serve_requests(self._app, clock.now()), lambda _: [])
            if not self._looked or clock.ticks() - self._looked > SELDOM:
                self._looked = clock.ticks()
                guarded(
                    "silences", lambda: self._warned.update(warn(self._app.store, clock.now(), self._warned)), nothing
                )


def warn(store: Store, now: datetime, warned: Collection[str]) -> list[str]:
    """Say in the log which silences expire soon, unless it was said; their ids."""
    ending = [one for one in store.silences(now) if one.expires_at <= now + SOON and one.id not in warned]
    for one in ending:
        log.warning(
            "a silence expires soon", extra={"part": "silences", "silence": one.id, "at": clock.iso(one.expires_at)}
        )
    return [one.id for one in ending]


def nothing(error: Exception) -> None:
    """What comes of an error that is logged already."""
    del error


def ask(store: Store, act: Act, patience: timedelta = PATIENCE) -> Entry | None:
    """What became of an act that the process which writes there was asked for.

    None if it did not answer in time: then the act is withdrawn, and nothing comes of it any more. So it is if whoever
    waits is interrupted.
    """
    store.ask_for(act)
    entry, until, pause = None, clock.ticks() + patience, Event()
    try:
        while (entry := store.entry(act.key)) is None and clock.ticks() < until:
            pause.wait(LOOK.total_seconds())
    finally:
        if entry is None and not store.withdraw(act):
            entry = store.entry(act.key)
    return entry


def _log(entry: Entry) -> None:
    act = entry.act
    log.info(
        "acted",
        extra={
            "part": "acting",
            "verb": act.verb.value,
            "outcome": entry.outcome.value,
            "incident": act.incident,
            "silence": act.silence,
            "who": act.who.id,
            "via": act.via,
        },
    )
