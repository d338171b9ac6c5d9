"""Commanding: what `/mintwatch` answers, from the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from monitor.errors import InputError
from monitor.notifiers.slack import commands
from monitor.notifiers.slack.naming import COMMAND
from monitor.notifiers.slack.wire import Body
from monitor.notify import who
from monitor.worker import overview
from monitor.worker.app import App
from monitor.worker.deciding import silences
from monitor.worker.overview import Rooms
from monitor.worker.previewing import BACK, Lately

EXCEPTION = "it is an exception of identities.yml: take it out there"


def told(app: App, rooms: Rooms, verb: str, rest: str, now: datetime) -> Body:
    """The answer to a command that changes nothing."""
    answers: dict[str, Callable[[], Body]] = {
        commands.OPEN: lambda: _open(app, rooms, now),
        commands.NOISY: lambda: commands.told(f"The last {BACK.days} days", overview.noisy(app.store, now - BACK)),
        commands.EXPLAIN: lambda: _explained(app, rooms, rest),
        commands.SILENCES: lambda: _silences(app, now),
        commands.HELP: commands.helped,
    }
    answer = answers.get(verb)
    return answer() if answer else commands.helped(verb)


def lately(app: App, now: datetime) -> Lately:
    """The findings of the last days."""
    return Lately.of(app.store, app.rules, app.owners, now)


def silence_of(app: App, start: str) -> str:
    """Id of the silence that begins so.

    Raises
    ------
    InputError
        If there is none, or more than one, or it is one that a person wrote into a file.
    """
    found = [one.id for one in app.store.silences() if one.id.startswith(start.lower())]
    if len(found) == 1:
        return found[0]
    if any(one.id.startswith(start.lower()) for one in app.owners.silences):
        raise InputError(f"silence {start} cannot be ended here: {EXCEPTION}")
    raise InputError(f"expected the start of one silence's id, got {start!r}, which fits {len(found)}")


def _open(app: App, rooms: Rooms, now: datetime) -> Body:
    live = overview.live(app.store)
    notes = overview.odd(silences(app, now), lately(app, now), now)
    return commands.listed(overview.rows(app.store, live, rooms), overview.counted(live), notes)


def _silences(app: App, now: datetime) -> Body:
    active = [one for one in silences(app, now) if one.active(now)]
    if not active:
        return commands.told("Nothing is silenced", ())
    lines = overview.silenced(active, {one.id for one in app.owners.silences}, lately(app, now), now)
    count = "1 silence" if len(active) == 1 else f"{len(active):,} silences"
    return commands.told(count, lines, notes=[f"{COMMAND} {commands.EXPIRE} ID ends one"])


def _explained(app: App, rooms: Rooms, start: str) -> Body:
    store = app.store
    if not start:
        return commands.note(commands.which(commands.EXPLAIN))
    try:
        one = overview.one_of(store, start)
    except InputError as error:
        return commands.note(str(error))
    findings = [finding for finding, _, _ in store.findings(one.id)]
    said = overview.explained(one, findings, store.decisions(one.id), store.entries(one.id))
    name = f"{who(one.subject, store.names())}: {', '.join(one.rules)}"
    notes = [f"mintwatch explain {one.id} says more"]
    return commands.told("Incident", said, rooms.link(store, one.id), notes, name=name)
