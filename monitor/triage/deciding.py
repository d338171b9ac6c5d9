"""Deciding: one reason per incident and notifier, from what the incident is and what the notifier was told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from monitor.clock import DAY, iso
from monitor.model import Decision, Incident, Level, Reason, State
from monitor.triage.acting import by_hand
from monitor.triage.informing import Informed, since
from monitor.triage.policy import PAUSE, Policy, worth
from monitor.triage.routing import Route

OWED: Final = 7 * DAY
"""How long after its last bucket those whose hours begin are told that it is over: in a week all hours come."""


class Answer(NamedTuple):
    """What one notifier is, or is not, told, and what the reason alone does not say.

    `digested`: nobody was told of it but in a storm's digest, so that it needs room like an opening.
    """

    notifier: str
    reason: Reason
    because: str = ""
    digested: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """An incident that is decided on: what notifiers were told of it ever, and the routes by which it is told.

    `woken`: its snooze is over. `found`: it has new findings; `hushed`: all of those are under silences.
    """

    incident: Incident
    informed: Mapping[str, Informed]
    routes: Sequence[Route]
    woken: bool = False
    found: bool = False
    hushed: bool = False

    def now_informed(self) -> dict[str, Informed]:
        """What was told since it was opened, or opened again, by notifier."""
        pairs = ((name, since(one, self.incident)) for name, one in self.informed.items())
        return {name: one for name, one in pairs if one is not None}

    def waits_since(self, mine: Informed) -> datetime:
        """Since when it waits for an answer: it was told first, or somebody who had it in hand has it no more."""
        handled = self.incident.handled_at or mine.first_at
        snoozed = self.incident.snoozed_until or mine.first_at
        return max(mine.first_at, handled, snoozed)

    def asleep(self, notifier: str, now: datetime) -> bool:
        """Whether routes lead to a notifier, and none of them at this hour."""
        mine = [one for one in self.routes if one.notifier == notifier]
        return bool(mine) and not any(one.awake(self.incident.level, now) for one in mine)


def answers(case: Case, policy: Policy, now: datetime) -> list[Answer]:
    """An answer for every notifier that a route leads to or that was told of the incident, in their order.

    Where there is none, one for nobody (''). Room in a storm and inhibition are not looked at. What is over is said to
    those who slept when that was decided.
    """
    informed = case.now_informed()
    if case.incident.state is State.RESOLVED:
        return _late(case, informed, now)
    names = list(dict.fromkeys([*(one.notifier for one in case.routes), *sorted(informed)])) or [""]
    made = {name: _answer(case, name, informed, policy, now) for name in names}
    if case.incident.state is State.OPEN and not case.incident.experimental:
        for one in _escalations(case, informed, now):
            if one.notifier not in made or not made[one.notifier].reason.told:
                made[one.notifier] = one
    return list(made.values())


def _answer(case: Case, notifier: str, informed: Mapping[str, Informed], policy: Policy, now: datetime) -> Answer:
    reason, because = _reason(case, notifier, informed, policy, now)
    if reason is Reason.UNCHANGED and case.hushed:
        reason, because = Reason.SILENCED, _silences(case.incident)
    if not reason.told:
        return Answer(notifier, reason, because)
    if notifier not in informed and not any(one.notifier == notifier for one in case.routes):
        return Answer(notifier, Reason.UNROUTED)
    if case.asleep(notifier, now):
        return Answer(notifier, Reason.OFF_HOURS, because)
    return Answer(notifier, reason, because)


def _reason(
    case: Case, notifier: str, informed: Mapping[str, Informed], policy: Policy, now: datetime
) -> tuple[Reason, str]:
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
    mine = informed.get(notifier)
    if mine is not None and not mine.stormed:
        return _again(case, mine, policy, now)
    return _first(case, notifier, informed, policy, now)


def _first(
    case: Case, notifier: str, informed: Mapping[str, Informed], policy: Policy, now: datetime
) -> tuple[Reason, str]:
    """Why what it was not told of by itself is told, or not.

    What somebody has in hand is told if it is worse than others were told, or than it was when they took it. A line in
    a digest counts as told, but what is critical is not left at that.
    """
    incident, mine = case.incident, informed.get(notifier)
    acknowledged = incident.state is State.ACKNOWLEDGED
    known = [mine.base] if mine else []
    if acknowledged and not known:
        known = [one.base for one in informed.values()] or [_taken(incident, now)]
    due = mine is not None and incident.level is Level.CRITICAL and _due(case, mine, policy, now)
    if known and not due and not all(_worse(incident, one, policy, now) for one in known):
        if acknowledged:
            return Reason.ACKNOWLEDGED, ""
        return Reason.UNCHANGED, mine.last.because if mine else ""
    ever = case.informed.get(notifier)
    return (Reason.REOPENED if incident.reopened and ever and ever.alone else Reason.OPENED), ""


def _taken(incident: Incident, now: datetime) -> Decision:
    """How an incident stood when somebody took it of which nobody had been told."""
    return Decision(
        incident.id,
        "",
        incident.handled_at or now,
        Reason.ACKNOWLEDGED,
        surprise=incident.handled_surprise,
        level=incident.handled_level,
        findings=incident.handled_findings,
    )


def _again(case: Case, mine: Informed, policy: Policy, now: datetime) -> tuple[Reason, str]:
    """Why what was told before is told again, or not."""
    incident = case.incident
    if _worse(incident, mine.last, policy, now):
        return Reason.WORSENED, ""
    if incident.state is State.ACKNOWLEDGED:
        return Reason.ACKNOWLEDGED, ""
    if _due(case, mine, policy, now):
        return Reason.REMINDER, ""
    if incident.surprise >= mine.last.surprise + policy.worse:
        return Reason.UNCHANGED, f"worse, and told again from {iso(mine.last.at + PAUSE)} on"
    return Reason.UNCHANGED, ""


def _due(case: Case, mine: Informed, policy: Policy, now: datetime) -> bool:
    """Whether nobody has it in hand, and there are findings that were not told for so long."""
    news = case.incident.heard > max(mine.last.findings, case.incident.handled_findings)
    return case.incident.state is State.OPEN and news and (case.woken or now - mine.last.at >= policy.remind)


def _worse(incident: Incident, last: Decision, policy: Policy, now: datetime) -> bool:
    """Whether it is of a higher level than was told, or so much more surprising, and not told just now."""
    more = incident.surprise >= last.surprise + policy.worse and now - last.at >= PAUSE
    return more or incident.level.rank > last.level.rank


def _escalations(case: Case, informed: Mapping[str, Informed], now: datetime) -> list[Answer]:
    """Whom to tell because nobody has answered in time: each once, in the hours of the route that says so.

    Of what is only in a digest, just what is critical.
    """
    made = []
    for route in case.routes:
        mine, escalate = informed.get(route.notifier), route.escalate
        if mine is None or escalate is None or not route.awake(case.incident.level, now):
            continue
        if mine.stormed and case.incident.level is not Level.CRITICAL:
            continue
        target = escalate.to or route.notifier
        there = informed.get(target)
        if now - case.waits_since(mine) >= escalate.after and not (there and there.escalated_at):
            digested = mine.stormed and (there is None or there.stormed)
            made.append(Answer(target, Reason.ESCALATED, escalate.mention, digested))
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
    """That an incident is over, to everybody who was told of it by itself; for the others nothing has changed.

    Whoever sleeps is told when their hours begin; their messages say so before.
    """
    informed = case.now_informed()
    names = list(dict.fromkeys([*(one.notifier for one in case.routes), *sorted(informed)])) or [""]
    return [decision(_over(case, name, informed.get(name), now), case.incident, now) for name in names]


def _over(case: Case, notifier: str, mine: Informed | None, now: datetime) -> Answer:
    if mine is None or mine.stormed:
        return Answer(notifier, Reason.UNCHANGED, mine.last.because if mine else "")
    return Answer(notifier, Reason.OFF_HOURS if case.asleep(notifier, now) else Reason.RESOLVED)


def owes(incident: Incident, informed: Mapping[str, Informed]) -> bool:
    """Whether somebody was told of an incident, and not yet that it is over; that a person closed it is not told."""
    if incident.state is not State.RESOLVED or by_hand(incident):
        return False
    told = (since(one, incident) for one in informed.values())
    return any(one is not None and not one.stormed for one in told)


def _late(case: Case, informed: Mapping[str, Informed], now: datetime) -> list[Answer]:
    if now - case.incident.last_at > OWED or not owes(case.incident, case.informed):
        return []
    told = [name for name, one in sorted(informed.items()) if not one.stormed and not case.asleep(name, now)]
    return [Answer(name, Reason.RESOLVED) for name in told]


def loudest(decisions: Sequence[Decision]) -> Decision:
    """Of the decisions about one incident in one tick that which says most: told, in a digest, or not."""
    return min(decisions, key=lambda one: (not one.told, one.reason is not Reason.STORM))
