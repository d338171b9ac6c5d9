"""What a person is told: one specific line, the number against what was expected, and who."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.model import Decision, Finding, Incident, Level, Name, Owner, Owners, Reason, State
from monitor.notify import Told, compose, headline, rarity, unit
from monitor.rules import Rule

NAN = float("nan")
AT = datetime(2026, 5, 1, 10, tzinfo=UTC)
OID = "0f3c9a51-7d2e-4b8a-9c1d-2e5f6a7b8c9d"
WHO = f"entra:{OID}"
NAMES = {WHO: Name(WHO, "sp-build-agent", "service_principal", "app", AT, AT)}


def rule(**changes: object) -> Rule:
    given = {
        "title": "Token issuance spike",
        "id": "sp-issuance-spike",
        "status": "stable",
        "level": "high",
        "stream": "sign_in",
        "where": 'kind == "service_principal" and outcome == "issued"',
        "by": ["identity"],
        "bucket": "15m",
        "detector": "spike",
        "runbook": "Who owns the identity?\nAsk them before you touch it.",
    }
    return Rule.model_validate(given | changes)


def finding(**changes: object) -> Finding:
    usual = Finding(
        rule="sp-issuance-spike",
        detector="spike",
        level=Level.HIGH,
        stream="sign_in",
        family="events",
        experimental=False,
        subject=f"identity:{WHO}",
        group=(("identity", WHO),),
        term="",
        bucket=AT,
        bucket_end=AT + timedelta(minutes=15),
        time=AT + timedelta(minutes=20),
        judged_at=AT + timedelta(minutes=20),
        surprise=4.3,
        observed=412.0,
        expected=30.2,
        low=12.0,
        high=60.0,
        because="412 in 15 min, expected 30.2 (12 to 60)",
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def incident(*findings: Finding, **changes: object) -> Incident:
    usual = Incident(
        id="a1b2c3d4e5",
        subject=findings[0].subject,
        state=State.OPEN,
        level=Level.HIGH,
        surprise=max(one.surprise for one in findings),
        evidence=tuple(dict.fromkeys((*one.evidence, one.surprise) for one in findings)),
        rules=tuple(sorted({one.rule for one in findings})),
        findings=len(findings),
        first_at=min(one.bucket for one in findings),
        last_at=max(one.bucket_end for one in findings),
        opened_at=AT,
        updated_at=AT,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def decision(reason: Reason = Reason.OPENED) -> Decision:
    return Decision("a1b2c3d4e5", "console", AT, reason)


def headed(one: Finding, made: Rule | None) -> str:
    return headline(one, made, NAMES)


# --- headline --------------------------------------------------------------------------------------------------------

ADDRESS = {"subject": "ip:203.0.113.7", "group": (("ip", "203.0.113.7"),)}
VAULT = {"subject": "vault:kv-prod", "group": (("resource", "kv-prod"),), "stream": "vault"}
NO_COUNT = {"observed": 1.0, "expected": 0.0, "low": 0.0, "high": 0.0}


@pytest.mark.parametrize(
    ("found", "made", "expected"),
    [
        ({}, {}, "sp-build-agent: 412 tokens in 15 min, expected 30"),
        ({"observed": 20431.0}, {}, "sp-build-agent: 20,431 tokens in 15 min, expected 30"),
        ({"expected": 0.31}, {}, "sp-build-agent: 412 tokens in 15 min, expected 0.3"),
        (
            {"term": "203.0.113.0/24", **NO_COUNT},
            {"new": ["prefix"]},
            "sp-build-agent signed in from new prefix 203.0.113.0/24",
        ),
        ({"term": "8075", **NO_COUNT}, {"new": ["asn"]}, "sp-build-agent signed in from new network AS8075"),
        (
            {"term": "cfa8b339-82a2-471a-a3c9-0fc0be7a4093", **NO_COUNT},
            {"new": ["resource"]},
            "sp-build-agent asked for new resource Azure Key Vault",
        ),
        (
            {"term": "kv-hr", **NO_COUNT, "stream": "vault"},
            {"new": ["resource"], "stream": "vault"},
            "sp-build-agent used new vault kv-hr",
        ),
        (
            {"term": "kv-hr\x1fsecrets/db", **NO_COUNT, "stream": "vault"},
            {"new": ["resource", "object"], "stream": "vault"},
            "sp-build-agent used new object kv-hr/secrets/db",
        ),
        ({"term": "53003", **NO_COUNT}, {"new": ["code"], "title": "Blocked once"}, "sp-build-agent: Blocked once"),
        (
            {"observed": 4.0, "expected": NAN, "low": 0.0, "high": 3.0},
            {"where": 'code == "7000222"', "title": "Expired secret still in use"},
            "sp-build-agent: Expired secret still in use, 4 times in 15 min",
        ),
        (NO_COUNT, {"title": "Dormant identity wakes"}, "sp-build-agent: Dormant identity wakes"),
        (
            {**ADDRESS, "observed": 31.0, "expected": NAN, "low": 0.0, "high": 10.0},
            {"where": 'outcome == "failed" and code !in ("90055")', "by": ["ip"]},
            "203.0.113.7: 31 failures in 15 min, alerts from 10",
        ),
        (
            {**VAULT, "observed": 900.0, "bucket_end": AT + timedelta(hours=1)},
            {"stream": "vault", "where": "true", "by": ["resource"]},
            "vault kv-prod: 900 calls in 1 h, expected 30",
        ),
        (
            {**VAULT, "observed": 40.0, "bucket_end": AT + timedelta(hours=1)},
            {"stream": "vault", "measure": "distinct identity", "by": ["resource"]},
            "vault kv-prod: 40 identities in 1 h, expected 30",
        ),
    ],
)  # fmt: skip
def test_headline_is_one_specific_line_under_ten_words(
    found: dict[str, object], made: dict[str, object], expected: str
) -> None:
    said = headed(finding(**found), rule(**made))
    assert said == expected
    assert len(said.split()) <= 11


def test_unnamed_identity_goes_by_the_start_of_its_id() -> None:
    assert headline(finding(), rule(), {}).startswith("0f3c9a51: 412 tokens")


def test_name_of_ten_kilobytes_does_not_push_the_number_out_of_the_headline() -> None:
    names = {WHO: replace(NAMES[WHO], name="\u202e\u200b" * 50 + "x" * 10_000)}
    said = headline(finding(), rule(), names)
    assert said.endswith("412 tokens in 15 min, expected 30")
    assert len(said) < 100


def test_finding_of_a_removed_rule_is_still_told() -> None:
    made = compose(Told(decision(), incident(finding()), [finding()], AT, {}, NAMES))
    assert made.headline == "sp-build-agent: 412 events in 15 min, expected 30"
    assert made.runbook == ""


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({}, "tokens"),
        ({"where": 'outcome == "failed" and code == "7000222"'}, "failures"),
        ({"where": "true"}, "sign-ins"),
        ({"where": 'outcome == "issued" or outcome == "failed"'}, "sign-ins"),
        ({"stream": "vault", "measure": "distinct resource"}, "vaults"),
        ({"measure": "distinct credential_id"}, "credential_ids"),
    ],
)
def test_unit_says_what_is_counted(made: dict[str, object], said: str) -> None:
    assert unit(rule(**made)) == said


# --- because and facts -----------------------------------------------------------------------------------------------


def test_because_has_the_number_its_range_and_how_unusual_it_is() -> None:
    made = compose(Told(decision(), incident(finding()), [finding()], AT, {"sp-issuance-spike": rule()}, NAMES))
    assert made.because == (
        "412 tokens in 15 min, expected 30.2 (12 to 60). For one identity: about once in 20,000 days."
    )


def test_detector_that_gives_no_reason_gets_one() -> None:
    one = finding(because="")
    made = compose(Told(decision(), incident(one), [one], AT, {"sp-issuance-spike": rule()}, NAMES))
    assert made.because.startswith("412 tokens in 15 min, expected 30 (12 to 60). ")


def test_strongest_finding_speaks_and_the_order_of_findings_does_not_matter() -> None:
    weak = finding(rule="weak", surprise=1.5, observed=40.0)
    rules = {"sp-issuance-spike": rule(), "weak": rule(id="weak", runbook="Another runbook altogether.")}
    one = compose(Told(decision(), incident(weak, finding()), [weak, finding()], AT, rules, NAMES))
    other = compose(Told(decision(), incident(weak, finding()), [finding(), weak], AT, rules, NAMES))
    assert one == other
    assert one.runbook.startswith("Who owns the identity?")
    assert [line.split()[2] for line in one.findings] == ["sp-issuance-spike:", "weak:"]


def test_facts_say_who_from_where_and_at_what() -> None:
    found = [
        finding(),
        finding(rule="new-prefix", family="new prefix", term="203.0.113.0/24", surprise=4.0),
        finding(
            rule="first-vault",
            stream="vault",
            family="new resource",
            group=(("identity", WHO), ("resource", "kv-prod")),
            surprise=3.0,
        ),
    ]
    rules = {"sp-issuance-spike": rule(), "new-prefix": rule(id="new-prefix", new=["prefix"])}
    made = compose(Told(decision(), incident(*found), found, AT, rules, NAMES))
    assert made.facts == (
        ("Identity", f"sp-build-agent · service principal · {OID}"),
        ("Owner", "unknown"),
        ("From", "203.0.113.0/24"),
        ("Vault", "kv-prod"),
        ("Evidence", "overall volume, sign-in new prefix, vault new resource"),
    )


def test_owner_has_a_team_a_weight_and_a_clock() -> None:
    ann = Owner("ann@example.org", "payments", "high", "America/New_York")
    told = Told(decision(), incident(finding()), [finding()], AT, {}, NAMES, owners=Owners(identities={WHO: ann}))
    assert dict(compose(told).facts)["Owner"] == "ann@example.org · team payments · critical · Fri 06:15 there"


def test_address_that_touched_many_identities_names_a_few() -> None:
    members = (WHO, *(f"entra:{n:08d}-0000" for n in range(4)))
    one = finding(**ADDRESS, members=members)
    facts = dict(compose(Told(decision(), incident(one), [one], AT, {}, NAMES)).facts)
    assert facts["Address"] == "203.0.113.7"
    assert facts["Identities"] == "sp-build-agent, 00000000, 00000001 and 2 more"
    assert "From" not in facts


def test_resolved_incident_says_since_when_it_is_quiet() -> None:
    settled = incident(finding(), state=State.RESOLVED)
    made = compose(Told(decision(Reason.RESOLVED), settled, [finding()], AT + timedelta(days=1), {}, NAMES))
    assert made.status == "Resolved: quiet since 10:15 UTC · 1 finding since 10:00 UTC"
    assert made.because.startswith("412 in 15 min")


def test_incident_without_findings_is_refused_by_id() -> None:
    with pytest.raises(ValueError, match="a1b2c3d4e5"):
        compose(Told(decision(), incident(finding()), [], AT, {}, NAMES))


@pytest.mark.parametrize(
    ("surprise", "subject", "said"),
    [
        (1.0, "identity:x", "once in about 10 identity-days"),
        (3.0, "ip:x", "once in about 1,000 address-days"),
        (5.97, "vault:x", "once in about 900,000 vault-days"),
        (30.0, "tenant:x", "less than once in a million directory-days"),
    ],
)
def test_rarity_is_said_in_days_of_the_subject(surprise: float, subject: str, said: str) -> None:
    assert rarity(surprise, subject) == said


ADDED = {
    "title": "Secret or certificate added to an application",
    "many": "Secret or certificate added to {count} applications",
    "where": 'action contains "Certificates and secrets management"',
    "measure": "distinct target",
    "stream": "directory",
    "detector": "limit",
    "bucket": "1h",
}
ONCE = {"detector": "limit", "expected": NAN, "low": 0.0, "high": 1.0, "bucket_end": AT + timedelta(hours=1)}


@pytest.mark.parametrize(
    ("observed", "made", "expected"),
    [
        (1.0, ADDED, "Secret or certificate added to an application"),
        (2.0, ADDED, "Secret or certificate added to 2 applications in 1 h"),
        (5.0, ADDED | {"many": ""}, "Secret or certificate added to an application, 5 targets"),
        (5.0, ADDED | {"where": 'target == "x"'}, "Secret or certificate added to an application"),
        (3.0, ADDED | {"measure": "events", "many": "", "title": "Role assigned"}, "Role assigned, 3 times in 1 h"),
    ],
)
def test_headline_keeps_what_happened_when_it_happened_often(
    observed: float, made: dict[str, object], expected: str
) -> None:
    said = headed(finding(observed=observed, **ONCE), rule(**made))
    assert said == f"sp-build-agent: {expected}"
    assert len(expected.split()) <= 10


def test_an_alarm_is_told_by_its_title_and_has_no_chance() -> None:
    stalled = finding(subject="source:slack", detector="alarm", observed=2.0, expected=0.0, because="2 in 30 min")
    made = rule(stream="health", title="People are not told", detector="alarm")
    told = compose(Told(decision(), incident(stalled), [stalled], AT, {"sp-issuance-spike": made}, NAMES))
    assert told.headline == "slack: People are not told"
    assert told.odds == ""
    assert "once" not in told.because


def test_what_happened_once_is_said_so() -> None:
    one = finding(observed=1.0, because="1 in 1 h. Never in the 18 days before", **ONCE)
    made = rule(measure="events", detector="limit")
    told = compose(Told(decision(), incident(one), [one], AT, {"sp-issuance-spike": made}, NAMES))
    assert told.because == "It did this once. Never in the 18 days before. For one identity: about once in 20,000 days."


def test_of_equal_surprise_the_larger_count_speaks() -> None:
    few = finding(observed=2.0, time=AT + timedelta(minutes=5))
    many = finding(observed=9.0, time=AT + timedelta(minutes=10))
    rules = {"sp-issuance-spike": rule()}
    for found in ([few, many], [many, few]):
        assert compose(Told(decision(), incident(*found), found, AT, rules, NAMES)).headline.split()[1] == "9"


def test_nothing_is_said_to_have_happened_in_the_future() -> None:
    one = finding(bucket_end=AT + timedelta(hours=12), time=AT + timedelta(minutes=20))
    made = compose(Told(decision(), incident(one), [one], AT + timedelta(minutes=30), {}, NAMES))
    assert (made.since, made.until) == (AT, AT + timedelta(minutes=20))
