"""Calming: what one incident says is not said of another again, and in a storm the worst speak."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.model import Decision, Reason
from monitor.triage.deciding import Answer, Case, answers, decision
from monitor.triage.inhibiting import Inhibitors
from monitor.triage.policy import Policy
from monitor.triage.storms import Room

OPENS = frozenset({Reason.OPENED, Reason.REOPENED})
INHIBITED = frozenset({*OPENS, Reason.WORSENED, Reason.REMINDER})
"""What is not said of an incident while another says as much."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A case, and whether it may say as much as others: it is about many, and somebody hears it."""

    case: Case
    inhibits: bool


def decided(asked: Iterable[Asked], openings: Sequence[Decision], policy: Policy, now: datetime) -> list[Decision]:
    """Decisions, those about the worst incidents first; what nothing was found of has one only if it is told.

    Of one level those about many come first: whether they are told aloud says what is told of each.
    """
    calm = _Calm(asked, openings, policy, now)
    return [one for each in calm.cases for one in calm.decided(each)]


class _Calm:
    """What was told so far, of the worst first."""

    def __init__(self, asked: Iterable[Asked], openings: Sequence[Decision], policy: Policy, now: datetime) -> None:
        self._policy, self._now = policy, now
        self.cases = sorted(asked, key=_worst_first)
        self._told = Inhibitors()
        self._room = Room(openings, policy, now)
        for each in self.cases:
            for notifier, mine in each.case.informed.items():
                if mine.escalated_at:
                    self._room.escalated(notifier, each.case.incident, mine.escalated_at)
            for notifier, mine in each.case.now_informed().items() if each.inhibits else ():
                if not mine.stormed:
                    self._told.add(notifier, each.case.incident)

    def decided(self, each: Asked) -> list[Decision]:
        """The decisions about one case."""
        case, made = each.case, []
        for answer in answers(case, self._policy, self._now):
            final = self._calm(answer, case)
            if each.inhibits and final.reason.told:
                self._told.add(final.notifier, case.incident)
            if case.found or final.reason.told or (final.reason is Reason.STORM and _another_line(case, final)):
                made.append(decision(final, case.incident, self._now))
        return made

    def _calm(self, answer: Answer, case: Case) -> Answer:
        """The answer, unless another incident says as much already, or there is a storm."""
        if answer.reason in INHIBITED:
            other = self._told.of(answer.notifier, case.incident, self._policy)
            if other:
                return Answer(answer.notifier, Reason.INHIBITED, other)
        if answer.reason in OPENS or answer.digested:
            storm = self._room.take(answer.notifier, case.incident)
            if storm is not None:
                return Answer(answer.notifier, Reason.STORM, storm)
        elif answer.reason is Reason.ESCALATED:
            self._room.escalated(answer.notifier, case.incident, self._now)
        return answer


def _worst_first(one: Asked) -> tuple[int, bool, float, str]:
    incident = one.case.incident
    return -incident.level.rank, not one.inhibits, -incident.surprise, incident.id


def _another_line(case: Case, answer: Answer) -> bool:
    """Whether the digest does not say already what it would say of it: it waits for room without a word."""
    mine = case.now_informed().get(answer.notifier)
    if mine is None or not mine.stormed:
        return True
    return (mine.last.level, mine.last.surprise) != (case.incident.level, case.incident.surprise)
