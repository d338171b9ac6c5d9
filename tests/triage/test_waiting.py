"""Ticks at which nothing is found and nothing waits can be left out: that is how a replay is fast."""

from __future__ import annotations

from datetime import time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Finding, Level, Matcher, Reason, Verb
from monitor.triage import (
    Escalation,
    Hours,
    Known,
    Policy,
    Route,
    everything,
    informed,
    owes,
    quiet,
    superseded,
    waiting,
)
from tests.triage.desks import HOUR, MINUTE, NOON, PLACE, RULES, Desk, finding, silence

ROUTES = (
    everything(["slack"]),
    (Route("slack", hours=Hours(start=time(14), end=time(16))), Route("pager", Level.HIGH)),
    (Route("slack", escalate=Escalation(HOUR, "pager", "S1")), Route("slack", Level.HIGH)),
    (Route("slack", hours=Hours(start=time(15, 30), end=time(14))),),
)
RENEWED = tuple(silence(until, Matcher("rule", "=", "one"), name=str(until)) for until in (2.0, 4.0))
SILENCES = ((), (silence(2.0, Matcher("rule", "=", "one")),), (silence(3.0, since=1, kind="expected"),), RENEWED)
found = st.builds(
    finding,
    st.sampled_from([1.2, 3.0, 4.0, 7.5, 11.0]),
    st.integers(0, 20).map(lambda n: n / 4),
    st.sampled_from(["one", "two"]),
    st.sampled_from(["events", PLACE]),
    st.integers(1, 3),
    level=st.sampled_from([Level.MEDIUM, Level.HIGH, Level.CRITICAL]),
    members=st.sampled_from([(), ("entra:1", "entra:2")]),
    subject=st.sampled_from(["identity:entra:1", "identity:entra:2", "ip:1.2.3.4"]),
)


def idle(desk: Desk, at: float, judged: float) -> bool:
    """Whether a replay would leave this tick out."""
    known = Known(desk.rules, dict.fromkeys(RULES, NOON + judged * HOUR), informed(desk.decisions), desk.silences)
    now = NOON + at * HOUR
    live = [one for one in desk.incidents.values() if one.state.live]
    owed = [one for one in desk.incidents.values() if owes(one, known.informed.get(one.id, {}))]
    return not superseded(live, desk.policy) and not any(
        quiet(one, known.judged_until, RULES, desk.policy) or waiting(one, known, desk.routes, desk.policy, now)
        for one in (*live, *owed)
    )


@given(
    made=st.lists(found, max_size=10, unique_by=lambda one: one.key),
    routes=st.sampled_from(ROUTES),
    silences=st.sampled_from(SILENCES),
    act=st.sampled_from([None, Verb.SNOOZE, Verb.ACKNOWLEDGE]),
)
def test_what_waits_for_nothing_decides_nothing(
    made: list[Finding], routes: tuple[Route, ...], silences: tuple[object, ...], act: Verb | None
) -> None:
    """Off: any line of `waiting` of monitor/triage/triaging.py."""
    policy = Policy(storm=2, remind=timedelta(hours=1), quiet=timedelta(minutes=30))
    every, some = (
        Desk(policy=policy, routes=routes, silences=silences)  # type: ignore[arg-type]
        for _ in range(2)
    )
    for n in range(72):
        at = n / 12
        new = [one for one in made if NOON + at * HOUR - 5 * MINUTE < one.bucket <= NOON + at * HOUR]
        skipped = not new and idle(some, at, at - 1)
        report = every.tick(*new, at=at, judged=at - 1)
        if skipped:
            assert not report.decisions
            assert not report.incidents
            assert not report.wanted
        else:
            some.tick(*new, at=at, judged=at - 1)
        if act and n == 20 and len(every.incidents) == 1:
            for desk in (every, some):
                desk.act(act, at=at, until=at + 1)
    assert every.decisions == some.decisions
    assert every.incidents == some.incidents


@given(
    made=st.lists(found, max_size=10, unique_by=lambda one: one.key),
    routes=st.sampled_from(ROUTES),
    silences=st.sampled_from(SILENCES),
)
def test_nobody_hears_twice_that_an_incident_began_and_all_hear_that_it_is_over(
    made: list[Finding], routes: tuple[Route, ...], silences: tuple[object, ...]
) -> None:
    desk = Desk(policy=Policy(storm=2), routes=routes, silences=silences)  # type: ignore[arg-type]
    for n in range(12):
        at = n / 2
        new = [one for one in made if NOON + (at - 0.5) * HOUR < one.bucket <= NOON + at * HOUR]
        desk.tick(*new, at=at, judged=at - 1)
    desk.tick(at=99, judged=98)
    desk.tick(at=100, judged=98)  # whoever slept is awake
    begins = {Reason.OPENED, Reason.REOPENED}
    for incident, notifier in {(one.incident, one.notifier) for one in desk.decisions}:
        said = [
            one.reason for one in desk.decisions if (one.incident, one.notifier, one.told) == (incident, notifier, True)
        ]
        over = True
        for reason in said:  # what is over at night, and opens again before the morning, is not said to be over
            assert not over or reason in begins or reason is Reason.ESCALATED
            assert over or reason is not Reason.OPENED
            over = reason is Reason.RESOLVED
        assert over
