"""Evidence counted once, one incident per subject, nothing that is over swallows what is new."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Finding, Level, Reason, State, Verb, together
from monitor.triage.folding import MEMBERS
from tests.triage.desks import PLACE, RULES, Desk, after, finding, reasons, rule


def test_weak_findings_of_distinct_evidence_add_up_to_what_is_told() -> None:
    desk = Desk()
    desk.tick(finding(2.9))
    assert reasons(desk.tick(finding(2.9, family=PLACE, rule="two"))) == [Reason.OPENED]


def test_the_same_tokens_seen_by_three_rules_count_once() -> None:
    incident = after(*(finding(surprise, rule=rule) for rule, surprise in (("one", 3.0), ("two", 5.0), ("three", 4.0))))
    assert (incident.surprise, incident.findings, incident.rules) == (5.0, 3, ("one", "three", "two"))


def test_distinct_evidence_counts_together() -> None:
    incident = after(finding(4.0), finding(3.5, family=PLACE), finding(3.0, family=PLACE))
    assert incident.surprise == pytest.approx(together([4.0, 3.5]))
    assert len(incident.evidence) == 2


def test_an_incident_about_many_remembers_so_many_of_them_and_no_more() -> None:
    hours = [tuple(f"entra:{hour}-{n}" for n in range(MEMBERS // 4)) for hour in range(6)]
    incident = after(*(finding(4.0, hour, members=members) for hour, members in enumerate(hours)))
    assert len(set(incident.members)) == len(incident.members) == MEMBERS


def test_an_incident_lasts_from_its_first_bucket_to_its_last_in_whatever_order_they_come() -> None:
    incident = after(finding(4.0, 3), finding(4.0, 0), finding(4.0, 2))
    assert incident.last_at - incident.first_at == 4 * (finding(1).bucket_end - finding(1).bucket)


def test_a_resolved_incident_reopens_within_a_day_and_is_another_one_after() -> None:
    desk = Desk()
    desk.tick(finding(4.0))
    desk.tick(judged=9, at=9)
    first = desk.only.id
    again = desk.tick(finding(4.0, 20), at=21)
    assert (reasons(again), again.incidents[0].id) == ([Reason.REOPENED], first)
    desk.tick(judged=40, at=40)
    later = desk.tick(finding(4.0, 46), at=47)
    assert reasons(later) == [Reason.OPENED]
    assert later.incidents[0].id != first


def test_an_incident_nobody_could_resolve_swallows_nothing_said_much_later() -> None:
    desk = Desk()
    desk.tick(finding(8.0))
    stuck = desk.only
    later = desk.tick(finding(9.0, hour=90 * 24), at=90 * 24)
    assert reasons(later) == [Reason.OPENED, Reason.RESOLVED]
    assert desk.incidents[stuck.id].state is State.RESOLVED


def test_what_is_found_in_one_tick_about_two_distant_days_is_told_of_both() -> None:
    """Off: `not in fold.touched` in `triage` of monitor/triage/triaging.py."""
    desk = Desk()
    late = desk.tick(finding(8.0), finding(5.0, 48), at=49)
    assert reasons(late) == [Reason.OPENED, Reason.OPENED]
    assert reasons(desk.tick(at=49.1, judged=49)) == [Reason.RESOLVED]
    assert reasons(desk.tick(finding(4.0, 49), at=50, judged=49)) == [Reason.UNCHANGED]


def test_a_trifle_reopens_without_a_word_and_news_speak_again() -> None:
    desk = Desk()
    desk.tick(finding(8.0))
    desk.tick(judged=4, at=4)
    assert reasons(desk.tick(finding(1.0, 5), at=6)) == [Reason.WEAK]
    assert desk.only.surprise == 1.0
    assert reasons(desk.tick(finding(4.0, 6), at=7)) == [Reason.REOPENED]


def test_a_rule_that_tells_early_lends_its_threshold_to_no_other() -> None:
    early = {**RULES, "two": rule("two", tell=2.0)}

    def said(*found: Finding) -> list[Reason]:
        return reasons(Desk(rules=early).tick(*found))

    assert said(finding(2.1), finding(1.0, rule="two")) == [Reason.WEAK]
    assert said(finding(2.1, rule="two"), finding(1.0)) == [Reason.OPENED]


def test_an_experimental_rule_is_kept_and_never_told_by_itself() -> None:
    assert reasons(Desk().tick(finding(9.0, experimental=True))) == [Reason.EXPERIMENTAL]
    apart = Desk().tick(finding(9.0, experimental=True), finding(4.0, rule="two"))
    assert reasons(apart) == [Reason.EXPERIMENTAL, Reason.OPENED]
    assert {one.surprise for one in apart.incidents} == {9.0, 4.0}


def test_a_false_positive_holds_for_more_of_the_same() -> None:
    """Off: `_refutes` of monitor/triage/folding.py."""
    desk = Desk()
    desk.tick(finding(6.0))
    desk.act(Verb.FALSE_POSITIVE)
    for hour in range(1, 40):  # each within a day of the one before
        assert reasons(desk.tick(finding(6.0 + hour % 3, hour), at=hour)) == [Reason.CLOSED]
    assert (desk.only.state, desk.only.surprise, desk.only.findings) == (State.FALSE_POSITIVE, 6.0, 40)
    assert desk.told() == [Reason.OPENED]


@pytest.mark.parametrize(
    "other",
    [
        finding(9.0, 1),
        finding(1.0, 1, level=Level.HIGH),
        finding(3.0, 1, family=PLACE),
    ],
    ids=["so much more surprising", "of a higher level", "another kind of evidence"],
)
def test_something_else_opens_a_false_positive_again_and_counts_alone(other: Finding) -> None:
    desk = Desk()
    desk.tick(finding(6.0, who=1))
    desk.act(Verb.FALSE_POSITIVE)
    desk.tick(other, at=1)
    assert (desk.only.state, desk.only.surprise, desk.only.level) == (State.OPEN, other.surprise, other.level)
    assert desk.only.handled_by == desk.only.note == ""
    assert desk.told() == [Reason.OPENED] + [Reason.REOPENED] * (other.surprise >= 3.0)


def test_a_trifle_of_another_kind_does_not_undo_what_a_person_decided() -> None:
    desk = Desk()
    desk.tick(finding(6.0))
    desk.act(Verb.FALSE_POSITIVE)
    assert reasons(desk.tick(finding(1.2, 1, family=PLACE), at=1)) == [Reason.CLOSED]
    assert desk.only.state is State.FALSE_POSITIVE


@given(data=st.data(), seed=st.integers(0, 10_000))
def test_the_order_of_findings_and_incidents_changes_nothing(data: st.DataObject, seed: int) -> None:
    made = data.draw(
        st.lists(
            st.builds(
                finding,
                st.floats(1, 20),
                st.integers(0, 5),
                st.sampled_from(["one", "two"]),
                st.sampled_from(["events", PLACE]),
                st.integers(1, 3),
                experimental=st.booleans(),
            ),
            max_size=12,
            unique_by=lambda one: one.key,
        )
    )
    desk, other = Desk(), Desk()
    before = [finding(4.0, who=who) for who in (1, 2, 3)]
    desk.tick(*before)
    other.tick(*before)
    other.incidents = dict(reversed(other.incidents.items()))
    shuffled = Random(seed).sample(made, len(made))
    one, same = desk.tick(*made, at=1), other.tick(*shuffled, at=1)
    assert set(one.incidents) == set(same.incidents)
    assert one.decisions == same.decisions
    assert (set(one.links), one.belongs, set(one.wanted)) == (set(same.links), same.belongs, set(same.wanted))


def test_what_is_told_worse_and_over_in_one_tick_is_told_and_resolves_at_the_next() -> None:
    """Off: `fold.touched` in `triage` and `superseded` of monitor/triage/triaging.py. Its rules look past it later."""
    desk = Desk()
    desk.tick(finding(3.5, -80), at=-79, judged=-90)
    first = desk.only.id
    late = desk.tick(finding(9.0, -72, level=Level.CRITICAL), finding(3.5, -1), judged=-90)
    assert reasons(late) == [Reason.WORSENED, Reason.OPENED]
    stood = desk.incidents[first]
    assert (stood.state, stood.level, stood.surprise, stood.findings) == (State.OPEN, Level.CRITICAL, 9.0, 2)
    (over,) = desk.tick(at=0.1, judged=-90).decisions
    assert (over.incident, over.reason) == (first, Reason.RESOLVED)
    assert desk.tick(at=0.2, judged=-90).decisions == ()


def test_what_is_found_of_what_is_quiet_already_is_kept() -> None:
    """Off: `not in fold.touched` in `triage` of monitor/triage/triaging.py."""
    desk = Desk()
    desk.tick(finding(3.5, -80), at=-79, judged=-90)
    late = desk.tick(finding(9.0, -72), finding(3.5, -1))
    assert len(late.incidents) == len({one.id for one in late.incidents}) == 2
    assert sorted(one.findings for one in desk.incidents.values()) == [1, 2]


def test_what_opens_again_is_in_nobodys_hands() -> None:
    """Off: any line of `_reopened` of monitor/triage/folding.py."""
    desk = Desk()
    desk.tick(finding(4.0, level=Level.HIGH))
    desk.act(Verb.SNOOZE, at=1, until=90)
    desk.tick(at=9, judged=9)
    assert desk.only.handled_findings == 1
    assert desk.only.handled_surprise == 4.0
    desk.tick(finding(4.0, 9), at=10, judged=9)
    again = desk.only
    assert (again.state, again.handled_by, again.handled_at, again.note) == (State.OPEN, "", None, "")
    assert (again.handled_findings, again.handled_level, again.handled_surprise) == (0, Level.INFORMATIONAL, 0.0)
    assert again.snoozed_until is None
