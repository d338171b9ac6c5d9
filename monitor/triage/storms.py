"""Storms: the worst speak, everything else is one digest."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from monitor.clock import iso
from monitor.model import Decision, Incident, Level, Reason, digest
from monitor.triage.policy import Policy

BEYOND = 2
"""What is critical, or of a higher level than all that was told, finds room up to as many times `policy.storm`."""


class Room:
    """How many incidents each notifier may still be told of one by one, and which storm the others belong to.

    Of `policy.storm`; beyond that only what is critical, or of a higher level than everything told within the hour, is
    told, and of those as many again. A storm goes on while there is a line in its digest that is younger than
    `storm_window`; the next begins another.
    """

    def __init__(self, openings: Iterable[Decision], policy: Policy, now: datetime) -> None:
        self._now, self._most = now, policy.storm
        self._since = now - policy.storm_window
        self._aloud: dict[str, list[Level]] = {}
        self._named: set[tuple[str, str]] = set()
        self._storms: dict[str, str] = {}
        for one in openings:
            if not self._since < one.at <= now:  # the clock may have been ahead once
                continue
            if one.reason is not Reason.STORM:
                self._count(one.notifier, one.incident, one.level)
            elif one.because:
                self._storms[one.notifier] = one.because

    def escalated(self, notifier: str, incident: Incident, at: datetime) -> None:
        """Count that a notifier was called about an incident, then; not if it was opened there within the hour."""
        if self._since < at <= self._now and (notifier, incident.id) not in self._named:
            self._count(notifier, incident.id, incident.level)

    def take(self, notifier: str, incident: Incident) -> str | None:
        """None if there is room for one more, which is taken, else the id of the storm it belongs to."""
        aloud = self._aloud.get(notifier, [])
        urgent = incident.level is Level.CRITICAL or all(incident.level.rank > one.rank for one in aloud)
        if len(aloud) < self._most * (BEYOND if urgent else 1):
            self._count(notifier, incident.id, incident.level)
            return None
        return self._storms.setdefault(notifier, storm_id(notifier, self._now))

    def _count(self, notifier: str, incident: str, level: Level) -> None:
        self._aloud.setdefault(notifier, []).append(level)
        self._named.add((notifier, incident))


def storm_id(notifier: str, began_at: datetime) -> str:
    """What names the storm that began at a notifier then."""
    return digest("storm", notifier, iso(began_at))[:10]
