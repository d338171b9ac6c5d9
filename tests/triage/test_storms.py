"""In a storm the worst speak and the rest is one digest; what is said of many is not said of each."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Finding, Level, Part, Reason, State, Verb, Wanted
from monitor.triage import PAUSE, Escalation, Policy, Route
from monitor.triage.linking import LINKS, SHARED
from tests.triage.desks import HOUR, PLACE, Desk, finding, reasons, rule

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


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(0, 12), st.floats(3, 30), st.integers(1, 12)), max_size=60),
)
def test_no_hour_tells_of_more_than_the_configured_number(most: int, acts: list[tuple[int, float, int]]) -> None:
    """And no notifier hears twice that an incident was opened, unless it was over in between."""
    desk = Desk(policy=Policy(storm=most))
    for tick in range(13):
        found = [
            finding(surprise, n / 100 + at / 4, who=who) for n, (at, surprise, who) in enumerate(acts) if at == tick
        ]
        desk.tick(*found, at=tick / 4, judged=tick / 4 - 2 if tick % 5 == 0 else -9)
    opened = [one for one in desk.decisions if one.reason in {Reason.OPENED, Reason.REOPENED}]
    assert all(sum(one.at <= each.at < one.at + HOUR for each in opened) <= most for one in opened)
    for incident in desk.incidents:
        said = [one.reason for one in desk.decisions if one.told and one.incident == incident]
        for one, after in pairwise(said):
            assert after not in {Reason.OPENED, Reason.REOPENED} or one is Reason.RESOLVED
            assert one is not Reason.RESOLVED or after is Reason.REOPENED


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
