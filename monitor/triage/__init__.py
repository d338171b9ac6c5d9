"""Triage: findings into incidents, and one reason per decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.model import OVER_FINDINGS, Decision, Finding, Incident, Level, Reason, State, digest, together
from monitor.rules import Rule
from monitor.triage.routing import Escalation, Hours, Route, everything

__all__ = ["Escalation", "Hours", "Policy", "Route", "Triaged", "everything", "quiet", "triage", "waiting"]

TELL = 3.0
"""Surprise from which anything is told: once in 1,000 days of a subject."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How findings become messages.

    quiet: how far past an incident's last bucket its rules must have been judged before it resolves. reopen: how long
    after its last bucket a resolved incident takes up new findings. worse: by how much surprise must grow to tell
    again. storm: how many incidents one tick may open aloud, the worst first; the others wait for the next.
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
        Those open, and those resolved lately enough to re-open. One whose last bucket is longer ago than that takes up
        nothing: it is over, and another is opened.
    judged_until
        Per rule, how far all of its sources have been judged: an outage resolves nothing.
    now
        Paces messages; decides nothing about the world.
    """
    known = {_about(one): one for one in sorted(incidents, key=lambda one: one.last_at)}
    touched: dict[tuple[str, bool], Incident] = {}
    belongs, over = {}, []
    for finding in findings:
        old = known.get(_about(finding))
        if old and finding.bucket - old.last_at > policy.reopen:
            over += [old] if old.state is State.OPEN else []
            old = None
        new = _add(old, finding, rules, now) if old else _open(finding, rules, now)
        known[_about(finding)] = touched[_about(finding)] = new
        belongs[finding.key] = new.id
    for one in incidents:
        if _about(one) not in touched and waiting(one):
            touched[_about(one)] = one
    changed, decisions = _decide(touched.values(), policy, notifier, now)
    over += [one for one in incidents if _about(one) not in touched and quiet(one, judged_until, rules, policy)]
    for one in over:
        changed.append(replace(one, state=State.RESOLVED, updated_at=now))
        decisions.append(Decision(one.id, notifier, now, Reason.RESOLVED if one.told else Reason.UNCHANGED))
    return Triaged(tuple(changed), tuple(decisions), belongs)


def _about(one: Finding | Incident) -> tuple[str, bool]:
    """What belongs together: findings about one subject, those of rules on trial apart from the others."""
    return one.subject, one.experimental


def _open(finding: Finding, rules: Mapping[str, Rule], now: datetime) -> Incident:
    return Incident(
        id=digest("incident", finding.subject, finding.key)[:10],
        subject=finding.subject,
        state=State.OPEN,
        level=finding.level,
        surprise=finding.surprise,
        evidence=_evidence((), finding),
        rules=(finding.rule,),
        findings=1,
        first_at=finding.bucket,
        last_at=finding.bucket_end,
        opened_at=now,
        updated_at=now,
        experimental=finding.experimental,
        loud=_loud(finding, rules),
    )


def _add(incident: Incident, finding: Finding, rules: Mapping[str, Rule], now: datetime) -> Incident:
    """The incident with one more finding, as surprising as its distinct evidence together; anew if it was resolved."""
    if incident.state is State.RESOLVED:
        incident = replace(
            incident,
            surprise=0.0,
            evidence=(),
            told_surprise=0.0,
            told_level=Level.INFORMATIONAL,
            level=finding.level,
            loud=False,
            reopened=True,
        )
    evidence = _evidence(incident.evidence, finding)
    return replace(
        incident,
        state=State.OPEN,
        level=max(incident.level, finding.level, key=lambda level: level.rank),
        surprise=max(incident.surprise, finding.surprise, together(surprise for _, _, surprise in evidence)),
        evidence=evidence,
        rules=tuple(sorted({*incident.rules, finding.rule})),
        findings=incident.findings + 1,
        first_at=min(incident.first_at, finding.bucket),
        last_at=max(incident.last_at, finding.bucket_end),
        updated_at=now,
        loud=incident.loud or _loud(finding, rules),
    )


def _evidence(known: tuple[tuple[str, str, float], ...], finding: Finding) -> tuple[tuple[str, str, float], ...]:
    """What is known and the finding's, by stream and family: of three rules that saw the same tokens the strongest."""
    if finding.stream == OVER_FINDINGS:
        return known
    strongest = {(stream, family): surprise for stream, family, surprise in known}
    strongest[finding.evidence] = max(strongest.get(finding.evidence, 0.0), finding.surprise)
    return tuple((*key, surprise) for key, surprise in sorted(strongest.items()))


def _loud(finding: Finding, rules: Mapping[str, Rule]) -> bool:
    rule = rules.get(finding.rule)
    return finding.surprise >= (rule.tell if rule else TELL)


def _decide(
    touched: Iterable[Incident], policy: Policy, notifier: str, now: datetime
) -> tuple[list[Incident], list[Decision]]:
    changed, decisions, opened = [], [], 0
    for one in sorted(touched, key=lambda one: (-one.surprise, one.id)):
        reason = _reason(one, policy)
        if reason in {Reason.OPENED, Reason.REOPENED}:
            opened += 1
            reason = Reason.STORM if opened > policy.storm else reason
        changed.append(replace(one, told_surprise=one.surprise, told_level=one.level) if reason.told else one)
        decisions.append(Decision(one.id, notifier, now, reason))
    return changed, decisions


def _reason(incident: Incident, policy: Policy) -> Reason:
    if incident.experimental:
        return Reason.EXPERIMENTAL
    if not _worth(incident):
        return Reason.WEAK
    if not incident.told:
        return Reason.REOPENED if incident.reopened else Reason.OPENED
    if incident.surprise >= incident.told_surprise + policy.worse or incident.level.rank > incident.told_level.rank:
        return Reason.WORSENED
    return Reason.UNCHANGED


def _worth(incident: Incident) -> bool:
    """Whether some finding reached what its own rule tells from, or all together what anything is told from."""
    return incident.loud or incident.surprise >= TELL


def waiting(incident: Incident) -> bool:
    """Whether it is worth telling and a storm kept it back: it speaks when there is room."""
    return incident.state is State.OPEN and not incident.told and not incident.experimental and _worth(incident)


def quiet(incident: Incident, judged_until: Mapping[str, datetime], rules: Mapping[str, Rule], policy: Policy) -> bool:
    """Whether every rule of an open incident was judged well past its last bucket, and said no more.

    A rule that is no longer loaded has no more to say; one that failed holds the incident open.
    """
    loaded = [name for name in incident.rules if name in rules] or list(judged_until)
    until = [judged_until[name] for name in loaded if name in judged_until]
    looked = bool(until) and len(until) == len(loaded) and min(until) - incident.last_at > policy.quiet
    return incident.state is State.OPEN and looked
