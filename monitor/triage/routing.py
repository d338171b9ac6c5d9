"""Routes: which notifier is told of what, when, and what happens if nobody answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

from monitor.model import Incident, Level, Owner
from monitor.rules import Rule

WEEK: Final = frozenset(range(7))
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of the week by a clock on the wall: days (Monday is 0), from `start` up to `end`, in `zone`.

    Hours that end before they begin go over midnight and belong to the day on which they begin; those that end when
    they begin are the whole day. The clock on the wall decides when it is put forward or back, too: an hour that it
    shows twice counts twice, one that it leaves out is not waited for.

    >>> nights = Hours(frozenset({4}), time(22), time(6))
    >>> datetime(2026, 5, 9, 5, tzinfo=UTC) in nights, datetime(2026, 5, 9, 22, tzinfo=UTC) in nights  # a Saturday
    (True, False)
    """

    days: frozenset[int] = WEEK
    start: time = time()
    end: time = time()
    zone: tzinfo = UTC

    def __contains__(self, at: datetime) -> bool:
        local = at.astimezone(self.zone)
        clock, today, yesterday = local.time(), local.weekday(), (local - _DAY).weekday()
        if self.start < self.end:
            return today in self.days and self.start <= clock < self.end
        return (today in self.days and clock >= self.start) or (yesterday in self.days and clock < self.end)


@dataclass(frozen=True, slots=True)
class Escalation:
    """What happens `after` something was told if nobody has acknowledged it.

    It is told `to` another notifier, or where it was told before ('') with a `mention` of a user or user group.
    """

    after: timedelta
    to: str = ""
    mention: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """What one notifier is told: incidents of that level or above; an empty set restricts nothing."""

    notifier: str
    level: Level = Level.INFORMATIONAL
    streams: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()
    hours: Hours | None = None
    escalate: Escalation | None = None

    def awake(self, level: Level, now: datetime) -> bool:
        """Whether something of that level may be told now: what is critical always."""
        return self.hours is None or level is Level.CRITICAL or now in self.hours


def everything(notifiers: Iterable[str]) -> tuple[Route, ...]:
    """Routes by which each notifier is told everything."""
    return tuple(map(Route, notifiers))


def matched(routes: Iterable[Route], incident: Incident, rules: Mapping[str, Rule], owner: Owner | None) -> list[Route]:
    """The routes by which an incident is told, whatever the hour."""
    return [one for one in routes if _fits(one, incident, rules, owner)]


def _fits(route: Route, incident: Incident, rules: Mapping[str, Rule], owner: Owner | None) -> bool:
    """Whether it is of that level, and of some stream, team and rule that it asks for; what is muted does not count."""
    if incident.level.rank < route.level.rank:
        return False
    if route.teams and (owner is None or owner.team.casefold() not in {one.casefold() for one in route.teams}):
        return False
    if not route.rules and not route.streams:
        return True
    spoken = [one for one in incident.rules if one not in incident.muted_rules]
    if route.rules and route.rules.isdisjoint(spoken):
        return False
    shown = {rules[one].stream for one in spoken if one in rules} | {stream for stream, _, _ in incident.evidence}
    return not route.streams or not route.streams.isdisjoint(shown)
