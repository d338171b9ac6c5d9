"""Triage: findings into incidents, and one reason per decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.model import OVER_FINDINGS, Decision, Finding, Incident, Reason, State, digest, together
from monitor.rules import Rule


@dataclass(frozen=True, slots=True)
class Policy:
    """How findings become messages.

    quiet: how far past an incident's last bucket its rules must have been judged before it resolves. reopen: how long
    after its last bucket a resolved incident takes up new findings. worse: by how much surprise must grow to tell
    again. storm: how many incidents one tick may open aloud, the worst
    first; the others wait for the next.
    """

    quiet: timedelta = timedelta(hours=2)
    reopen: timedelta = timedelta(hours=24)
    worse: float = 3.0
    storm: int = 10


@dataclass(frozen=True, slots=True)
class Triaged:
    """What triage concluded: incidents that changed, decisions, and the incident of each finding's key."""

    incidents: tuple[Incident, ...]
    decisions: tuple[Decision, ...]
    belongs: Mapping[str, str]


def triage(
    findings: Sequence[Finding],
    incidents: Sequence[Incident],
    rules: Mapping[str, Rule],
    judged_until: Mapping[str, datetime],
    policy: Policy,
    notifier: str,
    now: datetime,
) -> Triaged:
    """Fold new findings into the incidents of their subjects, decide what to tell, and resolve what stayed quiet.

    Parameters
    ----------
    findings
        New ones, in order of time.
    incidents
        Those open, and those resolved lately enough to re-open.
    judged_until
        Per rule, how far all of its sources have been judged: an outage resolves nothing.
    now
        Paces messages; decides nothing about the world.
    """
    known = {_about(one): one for one in sorted(incidents, key=lambda one: one.last_at)}
    touched: dict[tuple[str, bool], tuple[Incident | None, Incident]] = {}
    belongs = {}
    for finding in findings:
        about = _about(finding)
        old = known.get(about)
        if old and old.state is State.RESOLVED and finding.bucket - old.last_at > policy.reopen:
            old = None
        new = _add(old, finding, now) if old else _open(finding, now)
        before = touched[about][0] if about in touched else old
        touched[about] = before, new
        known[about] = new
        belongs[finding.key] = new.id
    for one in incidents:
        if _about(one) not in touched and waiting(one, rules):
            touched[_about(one)] = one, one
    changed, decisions = _decide(touched.values(), rules, policy, notifier, now)
    for one in incidents:
        if one.state is State.OPEN and _about(one) not in touched and quiet(one, judged_until, policy):
            changed.append(replace(one, state=State.RESOLVED, updated_at=now))
            decisions.append(Decision(one.id, notifier, now, Reason.RESOLVED if one.told else Reason.UNCHANGED))
    return Triaged(tuple(changed), tuple(decisions), belongs)


def _about(one: Finding | Incident) -> tuple[str, bool]:
    """What belongs together: findings about one subject, those of rules on trial apart from the others."""
    return one.subject, one.experimental


def _open(finding: Finding, now: datetime) -> Incident:
    return Incident(
        id=digest("incident", finding.subject, finding.key)[:10],
        subject=finding.subject,
        state=State.OPEN,
        level=finding.level,
        surprise=finding.surprise,
        evidence=() if finding.stream == OVER_FINDINGS else ((*finding.evidence, finding.surprise),),
        rules=(finding.rule,),
        findings=1,
        first_at=finding.bucket,
        last_at=finding.bucket_end,
        opened_at=now,
        updated_at=now,
        experimental=finding.experimental,
    )


def _add(incident: Incident, finding: Finding, now: datetime) -> Incident:
    """The incident with one more finding, as surprising as its distinct evidence together.

    Evidence is distinct by stream and measure family: the same tokens seen by three rules count once, by the strongest.
    """
    evidence = {(stream, family): surprise for stream, family, surprise in incident.evidence}
    if finding.stream != OVER_FINDINGS:
        evidence[finding.evidence] = max(evidence.get(finding.evidence, 0.0), finding.surprise)
    return replace(
        incident,
        state=State.OPEN,
        level=max(incident.level, finding.level, key=lambda level: level.rank),
        surprise=max(incident.surprise, finding.surprise, together(evidence.values())),
        evidence=tuple((*key, surprise) for key, surprise in sorted(evidence.items())),
        rules=tuple(sorted({*incident.rules, finding.rule})),
        findings=incident.findings + 1,
        first_at=min(incident.first_at, finding.bucket),
        last_at=max(incident.last_at, finding.bucket_end),
        updated_at=now,
    )


def _decide(
    touched: Iterable[tuple[Incident | None, Incident]],
    rules: Mapping[str, Rule],
    policy: Policy,
    notifier: str,
    now: datetime,
) -> tuple[list[Incident], list[Decision]]:
    changed, decisions, opened = [], [], 0
    for old, new in sorted(touched, key=lambda pair: (-pair[1].surprise, pair[1].id)):
        reason = _reason(old, new, rules, policy)
        if reason is Reason.OPENED:
            opened += 1
            reason = Reason.STORM if opened > policy.storm else reason
        changed.append(replace(new, told_surprise=new.surprise, told_level=new.level) if reason.told else new)
        decisions.append(Decision(new.id, notifier, now, reason))
    return changed, decisions


def _reason(old: Incident | None, new: Incident, rules: Mapping[str, Rule], policy: Policy) -> Reason:
    if new.experimental:
        return Reason.EXPERIMENTAL
    if new.surprise < _tell(new, rules):
        return Reason.WEAK
    if not new.told:
        return Reason.OPENED
    if old and old.state is State.RESOLVED:
        return Reason.REOPENED
    if new.surprise >= new.told_surprise + policy.worse or new.level.rank > new.told_level.rank:
        return Reason.WORSENED
    return Reason.UNCHANGED


def waiting(incident: Incident, rules: Mapping[str, Rule]) -> bool:
    """Whether it is worth telling and a storm kept it back: it speaks when there is room."""
    untold = incident.state is State.OPEN and not incident.told and not incident.experimental
    return untold and incident.surprise >= _tell(incident, rules)


def _tell(incident: Incident, rules: Mapping[str, Rule]) -> float:
    return min((rules[name].tell for name in incident.rules if name in rules), default=3.0)


def quiet(incident: Incident, judged_until: Mapping[str, datetime], policy: Policy) -> bool:
    """Whether every rule of the incident was judged well past its last bucket, and said no more."""
    until = [judged_until[name] for name in incident.rules if name in judged_until]
    return len(until) == len(incident.rules) and min(until) - incident.last_at > policy.quiet
