"""Informing: what notifiers were told of incidents, as decisions say; nothing else keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from monitor.model import Decision, Incident, Reason


@dataclass(frozen=True, slots=True)
class Informed:
    """What one notifier was told of one incident: last, and first since the incident was opened, or opened again.

    `alone`: it has a message of its own, from then or from before; `escalated_at`: when one of those since then was an
    escalation. What was left to the digest of a storm was told, too, but not alone: `lines` are those decisions since
    it was told by itself last, `storm` the last of all.
    """

    last: Decision
    first_at: datetime
    alone: bool = False
    escalated_at: datetime | None = None
    lines: tuple[Decision, ...] = ()
    storm: Decision | None = None

    @property
    def stormed(self) -> bool:
        """Whether all it was told is a line in a digest."""
        return bool(self.lines)

    @property
    def base(self) -> Decision:
        """What is to be worse: as it was told by itself last, or as it was when it came into the digest."""
        return self.lines[0] if self.lines else self.last


InformedOf: TypeAlias = Mapping[str, Mapping[str, Informed]]
"""By incident and notifier."""


def informed(decisions: Iterable[Decision]) -> dict[str, dict[str, Informed]]:
    """What everybody was told, from decisions in order; those that nobody is told change nothing."""
    told: dict[str, dict[str, Informed]] = {}
    add(decisions, told)
    return told


def add(decisions: Iterable[Decision], told: dict[str, dict[str, Informed]]) -> None:
    """The same, into what was told before."""
    for one in decisions:
        if one.told or (one.reason is Reason.STORM and one.because):  # one of no storm is in no digest
            mine = told.setdefault(one.incident, {})
            mine[one.notifier] = _after(mine.get(one.notifier), one)


def since(one: Informed | None, incident: Incident) -> Informed | None:
    """What was told since the incident was opened, or opened again; None if nothing."""
    if one is None or one.last.reason is Reason.RESOLVED:
        return None
    began = incident.reopened_at
    if began is None or one.first_at >= began:
        return one
    if one.last.at < began:
        return None
    lines = tuple(each for each in one.lines if each.at >= began)
    return replace(one, lines=lines, first_at=lines[0].at) if lines else one


def _after(before: Informed | None, one: Decision) -> Informed:
    """A person closes without a decision, so what opens begins anew whatever was said last; so does a storm's line."""
    storm = one if one.reason is Reason.STORM else before.storm if before else None
    lines = (one,) if one.reason is Reason.STORM else ()
    escalated_at = one.at if one.reason is Reason.ESCALATED else None
    if before is None:
        return Informed(one, one.at, one.told, escalated_at, lines, storm)
    opening = one.reason in {Reason.OPENED, Reason.REOPENED} or (one.reason is Reason.STORM and not before.stormed)
    if opening or before.last.reason is Reason.RESOLVED:
        return Informed(one, one.at, before.alone or one.told, escalated_at, lines, storm)
    return replace(
        before,
        last=one,
        alone=before.alone or one.told,
        escalated_at=before.escalated_at or escalated_at,
        lines=(*before.lines, *lines) if lines else (),
        storm=storm,
    )
