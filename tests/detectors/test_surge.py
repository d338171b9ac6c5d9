"""surge: identities of one directory that are odd in the same way at once, reckoned by hand."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from monitor import worker
from monitor.clock import BIN
from monitor.coverage import Hearing
from monitor.detectors.surge import Surge
from monitor.kql import DuckEngine
from monitor.model import Finding, Level, Window
from monitor.rules import Rule
from monitor.worker.overhearing import Spoken

TODAY = datetime(2026, 6, 29, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WHOLE = Window(TODAY - 40 * DAY, TODAY + 2 * DAY)
PLACE, SECRETS = ("sign_in", "new place"), ("vault", "new resource")


def rule(identities: int = 5, **params: timedelta) -> Rule:
    made = Rule(
        title="Many at once",
        id="many",
        status="stable",
        level=Level.HIGH,
        stream="scores",
        by=("tenant",),
        bucket=HOUR,
        detector="surge",
        runbook="Ask what changed for all of them.",
    )
    return made.made("many.yml", Surge(identities=identities, **params))


def said(
    who: str,
    at: float,
    *,
    evidence: tuple[str, str] = PLACE,
    seen: float | None = None,
    rule: str = "moves",
    surprise: float = 2.0,
    subject: str = "identity",
    experimental: bool = False,
) -> Finding:
    """A finding about `who` in the hour `at` of today, seen at the hour `seen`, or else then."""
    bucket = TODAY + timedelta(hours=int(at // 1))
    time = TODAY + timedelta(hours=at if seen is None else seen) + BIN
    return Finding(
        rule=rule,
        detector="first_seen",
        level=Level.LOW,
        stream=evidence[0],
        family=evidence[1],
        experimental=experimental,
        subject=f"{subject}:{who}",
        group=((subject, who),),
        term="x",
        bucket=bucket,
        bucket_end=bucket + HOUR,
        time=time,
        judged_at=time,
        surprise=surprise,
        observed=1.0,
        expected=0.0,
        low=0.0,
        high=0.0,
        because="",
    )


PAST = tuple(said(f"entra:old-{day}", 9 - 24 * day) for day in range(1, 29, 3))
"""One identity an hour, every third day of four weeks."""
MANY = tuple(said(f"entra:{n}", 9) for n in range(20))


def heard(days: int) -> dict[str, Hearing]:
    """A source that has spoken every hour for so many days before today, and for two more."""
    at = pd.date_range(TODAY - days * DAY, TODAY + 2 * DAY, freq=HOUR, inclusive="left", unit="us")
    return {"a": Hearing.of("a", HOUR, HOUR, pd.DataFrame({"at": at, "seen_at": at + BIN}))}


def judged(
    *findings: Finding,
    judge: Rule | None = None,
    window: Window = WHOLE,
    before: tuple[Spoken, ...] = (),
    hearing: Mapping[str, Hearing] | None = None,
) -> list[Finding]:
    """What the rule says of them, through the stages of the worker."""
    others = [worker.Judged(rule(), findings, ("a",), 1, 0)]
    made, engine = judge or rule(), DuckEngine(threads=1)
    answer = worker.judge(made, engine, {}, hearing or {}, window, WHOLE.end, others, None, before)
    return list(answer.findings)


def test_many_at_once_are_said_once_with_all_of_them() -> None:
    (one,) = judged(*PAST, *MANY)
    assert one.subject == "tenant:entra"
    assert one.group == (("tenant", "entra"),)
    assert one.observed == 20
    assert set(one.members) == {f"entra:{n}" for n in range(20)}
    assert (one.bucket, one.time) == (TODAY + 9 * HOUR, TODAY + 9 * HOUR + BIN)


def test_the_chance_is_that_of_a_day_whose_busiest_hour_is_so_busy() -> None:
    (one,) = judged(*PAST, *MANY)
    level = np.log1p([1.0, 0.0, 0.0] * 9 + [1.0])
    mean = level.mean()
    noise = 0.3**2 + np.expm1(mean) / np.exp(2 * mean)
    spread = np.sqrt((((level - mean) ** 2).sum() + 14 * noise) / (27 + 14) * (1 + 1 / 28))
    assert one.surprise == pytest.approx(-np.log10(stats.t.sf((np.log1p(20) - mean) / spread, 8)))
    assert one.surprise > 3
    assert one.expected == pytest.approx(np.expm1(mean))


def test_it_stands_beside_what_was_found_of_each() -> None:
    (one,) = judged(*PAST, *MANY)
    assert one.evidence == MANY[0].evidence == PLACE
    assert one.term == "sign_in: new place"


def test_fewer_are_not_many() -> None:
    assert judged(*PAST, *MANY[:4]) == []
    assert judged(*PAST, *MANY[:5]) != []


def test_one_identity_is_one_however_often_and_by_however_many_rules() -> None:
    again = [said("entra:0", 9.1, rule=f"moves-{n}") for n in range(20)]
    assert judged(*PAST, *again) == []


def test_several_rules_of_one_kind_of_evidence_count_together() -> None:
    mixed = [said(f"entra:{n}", 9, rule=("country", "network")[n % 2]) for n in range(6)]
    assert len(judged(*PAST, *mixed)) == 1


def test_two_kinds_do_not_add_up_and_are_told_apart() -> None:
    places = [said(f"entra:{n}", 9) for n in range(4)]
    secrets = [said(f"entra:{n}", 9, evidence=SECRETS) for n in range(4)]
    assert judged(*PAST, *places, *secrets) == []
    both = judged(*PAST, *MANY, *[said(f"entra:{n}", 9, evidence=SECRETS) for n in range(12)])
    assert {one.evidence for one in both} == {PLACE, SECRETS}


def test_two_directories_do_not_add_up() -> None:
    mixed = [said(f"{('entra', 'partner')[n % 2]}:{n}", 9) for n in range(8)]
    assert judged(*PAST, *mixed) == []


def test_what_happens_to_so_many_every_week_is_no_surprise() -> None:
    weekly = [said(f"entra:{n}", 9 - 24 * 7 * week) for week in range(1, 4) for n in range(20)]
    assert judged(*PAST, *weekly, *MANY) == [one for one in judged(*PAST, *weekly) if one.bucket < TODAY]


def test_an_hour_earlier_of_the_same_day_is_no_history() -> None:
    earlier = [said(f"entra:e{n}", 7) for n in range(20)]
    late = [one for one in judged(*PAST, *earlier, *[said(f"entra:{n}", 9) for n in range(40)]) if one.observed == 40]
    (alone,) = judged(*PAST, *[said(f"entra:{n}", 9) for n in range(40)])
    assert [one.surprise for one in late] == [alone.surprise]


def test_what_was_not_seen_before_midnight_is_no_history() -> None:
    hidden = [said(f"entra:h{n}", 9 - 24, seen=1) for n in range(20)]
    today = [one for one in judged(*PAST, *hidden, *MANY) if one.bucket >= TODAY]
    assert [one.surprise for one in today] == [one.surprise for one in judged(*PAST, *MANY)]


def test_before_a_week_of_findings_nothing_can_be_said() -> None:
    young = said("entra:y", 9 - 24 * 6)
    assert judged(young, *MANY) == []
    assert judged(young, *MANY, judge=rule(warmup=6 * DAY)) != []
    assert judged(*MANY) == []


@pytest.mark.parametrize(("days", "said"), [(13, 0), (14, 1), (60, 1)])
def test_a_calm_directory_surges_too_once_rules_could_have_spoken_for_a_week(days: int, said: int) -> None:
    """Off: `begun` of monitor/detectors/surge.py. Rules have a week to learn what is usual, and this one another."""
    assert len(judged(*MANY, hearing=heard(days))) == said


def test_calm_days_count_as_none_though_findings_came_only_lately() -> None:
    (calm,) = judged(*MANY, hearing=heard(60))
    (lately,) = judged(said("entra:y", 9 - 24 * 6), *MANY, hearing=heard(60))
    assert calm.surprise > lately.surprise > judged(*PAST, *MANY)[0].surprise


def test_it_grows_and_is_said_again() -> None:
    growing = [said(f"entra:{n}", 9, seen=9 + n / 12) for n in range(40)]
    found = judged(*PAST, *growing)
    assert [one.observed for one in found] == sorted(one.observed for one in found)
    assert len(found) > 1
    assert all(b.surprise >= a.surprise + 0.5 for a, b in pairwise(found))
    assert len(found[0].members) == found[0].observed


def test_only_buckets_of_the_window_are_judged() -> None:
    assert judged(*PAST, *MANY, window=Window(TODAY + DAY, TODAY + 2 * DAY)) == []


def test_what_was_kept_of_earlier_windows_is_the_same_history() -> None:
    kept = tuple((one.rule, one.stream, one.family, one.subject, one.bucket, one.time) for one in PAST)
    window = Window(TODAY, TODAY + DAY)
    assert judged(*MANY, window=window, before=kept) == judged(*PAST, *MANY)
    assert judged(*MANY, window=window) == []


def test_experimental_rules_and_other_subjects_do_not_count() -> None:
    assert judged(*PAST, *[said(f"entra:{n}", 9, experimental=True) for n in range(20)]) == []
    assert judged(*PAST, *[said(f"entra:{n}", 9, subject="ip") for n in range(20)]) == []


def test_the_most_surprising_are_named_first() -> None:
    mixed = [said(f"entra:{n}", 9, surprise=1.0 + n) for n in range(8)]
    (one,) = judged(*PAST, *mixed)
    assert one.members[:2] == ("entra:7", "entra:6")


def test_nothing_said_is_nothing_to_count() -> None:
    assert judged() == []
