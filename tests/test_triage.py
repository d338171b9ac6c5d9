"""One reason per decision, evidence counted once, and nothing resolved that nobody looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.model import Finding, Incident, Level, Reason, State, together
from monitor.rules import Rule
from monitor.triage import Policy, Triaged, quiet, triage

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WORDS = {"where": "true", "runbook": "Look at what it did in that hour.", "detector": "limit", "stream": "sign_in"}
RULES: Mapping[str, Rule] = {
    name: Rule.model_validate(
        {"title": f"Rule {name}", "id": name, "status": "stable", "level": "medium", "by": ["identity"], **WORDS}
    )
    for name in ("one", "two", "three")
}


def finding(
    surprise: float, hour: float = 0, rule: str = "one", family: str = "events", who: int = 1, **changed: object
) -> Finding:
    at = NOON + hour * HOUR
    plain = Finding(
        rule=rule,
        detector="limit",
        level=Level.MEDIUM,
        stream="sign_in",
        family=family,
        experimental=False,
        subject=f"identity:entra:{who}",
        group=(("identity", f"entra:{who}"),),
        term="",
        bucket=at,
        bucket_end=at + HOUR,
        time=at + HOUR,
        judged_at=at + HOUR,
        surprise=surprise,
        observed=9.0,
        expected=1.0,
        low=0.0,
        high=3.0,
        because="9 in 1 h",
    )
    return replace(plain, **changed)  # type: ignore[arg-type]


def decide(
    findings: Sequence[Finding], held: Sequence[Incident] = (), judged: float = 0, policy: Policy | None = None
) -> Triaged:
    """Triage at noon, all rules judged up to so many hours after it."""
    until = dict.fromkeys(RULES, NOON + judged * HOUR)
    return triage(findings, held, RULES, until, policy or Policy(), "console", NOON)


def reasons(triaged: Triaged) -> list[Reason]:
    return [one.reason for one in triaged.decisions]


def after(*findings: Finding) -> Incident:
    (incident,) = decide(findings).incidents
    return incident


def test_a_finding_at_the_rules_tell_opens_and_is_told() -> None:
    triaged = decide([finding(3.0)])
    assert reasons(triaged) == [Reason.OPENED]
    assert triaged.incidents[0].told_surprise == 3.0
    assert triaged.belongs == {finding(3.0).key: triaged.incidents[0].id}


def test_a_weaker_one_is_kept_and_not_told() -> None:
    triaged = decide([finding(2.9)])
    assert reasons(triaged) == [Reason.WEAK]
    assert not triaged.incidents[0].told


def test_more_of_the_same_is_unchanged_and_much_more_is_worse() -> None:
    told = after(finding(4.0))
    assert reasons(decide([finding(6.9, 1)], [told])) == [Reason.UNCHANGED]
    assert reasons(decide([finding(7.0, 1)], [told])) == [Reason.WORSENED]


def test_a_higher_level_is_worse_whatever_the_surprise() -> None:
    assert reasons(decide([finding(1.0, 1, level=Level.CRITICAL)], [after(finding(4.0))])) == [Reason.WORSENED]


def test_weak_findings_of_distinct_evidence_add_up_to_what_is_told() -> None:
    weak = after(finding(2.9))
    assert reasons(decide([finding(2.9, family="new country", rule="two")], [weak])) == [Reason.OPENED]


def test_the_same_tokens_seen_by_three_rules_count_once() -> None:
    incident = after(*(finding(surprise, rule=rule) for rule, surprise in (("one", 3.0), ("two", 5.0), ("three", 4.0))))
    assert (incident.surprise, incident.findings, incident.rules) == (5.0, 3, ("one", "three", "two"))


def test_distinct_evidence_counts_together() -> None:
    incident = after(finding(4.0), finding(3.5, family="new country"), finding(3.0, family="new country"))
    assert incident.surprise == pytest.approx(together([4.0, 3.5]))
    assert len(incident.evidence) == 2


def test_an_incident_lasts_from_its_first_bucket_to_its_last_in_whatever_order_they_come() -> None:
    incident = after(finding(4.0, 3), finding(4.0, 0), finding(4.0, 2))
    assert (incident.first_at, incident.last_at) == (NOON, NOON + 4 * HOUR)


def test_quiet_resolves_once_all_of_its_rules_looked_past_it() -> None:
    told = after(finding(4.0), finding(4.0, rule="two"))
    assert decide([], [told], judged=3).decisions == ()
    resolved = decide([], [told], judged=3.1)
    assert reasons(resolved) == [Reason.RESOLVED]
    assert resolved.incidents[0].state is State.RESOLVED


@pytest.mark.parametrize("until", [{}, {"one": NOON + 9 * HOUR}, {"one": NOON + 9 * HOUR, "two": NOON}])
def test_nothing_is_quiet_that_one_of_its_rules_did_not_look_at(until: dict[str, datetime]) -> None:
    assert not quiet(after(finding(4.0), finding(4.0, rule="two")), until, RULES, Policy())


def test_what_was_never_told_resolves_in_silence() -> None:
    assert reasons(decide([], [after(finding(2.0))], judged=9)) == [Reason.UNCHANGED]


def test_a_resolved_incident_reopens_within_a_day_and_is_another_one_after() -> None:
    told = after(finding(4.0))
    (resolved,) = decide([], [told], judged=9).incidents
    again = decide([finding(4.0, 20)], [resolved])
    assert reasons(again) == [Reason.REOPENED]
    assert again.incidents[0].id == told.id
    later = decide([finding(4.0, 26)], [resolved])
    assert reasons(later) == [Reason.OPENED]
    assert later.incidents[0].id != told.id


def test_an_experimental_rule_is_kept_and_never_told_by_itself() -> None:
    assert reasons(decide([finding(9.0, experimental=True)])) == [Reason.EXPERIMENTAL]
    both = [finding(9.0, experimental=True), finding(4.0, rule="two")]
    apart = decide(both)
    assert reasons(apart) == [Reason.EXPERIMENTAL, Reason.OPENED]
    assert [one.surprise for one in apart.incidents] == [9.0, 4.0]


def test_in_a_storm_the_worst_speak() -> None:
    triaged = decide([finding(3.0 + who, who=who) for who in range(5)], policy=Policy(storm=2))
    assert reasons(triaged) == [Reason.OPENED, Reason.OPENED, Reason.STORM, Reason.STORM, Reason.STORM]
    aloud = {one.incident for one in triaged.decisions if one.told}
    assert {one.surprise for one in triaged.incidents if one.id in aloud} == {7.0, 6.0}


def test_there_is_one_decision_per_incident_and_tick() -> None:
    triaged = decide([finding(4.0, hour, who=who) for who in range(3) for hour in range(4)])
    assert len(triaged.decisions) == len({one.incident for one in triaged.decisions}) == 3


def test_a_rule_that_is_gone_holds_nothing_open() -> None:
    told = after(finding(4.0, rule="gone"))
    assert quiet(told, dict.fromkeys(RULES, NOON + 9 * HOUR), RULES, Policy())
    assert not quiet(told, dict.fromkeys(RULES, NOON), RULES, Policy())


def test_an_incident_nobody_could_resolve_swallows_nothing_said_much_later() -> None:
    stuck = after(finding(8.0))
    later = decide([finding(9.0, hour=90 * 24)], [stuck])
    assert reasons(later) == [Reason.OPENED, Reason.RESOLVED]
    assert {one.state for one in later.incidents if one.id == stuck.id} == {State.RESOLVED}


def test_a_trifle_reopens_without_a_word_and_news_speak_again() -> None:
    resolved = replace(after(finding(8.0)), state=State.RESOLVED)
    trifle = decide([finding(1.0, 5)], [resolved])
    assert reasons(trifle) == [Reason.WEAK]
    assert trifle.incidents[0].surprise == 1.0
    loud = decide([finding(4.0, 6)], trifle.incidents)
    assert reasons(loud) == [Reason.REOPENED]


def test_a_rule_that_tells_early_lends_its_threshold_to_no_other() -> None:
    early = {**RULES, "two": RULES["two"].model_copy(update={"tell": 2.0})}
    until = dict.fromkeys(RULES, NOON)

    def said(*found: Finding) -> list[Reason]:
        return [one.reason for one in triage(found, (), early, until, Policy(), "console", NOON).decisions]

    assert said(finding(2.1), finding(1.0, rule="two")) == [Reason.WEAK]
    assert said(finding(2.1, rule="two"), finding(1.0)) == [Reason.OPENED]
