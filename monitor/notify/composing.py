"""The message of one decision, from all that is known of the incident when it is sent."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from monitor.model import (
    OVER_FINDINGS,
    Decision,
    Entry,
    Finding,
    Incident,
    Link,
    Message,
    Name,
    Owners,
)
from monitor.notify import standing
from monitor.notify.facts import facts, owner
from monitor.notify.showing import Shown, lines
from monitor.notify.standing import NOTHING, Hush
from monitor.notify.wording import because, headline, number, odds, often
from monitor.rules import Rule

LINES: Final = 5
"""How many findings are listed."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is known when a person is to be told of an incident.

    Attributes
    ----------
    decision
        Why it is told.
    findings
        All of the incident's, in any order.
    rules
        By id; a finding whose rule is gone is told without a runbook.
    names
        By identity; decoration. They are shortened in the headline and otherwise left as the log has them.
    owners
        What identities.yml says.
    decisions
        All of the incident for the notifier that is told, `decision` among them, in any order.
    entries
        What people did about it.
    linked
        What it has in common with other incidents, and those.
    shown
        The facts behind its strongest findings.
    query, link
        KQL that shows the rows behind it, and its address in the portal.
    mention
        Id of a user or user group to call.
    hush
        What mutes it now.
    streams
        The stream of each source.
    """

    decision: Decision
    incident: Incident
    findings: Sequence[Finding]
    now: datetime
    rules: Mapping[str, Rule] = field(default_factory=dict)
    names: Mapping[str, Name] = field(default_factory=dict)
    owners: Owners = field(default_factory=Owners)
    decisions: Sequence[Decision] = ()
    entries: Sequence[Entry] = ()
    linked: Sequence[tuple[Link, Incident]] = ()
    shown: Sequence[Shown] = ()
    query: str = ""
    link: str = ""
    mention: str = ""
    hush: Hush = NOTHING
    streams: Mapping[str, str] = field(default_factory=dict)


def compose(told: Told) -> Message:
    """The message of one decision; the strongest finding explains it.

    Headline and runbook are those of the strongest finding that shows something itself, not of one over other findings.

    Raises
    ------
    ValueError
        If there are no findings: an incident is made of at least one.
    """
    incident, decision = told.incident, told.decision
    if not told.findings:
        raise ValueError(f"incident {incident.id}: expected at least one finding, got none")
    ordered = strongest(told.findings)
    worst, shown = ordered[0], speaking(ordered)
    life = lived(told.incident, told.findings, told.shown, told.now)
    rule, whose = told.rules.get(shown.rule), owner(incident, told.names, told.owners)
    return Message(
        incident=incident.id,
        reason=decision.reason,
        state=incident.state,
        level=incident.level,
        headline=headline(shown, rule, told.names, ordered),
        because=because(worst, told.rules, ordered),
        facts=facts(incident, ordered, told.rules, told.names, told.owners, told.shown, told.streams),
        findings=tuple(_line(one) for one in ordered[:LINES]),
        rules=incident.rules,
        runbook=_steps(rule.runbook) if rule else "",
        since=life[0],
        until=life[1],
        at=told.now,
        score=incident.score,
        surprise=incident.surprise,
        status=standing.status(incident, life, told.hush),
        news=standing.news(decision, incident, _before(told), life),
        query=told.query,
        link=told.link,
        runbook_link=whose.runbook if whose else "",
        related=standing.related(told.linked, told.names),
        evidence=lines(told.shown, told.rules, told.names),
        log=standing.log(incident, told.decisions, told.entries),
        mention=told.mention,
        odds=often(incident.surprise) if any(map(odds, ordered)) else "",
    )


def strongest(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, the strongest first, of equals the larger count; the same whatever order they come in."""
    return sorted(
        findings,
        key=lambda one: (-one.surprise, -one.level.rank, -_known(one.observed), -one.time.timestamp(), one.key),
    )


def _known(number: float) -> float:
    return 0.0 if math.isnan(number) else number


def lived(
    incident: Incident, findings: Sequence[Finding], shown: Sequence[Shown], now: datetime
) -> tuple[datetime, datetime]:
    """When the facts behind it began and ended, as far as they are known, else the edges of buckets; never after `now`.

    A bucket may end long after the last that was seen of it. A finding whose facts are not known says nothing of the
    time if others' facts lie in its bucket: it is mostly about the same. What lies before the given findings counts.
    """
    rows = [row for one in shown if not one.cut for row in one.rows]
    seen = {one.finding.key for one in shown if one.rows and not one.cut}
    others = [
        one
        for one in findings
        if one.key not in seen and not any(one.bucket <= row.first_at < one.bucket_end for row in rows)
    ]
    since = min([*(row.first_at for row in rows), *(one.bucket for one in others)])
    until = max([*(row.last_at for row in rows), *(min(one.bucket_end, one.time) for one in others)])
    unread = incident.first_at < min(one.bucket for one in findings)
    since = min(incident.first_at if unread else max(since, incident.first_at), now)
    return since, max(since, min(until, now))


def speaking(ordered: Sequence[Finding]) -> Finding:
    """The strongest finding that shows something itself: what a person would look at first."""
    return next((one for one in ordered if one.stream != OVER_FINDINGS), ordered[0])


def _before(told: Told) -> Decision | None:
    """The last time it was told to the same notifier before this one."""
    earlier = [one for one in told.decisions if one.told and one.at < told.decision.at]
    return max(earlier, key=lambda one: one.at, default=None)


def _steps(runbook: str) -> str:
    r"""A runbook with one step a line, as a screen of any width wants it; a file breaks them at its own.

    >>> _steps("1. Ask the owner\n   what ran.\n2. Silence it.")
    '1. Ask the owner what ran.\n2. Silence it.'
    """
    return re.sub(r"\n(?!\s*(?:\d+\.|[-*])\s)\s*(?=\S)", " ", runbook.strip())


def _line(finding: Finding) -> str:
    return f"{finding.bucket:%m-%d %H:%M} {finding.rule}: {finding.because or number(finding.observed)}"
