"""One reason per decision: when people are told, when not, and that nobody is told twice."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest

from monitor.model import Level, Matcher, Part, Reason, State, Verb, Wanted
from monitor.triage import PAUSE, Hours, Policy, Route, quiet
from tests.triage.desks import HOUR, NOON, RULES, Desk, after, finding, reasons, silence


def test_a_finding_at_the_rules_tell_opens_and_is_told() -> None:
    desk = Desk()
    triaged = desk.tick(finding(3.0))
    (made,) = triaged.decisions
    assert (made.reason, made.surprise, made.level, made.findings) == (Reason.OPENED, 3.0, Level.MEDIUM, 1)
    assert triaged.belongs == {finding(3.0).key: desk.only.id}


def test_a_weaker_one_is_kept_and_not_told() -> None:
    assert reasons(Desk().tick(finding(2.9))) == [Reason.WEAK]


def test_more_of_the_same_is_unchanged_and_much_more_is_worse() -> None:
    for surprise, said in ((6.9, Reason.UNCHANGED), (7.0, Reason.WORSENED)):
        desk = Desk()
        desk.tick(finding(4.0))
        assert reasons(desk.tick(finding(surprise, 1), at=1)) == [said]


def test_a_higher_level_is_worse_whatever_the_surprise_and_at_once() -> None:
    desk = Desk()
    desk.tick(finding(4.0))
    assert reasons(desk.tick(finding(1.0, 1, level=Level.CRITICAL))) == [Reason.WORSENED]


def test_evidence_that_comes_in_bit_by_bit_is_told_once_in_a_while() -> None:
    """Off: `PAUSE` of monitor/triage/policy.py."""
    desk, step = Desk(), timedelta(minutes=5) / HOUR
    for n in range(9):
        desk.tick(finding(4.0 + 3 * n, n * step), at=n * step)
    assert desk.told() == [Reason.OPENED, Reason.WORSENED]
    for n in range(9, 13):  # nothing new, and what was not said then is said when there has been a pause
        desk.tick(at=n * step)
    assert desk.told() == [Reason.OPENED, Reason.WORSENED, Reason.WORSENED]
    first, *others = [one.at for one in desk.decisions if one.told]
    assert [(one - first) // PAUSE for one in others] == [1, 2]


def test_what_falls_pages_nobody() -> None:
    desk = Desk()
    desk.tick(finding(9.0, level=Level.HIGH))
    for hour in range(1, 4):
        desk.tick(finding(3.0, hour, level=Level.LOW), at=hour)
    assert desk.told() == [Reason.OPENED]


def test_quiet_resolves_once_all_of_its_rules_looked_past_it() -> None:
    desk = Desk()
    desk.tick(finding(4.0), finding(4.0, rule="two"))
    assert desk.tick(judged=3).decisions == ()
    assert reasons(desk.tick(judged=3.1)) == [Reason.RESOLVED]
    assert desk.only.state is State.RESOLVED


@pytest.mark.parametrize("until", [{}, {"one": NOON + 9 * HOUR}, {"one": NOON + 9 * HOUR, "two": NOON}])
def test_nothing_is_quiet_that_one_of_its_rules_did_not_look_at(until: dict[str, datetime]) -> None:
    assert not quiet(after(finding(4.0), finding(4.0, rule="two")), until, RULES, Policy())


def test_a_rule_that_is_gone_holds_nothing_open() -> None:
    told = after(finding(4.0, rule="gone"))
    assert quiet(told, dict.fromkeys(RULES, NOON + 9 * HOUR), RULES, Policy())
    assert not quiet(told, dict.fromkeys(RULES, NOON), RULES, Policy())


def test_what_was_never_told_resolves_in_silence() -> None:
    desk = Desk()
    desk.tick(finding(2.0))
    assert reasons(desk.tick(judged=9)) == [Reason.UNCHANGED]


def test_what_is_found_and_over_at_once_is_told_before_it_resolves() -> None:
    desk = Desk()
    assert reasons(desk.tick(finding(4.0), at=9, judged=9)) == [Reason.OPENED]
    assert reasons(desk.tick(at=9.1, judged=9)) == [Reason.RESOLVED]


def test_there_is_one_decision_per_incident_and_tick_and_none_without_news() -> None:
    desk = Desk()
    triaged = desk.tick(*(finding(4.0, hour, who=who) for who in range(3) for hour in range(4)))
    assert len(triaged.decisions) == len({one.incident for one in triaged.decisions}) == 3
    nothing = desk.tick(at=1)
    assert not nothing.decisions
    assert not nothing.incidents


@pytest.mark.parametrize("verb", [Verb.ACKNOWLEDGE, Verb.SNOOZE])
def test_what_somebody_has_in_hand_resolves_too(verb: Verb) -> None:
    desk = Desk()
    desk.tick(finding(4.0))
    desk.act(verb, until=99)
    assert reasons(desk.tick(at=9, judged=9)) == [Reason.RESOLVED]


def test_acknowledged_is_silent_except_for_worse() -> None:
    desk = Desk()
    desk.tick(finding(4.0))
    desk.act(Verb.ACKNOWLEDGE)
    assert reasons(desk.tick(finding(5.0, 1), at=6)) == [Reason.ACKNOWLEDGED]
    assert reasons(desk.tick(finding(8.0, 2), at=7)) == [Reason.WORSENED]
    assert desk.only.state is State.ACKNOWLEDGED


def test_a_snooze_is_silent_until_its_end_whatever_comes() -> None:
    desk = Desk()
    desk.tick(finding(4.0))
    desk.act(Verb.SNOOZE, at=0.5, until=4)
    assert reasons(desk.tick(finding(9.0, 1), at=2)) == [Reason.SNOOZED]
    desk.tick(at=3.9)
    assert desk.told() == [Reason.OPENED]
    desk.tick(at=4)
    assert desk.told() == [Reason.OPENED, Reason.WORSENED]
    assert desk.only.state is State.OPEN


@pytest.mark.parametrize("news", [True, False])
def test_when_a_snooze_ends_only_news_are_a_reminder(news: bool) -> None:
    desk = Desk()
    desk.tick(finding(4.0))
    desk.tick(finding(4.5, 0.1), at=0.1)
    desk.act(Verb.SNOOZE, at=0.5, until=4)
    if news:
        desk.tick(finding(5.0, 2), at=3)
    ended = desk.tick(at=4)
    assert reasons(ended) == [Reason.REMINDER] * news
    assert desk.only.state is State.OPEN
    assert {one.part for one in ended.wanted} == (set() if news else {Part.CARD, Part.LOG})


def test_a_higher_level_wakes_what_is_snoozed() -> None:
    desk = Desk()
    desk.tick(finding(4.0))
    desk.act(Verb.SNOOZE, until=9)
    assert reasons(desk.tick(finding(4.0, 1, level=Level.HIGH), at=1)) == [Reason.WORSENED]
    assert desk.only.state is State.OPEN


def test_only_what_has_news_is_reminded_of_and_only_while_nobody_has_it() -> None:
    desk = Desk()
    desk.tick(finding(4.0))
    desk.tick(at=5)
    assert desk.told() == [Reason.OPENED]
    assert reasons(desk.tick(finding(4.0, 2), at=5)) == [Reason.REMINDER]
    assert reasons(desk.tick(finding(4.0, 4), at=6)) == [Reason.UNCHANGED]
    assert reasons(desk.tick(at=9)) == [Reason.REMINDER]
    desk.act(Verb.ACKNOWLEDGE, at=9)
    assert reasons(desk.tick(finding(4.0, 6), at=20)) == [Reason.ACKNOWLEDGED]


def test_what_a_person_resolved_opens_again_aloud() -> None:
    desk = Desk()
    desk.tick(finding(4.0))
    desk.act(Verb.RESOLVE, at=1)
    assert reasons(desk.tick(finding(4.0, 2), at=3)) == [Reason.REOPENED]


def test_the_first_message_is_kept_true_while_nothing_is_told() -> None:
    desk = Desk()
    incident = desk.tick(finding(4.0)).incidents[0].id
    assert desk.tick(finding(4.5, 1), at=1).wanted == (Wanted("console", incident, Part.CARD),)
    assert desk.tick(at=1).wanted == ()
    desk.tick(at=9, judged=9)
    trifle = desk.tick(finding(1.0, 9), at=10)
    assert trifle.wanted == (Wanted("console", incident, Part.CARD), Wanted("console", incident, Part.LOG))


LATER = Route("console", hours=Hours(start=time(14), end=time(20)))


def test_what_was_taken_before_anybody_was_told_is_told_if_worse() -> None:
    """Off: `_taken` in `_first` of monitor/triage/deciding.py."""
    for worse, said in (
        (finding(3.2, 2), []),
        (finding(6.3, 2), [Reason.OPENED]),
        (finding(3.2, 2, level=Level.HIGH), [Reason.OPENED]),
    ):
        desk = Desk(routes=[LATER])
        desk.tick(finding(3.2))
        desk.act(Verb.ACKNOWLEDGE, at=1)
        desk.tick(worse, at=3)
        assert desk.told() == said


def test_what_a_silence_uncovers_after_somebody_took_it_is_told_if_worse() -> None:
    desk = Desk(silences=[silence(3)])
    desk.tick(finding(9.0, 1, level=Level.CRITICAL), at=2)
    desk.act(Verb.ACKNOWLEDGE, at=2.1)
    desk.tick(at=3.1)
    assert (desk.told(), desk.only.state) == ([Reason.OPENED], State.ACKNOWLEDGED)


def test_a_higher_level_that_a_silence_uncovers_wakes_what_is_snoozed() -> None:
    """Off: `woken` in `_unmuted` of monitor/triage/triaging.py."""
    desk = Desk(silences=[silence(3, Matcher("level", "=", "critical"))])
    desk.tick(finding(4.0))
    desk.act(Verb.SNOOZE, at=1.1, until=99)
    desk.tick(finding(9.0, 1, level=Level.CRITICAL), at=2)
    assert reasons(desk.tick(at=3.1)) == [Reason.WORSENED]
    assert (desk.only.state, desk.only.snoozed_until) == (State.OPEN, NOON + 3.1 * HOUR)
