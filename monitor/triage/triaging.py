"""Triage: findings into incidents, and one reason per incident and notifier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from monitor.model import Decision, Finding, Incident, Link, Owner, Silence, State, Wanted
from monitor.rules import Rule
from monitor.triage.calming import OPENS, Asked, decided
from monitor.triage.deciding import Case, answers, loudest, owes, resolutions
from monitor.triage.folding import about, folded, opened, takes, unmuted, woken
from monitor.triage.freshening import stale
from monitor.triage.informing import InformedOf
from monitor.triage.inhibiting import inhibits
from monitor.triage.linking import first_times, links
from monitor.triage.policy import Policy
from monitor.triage.routing import Route, matched
from monitor.triage.silencing import NONE, Mute, Muting, holds


@dataclass(frozen=True, slots=True)
class Known:
    """What is known when findings are triaged.

    rules: by id. judged_until: per rule, how far all of its sources have been judged; an outage resolves nothing.
    informed: what each notifier was told of each incident (see `informed`). silences: all that may be active, and those
    that were until lately. owners: by subject, as far as somebody owns it. openings: decisions by which incidents were
    opened, or left to a storm's digest, within `storm_window`. muting: which silences hold for the findings, if that
    has been looked at before.
    """

    rules: Mapping[str, Rule]
    judged_until: Mapping[str, datetime]
    informed: InformedOf = field(default_factory=dict)
    silences: Sequence[Silence] = ()
    owners: Mapping[str, Owner] = field(default_factory=dict)
    openings: Sequence[Decision] = ()
    muting: Muting | None = None


@dataclass(frozen=True, slots=True)
class Triaged:
    """What triage concluded: incidents that changed, decisions, the incident of each finding's key, what is linked.

    `wanted` are messages to be brought up to date though nothing is told, and the digests of storms.
    """

    incidents: tuple[Incident, ...]
    decisions: tuple[Decision, ...]
    belongs: Mapping[str, str]
    links: tuple[Link, ...] = ()
    wanted: tuple[Wanted, ...] = ()

    def reasons(self) -> dict[str, Decision]:
        """Of each incident the decision that says most."""
        each: dict[str, list[Decision]] = {}
        for one in self.decisions:
            each.setdefault(one.incident, []).append(one)
        return {incident: loudest(made) for incident, made in each.items()}


@dataclass(slots=True)
class _Folded:
    """Incidents with new findings, by id, and those that are over because what came is too late for them.

    One that is both is not over yet: it is told first.
    """

    touched: dict[str, Incident] = field(default_factory=dict)
    belongs: dict[str, str] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    hushed: dict[str, bool] = field(default_factory=dict)


def triage(
    findings: Sequence[Finding],
    incidents: Sequence[Incident],
    known: Known,
    routes: Sequence[Route],
    policy: Policy,
    now: datetime,
) -> Triaged:
    """Fold new findings into the incidents of their subjects, decide what to tell whom, resolve what stayed quiet.

    The order of findings and incidents changes nothing.

    Parameters
    ----------
    findings
        New ones.
    incidents
        Those that are live, and those closed lately enough to take up findings. One whose last bucket is longer ago
        than `policy.reopen` takes up nothing: it is over, and another is opened.
    routes
        Who is told of what; `everything` where nobody chose.
    now
        Paces messages, and says which silences are active; decides nothing about the world.
    """
    before = {one.id: one for one in incidents}
    ready = [_due(one, known, now) for one in incidents]
    fold = _fold(findings, ready, known, policy, now)
    others = [one for one in ready if one.id not in fold.touched]
    over = _over(others, fold, known, policy)
    closed = [
        _case(replace(one, state=State.RESOLVED, updated_at=now), known, routes)
        for one in sorted(others, key=lambda one: one.id)
        if one.id in over
    ]
    cases = [_case(one, known, routes, found=True, hushed=fold.hushed[one.id]) for one in fold.touched.values()]
    cases += [_case(one, known, routes) for one in others if one.id not in over and _speaks(one, known)]
    cases = [replace(case, woken=_ends(before.get(case.incident.id), now)) for case in cases]
    asked = [Asked(each, inhibits(each.incident, past=_past(each.incident, known, policy))) for each in cases]
    decisions = decided(asked, known.openings, policy, now)
    decisions += [each for case in closed for each in resolutions(case, now)]
    changed = [case.incident for case in cases if case.found or case.incident != before.get(case.incident.id)]
    live = [case.incident for case in cases if case.incident.state.live]
    opened_now = [one.incident for one in decisions if one.reason in OPENS]
    return Triaged(
        (*changed, *(case.incident for case in closed)),
        tuple(decisions),
        fold.belongs,
        tuple(links(live, before, first_times(findings, fold.belongs), opened_now)),
        tuple(stale([*cases, *closed], before, decisions, now)),
    )


def _case(one: Incident, known: Known, routes: Sequence[Route], *, found: bool = False, hushed: bool = False) -> Case:
    routed = matched(routes, one, known.rules, known.owners.get(one.subject))
    return Case(one, known.informed.get(one.id, {}), routed, found=found, hushed=hushed)


def _speaks(one: Incident, known: Known) -> bool:
    """Whether there may be something to say of it, or it may keep others from saying the same, without findings."""
    if one.state is State.FALSE_POSITIVE:
        return bool(one.members)
    return one.state.live or owes(one, known.informed.get(one.id, {}))


def _over(others: Sequence[Incident], fold: _Folded, known: Known, policy: Policy) -> set[str]:
    """Live incidents that are over: looked past, or another of their subject began much later."""
    live = [one for one in others if one.state.live]
    over = {one.id for one in live if one.id in fold.over or _past(one, known, policy)}
    return over | superseded([*live, *fold.touched.values()], policy).difference(fold.touched)


def superseded(incidents: Iterable[Incident], policy: Policy) -> set[str]:
    """Of live incidents about one subject all but the last, if that begins too late for them."""
    last: dict[tuple[str, bool], Incident] = {}
    over = set()
    for one in sorted((one for one in incidents if one.state.live), key=lambda one: (one.last_at, one.id)):
        before = last.get(about(one))
        if before and one.first_at - before.last_at > policy.reopen:
            over.add(before.id)
        last[about(one)] = one
    return over


def quiet(incident: Incident, judged_until: Mapping[str, datetime], rules: Mapping[str, Rule], policy: Policy) -> bool:
    """Whether every rule of a live incident was judged well past its last bucket, and said no more.

    A rule that is no longer loaded has no more to say; one that failed holds the incident open.
    """
    return incident.state.live and _looked_past(incident, judged_until, rules, policy)


def _looked_past(
    incident: Incident, judged_until: Mapping[str, datetime], rules: Mapping[str, Rule], policy: Policy
) -> bool:
    loaded = [name for name in incident.rules if name in rules] or list(judged_until)
    until = [judged_until[name] for name in loaded if name in judged_until]
    return bool(until) and len(until) == len(loaded) and min(until) - incident.last_at > policy.quiet


def _past(incident: Incident, known: Known, policy: Policy) -> bool:
    return _looked_past(incident, known.judged_until, known.rules, policy)


def waiting(incident: Incident, known: Known, routes: Sequence[Route], policy: Policy, now: datetime) -> bool:
    """Whether there may be something to decide about an incident though nothing new was found."""
    if _due(incident, known, now) is not incident:
        return True
    return any(one.reason.told for one in answers(_case(incident, known, routes), policy, now))


def _due(incident: Incident, known: Known, now: datetime) -> Incident:
    """The incident as it is without anything new: awake if its snooze is over, unmuted if its silences are.

    What was muted wakes it if that is of a higher level.
    """
    if not incident.state.live:
        return incident
    if incident.muted:
        incident = _unmuted(incident, known, now)
    return woken(incident, now) if _ends(incident, now) else incident


def _unmuted(incident: Incident, known: Known, now: datetime) -> Incident:
    """As it is when none of the silences that muted it is active: others may have taken their place meanwhile."""
    active = [one for one in known.silences if one.active(now)]
    if any(one.id in incident.muted_by for one in active):
        return incident
    ended = {frozenset(one.matchers) for one in known.silences if one.id in incident.muted_by}
    owner = known.owners.get(incident.subject)
    instead = [one.id for one in active if frozenset(one.matchers) in ended or holds(one, incident, owner)]
    if instead:
        return replace(incident, muted_by=tuple(sorted({*incident.muted_by, *instead})))
    counted = unmuted(incident)
    return woken(counted, now) if counted.level.rank > incident.level.rank else counted


def _ends(before: Incident | None, now: datetime) -> bool:
    """Whether its snooze is over."""
    if before is None or before.state is not State.SNOOZED:
        return False
    return before.snoozed_until is None or before.snoozed_until <= now


def _fold(
    findings: Sequence[Finding], incidents: Iterable[Incident], known: Known, policy: Policy, now: datetime
) -> _Folded:
    mine = {about(one): one for one in sorted(incidents, key=lambda one: (one.state.live, one.last_at, one.id))}
    muting = known.muting or Muting(findings, known.owners, known.rules)
    mutes = muting.of(one for one in known.silences if one.active(now))
    fold = _Folded()
    for finding in sorted(findings, key=lambda one: (one.time, one.key)):
        old = mine.get(about(finding))
        if old and not takes(old, finding, policy):
            fold.over.add(old.id)
            old = None
        mute = mutes.get(finding.key, NONE)
        new = _one_more(old, finding, mute, known.rules, policy, now)
        mine[about(finding)] = fold.touched[new.id] = new
        fold.belongs[finding.key] = new.id
        fold.hushed[new.id] = fold.hushed.get(new.id, True) and bool(mute)
    return fold


def _one_more(
    old: Incident | None,
    finding: Finding,
    mute: Mute,
    rules: Mapping[str, Rule],
    policy: Policy,
    now: datetime,
) -> Incident:
    return folded(old, finding, mute, rules, policy, now) if old else opened(finding, mute, rules, now)
