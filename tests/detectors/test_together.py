"""together: findings of other rules that add up, reckoned by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor import worker
from monitor.clock import BIN
from monitor.detectors.together import Together
from monitor.kql import DuckEngine
from monitor.model import Finding, Level, Window
from monitor.rules import Rule

DAY = datetime(2026, 6, 1, tzinfo=UTC)
NIGHT = timedelta(days=1)
WHOLE = Window(DAY - 7 * NIGHT, DAY + 7 * NIGHT)
WAKE, PLACE, SECRETS = ("sign_in", "wake"), ("sign_in", "new place"), ("vault", "new resource")


def rule(by: tuple[str, ...] = ("identity",), kinds: int = 2) -> Rule:
    made = Rule(
        title="Several things at once",
        id="several",
        status="stable",
        level=Level.HIGH,
        stream="scores",
        by=by,
        bucket=timedelta(hours=1),
        detector="together",
        runbook="Ask the owner what explains all of it.",
    )
    return made.made("several.yml", Together(kinds=kinds))


def said(
    name: str,
    evidence: tuple[str, str],
    surprise: float,
    at: float,
    *,
    who: str = "entra:a",
    seen: float | None = None,
    experimental: bool = False,
    subject: str = "identity",
) -> Finding:
    """A finding in the hour `at` (of the first day, 24 to 48 being the next), seen at the hour `seen`, or else then."""
    bucket = DAY + timedelta(hours=int(at))
    time = DAY + timedelta(hours=at if seen is None else seen) + BIN
    return Finding(
        rule=name,
        detector="first_seen",
        level=Level.LOW,
        stream=evidence[0],
        family=evidence[1],
        experimental=experimental,
        subject=f"{subject}:{who}",
        group=((subject, who),),
        term="",
        bucket=bucket,
        bucket_end=bucket + timedelta(hours=1),
        time=time,
        judged_at=time,
        surprise=surprise,
        observed=1.0,
        expected=0.0,
        low=0.0,
        high=0.0,
        because="",
    )


def judged(*findings: Finding, judge: Rule | None = None, window: Window = WHOLE) -> list[Finding]:
    """What the rule says of them, through the stages of the worker."""
    others = [worker.Judged(rule(), findings, ("a",), 1, 0)]
    answer = worker.judge(judge or rule(), DuckEngine(threads=1), {}, {}, window, WHOLE.end, others)
    return list(answer.findings)


def surprises(*findings: Finding, judge: Rule | None = None) -> list[float]:
    return [round(one.surprise, 6) for one in judged(*findings, judge=judge)]


def told(*findings: Finding) -> list[tuple[str, float, str]]:
    return [(one.key, one.surprise, one.because) for one in judged(*findings)]


def test_two_kinds_of_evidence_come_to_the_stronger_and_what_the_weaker_has_above_the_common() -> None:
    (one,) = judged(said("wakes", WAKE, 3.7, 3), said("moves", PLACE, 2.5, 5))
    assert one.surprise == pytest.approx(3.7 + (2.5 - 1.5))
    assert one.subject == "identity:entra:a"
    assert (one.observed, one.high) == (2.0, 1.0)
    assert one.bucket == DAY + timedelta(hours=5)
    assert one.time == DAY + timedelta(hours=5) + BIN
    assert one.because == (
        "2 kinds of evidence in a day come to 4.7: wakes (3.7), moves (2.5); each after the first adds what it has "
        "above 1.5"
    )


def test_what_is_no_more_than_common_raises_nothing() -> None:
    assert judged(said("wakes", WAKE, 3.7, 3), said("moves", PLACE, 1.5, 5)) == []


def test_a_third_kind_is_said_on_top() -> None:
    found = [said("wakes", WAKE, 2.6, 3), said("moves", PLACE, 2.5, 4), said("reads", SECRETS, 3.0, 5)]
    assert surprises(*found) == [2.6 + 1.0, 3.0 + 1.1 + 1.0]


def test_one_kind_of_evidence_is_none_however_many_rules_see_it() -> None:
    assert judged(*(said(f"moves-{n}", PLACE, 4.0 + n, 3 + n) for n in range(4))) == []


def test_of_one_kind_the_strongest_counts_once() -> None:
    found = [said("country", PLACE, 2.5, 3), said("network", PLACE, 3.5, 3), said("wakes", WAKE, 2.0, 4)]
    assert surprises(*found) == [3.5 + 0.5]


def test_the_same_family_of_another_stream_is_another_kind() -> None:
    new = "new resource"
    assert surprises(said("a", ("sign_in", new), 3.0, 3), said("b", ("vault", new), 2.0, 4)) == [3.5]


def test_how_much_was_done_is_one_kind_over_all_streams() -> None:
    assert surprises(said("a", ("sign_in", "events"), 3.0, 3), said("b", ("vault", "events"), 2.0, 4)) == []


def test_it_speaks_of_what_raises_the_sum_and_of_nothing_else() -> None:
    found = [
        said("wakes", WAKE, 3.0, 3),
        said("moves", PLACE, 2.0, 4),
        said("moves-again", PLACE, 1.9, 6),
        said("wakes-more", WAKE, 4.0, 8),
    ]
    assert surprises(*found) == [3.5, 4.5]


def test_order_is_that_of_arrival_not_of_happening() -> None:
    late = said("wakes", WAKE, 3.7, 3, seen=9)
    (one,) = judged(late, said("moves", PLACE, 2.5, 5))
    assert one.time == late.time
    assert one.bucket == late.bucket


@pytest.mark.parametrize("turned", [False, True])
def test_the_order_in_which_they_are_handed_in_means_nothing(turned: bool) -> None:
    found = [said("wakes", WAKE, 2.6, 3), said("moves", PLACE, 2.5, 3), said("reads", SECRETS, 3.0, 5)]
    assert told(*(reversed(found) if turned else found)) == told(*found)


def test_what_comes_later_changes_nothing_said_before() -> None:
    found = [said("wakes", WAKE, 2.6, 3), said("moves", PLACE, 2.5, 4), said("reads", SECRETS, 3.0, 5)]
    assert told(*found)[:1] == told(*found[:2])


def test_a_day_is_a_utc_day_of_buckets() -> None:
    wakes, moves = said("wakes", WAKE, 3.7, 23.9), said("moves", PLACE, 2.5, 24)
    assert judged(wakes, moves) == []
    assert surprises(wakes, said("moves", PLACE, 2.5, 0)) == [4.7]


def test_what_arrives_after_midnight_belongs_to_the_day_it_happened() -> None:
    assert surprises(said("wakes", WAKE, 3.7, 22), said("moves", PLACE, 2.5, 23, seen=26)) == [4.7]


def test_two_identities_do_not_add_up() -> None:
    assert judged(said("wakes", WAKE, 3.7, 3), said("moves", PLACE, 2.5, 3, who="entra:b")) == []


def test_findings_about_another_kind_of_subject_do_not_count() -> None:
    spray = said("spray", PLACE, 9.0, 3, subject="ip", who="entra:a")
    assert judged(said("wakes", WAKE, 3.7, 3), spray) == []


def test_experimental_rules_do_not_count() -> None:
    assert judged(said("wakes", WAKE, 3.7, 3), said("moves", PLACE, 2.5, 3, experimental=True)) == []


def test_more_kinds_may_be_asked_for() -> None:
    found = [said("wakes", WAKE, 2.6, 3), said("moves", PLACE, 2.5, 4), said("reads", SECRETS, 3.0, 5)]
    assert surprises(*found[:2], judge=rule(kinds=3)) == []
    assert surprises(*found, judge=rule(kinds=3)) == [3.0 + 1.1 + 1.0]


def test_only_buckets_of_the_window_count() -> None:
    found = [said("wakes", WAKE, 3.7, 3), said("moves", PLACE, 2.5, 5)]
    assert judged(*found, window=Window(DAY, DAY + timedelta(hours=5))) == []


def test_nothing_said_is_nothing_to_add() -> None:
    assert judged() == []
