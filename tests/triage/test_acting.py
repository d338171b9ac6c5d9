"""What a person does to an incident: every verb in every state, and twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.model import Act, Incident, Level, Matcher, Outcome, Person, Silence, State, Verb
from monitor.triage.acting import act, matchers_of, silence_id, standing

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ANN, BOB = Person("U1", "ann", "T1"), Person("U2", "bob", "T1")
OVER = (State.RESOLVED, State.FALSE_POSITIVE)
DONE, HARMLESS, REFUSED = Outcome.DONE, Outcome.HARMLESS, Outcome.REFUSED

TABLE = {
    Verb.ACKNOWLEDGE: {State.OPEN: State.ACKNOWLEDGED, State.SNOOZED: State.ACKNOWLEDGED},
    Verb.UNACKNOWLEDGE: {State.ACKNOWLEDGED: State.OPEN, State.SNOOZED: State.OPEN},
    Verb.SNOOZE: dict.fromkeys((State.OPEN, State.ACKNOWLEDGED, State.SNOOZED), State.SNOOZED),
    Verb.RESOLVE: dict.fromkeys((State.OPEN, State.ACKNOWLEDGED, State.SNOOZED), State.RESOLVED),
    Verb.FALSE_POSITIVE: dict.fromkeys((State.OPEN, State.ACKNOWLEDGED, State.SNOOZED), State.FALSE_POSITIVE),
    Verb.SILENCE: {State.OPEN: State.ACKNOWLEDGED},
    Verb.EXPECT: {State.OPEN: State.ACKNOWLEDGED},
}
"""What each verb makes of which state; all others stay as they are."""


def incident(state: State = State.OPEN, **other: object) -> Incident:
    one = Incident("i1", "identity:entra:1", state, Level.HIGH, 4.0, (), ("sp-a", "sp-b"), 3, NOON, NOON, NOON, NOON)
    if state is not State.OPEN:
        one = replace(one, handled_by="cid", handled_at=NOON)
    if state is State.SNOOZED:
        one = replace(one, snoozed_until=NOON + 9 * HOUR)
    return replace(one, **other)  # type: ignore[arg-type]


def done(verb: Verb, who: Person = ANN, **other: object) -> Act:
    asked = Act(f"key {verb}", verb, who, "test", NOON, "i1", NOON + HOUR, "planned")
    return replace(asked, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("verb", TABLE)
def test_every_verb_in_every_state_does_what_the_table_says(verb: Verb, state: State) -> None:
    before = incident(state)
    acted = act(done(verb), before, NOON + timedelta(minutes=1))
    expected = TABLE[verb].get(state)
    if expected is None:
        assert acted.incident is None
        silences = verb in {Verb.SILENCE, Verb.EXPECT}
        assert acted.outcome is (DONE if silences else HARMLESS)
        return
    assert acted.outcome is DONE
    assert acted.incident is not None
    assert acted.incident.state is expected
    assert (acted.incident.handled_by, acted.incident.note) == ("ann", "planned")
    assert (acted.incident.snoozed_until is not None) is (expected is State.SNOOZED)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("verb", TABLE)
def test_the_same_act_twice_changes_what_it_changed_once(verb: Verb, state: State) -> None:
    before = incident(state)
    first = act(done(verb), before, NOON + timedelta(minutes=1))
    again = act(done(verb), first.incident or before, NOON + timedelta(minutes=2), first.silence)
    assert again.outcome is HARMLESS
    assert (again.incident, again.silence) == (None, None)


@pytest.mark.parametrize("state", OVER)
def test_what_is_over_stays_over_and_says_whose_it_was(state: State) -> None:
    for verb in set(Verb) - {Verb.SILENCE, Verb.EXPECT, Verb.EXPIRE, Verb.LOOK}:
        acted = act(done(verb), incident(state), NOON)
        assert (acted.outcome, acted.incident) == (HARMLESS, None)
        assert "cid" in acted.said
        assert "12:00 UTC" in acted.said


def test_the_second_who_acknowledges_hears_who_was_first() -> None:
    first = act(done(Verb.ACKNOWLEDGE), incident(), NOON).incident
    assert act(done(Verb.ACKNOWLEDGE, BOB), first, NOON).said == "acknowledged by ann at 2026-05-04 12:00 UTC already"


@pytest.mark.parametrize(
    ("verb", "wrong"),
    [
        (Verb.SNOOZE, {"until": None}),
        (Verb.SNOOZE, {"until": NOON}),
        (Verb.SNOOZE, {"until": NOON + 31 * DAY}),
        (Verb.FALSE_POSITIVE, {"reason": " "}),
        (Verb.FALSE_POSITIVE, {"reason": "x" * 1001}),
        (Verb.RESOLVE, {"reason": "x" * 1001}),
        (Verb.SILENCE, {"reason": ""}),
        (Verb.SILENCE, {"until": NOON - HOUR}),
        (Verb.EXPECT, {"until": None}),
        (Verb.SILENCE, {"until": NOON + 400 * DAY}),
        (Verb.SILENCE, {"until": NOON + 31 * DAY, "via": "slack C1"}),
        (Verb.SILENCE, {"matchers": (Matcher("rule", "=~", ".*"),)}),
        (Verb.SILENCE, {"matchers": (Matcher("rule", "=~", ".*"),), "everything": True, "until": NOON + 25 * HOUR}),
        (Verb.SILENCE, {"matchers": (Matcher("rule", "=~", ".*"),), "everything": True, "via": "slack C1"}),
        (Verb.EXPECT, {"matchers": (Matcher("team", "!=", "pay"), Matcher("level", "=", "high"))}),
    ],
)
def test_what_lacks_something_is_refused_and_changes_nothing(verb: Verb, wrong: dict[str, object]) -> None:
    acted = act(done(verb, **wrong), incident(), NOON)  # type: ignore[arg-type]
    assert (acted.outcome, acted.incident, acted.silence) == (REFUSED, None, None)
    assert "expected" in acted.said


def test_what_is_not_there_is_refused() -> None:
    assert act(done(Verb.ACKNOWLEDGE), None, NOON).outcome is REFUSED
    assert act(done(Verb.SILENCE), None, NOON).outcome is REFUSED
    assert act(done(Verb.EXPIRE, silence="s"), None, NOON).outcome is REFUSED


def test_a_silence_is_signed_dated_and_of_the_incidents_subject_and_rules_unless_told_otherwise() -> None:
    asked = done(Verb.SILENCE)
    silence = act(asked, incident(), NOON).silence
    assert silence == Silence(
        silence_id(asked),
        (Matcher("subject", "=", "identity:entra:1"), Matcher("rule", "=~", "sp-a|sp-b")),
        "ann",
        "planned",
        NOON,
        NOON,
        NOON + HOUR,
        via="test",
    )
    own = (Matcher("team", "=", "pay"),)
    assert getattr(act(done(Verb.EXPECT, matchers=own), None, NOON).silence, "matchers", None) == own
    assert [str(one) for one in matchers_of(incident(rules=("a.b",)), "rules")] == ["rule=a.b"]
    assert [str(one) for one in matchers_of(incident(rules=("a.b", "c")), "rules")] == [r"rule=~a\.b|c"]


def test_what_is_said_of_a_silence() -> None:
    asked = done(Verb.SILENCE)
    until = f"until 2026-05-04 13:00 UTC (silence {silence_id(asked)})"
    assert act(asked, incident(), NOON).said == f"silenced {until}"
    assert act(replace(asked, verb=Verb.EXPECT), incident(), NOON).said == f"expected {until}"
    sweeping = (Matcher("rule", "=~", ".*"),)
    assert act(replace(asked, matchers=sweeping, everything=True), None, NOON).outcome is DONE


def test_an_expired_silence_is_over_at_once_and_for_good() -> None:
    silence = act(done(Verb.SILENCE), incident(), NOON).silence
    assert silence is not None
    ended = act(done(Verb.EXPIRE, silence=silence.id), None, NOON + timedelta(minutes=9), silence).silence
    assert ended is not None
    assert not ended.active(NOON + timedelta(minutes=9))
    again = act(done(Verb.EXPIRE, silence=silence.id), None, NOON + HOUR, ended)
    assert (again.outcome, again.silence) == (HARMLESS, None)


def test_where_it_stands_in_words() -> None:
    assert standing(incident()) == "open since 2026-05-04 12:00 UTC"
    assert standing(incident(State.SNOOZED)) == ("snoozed by cid at 2026-05-04 12:00 UTC, until 2026-05-04 21:00 UTC")
    quiet = incident(State.RESOLVED, handled_at=NOON - HOUR)
    assert standing(quiet) == "resolved since 2026-05-04 12:00 UTC"
