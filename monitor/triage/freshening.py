"""Freshening: messages that are to be brought up to date, though nobody is told anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from monitor.clock import DAY
from monitor.model import Decision, Incident, Part, Reason, Wanted
from monitor.triage.deciding import Case
from monitor.triage.informing import since

LASTS: Final[timedelta] = DAY
"""For how long after its last line a storm's digest follows what becomes of the incidents in it."""


def stale(
    cases: Iterable[Case], before: Mapping[str, Incident], decisions: Sequence[Decision], now: datetime
) -> Iterator[Wanted]:
    """Digests of storms, and messages of incidents about which nothing is told.

    A message is kept up to date while the incident is open; its log when somebody's decision ended or was undone. A
    digest is if it has another line, or one of its incidents has a message of its own now or stands elsewhere.
    """
    aloud = {(one.incident, one.notifier) for one in decisions if one.told}
    storms = {(one.notifier, one.because) for one in decisions if one.reason is Reason.STORM}
    messages: list[Wanted] = []
    for case in cases:
        old = before.get(case.incident.id)
        moved = old is not None and old.state is not case.incident.state
        news = old is not None and case.incident.heard != old.heard
        for notifier, one in sorted(case.informed.items()):
            told = (case.incident.id, notifier) in aloud
            if one.storm and now - one.storm.at <= LASTS and (moved or (told and one.stormed)):
                storms.add((notifier, one.storm.because))
            if not one.alone or told:
                continue
            if moved or (news and since(one, case.incident)):
                messages.append(Wanted(notifier, case.incident.id, Part.CARD))
            if moved:
                messages.append(Wanted(notifier, case.incident.id, Part.LOG))
    yield from (Wanted(notifier, storm, Part.DIGEST) for notifier, storm in sorted(storms))
    yield from messages
