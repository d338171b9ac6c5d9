"""In a storm the worst speak and the rest is one digest; what is said of many is not said of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Decision, Finding, Level, Part, Reason, State, Verb, Wanted
from monitor.triage import PAUSE, Escalation, Policy, Route
from monitor.triage.linking import LINKS, SHARED
from tests.triage.desks import HOUR, NOON, PLACE, Desk, finding, reasons, rule

BRIEF = Policy(storm=2)


def many(count: int, hour: float = 0, first: int = 1, **changed: object) -> list[Finding]:
    return [finding(4.0 + n / 100, hour, who=first + n, **changed) for n in range(count)]  # type: ignore[arg-type]


def test_in_a_storm_the_worst_speak() -> None:
    desk = Desk(policy=BRIEF)
    triaged = desk.tick(*many(5), finding(3.0, who=9, level=Level.HIGH))
    assert reasons(triaged) == [Reason.OPENED, Reason.OPENED, *[Reason.STORM] * 4]
    assert [(one.level, one.surprise) for one in triaged.decisions if one.told] == [
        (Level.HIGH, 3.0),
        (Level.MEDIUM, 4.04),
    ]


def test_the_others_are_in_one_digest_while_it_goes_on() -> None:
    desk = Desk(policy=BRIEF)
    first = desk.tick(*many(5))
    (storm,) = {one.because for one in first.decisions if one.reason is Reason.STORM}
    assert first.wanted == (Wanted("console", storm, Part.DIGEST),)
    assert desk.tick(at=0.1).wanted == ()
    later = desk.tick(*many(2, 0.9, first=10), at=0.9)
    assert {one.because for one in later.decisions} == {storm}
    calm = desk.tick(*many(3, 3, first=20), at=3)
    assert Counter(reasons(calm)) == {Reason.OPENED: 2, Reason.STORM: 1}
    assert storm not in {one.because for one in calm.decisions}


def test_every_notifier_has_a_storm_of_its_own() -> None:
    desk = Desk(policy=BRIEF, routes=[Route("slack"), Route("pager", Level.HIGH)])
    triaged = desk.tick(*many(3), *many(2, first=9, level=Level.HIGH))
    assert Counter((one.notifier, one.reason) for one in triaged.decisions) == {
        ("slack", Reason.OPENED): 2,
        ("slack", Reason.STORM): 3,
        ("pager", Reason.OPENED): 2,
    }


def test_what_is_in_a_digest_speaks_again_when_worse_and_resolves_without_a_word() -> None:
    desk = Desk(policy=BRIEF)
    desk.tick(*many(4))
    quietest, other = finding(4.0, 2, who=1), finding(8.0, 2, who=2)
    assert Counter(reasons(desk.tick(quietest, other, at=2))) == {Reason.UNCHANGED: 1, Reason.OPENED: 1}
    over = desk.tick(at=9, judged=9)
    assert Counter(reasons(over)) == {Reason.RESOLVED: 3, Reason.UNCHANGED: 1}
    assert all(one.state is State.RESOLVED for one in desk.incidents.values())


def test_what_is_in_a_digest_has_no_message_to_keep_true() -> None:
    desk = Desk(policy=BRIEF)
    desk.tick(*many(4))
    more = desk.tick(finding(4.0, 1, who=1), finding(4.0, 1, who=4), at=1)
    (card,) = more.wanted
    assert (card.part, desk.incidents[card.incident].subject) == (Part.CARD, "identity:entra:4")


def test_what_a_storm_swallows_after_a_person_closed_it_begins_anew() -> None:
    slack = Route("slack", rules=frozenset({"one"}), escalate=Escalation(HOUR, "pager"))
    desk = Desk(policy=Policy(storm=1), routes=[slack, Route("pager")])
    desk.tick(finding(4.0))
    desk.tick(at=1)
    desk.act(Verb.RESOLVE, at=1.5)
    desk.tick(finding(9.0, 2, "two", who=2), finding(4.0, 2), at=2)
    desk.tick(at=3)
    said = [one.reason for one in desk.decisions if one.incident == desk.decisions[0].incident]
    assert said == [
        *(Reason.OPENED, Reason.OPENED, Reason.ESCALATED),
        *(Reason.REOPENED, Reason.STORM, Reason.ESCALATED),
    ]


LEVELS = [Level.LOW, Level.MEDIUM, Level.HIGH, Level.CRITICAL]


def test_what_is_critical_is_told_though_a_storm_has_used_its_room() -> None:
    """Off: `urgent` of monitor/triage/storms.py."""
    desk = Desk(policy=BRIEF)
    desk.tick(*many(3, level=Level.LOW))
    critical = [finding(9.0, 0.1, who=20 + n, level=Level.CRITICAL) for n in range(3)]
    assert Counter(reasons(desk.tick(*critical, at=0.2))) == {Reason.OPENED: 2, Reason.STORM: 1}


def test_a_higher_level_than_all_that_hour_is_told_though_a_storm_has_used_its_room() -> None:
    desk = Desk(policy=BRIEF)
    desk.tick(*many(3, level=Level.LOW))
    assert reasons(desk.tick(finding(9.0, 0.1, who=9), at=0.1)) == [Reason.OPENED]
    assert reasons(desk.tick(finding(9.0, 0.1, who=10), at=0.2)) == [Reason.STORM]


def test_what_waits_for_room_is_told_as_soon_as_there_is_some() -> None:
    """Off: `base` of monitor/triage/informing.py. What a digest says of it meanwhile does not count as told."""
    desk = Desk(policy=Policy(storm=1))
    desk.tick(finding(9.0, who=1), finding(4.0, who=2))
    assert reasons(desk.tick(finding(8.0, 0.5, who=2), at=0.6)) == [Reason.STORM]
    assert desk.tick(at=0.9).decisions == ()
    assert desk.tick(at=0.9).wanted == ()
    assert reasons(desk.tick(at=1)) == [Reason.OPENED]


def test_news_of_what_is_critical_are_not_left_to_a_digest() -> None:
    """Off: `due` in `_first` of monitor/triage/deciding.py."""
    desk = Desk(policy=Policy(storm=1))
    desk.tick(*(finding(9.0 - n, who=n, level=Level.CRITICAL) for n in range(3)))
    desk.tick(finding(6.0, 1, who=2), at=2)
    assert Counter(desk.told()) == {Reason.OPENED: 2}
    desk.tick(at=4)
    assert Counter(desk.told()) == {Reason.OPENED: 3}
    desk.tick(at=20)
    assert Counter(desk.told()) == {Reason.OPENED: 3}


def test_what_is_critical_is_escalated_from_a_digest_too_and_within_bounds() -> None:
    """Off: `digested` of monitor/triage/deciding.py, `escalated` of monitor/triage/storms.py."""
    desk = Desk(policy=BRIEF, routes=[Route("slack", escalate=Escalation(HOUR / 4, "pager"))])
    desk.tick(*many(9, level=Level.CRITICAL), *many(9, first=20))
    assert Counter(desk.told("slack")) == {Reason.OPENED: 4}
    for n in range(1, 12):
        desk.tick(at=n / 12)
        assert desk.told("pager").count(Reason.ESCALATED) <= 4
    assert Counter(desk.told("pager")) == {Reason.ESCALATED: 4}
    digest = {one.because for one in desk.decisions if one.notifier == "pager" and one.reason is Reason.STORM}
    assert len(digest) == 1
    desk.tick(at=1.5)
    assert Counter(desk.told("pager")) == {Reason.ESCALATED: 8}


def test_a_line_of_no_storm_is_in_no_digest() -> None:
    """Off: `elif one.because` of monitor/triage/storms.py, `one.because` in `add` of monitor/triage/informing.py."""
    desk = Desk(policy=Policy(storm=1))
    desk.tick(finding(4.0))
    desk.decisions.append(Decision("other", "console", NOON, Reason.STORM, ""))
    storms = [one.because for one in desk.tick(*many(2, first=2), at=0.1).decisions]
    assert storms[0] == storms[1] != ""
    only = Desk()
    only.tick(finding(4.0))
    only.decisions = [replace(only.decisions[0], reason=Reason.STORM)]
    assert reasons(only.tick(at=2)) == [Reason.OPENED]


def test_what_was_decided_while_the_clock_was_ahead_takes_no_room() -> None:
    desk = Desk(policy=Policy(storm=1))
    desk.tick(finding(4.0), at=24 * 365)
    assert reasons(desk.tick(finding(4.0, who=2), at=1)) == [Reason.OPENED]


def test_a_digest_follows_what_becomes_of_its_incidents_for_a_day() -> None:
    """Off: `one.storm` in `stale` of monitor/triage/freshening.py."""
    desk = Desk(policy=Policy(storm=1))
    first = desk.tick(*many(4))
    digest = next(one for one in first.wanted if one.part is Part.DIGEST)
    assert desk.tick(at=1).wanted == ()
    assert digest in desk.tick(finding(9.0, 2, who=1), at=2).wanted
    assert digest in desk.tick(at=9, judged=4).wanted
    late = Desk(policy=Policy(storm=1))
    late.tick(*many(4))
    assert digest not in late.tick(at=30, judged=4).wanted


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(0, 12), st.floats(3, 30), st.integers(1, 12), st.sampled_from(LEVELS)), max_size=60),
)
def test_no_hour_tells_of_more_than_the_configured_number(most: int, acts: list[tuple[int, float, int, Level]]) -> None:
    """And of as many that are critical, or of a higher level than all of that hour.

    No notifier hears twice that an incident was opened, unless it was over in between.
    """
    desk = Desk(policy=Policy(storm=most))
    for tick in range(13):
        found = [
            finding(surprise, n / 100 + at / 4, who=who, level=level)
            for n, (at, surprise, who, level) in enumerate(acts)
            if at == tick
        ]
        desk.tick(*found, at=tick / 4, judged=tick / 4 - 2 if tick % 5 == 0 else -9)
    opened = [one for one in desk.decisions if one.reason in {Reason.OPENED, Reason.REOPENED}]
    for n, one in enumerate(opened):
        hour = [each for each in opened[: n + 1] if one.at - HOUR < each.at]
        urgent = one.level is Level.CRITICAL or one.level.rank > max((each.level.rank for each in hour[:-1]), default=0)
        assert len(hour) <= most * (2 if urgent else 1)
    for incident in desk.incidents:
        said = [one.reason for one in desk.decisions if one.told and one.incident == incident]
        for reason, after in pairwise(said):
            assert after not in {Reason.OPENED, Reason.REOPENED} or reason is Reason.RESOLVED
            assert reason is not Reason.RESOLVED or after is Reason.REOPENED


def surge(surprise: float = 9.0, hour: float = 0, rule: str = "one") -> Finding:
    """Of eight identities at once."""
    return finding(
        surprise,
        hour,
        rule,
        subject="tenant:entra",
        group=(("tenant", "entra"),),
        level=Level.HIGH,
        members=tuple(f"entra:{n}" for n in range(1, 9)),
    )


def test_what_is_said_of_many_is_not_said_of_each() -> None:
    desk = Desk()
    triaged = desk.tick(surge(), *many(5))
    (of_all,) = [one for one in triaged.decisions if one.told]
    others = [one for one in triaged.decisions if not one.told]
    assert {(one.reason, one.because) for one in others} == {(Reason.INHIBITED, of_all.incident)}
    assert len(others) == 5


def test_one_of_them_that_is_worse_or_shows_something_else_is_told() -> None:
    worse, higher = finding(12.0, who=1), finding(4.0, who=2, level=Level.CRITICAL)
    other, stranger = finding(4.0, who=3, family=PLACE), finding(4.0, who=77)
    both = (finding(4.0, who=4), finding(3.5, who=4, family=PLACE))
    assert Counter(reasons(Desk().tick(surge(), worse, higher, other, stranger, *both))) == {Reason.OPENED: 6}


def test_when_what_is_said_of_many_is_over_each_speaks_for_itself() -> None:
    desk = Desk()
    desk.tick(surge(), finding(4.0, 3, who=1))
    assert Counter(reasons(desk.tick(at=4, judged=3.5))) == {Reason.RESOLVED: 1, Reason.OPENED: 1}


def test_who_is_not_told_of_many_is_told_of_each() -> None:
    vaults = Route("vaults", rules=frozenset({"two"}))
    triaged = Desk(routes=[Route("all"), vaults]).tick(surge(rule="one"), finding(4.0, who=1, rule="two"))
    said = {(one.notifier, one.reason) for one in triaged.decisions}
    assert said == {("all", Reason.OPENED), ("all", Reason.INHIBITED), ("vaults", Reason.OPENED)}


def test_what_many_had_in_hand_is_no_news_of_each() -> None:
    desk = Desk()
    desk.tick(surge())
    desk.act(Verb.ACKNOWLEDGE)
    assert reasons(desk.tick(finding(4.0, who=1), at=PAUSE / HOUR)) == [Reason.INHIBITED]


def test_what_only_a_digest_says_of_many_keeps_nobody_quiet() -> None:
    """Off: `final.reason.told` and `mine.stormed` of monitor/triage/calming.py."""
    desk = Desk(policy=Policy(storm=1))
    desk.tick(finding(9.0, who=77, level=Level.CRITICAL), surge(), *many(2))
    said = Counter(one.reason for one in desk.decisions)
    assert said == {Reason.OPENED: 1, Reason.STORM: 3}
    later = desk.tick(finding(4.0, 1, who=3), at=2)
    assert reasons(later) == [Reason.OPENED]


def test_what_is_said_of_many_comes_before_what_is_said_of_each() -> None:
    """Off: `inhibits` in `_worst_first` of monitor/triage/calming.py."""
    desk = Desk(policy=Policy(storm=1))
    triaged = desk.tick(surge(6.0), *many(3, level=Level.HIGH), finding(8.0, who=4, level=Level.HIGH))
    assert Counter(reasons(triaged)) == {Reason.OPENED: 1, Reason.INHIBITED: 4}


def test_who_sleeps_over_what_is_said_of_many_is_told_of_each() -> None:
    desk = Desk()
    desk.tick(surge())
    desk.act(Verb.SNOOZE, until=99)
    assert reasons(desk.tick(finding(4.0, 1, who=1), at=1)) == [Reason.OPENED]


def test_a_false_positive_of_many_is_one_of_each_until_its_rules_have_looked_past_it() -> None:
    """Off: `past` in `inhibits` of monitor/triage/inhibiting.py, and `FALSE_POSITIVE` there."""
    desk = Desk()
    desk.tick(surge())
    desk.act(Verb.FALSE_POSITIVE, at=0.5)
    assert reasons(desk.tick(*many(2), at=1)) == [Reason.INHIBITED] * 2
    desk.tick(*many(2, 1), at=2)
    assert desk.tick(at=3, judged=3).decisions == ()
    assert reasons(desk.tick(at=3.5, judged=3.1)) == [Reason.OPENED] * 2
    more = desk.tick(surge(), *many(1, 2.9, first=5), at=4, judged=9)
    assert Counter(reasons(more))[Reason.OPENED] == 1


def test_incidents_that_share_an_address_or_a_credential_are_linked_once() -> None:
    key = rule("new", new=["credential_id"])
    desk = Desk(rules={"one": rule("one"), "new": key})
    desk.tick(finding(4.0, who=1, group=(("identity", "entra:1"), ("ip", "1.2.3.4"))))
    shared = finding(4.0, 1, who=2, group=(("identity", "entra:2"), ("ip", "1.2.3.4")))
    (link,) = desk.tick(shared, at=1).links
    assert link.because == "address 1.2.3.4"
    assert {link.incident, link.other} == set(desk.incidents)
    assert desk.tick(finding(4.0, 2, who=2, group=shared.group), at=2).links == ()
    with_keys = [finding(4.0, 3 + who, rule="new", who=who, term="k1") for who in (1, 2)]
    assert [one.because for one in desk.tick(*with_keys, at=3).links] == ["credential k1"]


def test_what_opens_in_the_same_minute_is_linked() -> None:
    links = Desk().tick(finding(4.0, who=1), finding(4.0, who=2), finding(4.0, 0.5, who=3), finding(1.0, who=4)).links
    assert [one.because for one in links] == ["same minute"]


@given(st.integers(0, 120), st.integers(1, 4))
def test_no_incident_has_more_links_than_a_person_reads(count: int, addresses: int) -> None:
    found = [
        finding(4.0, who=n, group=(("identity", f"entra:{n}"), *((("ip", f"1.1.1.{n % addresses}"),))))
        for n in range(count)
    ]
    degree = Counter(end for one in Desk().tick(*found).links for end in (one.incident, one.other))
    assert max(degree.values(), default=0) <= LINKS
    assert SHARED <= LINKS


def test_a_storm_of_five_thousand_is_the_configured_number_and_one_digest() -> None:
    desk = Desk()
    found = [finding(4.0, who=n, group=(("identity", f"entra:{n}"), ("ip", "1.2.3.4"))) for n in range(5000)]
    triaged = desk.tick(*found)
    assert Counter(reasons(triaged)) == {Reason.OPENED: 10, Reason.STORM: 4990}
    assert len(triaged.wanted) == 1
    assert len(triaged.links) <= 45
    assert len(set(triaged.belongs.values())) == len(desk.incidents) == 5000
