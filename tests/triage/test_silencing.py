"""What is under a silence is kept and not told; what silences end is as if they never had been."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.frames import JOINED
from monitor.model import (
    OVER_FINDINGS,
    Finding,
    Incident,
    Level,
    Matcher,
    Owner,
    Reason,
    Silence,
    State,
    Verb,
    matcher,
)
from monitor.triage import LABELS, Muting, labels, matches, preview
from monitor.triage.silencing import Mute
from tests.triage.desks import PLACE, RULES, Desk, finding, reasons, rule, silence

ALL = silence(24.0)


def test_a_finding_under_a_silence_is_kept_and_not_told() -> None:
    desk = Desk(silences=[ALL])
    (made,) = desk.tick(finding(9.0)).decisions
    assert (made.reason, made.because) == (Reason.SILENCED, "s")
    assert (desk.only.surprise, desk.only.evidence, desk.only.findings) == (0.0, (), 1)
    assert desk.only.muted == (("overall", "volume", 9.0),)


def test_another_ones_findings_are_told() -> None:
    said = Desk(silences=[ALL]).tick(finding(9.0), finding(4.0, who=2)).decisions
    assert {one.surprise: one.reason for one in said} == {0.0: Reason.SILENCED, 4.0: Reason.OPENED}


def test_an_incident_speaks_by_what_nobody_silenced() -> None:
    desk = Desk(silences=[silence(24.0, Matcher("rule", "=", "one"))])
    desk.tick(finding(9.0, level=Level.CRITICAL), finding(4.0, rule="two", family=PLACE))
    (made,) = desk.decisions
    assert (made.reason, made.surprise, made.level, made.findings) == (Reason.OPENED, 4.0, Level.MEDIUM, 1)


def test_a_silence_begins_and_ends() -> None:
    for since, until, said in ((0.5, 9.0, Reason.OPENED), (-1, 0.0, Reason.OPENED), (0.0, 0.1, Reason.SILENCED)):
        assert reasons(Desk(silences=[silence(until, since=since)]).tick(finding(4.0))) == [said]


def test_more_of_what_was_told_is_silenced_from_when_the_silence_begins() -> None:
    desk = Desk(silences=[silence(24.0, since=0.5)])
    desk.tick(finding(4.0))
    made = desk.tick(finding(20.0, 1, level=Level.CRITICAL), at=1)
    assert reasons(made) == [Reason.SILENCED]
    assert made.wanted == ()
    assert desk.only.surprise == 4.0


def test_when_the_silence_ends_what_it_muted_is_told_if_still_open() -> None:
    """Off: `unmuted` of monitor/triage/folding.py."""
    desk = Desk(silences=[silence(2.0)])
    desk.tick(finding(9.0))
    assert desk.tick(at=1.9).decisions == ()
    (made,) = desk.tick(at=2).decisions
    assert (made.reason, made.surprise, made.findings) == (Reason.OPENED, 9.0, 1)
    assert (desk.only.muted, desk.only.muted_by, desk.only.heard) == ((), (), 1)


def test_while_one_of_the_silences_lasts_it_stays_muted() -> None:
    desk = Desk(silences=[silence(2.0, name="a"), silence(4.0, name="b")])
    desk.tick(finding(9.0))
    assert desk.tick(at=3).decisions == ()
    assert reasons(desk.tick(at=4)) == [Reason.OPENED]


@pytest.mark.parametrize(
    ("renewed", "told"),
    [
        (silence(48.0, since=1.5, name="t"), []),
        (silence(48.0, Matcher("kind", "=", "identity"), since=2.0, name="t"), []),
        (silence(48.0, Matcher("rule", "=", "one"), since=1.5, name="t"), [Reason.OPENED]),
        (silence(48.0, Matcher("subject", "=", "identity:entra:2"), since=1.5, name="t"), [Reason.OPENED]),
    ],
)
def test_a_silence_made_before_the_first_ends_takes_its_place(renewed: Silence, told: list[Reason]) -> None:
    """Off: `instead` in `_unmuted` of monitor/triage/triaging.py. One that may be about something else does not."""
    desk = Desk(silences=[silence(2.0), renewed])
    desk.tick(finding(9.0))
    for hour in (2.0, 2.1, 47.0):
        desk.tick(at=hour)
        assert desk.told() == told
    desk.tick(at=48)
    assert desk.told() == [Reason.OPENED]


def test_a_silence_of_one_rule_that_is_renewed_holds() -> None:
    of_rule = Matcher("rule", "=", "one")
    desk = Desk(silences=[silence(2.0, of_rule), silence(48.0, of_rule, since=1.5, name="t")])
    desk.tick(finding(9.0))
    desk.tick(at=2.1)
    assert (desk.told(), desk.only.muted_by) == ([], ("s", "t"))


def test_what_was_muted_and_is_over_resolves_without_a_word() -> None:
    desk = Desk(silences=[silence(2.0)])
    desk.tick(finding(9.0))
    assert reasons(desk.tick(at=9, judged=9)) == [Reason.UNCHANGED]
    assert desk.only.state is State.RESOLVED


def test_what_was_expected_is_not_told_when_the_time_is_over() -> None:
    desk = Desk(silences=[silence(2.0, kind="expected")])
    desk.tick(finding(9.0))
    desk.tick(at=2.5)
    assert (desk.told(), desk.only.expected_by, desk.only.heard) == ([], ("s",), 0)
    assert reasons(desk.tick(finding(4.0, 2), at=3)) == [Reason.OPENED]
    assert desk.only.surprise == 4.0


def test_a_silenced_finding_leaves_a_false_positive_closed() -> None:
    desk = Desk(silences=[silence(24.0, since=0.5)])
    desk.tick(finding(6.0))
    desk.act(Verb.FALSE_POSITIVE)
    assert reasons(desk.tick(finding(30.0, 1, level=Level.CRITICAL), at=1)) == [Reason.CLOSED]


def test_labels_are_those_of_the_finding_its_owner_and_what_is_new() -> None:
    new = rule("new", new=["country", "asn"])
    one = finding(4.0, rule="new", group=(("identity", "entra:1"), ("ip", "1.2.3.4")), term=f"DE{JOINED}3320")
    seen = labels(one, Owner("ann", "payments"), new)
    assert (
        seen.items()
        >= {
            "identity": "entra:1",
            "ip": "1.2.3.4",
            "country": "DE",
            "asn": "3320",
            "team": "payments",
            "owner": "ann",
            "kind": "identity",
            "subject": "identity:entra:1",
            "level": "medium",
            "rule": "new",
        }.items()
    )
    assert set(seen) <= LABELS


@pytest.mark.parametrize(
    ("texts", "fits"),
    [
        (["rule=one"], True),
        (["rule=~o.*", "identity=entra:1"], True),
        (["rule=~o"], False),
        (["rule=one", "level!=medium"], False),
        (["team=payments"], False),
        (["team="], True),
        ([], False),
    ],
)
def test_all_matchers_must_fit_and_none_at_all_is_nothing(texts: list[str], *, fits: bool) -> None:
    asked = [matcher(one, LABELS) for one in texts]
    assert matches(asked, labels(finding(4.0))) is fits
    assert bool(preview(asked, [finding(4.0)], {}, RULES)) is fits


matchers = st.builds(
    Matcher,
    st.sampled_from(["rule", "level", "identity", "team", "term", "ip"]),
    st.sampled_from(["=", "!=", "=~", "!~"]),
    st.sampled_from(["one", "", "o.*|t.*", "entra:1", "entra:[12]", "medium", "payments"]),
)


@given(
    st.lists(st.tuples(st.sampled_from(["one", "two"]), st.integers(1, 3)), max_size=6, unique=True),
    st.lists(st.tuples(st.lists(matchers, max_size=3), st.booleans()), max_size=4),
)
def test_what_is_asked_of_all_findings_at_once_is_as_if_asked_of_each(
    about: list[tuple[str, int]], made: list[tuple[list[Matcher], bool]]
) -> None:
    found = [finding(4.0, rule=rule, who=who) for rule, who in about]
    owners = {"identity:entra:2": Owner("ann", "payments")}
    silences = [
        replace(silence(9.0, kind="expected" if expected else "silence", name=str(n)), matchers=tuple(each))
        for n, (each, expected) in enumerate(made)
    ]
    mutes = Muting(found, owners, RULES).of(silences)
    for one in found:
        seen = labels(one, owners.get(one.subject), RULES[one.rule])
        good = [each for each in silences if matches(each.matchers, seen)]
        mute = mutes.get(one.key, Mute())
        assert mute.by == tuple(each.id for each in good if each.kind == "silence")
        assert mute.expected_by == tuple(each.id for each in good if each.kind == "expected")
        assert (one.key in mutes) == bool(good)


made = st.builds(
    finding,
    st.floats(1, 30),
    st.integers(0, 3),
    st.sampled_from(["one", "two"]),
    st.sampled_from(["events", PLACE, "sum"]),
    level=st.sampled_from(list(Level)),
    stream=st.sampled_from(["sign_in", "vault", OVER_FINDINGS]),
)


@given(st.lists(made, min_size=1, max_size=8, unique_by=lambda one: one.key), st.sampled_from(["one", "o.*|t.*"]))
def test_what_was_muted_and_is_not_any_more_is_as_if_it_never_had_been(found: list[Finding], muting: str) -> None:
    never, once = Desk(), Desk(silences=[silence(2.0, Matcher("rule", "=~", muting))])
    for desk in (never, once):
        for n, one in enumerate(found):
            desk.tick(one, at=n / 10)
        desk.tick(at=2)
    assert _timeless(once.only) == _timeless(never.only)
    assert bool(once.told()) == bool(never.told())


@given(found=st.lists(made, max_size=8, unique_by=lambda one: one.key), snoozed=st.booleans())
def test_nothing_is_told_while_all_is_silenced_or_snoozed(*, found: list[Finding], snoozed: bool) -> None:
    """But a higher level, which wakes what is snoozed."""
    desk = Desk(silences=[] if snoozed else [ALL])
    if snoozed:
        desk.tick(finding(4.0, level=Level.CRITICAL))
        desk.act(Verb.SNOOZE, until=20)
    before = len(desk.told())
    for n, one in enumerate(found):
        desk.tick(one, at=1 + n)
    assert len(desk.told()) == before


def _timeless(incident: Incident) -> Incident:
    return replace(incident, updated_at=incident.opened_at)
