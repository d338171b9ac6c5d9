"""Linking: incidents that have an address, a credential or a minute in common."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Final

from monitor.model import Finding, Incident, Link

SHARED: Final = 20
"""Among how many incidents a mark links: what more of them have in common says little of any, and fills the page."""
LINKS: Final = 20
"""How many links one tick gives an incident."""


def links(
    incidents: Iterable[Incident], before: Mapping[str, Incident], found: Mapping[str, datetime], told: Iterable[str]
) -> Iterator[Link]:
    """What live incidents have newly in common.

    Parameters
    ----------
    incidents
        All live ones as they are now.
    before
        The same as they were, by id, of those that were.
    found
        When the first finding of this tick could be told, by incident.
    told
        The incidents that somebody was told of, for the first time, in this tick.
    """
    given: Counter[str] = Counter()
    for link in (*_by_mark(incidents, before), *_by_minute(found, told)):
        if given[link.incident] < LINKS and given[link.other] < LINKS:
            given.update((link.incident, link.other))
            yield link


def first_times(findings: Sequence[Finding], belongs: Mapping[str, str]) -> dict[str, datetime]:
    """When the first of these findings could be told, by incident."""
    times: dict[str, datetime] = {}
    for one in findings:
        incident = belongs[one.key]
        times[incident] = min(times.get(incident, one.time), one.time)
    return times


def _by_mark(incidents: Iterable[Incident], before: Mapping[str, Incident]) -> Iterator[Link]:
    holders: dict[str, list[Incident]] = defaultdict(list)
    for one in incidents:
        for mark in one.marks:
            holders[mark].append(one)
    for mark, alike in sorted(holders.items()):
        if len(alike) > SHARED:
            continue
        fresh = {one.id for one in alike if one.id not in before or mark not in before[one.id].marks}
        for one, other in combinations(sorted(alike, key=lambda one: one.id), 2):
            if one.id in fresh or other.id in fresh:
                yield Link(one.id, other.id, mark)


def _by_minute(found: Mapping[str, datetime], told: Iterable[str]) -> Iterator[Link]:
    minutes: dict[datetime, list[str]] = defaultdict(list)
    for incident in sorted({one for one in told if one in found}):
        minutes[found[incident].replace(second=0, microsecond=0)].append(incident)
    for alike in minutes.values():
        for one, other in combinations(alike[: SHARED + 1], 2):
            yield Link(one, other, "same minute")
