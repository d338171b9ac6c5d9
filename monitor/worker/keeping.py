"""Keeping: once a day what is old enough goes, and control.db is copied; rules say how far back facts are needed."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from monitor.clock import DAY, midnight
from monitor.rules import AFTER, Rule
from monitor.settings import Settings
from monitor.store import Gone, Keep, Store
from monitor.worker.app import App
from monitor.worker.guard import guarded
from monitor.worker.health import NAME
from monitor.worker.mending import mend

log = logging.getLogger("mintwatch.worker")

KEPT: Final = "kept"
"""The mark that says for which UTC day it was done last."""
PATIENCE: Final = 7 * DAY
"""The work of a rule that keeps failing waits that long, and needs its past then, too."""
JOURNAL: Final = 30 * DAY
"""For how long it is kept what happened to mintwatch itself; what rules said of it is kept for good."""


def kept(settings: Settings) -> Keep:
    """For how long things are kept, as the settings say."""
    return Keep(settings.keep.facts, settings.keep.incidents, settings.keep.backups)


def keep(app: App, as_of: datetime) -> Gone | None:
    """Once per UTC day: drop what is old enough, give its room back, copy control.db, and read every fact file once.

    What fails is logged, and harms nobody, nor the rest of it: nothing that goes is looked at by anybody any more. None
    if it was done today, or if nothing is to be kept tidy.
    """
    today = f"{as_of:%Y-%m-%d}"
    chosen, store = app.keep, app.store
    if chosen is None or store.mark(KEPT) == today:
        return None
    gone = guarded("keep", lambda: drop(store, chosen, as_of), lambda _: None)
    if gone is None:
        return None
    guarded("keep", lambda: store.note_mark(KEPT, today), lambda _: None)
    said = {f"dropped_{what}": many for what, many in gone.rows.items() if many}
    log.info("kept", extra={"part": "keep", "files": gone.files, "bytes": gone.size, **said})
    guarded("keep", store.tidy, lambda _: None)
    guarded("keep", partial(store.back_up, chosen.backups), lambda _: 0)
    mend(store, as_of, whole=True)
    return gone


def prune(store: Store, chosen: Keep, as_of: datetime, *, dry: bool = False) -> Gone:
    """Drop what is old enough and give its room back; `dry` only says what would go.

    Raises
    ------
    StateError
        If the state cannot be written.
    """
    gone = drop(store, chosen, as_of, dry=dry)
    if not dry:
        store.tidy()
    return gone


def drop(store: Store, chosen: Keep, as_of: datetime, *, dry: bool = False) -> Gone:
    """The same, but its room is not given back yet."""
    now = present(store, as_of)
    if now is None:
        return Gone()
    facts = store.drop_facts(midnight(now - chosen.facts), dry=dry)
    control = store.drop_control(midnight(now - chosen.incidents), midnight(now), dry=dry)
    if not dry:
        store.forget(now - JOURNAL)
    return Gone(facts.files, facts.size, {**facts.rows, **control.rows})


def present(store: Store, as_of: datetime) -> datetime | None:
    """Now, as far as what was collected bears it out; None if nothing was.

    A clock that is a year ahead must not make everything old, and what cannot be collected for long must not be lost.
    """
    newest = store.newest(without=NAME)
    return min(as_of, newest) if newest else None


def looks_back(rule: Rule) -> timedelta:
    """How far back facts may matter to a rule: what it compares with and its warm-up, or what must come before.

    All of it before the oldest bucket it may still judge. Rules over scores read findings, which are kept at least as
    long as facts.
    """
    if "scores" in rule.judge.needs:
        return timedelta(0)
    nothing = timedelta(0)
    memory = max(getattr(rule.judge, "lookback", nothing), getattr(rule.judge, "forget", nothing))
    known: timedelta = getattr(rule.judge, "warmup", nothing)
    reach = max(memory + known, AFTER if rule.after else nothing)
    return reach + PATIENCE + 2 * DAY


def too_short(chosen: Keep, rules: Iterable[Rule]) -> list[str]:
    """Why things may not be kept so short, a sentence each; none if they may."""
    found = []
    longest = max(rules, key=looks_back, default=None)
    if longest is not None and chosen.facts < (least := looks_back(longest)):
        found.append(
            f"keep.facts: expected at least {_days(least)}, because rule {longest.id} looks back that far,"
            f" got {_days(chosen.facts)}"
        )
    if chosen.incidents < chosen.facts:
        found.append(
            f"keep.incidents: expected at least keep.facts, {_days(chosen.facts)}: what is forgotten is told again from"
            f" facts that are still there; got {_days(chosen.incidents)}"
        )
    return found


def _days(length: timedelta) -> str:
    return f"{-(-length // DAY)}d"
