"""Deciding: one reason per incident and notifier, from what the incident is and what the notifier has heard of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from monitor.clock import iso
from monitor.model import Decision, Incident, Reason, State
from monitor.triage.hearing import Heard, since
from monitor.triage.policy import PAUSE, Policy, worth
from monitor.triage.routing import Route


class Answer(NamedTuple):
    """What one notifier is, or is not, told, and what the reason alone does not say."""

    notifier: str
    reason: Reason
    because: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """An incident that is decided on: what notifiers have heard of it ever, and the routes by which it is told.

    `woken`: its snooze is over. `found`: it has new findings; `hushed`: all of those are under silences.
    """

    incident: Incident
    heard: Mapping[str, Heard]
    routes: Sequence[Route]
    woken: bool = False
    found: bool = False
    hushed: bool = False

    def now_heard(self) -> dict[str, Heard]:
        """What was heard since it was opened, or opened again, by notifier."""
        pairs = ((name, since(one, self.incident)) for name, one in self.heard.items())
        return {name: one for name, one in pairs if one is not None}

    def last_at(self, heard: Heard) -> datetime:
        """When it was told first, or when somebody had it in hand last: from then on it waits for an answer."""
        handled = self.incident.handled_at or heard.first_at
        snoozed = self.incident.snoozed_until or heard.first_at
        return max(heard.first_at, handled, snoozed)


def answers(case: Case, policy: Policy, now: datetime) -> list[Answer]:
    """An answer for every notifier that a route leads to or that has heard of the incident, in their order.

    Where there is none, one for nobody (''). Room in a storm and inhibition are not looked at.
    """
    heard = case.now_heard()
    names = list(dict.fromkeys([*(one.notifier for one in case.routes), *sorted(heard)])) or [""]
    made = {name: _answer(case, name, heard, policy, now) for name in names}
    if case.incident.state is State.OPEN and not case.incident.experimental:
        for one in _escalations(case, heard, now):
            if one.notifier not in made or not made[one.notifier].reason.told:
                made[one.notifier] = one
    return list(made.values())


def _answer(case: Case, notifier: str, heard: Mapping[str, Heard], policy: Policy, now: datetime) -> Answer:
    reason, because = _reason(case, notifier, heard, policy, now)
    if reason is Reason.UNCHANGED and case.hushed:
        reason, because = Reason.SILENCED, _silences(case.incident)
    if not reason.told:
        return Answer(notifier, reason, because)
    mine = [one for one in case.routes if one.notifier == notifier]
    if not mine and notifier not in heard:
        return Answer(notifier, Reason.UNROUTED)
    if mine and not any(one.awake(case.incident.level, now) for one in mine):
        return Answer(notifier, Reason.OFF_HOURS, because)
    return Answer(notifier, reason, because)


def _reason(case: Case, notifier: str, heard: Mapping[str, Heard], policy: Policy, now: datetime) -> tuple[Reason, str]:
    """Why it is told, or not, whatever the hour and whatever the route."""
    incident = case.incident
    if incident.experimental:
        return Reason.EXPERIMENTAL, ""
    if incident.state is State.FALSE_POSITIVE:
        return Reason.CLOSED, ""
    if not worth(incident):
        silences = _silences(incident)
        return (Reason.SILENCED, silences) if silences else (Reason.WEAK, "")
    if incident.state is State.SNOOZED:
        return Reason.SNOOZED, f"until {iso(incident.snoozed_until)}" if incident.snoozed_until else ""
    mine = heard.get(notifier)
    if mine is not None and not mine.stormed:
        return _again(case, mine, policy, now)
    acknowledged = incident.state is State.ACKNOWLEDGED
    known = [mine] if mine else list(heard.values()) if acknowledged else []
    if acknowledged and not known:
        return Reason.ACKNOWLEDGED, ""
    if known and not all(_worse(incident, one.last, policy, now) for one in known):
        return (Reason.ACKNOWLEDGED, "") if acknowledged else (Reason.UNCHANGED, known[0].last.because)
    ever = case.heard.get(notifier)
    return (Reason.REOPENED if incident.reopened and ever and ever.alone else Reason.OPENED), ""


def _again(case: Case, heard: Heard, policy: Policy, now: datetime) -> tuple[Reason, str]:
    """Why what was told before is told again, or not."""
    incident = case.incident
    if _worse(incident, heard.last, policy, now):
        return Reason.WORSENED, ""
    if incident.state is State.ACKNOWLEDGED:
        return Reason.ACKNOWLEDGED, ""
    news = incident.heard > max(heard.last.findings, incident.handled_findings)
    if news and (case.woken or now - heard.last.at >= policy.remind):
        return Reason.REMINDER, ""
    if incident.surprise >= heard.last.surprise + policy.worse:
        return Reason.UNCHANGED, f"worse, and told again from {iso(heard.last.at + PAUSE)} on"
    return Reason.UNCHANGED, ""


def _worse(incident: Incident, last: Decision, policy: Policy, now: datetime) -> bool:
    """Whether it is of a higher level than was told, or so much more surprising, and not told just now."""
    more = incident.surprise >= last.surprise + policy.worse and now - last.at >= PAUSE
    return more or incident.level.rank > last.level.rank


def _escalations(case: Case, heard: Mapping[str, Heard], now: datetime) -> list[Answer]:
    """Whom to tell because nobody has answered in time: each once, in the hours of the route that says so."""
    made = []
    for route in case.routes:
        mine, escalate = heard.get(route.notifier), route.escalate
        if mine is None or mine.stormed or escalate is None or not route.awake(case.incident.level, now):
            continue
        target = escalate.to or route.notifier
        there = heard.get(target)
        if now - case.last_at(mine) >= escalate.after and not (there and there.escalated):
            made.append(Answer(target, Reason.ESCALATED, escalate.mention))
    return made


def _silences(incident: Incident) -> str:
    return ", ".join(sorted({*incident.muted_by, *incident.expected_by}))


def decision(answer: Answer, incident: Incident, now: datetime) -> Decision:
    """The answer as it is kept, with how the incident stood."""
    return Decision(
        incident.id,
        answer.notifier,
        now,
        answer.reason,
        answer.because,
        incident.surprise,
        incident.level,
        incident.heard,
    )


def resolutions(case: Case, now: datetime) -> list[Decision]:
    """That an incident is over, to everybody who was told of it by itself; for the others nothing has changed."""
    heard = case.now_heard()
    names = list(dict.fromkeys([*(one.notifier for one in case.routes), *sorted(heard)])) or [""]
    made = []
    for name in names:
        mine = heard.get(name)
        reason = Reason.RESOLVED if mine and not mine.stormed else Reason.UNCHANGED
        because = mine.last.because if mine and mine.stormed else ""
        made.append(decision(Answer(name, reason, because), case.incident, now))
    return made


def loudest(decisions: Sequence[Decision]) -> Decision:
    """Of the decisions about one incident in one tick that which says most: told, in a digest, or not."""
    return min(decisions, key=lambda one: (not one.told, one.reason is not Reason.STORM))
