"""Storms: the worst speak, everything else is one digest."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from monitor.clock import iso
from monitor.model import Decision, Reason, digest
from monitor.triage.policy import Policy


class Room:
    """How many incidents each notifier may still be told of one by one, and which storm the others belong to.

    A storm goes on while there is a line in its digest that is younger than `storm_window`; the next begins another.
    """

    def __init__(self, openings: Iterable[Decision], policy: Policy, now: datetime) -> None:
        self._now, self._most = now, policy.storm
        self._aloud: dict[str, int] = {}
        self._storms: dict[str, str] = {}
        for one in openings:
            if one.at <= now - policy.storm_window:
                continue
            if one.reason is Reason.STORM:
                self._storms[one.notifier] = one.because
            else:
                self._aloud[one.notifier] = self._aloud.get(one.notifier, 0) + 1

    def take(self, notifier: str) -> str:
        """'' if there is room for one more opening, which is taken, else the id of the storm it belongs to."""
        if self._aloud.get(notifier, 0) < self._most:
            self._aloud[notifier] = self._aloud.get(notifier, 0) + 1
            return ""
        return self._storms.setdefault(notifier, storm_id(notifier, self._now))


def storm_id(notifier: str, began_at: datetime) -> str:
    """What names the storm that began at a notifier then."""
    return digest("storm", notifier, iso(began_at))[:10]
