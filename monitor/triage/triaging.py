"""Triage: findings into incidents, and one reason per incident and notifier."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from monitor.model import (
    Decision,
    Finding,
    Incident,
    Link,
    Owner,
    Part,
    Reason,
    Silence,
    State,
    Wanted,
)
from monitor.rules import Rule
from monitor.triage.deciding import Answer, Case, answers, decision, loudest, resolutions
from monitor.triage.folding import about, folded, opened, takes, unmuted
from monitor.triage.hearing import HeardOf, since
from monitor.triage.inhibiting import Inhibitors, inhibitors, inhibits
from monitor.triage.linking import first_times, links
from monitor.triage.policy import Policy
from monitor.triage.routing import Route, matched
from monitor.triage.silencing import Mute, mute
from monitor.triage.storms import Room

OPENS = frozenset({Reason.OPENED, Reason.REOPENED})
INHIBITED = frozenset({*OPENS, Reason.WORSENED, Reason.REMINDER})
"""What is not said of an incident while another says as much."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known when findings are triaged.

    rules: by id. judged_until: per rule, how far all of its sources have been judged; an outage resolves nothing.
    heard: what each notifier has heard of each incident (see `hear`). silences: all that may be active. owners: by
    subject, as far as somebody owns it. openings: decisions by which incidents were opened, or left to a storm's
    digest, within `storm_window`.
    """

    rules: Mapping[str, Rule]
    judged_until: Mapping[str, datetime]
    heard: HeardOf = field(default_factory=dict)
    silences: Sequence[Silence] = ()
    owners: Mapping[str, Owner] = field(default_factory=dict)
    openings: Sequence[Decision] = ()


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
    active = [one for one in known.silences if one.active(now)]
    ready = [_due(one, active, now) for one in incidents]
    fold = _fold(findings, ready, active, known, policy, now)
    others = [one for one in ready if one.state.live and one.id not in fold.touched]
    over = {one.id for one in others if one.id in fold.over or quiet(one, known.judged_until, known.rules, policy)}
    closed = [
        _case(replace(one, state=State.RESOLVED, updated_at=now), known, routes)
        for one in sorted(others, key=lambda one: one.id)
        if one.id in over
    ]
    cases = [_case(one, known, routes, found=True, hushed=fold.hushed[one.id]) for one in fold.touched.values()]
    cases += [_case(one, known, routes) for one in others if one.id not in over]
    cases = [replace(case, woken=_woken(before.get(case.incident.id), now)) for case in cases]
    decisions = [*_decided(cases, known, policy, now), *(each for case in closed for each in resolutions(case, now))]
    changed = [case.incident for case in cases if case.found or case.incident != before.get(case.incident.id)]
    live = [case.incident for case in cases if case.incident.state.live]
    opened_now = [one.incident for one in decisions if one.reason in OPENS]
    return Triaged(
        (*changed, *(case.incident for case in closed)),
        tuple(decisions),
        fold.belongs,
        tuple(links(live, before, first_times(findings, fold.belongs), opened_now)),
        tuple(_wanted([*cases, *closed], before, decisions)),
    )


def _case(one: Incident, known: Known, routes: Sequence[Route], *, found: bool = False, hushed: bool = False) -> Case:
    routed = matched(routes, one, known.rules, known.owners.get(one.subject))
    return Case(one, known.heard.get(one.id, {}), routed, found=found, hushed=hushed)


def quiet(incident: Incident, judged_until: Mapping[str, datetime], rules: Mapping[str, Rule], policy: Policy) -> bool:
    """Whether every rule of a live incident was judged well past its last bucket, and said no more.

    A rule that is no longer loaded has no more to say; one that failed holds the incident open.
    """
    if not incident.state.live:
        return False
    loaded = [name for name in incident.rules if name in rules] or list(judged_until)
    until = [judged_until[name] for name in loaded if name in judged_until]
    return bool(until) and len(until) == len(loaded) and min(until) - incident.last_at > policy.quiet


def waiting(incident: Incident, known: Known, routes: Sequence[Route], policy: Policy, now: datetime) -> bool:
    """Whether there may be something to decide about a live incident though nothing new was found."""
    due = _due(incident, known.silences if incident.muted else (), now, whole=True)
    if due is not incident:
        return True
    routed = matched(routes, incident, known.rules, known.owners.get(incident.subject))
    case = Case(incident, known.heard.get(incident.id, {}), routed)
    return any(one.reason.told for one in answers(case, policy, now))


def _due(incident: Incident, silences: Sequence[Silence], now: datetime, *, whole: bool = False) -> Incident:
    """The incident as it is without anything new: awake if its snooze is over, unmuted if its silences are.

    `silences` are the active ones, unless `whole` says that they are all.
    """
    if not incident.state.live:
        return incident
    if incident.muted and not any(one.id in incident.muted_by and (not whole or one.active(now)) for one in silences):
        incident = unmuted(incident)
    return replace(incident, state=State.OPEN) if _woken(incident, now) else incident


def _woken(before: Incident | None, now: datetime) -> bool:
    """Whether its snooze is over."""
    if before is None or before.state is not State.SNOOZED:
        return False
    return before.snoozed_until is None or before.snoozed_until <= now


def _fold(
    findings: Iterable[Finding],
    incidents: Iterable[Incident],
    active: Sequence[Silence],
    known: Known,
    policy: Policy,
    now: datetime,
) -> _Folded:
    mine = {about(one): one for one in sorted(incidents, key=lambda one: (one.state.live, one.last_at, one.id))}
    fold = _Folded()
    for finding in sorted(findings, key=lambda one: (one.time, one.key)):
        old = mine.get(about(finding))
        if old and not takes(old, finding, policy):
            fold.over.add(old.id)
            old = None
        muting = mute(finding, active, known.owners.get(finding.subject), known.rules.get(finding.rule))
        new = _one_more(old, finding, muting, known.rules, policy, now)
        mine[about(finding)] = fold.touched[new.id] = new
        fold.belongs[finding.key] = new.id
        fold.hushed[new.id] = fold.hushed.get(new.id, True) and bool(muting)
    return fold


def _one_more(
    old: Incident | None,
    finding: Finding,
    muting: Mute,
    rules: Mapping[str, Rule],
    policy: Policy,
    now: datetime,
) -> Incident:
    return folded(old, finding, muting, rules, policy, now) if old else opened(finding, muting, rules, now)


def _decided(cases: Iterable[Case], known: Known, policy: Policy, now: datetime) -> list[Decision]:
    """Decisions, those about the worst incidents first; what nothing was found of has one only if it is told."""
    worst_first = sorted(cases, key=lambda one: (-one.incident.level.rank, -one.incident.surprise, one.incident.id))
    asked = [(case, answers(case, policy, now)) for case in worst_first]
    covers = _covering(asked)
    room = Room(known.openings, policy, now)
    made = []
    for case, each in asked:
        for answer in each:
            final = _calm(answer, case, covers, room, policy)
            if case.found or final.reason.told or final.reason is Reason.STORM:
                made.append(decision(final, case.incident, now))
    return made


def _covering(asked: Iterable[tuple[Case, Sequence[Answer]]]) -> dict[str, Inhibitors]:
    """Of each notifier, the live incidents about many that it has heard of, or is told of now."""
    told: dict[str, list[Incident]] = {}
    for case, each in asked:
        if not inhibits(case.incident) or not case.incident.state.live:
            continue
        aloud = {one.notifier for one in each if one.reason.told}
        for notifier in sorted(aloud | set(case.now_heard())):
            told.setdefault(notifier, []).append(case.incident)
    return inhibitors(told)


def _calm(answer: Answer, case: Case, covers: Mapping[str, Inhibitors], room: Room, policy: Policy) -> Answer:
    """The answer, unless another incident says as much already, or there is a storm."""
    if answer.reason in INHIBITED and answer.notifier in covers:
        other = covers[answer.notifier].of(case.incident, policy)
        if other:
            return Answer(answer.notifier, Reason.INHIBITED, other)
    if answer.reason in OPENS:
        storm = room.take(answer.notifier)
        if storm:
            return Answer(answer.notifier, Reason.STORM, storm)
    return answer


def _wanted(cases: Iterable[Case], before: Mapping[str, Incident], decisions: Sequence[Decision]) -> Iterator[Wanted]:
    """What is to be brought up to date: digests of storms, and messages of incidents about which nothing is told.

    A message is kept up to date while the incident is open; its log when somebody's decision ended or was undone.
    """
    aloud = {(one.incident, one.notifier) for one in decisions if one.told}
    storms = {(one.notifier, one.because) for one in decisions if one.reason is Reason.STORM}
    for notifier, storm in sorted(storms):
        yield Wanted(notifier, storm, Part.DIGEST)
    for case in cases:
        old = before.get(case.incident.id)
        moved = old is not None and old.state is not case.incident.state
        news = old is not None and case.incident.heard != old.heard
        for notifier, one in sorted(case.heard.items()):
            if not one.alone or (case.incident.id, notifier) in aloud:
                continue
            if moved or (news and since(one, case.incident)):
                yield Wanted(notifier, case.incident.id, Part.CARD)
            if moved:
                yield Wanted(notifier, case.incident.id, Part.LOG)
