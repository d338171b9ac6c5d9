"""Hearing: what a notifier has heard of an incident, as decisions say; nothing else keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from monitor.model import Decision, Incident, Reason


@dataclass(frozen=True, slots=True)
class Heard:
    """What one notifier has heard of one incident: last, and first since the incident was opened, or opened again.

    `alone`: it has a message of its own, from then or from before; `escalated`: one of those since then was an
    escalation. What was left to the digest of a storm was heard, too, but not alone.
    """

    last: Decision
    first_at: datetime
    alone: bool = False
    escalated: bool = False

    @property
    def stormed(self) -> bool:
        """Whether all it heard is a line in a digest."""
        return self.last.reason is Reason.STORM


HeardOf: TypeAlias = Mapping[str, Mapping[str, Heard]]
"""By incident and notifier."""


def hear(decisions: Iterable[Decision], heard: HeardOf | None = None) -> dict[str, dict[str, Heard]]:
    """What is heard after more decisions, in order; those that nobody hears change nothing."""
    after = {incident: dict(each) for incident, each in (heard or {}).items()}
    add(decisions, after)
    return after


def add(decisions: Iterable[Decision], heard: dict[str, dict[str, Heard]]) -> None:
    """The same, into what was heard before."""
    for one in decisions:
        if one.told or one.reason is Reason.STORM:
            mine = heard.setdefault(one.incident, {})
            mine[one.notifier] = _after(mine.get(one.notifier), one)


def since(heard: Heard | None, incident: Incident) -> Heard | None:
    """What was heard since the incident was opened, or opened again; None if nothing."""
    if heard is None or heard.last.reason is Reason.RESOLVED:
        return None
    return heard if incident.reopened_at is None or heard.last.at >= incident.reopened_at else None


def _after(before: Heard | None, one: Decision) -> Heard:
    """A person closes without a decision, so what opens begins anew whatever was said last; so does a storm's line."""
    if before is None:
        return Heard(one, one.at, one.told, one.reason is Reason.ESCALATED)
    opening = one.reason in {Reason.OPENED, Reason.REOPENED} or (one.reason is Reason.STORM and not before.stormed)
    if opening or before.last.reason is Reason.RESOLVED:
        return Heard(one, one.at, before.alone or one.told, one.reason is Reason.ESCALATED)
    escalated = before.escalated or one.reason is Reason.ESCALATED
    return replace(before, last=one, alone=before.alone or one.told, escalated=escalated)
