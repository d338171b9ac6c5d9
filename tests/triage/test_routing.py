"""Who is told, at what hour, and whom else if nobody answers."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Level, Matcher, Owner, Part, Reason, Verb
from monitor.triage import Escalation, Hours, Route
from tests.triage.desks import HOUR, MINUTE, NOON, RULES, Desk, finding, reasons, rule, silence

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Hours(frozenset(range(5)), time(8), time(18), BERLIN)
NIGHT = Hours(frozenset({4}), time(22), time(6), BERLIN)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("hours", "moment", "inside"),
    [
        (OFFICE, "2026-05-04T05:59:59+00:00", False),
        (OFFICE, "2026-05-04T06:00:00+00:00", True),
        (OFFICE, "2026-05-04T15:59:59+00:00", True),
        (OFFICE, "2026-05-04T16:00:00+00:00", False),
        (OFFICE, "2026-05-03T10:00:00+00:00", False),
        (OFFICE, "2026-12-07T06:30:00+00:00", False),
        (NIGHT, "2026-05-08T20:00:00+00:00", True),
        (NIGHT, "2026-05-09T03:59:00+00:00", True),
        (NIGHT, "2026-05-09T04:00:00+00:00", False),
        (NIGHT, "2026-05-09T20:00:00+00:00", False),
        (NIGHT, "2026-05-08T01:00:00+00:00", False),
        (Hours(zone=BERLIN), "2026-05-08T01:00:00+00:00", True),
        (Hours(frozenset({0}), time(18), time(), BERLIN), "2026-05-04T21:59:59+00:00", True),
        (Hours(frozenset({0}), time(18), time(), BERLIN), "2026-05-04T22:00:00+00:00", False),
    ],
)
def test_hours_are_those_of_the_clock_on_the_wall(hours: Hours, moment: str, inside: bool) -> None:
    assert (at(moment) in hours) is inside


@pytest.mark.parametrize(
    ("day", "length"), [("2026-03-29", 7 * HOUR), ("2026-10-25", 9 * HOUR), ("2026-06-14", 8 * HOUR)]
)
def test_a_night_is_as_long_as_the_clock_makes_it(day: str, length: timedelta) -> None:
    """From 22:00 to 06:00, over the hour that is left out in spring and the one that comes twice in autumn."""
    nights = Hours(frozenset({5}), time(22), time(6), BERLIN)
    start = datetime.fromisoformat(f"{day}T00:00:00+00:00") - 12 * HOUR
    assert sum((start + n * MINUTE) in nights for n in range(24 * 60)) * MINUTE == length


@given(st.integers(0, 2 * 365 * 24 * 60), st.integers(0, 23), st.integers(0, 23))
def test_hours_and_the_others_of_the_day_make_a_day(minute: int, start: int, end: int) -> None:
    one = Hours(start=time(start), end=time(end), zone=BERLIN)
    other = Hours(start=time(end), end=time(start), zone=BERLIN)
    moment = NOON + minute * MINUTE
    assert start == end or (moment in one) != (moment in other)


def test_every_route_that_fits_tells_its_notifier_once() -> None:
    routes = [Route("slack"), Route("slack", Level.LOW), Route("pager", Level.HIGH), Route("console", Level.MEDIUM)]
    made = Desk(routes=routes).tick(finding(4.0)).decisions
    assert [(one.notifier, one.reason) for one in made] == [("slack", Reason.OPENED), ("console", Reason.OPENED)]


@pytest.mark.parametrize(
    ("route", "told"),
    [
        (Route("n", streams=frozenset({"sign_in"})), True),
        (Route("n", streams=frozenset({"vault"})), False),
        (Route("n", rules=frozenset({"one", "other"})), True),
        (Route("n", rules=frozenset({"two"})), False),
        (Route("n", teams=frozenset({"payments"})), True),
        (Route("n", teams=frozenset({"Payments"})), True),
        (Route("n", teams=frozenset({"web"})), False),
        (Route("n", Level.HIGH), False),
        (Route("n", Level.LOW, frozenset({"sign_in"}), frozenset({"payments"}), frozenset({"one"})), True),
    ],
)
def test_a_route_leads_where_everything_it_asks_for_is_so(route: Route, *, told: bool) -> None:
    owners = {"identity:entra:1": Owner("ann", "payments")}
    (made,) = Desk(routes=[route], owners=owners).tick(finding(4.0)).decisions
    assert (made.notifier, made.reason) == (("n", Reason.OPENED) if told else ("", Reason.UNROUTED))


def test_a_rule_of_which_all_was_silenced_leads_nowhere() -> None:
    muted = [silence(9.0, Matcher("rule", "=", "one"))]
    desk = Desk(routes=[Route("n", rules=frozenset({"one"})), Route("all")], silences=muted)
    desk.tick(finding(9.0), finding(4.0, rule="two"))
    assert (desk.told("n"), desk.told("all")) == ([], [Reason.OPENED])


def test_how_much_was_done_is_of_the_stream_that_shows_it() -> None:
    vaults = {**RULES, "reads": rule("reads", stream="vault")}
    routes = [Route("n", streams=frozenset({"vault"}))]
    assert reasons(Desk(routes=routes, rules=vaults).tick(finding(4.0, rule="reads", stream="vault"))) == [
        Reason.OPENED
    ]


def test_a_level_that_rises_opens_where_it_was_not_told() -> None:
    desk = Desk(routes=[Route("slack"), Route("pager", Level.HIGH)])
    desk.tick(finding(4.0))
    desk.tick(finding(4.0, 1, level=Level.CRITICAL), at=1)
    assert desk.told("slack") == [Reason.OPENED, Reason.WORSENED]
    assert desk.told("pager") == [Reason.OPENED]
    desk.tick(at=9, judged=9)
    assert desk.told("pager") == [Reason.OPENED, Reason.RESOLVED]


def test_off_hours_are_told_when_hours_begin_if_still_worth_it() -> None:
    night = Hours(start=time(22), end=time(6), zone=BERLIN)  # noon is 14:00 there
    desk = Desk(routes=[Route("console", hours=night)])
    desk.tick(finding(4.0), finding(4.0, who=2), at=1)
    assert [one.reason for one in desk.decisions] == [Reason.OFF_HOURS] * 2
    desk.tick(finding(4.0, 6, who=2), at=7, judged=6)
    assert desk.told() == []
    desk.tick(at=8, judged=6)
    (opened,) = [one for one in desk.decisions if one.told]
    assert (opened.reason, opened.findings, opened.at) == (Reason.OPENED, 2, NOON + 8 * HOUR)


def test_what_is_critical_is_told_at_any_hour() -> None:
    desk = Desk(routes=[Route("console", hours=Hours(frozenset({6})))])
    assert reasons(desk.tick(finding(4.0, level=Level.CRITICAL))) == [Reason.OPENED]


def test_one_route_that_is_awake_is_enough() -> None:
    asleep = Route("console", hours=Hours(frozenset({6})))
    assert reasons(Desk(routes=[asleep, Route("console", Level.LOW)]).tick(finding(4.0))) == [Reason.OPENED]


def test_what_nobody_acknowledges_is_escalated_once_and_resolved_there_too() -> None:
    desk = Desk(routes=[Route("slack", escalate=Escalation(HOUR, "pager", "S1"))])
    desk.tick(finding(4.0))
    desk.tick(at=0.9)
    assert desk.told("pager") == []
    (made,) = desk.tick(at=1).decisions
    assert (made.notifier, made.reason, made.because) == ("pager", Reason.ESCALATED, "S1")
    desk.tick(at=3)
    desk.tick(finding(9.0, 3), at=4)
    desk.tick(at=9, judged=9)
    assert desk.told("pager") == [Reason.ESCALATED, Reason.WORSENED, Reason.RESOLVED]
    desk.tick(finding(4.0, 10), at=11)
    desk.tick(at=12)
    assert desk.told("pager")[3:] == [Reason.ESCALATED]


def test_worse_does_not_put_an_escalation_off() -> None:
    desk = Desk(routes=[Route("slack", escalate=Escalation(HOUR, mention="S1"))])
    for n in range(4):
        desk.tick(finding(4.0 + 4 * n, n * 0.45), at=n * 0.45)
    assert desk.told("slack") == [Reason.OPENED, Reason.WORSENED, Reason.ESCALATED]


@pytest.mark.parametrize("verb", [Verb.ACKNOWLEDGE, Verb.SNOOZE, Verb.RESOLVE, Verb.FALSE_POSITIVE])
def test_whoever_answers_in_time_stops_the_escalation(verb: Verb) -> None:
    desk = Desk(routes=[Route("slack", escalate=Escalation(HOUR, "pager"))])
    desk.tick(finding(4.0))
    desk.act(verb, at=0.5, until=5)
    desk.tick(at=2)
    assert desk.told("pager") == []


def test_what_somebody_gave_back_waits_as_long_again() -> None:
    desk = Desk(routes=[Route("slack", escalate=Escalation(HOUR, "pager"))])
    desk.tick(finding(4.0))
    desk.act(Verb.ACKNOWLEDGE, at=0.5)
    desk.act(Verb.UNACKNOWLEDGE, at=2)
    desk.tick(at=2.5)
    assert desk.told("pager") == []
    desk.tick(at=3)
    assert desk.told("pager") == [Reason.ESCALATED]


def test_a_snooze_that_a_higher_level_ended_puts_no_escalation_off() -> None:
    """Off: `snoozed_until` in `woken` of monitor/triage/folding.py."""
    desk = Desk(routes=[Route("slack", escalate=Escalation(HOUR, "pager"))])
    desk.tick(finding(4.0))
    desk.act(Verb.SNOOZE, until=7 * 24)
    desk.tick(finding(4.0, 1, level=Level.CRITICAL), at=2)
    desk.tick(at=2.9)
    assert desk.told("pager") == []
    desk.tick(at=3)
    assert desk.told("pager") == [Reason.ESCALATED]


def test_what_was_snoozed_waits_from_the_end_of_the_snooze_on() -> None:
    """Off: `snoozed` in `waits_since` of monitor/triage/deciding.py."""
    desk = Desk(routes=[Route("slack", escalate=Escalation(HOUR, "pager"))])
    desk.tick(finding(4.0))
    desk.act(Verb.SNOOZE, at=0.5, until=5)
    desk.tick(at=5.9)
    assert desk.told("pager") == []
    desk.tick(at=6)
    assert desk.told("pager") == [Reason.ESCALATED]


def test_a_snooze_of_what_opened_again_puts_no_escalation_off() -> None:
    desk = Desk(routes=[Route("slack", escalate=Escalation(HOUR, "pager"))])
    desk.tick(finding(4.0))
    desk.act(Verb.SNOOZE, until=7 * 24)
    desk.tick(at=9, judged=9)
    desk.tick(finding(4.0, 9), at=10, judged=9)
    desk.tick(at=11, judged=9)
    assert desk.told("pager") == [Reason.ESCALATED]


DAYTIME = Route("console", hours=Hours(start=time(8), end=time(14)))


def test_what_is_over_at_night_is_shown_at_once_and_told_in_the_morning() -> None:
    """Off: `asleep` in `_over`, and `_late`, of monitor/triage/deciding.py."""
    desk = Desk(routes=[DAYTIME])
    desk.tick(finding(4.0))
    night = desk.tick(at=13, judged=9)
    assert reasons(night) == [Reason.OFF_HOURS]
    assert {one.part for one in night.wanted} == {Part.CARD, Part.LOG}
    assert desk.tick(at=19.9, judged=9).decisions == ()
    assert reasons(desk.tick(at=20, judged=9)) == [Reason.RESOLVED]
    assert desk.tick(at=20.1, judged=9).decisions == ()


def test_who_closes_something_at_night_is_not_told_so_in_the_morning() -> None:
    desk = Desk(routes=[DAYTIME])
    desk.tick(finding(4.0))
    desk.act(Verb.RESOLVE, at=13)
    assert desk.tick(at=20, judged=9).decisions == ()


def test_what_opens_again_at_night_is_not_said_to_be_over_in_the_morning() -> None:
    desk = Desk(routes=[DAYTIME])
    desk.tick(finding(4.0))
    desk.tick(at=13, judged=9)
    desk.tick(finding(4.0, 13), at=14, judged=9)
    desk.tick(at=20, judged=9)
    assert desk.told() == [Reason.OPENED, Reason.REOPENED]


def test_what_is_critical_is_over_at_any_hour() -> None:
    desk = Desk(routes=[DAYTIME])
    desk.tick(finding(4.0, level=Level.CRITICAL))
    assert reasons(desk.tick(at=13, judged=9)) == [Reason.RESOLVED]
