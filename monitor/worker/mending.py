"""Mending what happened to the state: files that a disk damaged, and stretches in which nothing could be written."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from monitor.clock import iso
from monitor.errors import StateError
from monitor.model import Gap
from monitor.store import Store
from monitor.worker.app import RuleReport
from monitor.worker.guard import guarded

log = logging.getLogger("mintwatch.worker")

READ: Final = "read"
"""The mark that says when every fact file was last read whole because a rule could not be judged."""
AGAIN: Final = timedelta(hours=1)
"""How often that is done at most, where one rule alone keeps failing: it may be its own fault."""


def mend(store: Store, as_of: datetime, *, whole: bool) -> list[Gap]:
    """Let fact files go that are damaged: each is a gap, told as any other, and its window is fetched again."""
    return guarded("facts", partial(_mend, store, as_of, whole=whole), lambda _: [])


def mend_for(store: Store, reports: Sequence[RuleReport], as_of: datetime) -> list[Gap]:
    """The same if rules could not be judged, which may be because of it: the next judgement goes on without them."""
    failed = [one for one in reports if one.error]
    if not failed:
        return []
    whole = len(failed) == len(reports) or _long_ago(store.mark(READ), as_of)
    gaps = mend(store, as_of, whole=whole)
    if whole:
        guarded("facts", partial(store.note_mark, READ, iso(as_of)), lambda _: None)
    return gaps


def _mend(store: Store, as_of: datetime, *, whole: bool) -> list[Gap]:
    damaged = store.damaged(whole=whole)
    gaps = store.leave_out(damaged, as_of) if damaged else []
    for one in gaps:
        said = {"part": one.source, "start": iso(one.window.start), "end": iso(one.window.end), "error": one.reason}
        log.error("facts damaged", extra=said)
    return gaps


def _long_ago(text: str, as_of: datetime) -> bool:
    return not text or abs(as_of - datetime.fromisoformat(text)) >= AGAIN


def note_refused(store: Store, as_of: datetime) -> bool:
    """Write down what was refused since it was told last, as soon as that can be; whether all can be written now."""
    if not store.refused:
        return True
    try:
        since = store.note_refused(as_of)
    except StateError as error:
        log.error("nothing can be written", extra={"part": "state", "error": str(error)})
        return False
    log.warning("can be written again", extra={"part": "state", "since": iso(since)})
    return True
