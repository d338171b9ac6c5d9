"""Where it stands, what changed, what was done, what was seen, and a storm: in words a person reads once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from monitor.model import (
    Act,
    Decision,
    Entry,
    Federated,
    Finding,
    Incident,
    Level,
    Link,
    Message,
    Outcome,
    Owner,
    Owners,
    Person,
    Reason,
    Silence,
    State,
    Verb,
)
from monitor.notify import Hush, Shown, Told, compose, gathered, worst
from monitor.rules import Rule
from tests.test_notify import AT, NAMES, WHO, decision, finding, incident, rule

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RULES = {"sp-issuance-spike": rule()}


def told(found: Incident | None = None, **more: object) -> Message:
    made = Told(decision(), found or incident(finding()), [finding()], AT + DAY, RULES, NAMES)
    return compose(replace(made, **more))  # type: ignore[arg-type]


# --- where it stands -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "Nobody has acknowledged it"),
        ({"state": State.ACKNOWLEDGED, "note": "planned"}, "Acknowledged by ann, 18:05 UTC: planned"),
        (
            {"state": State.SNOOZED, "snoozed_until": AT + DAY},
            "Snoozed by ann until 2026-05-02 10:00 UTC",
        ),
        ({"state": State.RESOLVED, "handled_by": "", "handled_at": None}, "Resolved: quiet since 10:15 UTC"),
        ({"state": State.RESOLVED, "note": "rotated"}, "Closed by ann, 18:05 UTC: rotated"),
        ({"state": State.FALSE_POSITIVE, "note": "a test"}, "False positive, said ann, 18:05 UTC: a test"),
    ],
)
def test_status_says_who_has_it_since_when_and_why(changes: dict[str, object], expected: str) -> None:
    handled = {"handled_by": "ann", "handled_at": AT + 8 * HOUR + 5 * MINUTE} if changes else {}
    made = told(incident(finding(), **{**handled, **changes}))
    assert made.status == f"{expected} · 1 finding since 10:00 UTC"


def test_what_a_person_wrote_is_cleaned_and_clipped() -> None:
    wrote = {"state": State.ACKNOWLEDGED, "handled_by": "a\u202en\nn", "note": "x" * 10_000}
    status = told(incident(finding(), **wrote)).status
    assert status.startswith("Acknowledged by an n: xxx")
    assert len(status) < 300


PLANNED = Silence("s1", (), "ann", "planned", AT, AT, AT + 2 * HOUR, "expected")


@pytest.mark.parametrize(
    ("hush", "changes", "expected"),
    [
        (Hush((PLANNED,)), {}, "Silenced by ann until 12:00 UTC (expected: planned)"),
        (Hush((replace(PLANNED, kind="silence", reason=""),)), {}, "Silenced by ann until 12:00 UTC"),
        (
            Hush((PLANNED,), whole=False),
            {},
            "Silenced in part by ann until 12:00 UTC (expected: planned) · Nobody has acknowledged it",
        ),
        (
            Hush((PLANNED,)),
            {"state": State.ACKNOWLEDGED, "handled_by": "bob"},
            "Silenced by ann until 12:00 UTC (expected: planned) · Acknowledged by bob",
        ),
        (Hush((PLANNED,)), {"state": State.RESOLVED}, "Resolved: quiet since 10:15 UTC"),
    ],
)
def test_status_says_what_mutes_it(hush: Hush, changes: dict[str, object], expected: str) -> None:
    assert told(incident(finding(), **changes), hush=hush).status == f"{expected} · 1 finding since 10:00 UTC"


# --- what changed ----------------------------------------------------------------------------------------------------

BEFORE = Decision("a1b2c3d4e5", "slack", AT, Reason.OPENED, "", 3.0, Level.MEDIUM, 2)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.OPENED, ""),
        (
            Reason.WORSENED,
            "Worse than when it was told at 10:00 UTC: MEDIUM → HIGH, 2 → 14 findings, over 1,000 times rarer.",
        ),
        (Reason.REOPENED, "It is back, MEDIUM → HIGH, 2 → 14 findings, over 1,000 times rarer."),
        (
            Reason.REMINDER,
            "Nobody has acknowledged it for 4 h, and it goes on: MEDIUM → HIGH, 2 → 14 findings, over 1,000 times rarer.",  # noqa: E501
        ),
        (Reason.ESCALATED, "Nobody has acknowledged it within 4 h."),
        (Reason.RESOLVED, "Quiet since 10:15 UTC."),
    ],
)
def test_news_are_numbers_then_and_now(reason: Reason, expected: str) -> None:
    now = Decision("a1b2c3d4e5", "slack", AT + 4 * HOUR, reason, "", 9.0, Level.HIGH, 14)
    assert told(decision=now, decisions=(now, BEFORE)).news == expected


def test_what_was_decided_and_not_told_in_between_is_no_measure_of_what_changed() -> None:
    between = replace(BEFORE, at=AT + HOUR, reason=Reason.UNCHANGED, findings=13)
    now = replace(BEFORE, at=AT + 4 * HOUR, reason=Reason.WORSENED, findings=14)
    assert "2 → 14 findings" in told(decision=now, decisions=(BEFORE, between, now)).news


# --- what was done ---------------------------------------------------------------------------------------------------


def entry(verb: Verb, after: timedelta, outcome: Outcome = Outcome.DONE, **more: object) -> Entry:
    act = Act("key", verb, Person("U1", "ann"), "Slack", AT + after, "a1b2c3d4e5")
    return Entry(replace(act, **more), outcome, "")  # type: ignore[arg-type]


def test_log_has_decisions_and_acts_in_order_with_who_and_when() -> None:
    quiet = [replace(BEFORE, at=AT + n * MINUTE, reason=Reason.UNCHANGED) for n in range(1, 5)]
    silenced = [replace(BEFORE, at=AT + n * HOUR, reason=Reason.SILENCED, because="s1") for n in (2, 3, 4)]
    entries = (
        entry(Verb.SNOOZE, 30 * MINUTE, until=AT + DAY, reason="after lunch"),
        entry(Verb.ACKNOWLEDGE, 10 * MINUTE),
        entry(Verb.ACKNOWLEDGE, 11 * MINUTE, Outcome.REPEATED),
        entry(Verb.RESOLVE, 12 * MINUTE, Outcome.REFUSED),
    )
    assert told(decisions=(*silenced, *quiet, BEFORE), entries=entries).log == (
        "10:00 UTC  opened, MEDIUM",
        "10:10 UTC  ann acknowledged it (Slack)",
        "10:30 UTC  ann snoozed it until 2026-05-02 10:00 UTC (Slack): after lunch",
        "12:00 UTC  new findings, silenced: s1",
    )


def test_log_has_no_ids_of_who_was_called() -> None:
    called = replace(BEFORE, reason=Reason.ESCALATED, because="S0604QSJC")
    assert told(decisions=(called,)).log == ("10:00 UTC  escalated: nobody has acknowledged it, MEDIUM",)


def test_long_log_keeps_its_first_and_its_newest_lines() -> None:
    decisions = tuple(replace(BEFORE, at=AT + n * MINUTE, reason=Reason.WORSENED) for n in range(60))
    log = told(decisions=decisions).log
    assert len(log) == 25
    assert log[0].startswith("10:00 UTC")
    assert log[1] == "… 36 more …"
    assert log[-1].startswith("10:59 UTC")


def test_every_reason_and_every_verb_has_words() -> None:
    reasons = tuple(replace(BEFORE, reason=reason) for reason in Reason)
    verbs = tuple(entry(verb, HOUR) for verb in Verb)
    assert all(len(line.split()) >= 3 for line in told(decisions=reasons, entries=verbs).log)


def test_related_incidents_say_what_they_share() -> None:
    other = incident(finding(subject="ip:203.0.113.7"), id="b2c3d4e5f6")
    assert told(linked=((Link("a1b2c3d4e5", "b2c3d4e5f6", "same address"), other),)).related == (
        "b2c3d4e5f6 203.0.113.7 · HIGH, open: same address",
    )


# --- whose, from where, and what was seen ----------------------------------------------------------------------------


def seen(**changes: object) -> Mapping[str, object]:
    usual: dict[str, object] = {
        "action": "NonInteractive", "resource": "cfa8b339-82a2-471a-a3c9-0fc0be7a4093", "target": "", "object": "",
        "ip": "203.0.113.7", "country": "DE", "asn": "8075", "app_id": "app", "credential_id": "", "outcome": "issued",
        "code": "0", "events": 412, "first_at": AT, "last_at": AT, "kind": "left out",
    }  # fmt: skip
    return usual | changes


def shown(*rows: Mapping[str, object], one: Finding | None = None) -> Shown:
    return Shown.of(one or finding(), pd.DataFrame(rows))


def test_facts_say_whose_it_is_and_whom_it_trusts() -> None:
    owners = Owners(
        identities={WHO: Owner("Ada", "payments", "high", runbook="https://wiki.example/x", note="rotates on Mondays")},
        credentials={"cred-1": Federated("https://token.actions.githubusercontent.com", "repo:acme/pay:ref:main")},
    )
    made = told(owners=owners, shown=(shown(seen(credential_id="cred-1")),))
    facts = dict(made.facts)
    assert facts["Owner"] == "Ada · team payments · critical"
    assert facts["Trusts"] == "repo:acme/pay:ref:main · GitHub Actions"
    assert facts["Note"] == "rotates on Mondays"
    assert made.runbook_link == "https://wiki.example/x"


def test_facts_behind_a_count_say_from_where_and_at_what() -> None:
    facts = dict(told(shown=(shown(seen(), seen(ip="198.51.100.9", country="", asn="")),)).facts)
    assert facts["From"] == "203.0.113.7 · DE · AS8075, 198.51.100.9"
    assert facts["Resource"] == "Azure Key Vault"


def test_what_all_rows_share_is_said_once_above_them() -> None:
    assert told(shown=(shown(seen(), seen(resource="kv", events=3, ip="198.51.100.9", country="")),)).evidence == (
        "all 2: 05-01 10:00, NonInteractive, issued",
        "at               from            events",
        "Azure Key Vault  203.0.113.7 DE     412",
        "kv               198.51.100.9         3",
    )


def test_what_something_was_done_to_is_named_and_its_id_is_whole() -> None:
    known, unknown = "entra:5f0e1d2c-0000-4000-8000-000000000001", "entra:5f0e1d2c-0000-4000-8000-000000000002"
    one = finding(stream="directory")
    done = (seen(target=target, object="Application", action="Update application") for target in (known, unknown))
    named = {**NAMES, known: replace(NAMES[WHO], identity=known, name="pay-api")}
    made = told(names=named, shown=(shown(*done, one=one),))
    ids = known.removeprefix("entra:"), unknown.removeprefix("entra:")
    assert dict(made.facts)["Target"] == f"pay-api {ids[0]}, {ids[1]}"
    assert all(any(id_ in line for line in made.evidence) for id_ in ids)


def test_facts_that_are_a_part_of_more_say_so() -> None:
    some = Shown.of(finding(), pd.DataFrame([seen(object=f"o{n}") for n in range(6)]), 5)
    made = told(shown=(some,))
    assert dict(made.facts)["Object"] == "o0, o1, o2 and 2 more at least"


def test_time_of_what_was_seen_is_that_of_the_facts() -> None:
    made = told(shown=(shown(seen(first_at=AT + MINUTE, last_at=AT + 3 * MINUTE)),))
    assert (made.since, made.until) == (AT + MINUTE, AT + 3 * MINUTE)


def test_evidence_of_several_findings_is_headed_and_bounded() -> None:
    many = shown(*(seen(events=n) for n in range(20)))
    other = shown(seen(events=5), one=finding(rule="gone", observed=7.0))
    lines = told(shown=(many, other)).evidence
    assert lines[2] == "-- 412 tokens in 15 min, expected 30"
    assert "   and 14 more, 175 events" in lines
    assert "-- 7 events in 15 min, expected 30" in lines
    assert max(map(len, lines)) < 100


def test_hostile_values_stay_in_their_cells() -> None:
    weapons = ("`\u202e\n" * 900, "<!channel>", "名前" * 99)
    lines = told(shown=(shown(*(seen(resource=one, action=one, ip=one) for one in weapons)),)).evidence
    assert len(lines) == 5
    assert not any("\n" in line or "\u202e" in line for line in lines)


# --- what adds up ----------------------------------------------------------------------------------------------------


def test_what_adds_up_says_what_it_is_made_of_in_words() -> None:
    place = finding(rule="asn", family="new place", term="16509", detector="first_seen", surprise=3.2)
    key = finding(rule="key", family="new credential", term="c50b", detector="first_seen", surprise=2.8)
    sum_ = finding(
        rule="adds-up",
        stream="scores",
        family="events",
        surprise=4.5,
        because="2 kinds of evidence in a day come to 4.5",
    )
    rules = {
        "asn": rule(id="asn", new=["asn"]),
        "key": rule(id="key", new=["credential_id"]),
        "adds-up": rule(id="adds-up", stream="scores"),
    }
    found = [sum_, place, key]
    made = compose(Told(decision(), incident(*found), found, AT, rules, NAMES))
    assert made.headline == "sp-build-agent signed in from new network AS16509"
    assert made.because == (
        "Two unusual things on one day: signed in from new network AS16509 (1 day in 2,000);"
        " signed in with new credential c50b (1 day in 600). For one identity: about once in 30,000 days."
    )


@pytest.mark.parametrize(
    ("stream", "new", "expected"),
    [
        ("vault", ["resource", "object"], "sp-build-agent used 3 new objects"),
        ("vault", ["resource"], "sp-build-agent used 3 new vaults"),
        ("sign_in", ["country"], "sp-build-agent signed in from 3 new countries"),
        ("sign_in", ["prefix"], "sp-build-agent signed in from 3 new prefixes"),
        ("sign_in", ["ip"], "sp-build-agent signed in from 3 new addresses"),
    ],
)
def test_what_is_new_many_times_is_counted(stream: str, new: list[str], expected: str) -> None:
    found = [finding(term=f"t{n}", stream=stream, detector="first_seen", because="") for n in range(3)]
    made: dict[str, Rule] = {"sp-issuance-spike": rule(stream=stream, new=new)}
    assert compose(Told(decision(), incident(*found), found, AT, made, NAMES)).headline == expected


# --- a storm ---------------------------------------------------------------------------------------------------------


def test_digest_counts_all_and_names_the_worst() -> None:
    incidents = [
        incident(finding(surprise=3.0 + n / 100), id=f"i{n:04}", level=Level.HIGH if n % 2 else Level.LOW, findings=2)
        for n in range(5_000)
    ]
    named = worst(incidents)
    digest = gathered("s1", "slack", incidents, {named[0].id: [finding()]}, RULES, NAMES, AT)
    assert (digest.incidents, digest.findings) == (5_000, 10_000)
    assert digest.levels == ((Level.HIGH, 2_500), (Level.LOW, 2_500))
    assert digest.rules == (("sp-issuance-spike", 5_000),)
    assert [one.incident for one in digest.worst] == [f"i{n:04}" for n in range(4_999, 4_989, -1)]
    assert digest.worst[0].headline == "sp-build-agent: 412 tokens in 15 min, expected 30"
    assert digest.worst[1].headline == "sp-build-agent"


def test_storm_without_incidents_is_none() -> None:
    with pytest.raises(ValueError, match="s1"):
        gathered("s1", "slack", [], {}, RULES, NAMES, AT)
