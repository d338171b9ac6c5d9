"""Folding: findings into the incidents of their subjects, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeAlias

from monitor.frames import JOINED
from monitor.model import OVER_FINDINGS, Finding, Incident, Level, State, digest, together
from monitor.rules import Rule
from monitor.triage.policy import TELL, Policy
from monitor.triage.silencing import Mute

Evidence: TypeAlias = tuple[tuple[str, str, float], ...]
MARKED: Final = {"ip": "address", "prefix": "network", "credential_id": "credential"}
"""Columns by whose values incidents are linked, and what a person calls them."""
MARKS: Final = 20
"""How many of them an incident keeps."""
MEMBERS: Final = 5_000
"""How many identities an incident about many remembers: what goes on for weeks meets ever more of them."""


def about(one: Finding | Incident) -> tuple[str, bool]:
    """What belongs together: findings about one subject, those of rules on trial apart from the others."""
    return one.subject, one.experimental


def takes(incident: Incident, finding: Finding, policy: Policy) -> bool:
    """Whether a finding about its subject still belongs to it; if its last bucket is too long ago, it is over."""
    return finding.bucket - incident.last_at <= policy.reopen


def opened(finding: Finding, mute: Mute, rules: Mapping[str, Rule], now: datetime) -> Incident:
    """A new incident of one finding."""
    fresh = Incident(
        id=digest("incident", finding.subject, finding.key)[:10],
        subject=finding.subject,
        state=State.OPEN,
        level=Level.INFORMATIONAL,
        surprise=0.0,
        evidence=(),
        rules=(),
        findings=0,
        first_at=finding.bucket,
        last_at=finding.bucket_end,
        opened_at=now,
        updated_at=now,
        experimental=finding.experimental,
    )
    return _with(fresh, finding, mute, rules, now)


def folded(
    incident: Incident, finding: Finding, mute: Mute, rules: Mapping[str, Rule], policy: Policy, now: datetime
) -> Incident:
    """The incident with one more finding; opened again if it was resolved, or closed and this is something else."""
    if incident.state is State.FALSE_POSITIVE:
        if mute or not _refutes(incident, finding, rules, policy):
            return _noted(incident, finding, mute, rules, now)
        incident = _reopened(incident, now)
    elif incident.state is State.RESOLVED:
        incident = _reopened(incident, now)
    grown = _with(incident, finding, mute, rules, now)
    return woken(grown, now) if grown.level.rank > incident.level.rank else grown


def woken(incident: Incident, now: datetime) -> Incident:
    """The incident awake, if it was snoozed: whoever is to answer has from then on to do so."""
    if incident.state is not State.SNOOZED:
        return incident
    return replace(incident, state=State.OPEN, snoozed_until=min(incident.snoozed_until or now, now))


def unmuted(incident: Incident) -> Incident:
    """The incident with what was muted counted, as if it never had been."""
    evidence = incident.evidence
    surprise = incident.surprise
    for stream, family, muted in incident.muted:
        surprise = max(surprise, muted)
        if stream != OVER_FINDINGS:
            evidence = _stronger(evidence, (stream, family), muted)
    return replace(
        incident,
        level=_higher(incident.level, incident.muted_level),
        surprise=max(surprise, together(each for _, _, each in evidence)),
        evidence=evidence,
        loud=incident.loud or incident.muted_loud,
        muted=(),
        muted_loud=False,
        muted_by=(),
        muted_level=Level.INFORMATIONAL,
        muted_rules=(),
        muted_findings=0,
    )


def _reopened(incident: Incident, now: datetime) -> Incident:
    """The incident anew: what it showed before it was closed counts no more, and nobody has it in hand."""
    return replace(
        incident,
        state=State.OPEN,
        level=Level.INFORMATIONAL,
        surprise=0.0,
        evidence=(),
        loud=False,
        reopened=True,
        reopened_at=now,
        muted=(),
        muted_loud=False,
        muted_by=(),
        muted_level=Level.INFORMATIONAL,
        muted_rules=(),
        expected_by=(),
        handled_by="",
        handled_at=None,
        handled_findings=0,
        handled_level=Level.INFORMATIONAL,
        handled_surprise=0.0,
        snoozed_until=None,
        note="",
    )


def _refutes(incident: Incident, finding: Finding, rules: Mapping[str, Rule], policy: Policy) -> bool:
    """Whether a finding is another thing than the false positive that somebody closed.

    It is if its level is higher, if it makes the incident worse, or if it is another kind of evidence and worth telling
    by itself: a trifle does not undo what a person decided.
    """
    known = {(stream, family) for stream, family, _ in (*incident.evidence, *incident.muted)}
    level = _higher(incident.level, incident.muted_level)
    worst = unmuted(incident).surprise
    total = together(each for _, _, each in _stronger(incident.evidence, finding.evidence, finding.surprise))
    other = finding.stream != OVER_FINDINGS and finding.evidence not in known and _loud(finding, rules)
    return other or finding.level.rank > level.rank or max(total, finding.surprise) >= worst + policy.worse


def _noted(incident: Incident, finding: Finding, mute: Mute, rules: Mapping[str, Rule], now: datetime) -> Incident:
    """The incident with a finding that is counted and lengthens it, whatever it is worth."""
    new = [one for one in _marks(finding, rules.get(finding.rule)) if one not in incident.marks]
    more = set(finding.members) - set(incident.members)
    return replace(
        incident,
        rules=incident.rules if finding.rule in incident.rules else tuple(sorted({*incident.rules, finding.rule})),
        findings=incident.findings + 1,
        first_at=min(incident.first_at, finding.bucket),
        last_at=max(incident.last_at, finding.bucket_end),
        updated_at=now,
        muted_findings=incident.muted_findings + bool(mute.by and not mute.expected_by),
        expected_findings=incident.expected_findings + bool(mute.expected_by),
        expected_by=_and(incident.expected_by, mute.expected_by),
        members=tuple(sorted({*incident.members, *more})[:MEMBERS]) if more else incident.members,
        marks=(*incident.marks, *new)[:MARKS],
    )


def _with(incident: Incident, finding: Finding, mute: Mute, rules: Mapping[str, Rule], now: datetime) -> Incident:
    """The incident with one more finding, as surprising as its distinct evidence together."""
    known = finding.rule in incident.rules and finding.rule not in incident.muted_rules
    noted = _noted(incident, finding, mute, rules, now)
    if mute:
        noted = noted if known else replace(noted, muted_rules=_and(noted.muted_rules, (finding.rule,)))
        return noted if mute.expected_by else _muted(noted, finding, mute, rules)
    counts = finding.stream != OVER_FINDINGS
    evidence = _stronger(noted.evidence, finding.evidence, finding.surprise) if counts else noted.evidence
    return replace(
        noted,
        level=_higher(noted.level, finding.level),
        surprise=max(noted.surprise, finding.surprise, together(each for _, _, each in evidence)),
        evidence=evidence,
        loud=noted.loud or _loud(finding, rules),
        muted_rules=tuple(one for one in noted.muted_rules if one != finding.rule),
    )


def _muted(incident: Incident, finding: Finding, mute: Mute, rules: Mapping[str, Rule]) -> Incident:
    kind = (finding.stream, finding.family) if finding.stream == OVER_FINDINGS else finding.evidence
    return replace(
        incident,
        muted=_stronger(incident.muted, kind, finding.surprise),
        muted_loud=incident.muted_loud or _loud(finding, rules),
        muted_by=_and(incident.muted_by, mute.by),
        muted_level=_higher(incident.muted_level, finding.level),
    )


def _marks(finding: Finding, rule: Rule | None) -> list[str]:
    new = rule.new if rule else ()
    values = finding.term.split(JOINED)
    pairs = [*finding.group, *(zip(new, values, strict=True) if len(new) == len(values) else ())]
    return sorted({f"{MARKED[column]} {value}" for column, value in pairs if column in MARKED and value})


def _stronger(known: Evidence, kind: tuple[str, str], surprise: float) -> Evidence:
    """What is known and one more, by stream and family: of three rules that saw the same tokens the strongest."""
    strongest = {(stream, family): each for stream, family, each in known}
    strongest[kind] = max(strongest.get(kind, 0.0), surprise)
    return tuple((*key, each) for key, each in sorted(strongest.items()))


def _loud(finding: Finding, rules: Mapping[str, Rule]) -> bool:
    rule = rules.get(finding.rule)
    return finding.surprise >= (rule.tell if rule else TELL)


def _higher(one: Level, other: Level) -> Level:
    return max(one, other, key=lambda level: level.rank)


def _and(known: tuple[str, ...], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*known, *more})) if more else known
