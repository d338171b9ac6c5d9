"""Incidents put straight into a store, with the messages that follow, and the clock by which they are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import NAMESPACE_OID, uuid5

from monitor.kql import DuckEngine
from monitor.model import Decision, Delivery, Finding, Incident, Level, Part, Reason, State, Wanted
from monitor.ports import Notifier
from monitor.store import Store
from monitor.worker import App
from monitor.worker.composing import Composer
from monitor.worker.postman import Lane
from monitor.worker.telling import wanted

NOON: Final = datetime(2026, 5, 4, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SLACKISH: Final = frozenset({Part.CARD, Part.NEWS, Part.DIGEST, Part.EVIDENCE, Part.LOG})
RULE: Final = "sp-issuance-spike"
Answer = str | Exception


def subject(name: str) -> str:
    """The identity that the alert of that name is about."""
    return f"identity:entra:{uuid5(NAMESPACE_OID, name)}"


def incident(name: str, surprise: float = 5.0, state: State = State.OPEN) -> Incident:
    return Incident(
        id=name,
        subject=subject(name),
        state=state,
        level=Level.HIGH,
        surprise=surprise,
        evidence=(("sign_in", "events", surprise),),
        rules=(RULE,),
        findings=1,
        first_at=NOON - HOUR,
        last_at=NOON,
        opened_at=NOON,
        updated_at=NOON,
        loud=True,
    )


def finding(name: str, surprise: float = 5.0) -> Finding:
    return Finding(
        rule=RULE,
        detector="spike",
        level=Level.HIGH,
        stream="sign_in",
        family="events",
        experimental=False,
        subject=subject(name),
        group=(("identity", subject(name).removeprefix("identity:")),),
        term="",
        bucket=NOON - HOUR,
        bucket_end=NOON,
        time=NOON,
        judged_at=NOON,
        surprise=surprise,
        observed=40.0,
        expected=2.0,
        low=0.0,
        high=5.0,
        because="40 tokens, expected 2",
        sources=("main.service_principal",),
    )


def alert(
    store: Store,
    notifiers: Sequence[Notifier],
    name: str,
    at: datetime = NOON,
    reason: Reason = Reason.OPENED,
    surprise: float = 5.0,
) -> None:
    """One decision about one incident for each notifier, and what they are to be told because of it."""
    decisions = [Decision(name, one.name, at, reason, "", surprise, Level.HIGH, 1) for one in notifiers]
    store.conclude(
        {},
        [(finding(name), name, decisions[0])],
        [incident(name)],
        decisions,
        wanted=[each for one in notifiers for each in wanted(decisions, one) if each.notifier == one.name],
        at=at,
    )


def want(store: Store, messages: Iterable[Wanted], at: datetime = NOON) -> None:
    """Queue messages that follow from nothing else."""
    store.conclude({}, [], [], [], wanted=messages, at=at)


@dataclass(slots=True)
class Scripted:
    """A notifier that answers as it is told to, then always takes what it is given; it keeps what it was given."""

    name: str = "slack"
    parts: frozenset[Part] = SLACKISH
    answers: list[Answer] = field(default_factory=list)
    finds: list[Answer] = field(default_factory=list)
    given: list[Delivery] = field(default_factory=list)
    asked: list[Delivery] = field(default_factory=list)
    always: Callable[[Delivery], Answer | None] = lambda _: None

    def send(self, delivery: Delivery) -> str:
        self.given.append(delivery)
        answer = self.answers.pop(0) if self.answers else self.always(delivery) or f"ref {len(self.given)}"
        if isinstance(answer, Exception):
            raise answer
        return answer

    def find(self, delivery: Delivery) -> str:
        self.asked.append(delivery)
        answer = self.finds.pop(0) if self.finds else ""
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def told(self) -> list[tuple[Part, str]]:
        """Part and incident of each try, in order."""
        return [(one.part, getattr(one.message, "incident", "")) for one in self.given]


@dataclass(slots=True)
class Round:
    """A lane and the clock it goes by."""

    store: Store
    notifier: Notifier
    engine: DuckEngine
    now: datetime = NOON
    lane: Lane = field(init=False)

    def __post_init__(self) -> None:
        app = App((), (), self.store, self.engine, (self.notifier,))
        self.lane = Lane(Composer(app), self.notifier, lambda: self.now)

    def drain(self) -> None:
        """Everything that is due now."""
        while self.lane.step():
            pass

    def until(self, end: datetime) -> None:
        """Everything that comes due until then, each at its time."""
        while True:
            self.drain()
            due = self.lane.next_due()
            if due is None or due > end:
                self.now = end
                return
            self.now = max(self.now, due)
