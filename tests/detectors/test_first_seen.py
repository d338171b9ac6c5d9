"""First seen: a new value, a waking group, and when neither can be said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from monitor.calibrate import calibrate
from monitor.coverage import Hearing
from monitor.detectors.first_seen import FirstSeen
from monitor.frames import SPANS, conform
from monitor.model import Window
from monitor.ports import Past
from monitor.testing import conformance
from tests.detectors.pasts import BY, DAY, HOUR, START, heard, past

DAYS = 30
NEWS = FirstSeen(forget=10 * DAY, warmup=3 * DAY, active=2)
WAKES = FirstSeen(forget=10 * DAY, warmup=3 * DAY, active=2, gap_factor=3.0)
Row = tuple[str, str, float, float]


def spans(*rows: Row) -> pd.DataFrame:
    """Rows of (identity, key, day of the first event, how many days later it was seen)."""
    frame = pd.DataFrame(rows, columns=["identity", "key", "first", "later"])
    first = START + pd.to_timedelta(frame["first"], unit="D")
    frame = frame.assign(first_at=first, last_at=first, day=first.dt.floor("D"), events=1)
    return conform(frame.assign(seen_at=first + pd.to_timedelta(frame["later"], unit="D")), SPANS, BY)


def said(judge: FirstSeen, *rows: Row, after: pd.DataFrame | None = None) -> list[tuple[str, int]]:
    """(key, day) of everything that was new."""
    scores = judge.score(known(*rows, after=after), Window(START, START + DAYS * DAY))
    scores = scores[scores["said"].notna()].sort_values("bucket")
    days = ((scores["bucket"] - START) // pd.Timedelta(DAY)).astype(int)
    return list(zip(scores["term"].tolist(), days.tolist(), strict=True))


def known(*rows: Row, after: pd.DataFrame | None = None) -> Past:
    if after is None:
        return past(DAYS, spans=spans(*rows))
    return past(DAYS, spans=spans(*rows), after=after)


def usual(days: range, key: str = "SE", who: str = "entra:1") -> list[Row]:
    return [(who, key, day + 0.4, 0.01) for day in days]


def test_a_value_never_seen_is_new_and_its_second_day_is_not() -> None:
    assert said(NEWS, *usual(range(8)), *usual(range(6, 8), "BR")) == [("BR", 6)]


def test_nothing_is_new_in_the_warm_up_nor_before_enough_days() -> None:
    assert said(NEWS, *usual(range(8)), *usual(range(2, 8), "BR")) == []
    assert said(NEWS, ("entra:1", "SE", 0.4, 0), ("entra:1", "BR", 6.4, 0)) == []


def test_a_value_is_new_again_once_forgotten() -> None:
    """Silence runs from the end of the last day it was seen on."""
    here = usual(range(DAYS))
    assert said(NEWS, *here, *usual(range(1), "BR"), *usual(range(11, 12), "BR")) == [("BR", 11)]
    assert said(NEWS, *here, *usual(range(1), "BR"), *usual(range(10, 11), "BR")) == []


def test_values_of_others_are_nobodys_own() -> None:
    assert said(NEWS, *usual(range(8)), *usual(range(8), "BR", "entra:2"), *usual(range(7, 8), "BR")) == [("BR", 7)]


def test_a_late_row_is_news_when_it_comes_and_changes_nothing_said_before() -> None:
    rows = [*usual(range(12)), ("entra:1", "BR", 5.4, 4.0)]
    assert said(NEWS, *rows, *usual(range(7, 8), "BR")) == [("BR", 7)]
    assert said(NEWS, *rows) == [("BR", 5)]


def test_a_group_wakes_after_a_silence_far_longer_than_any_before() -> None:
    assert said(WAKES, *usual(range(0, 9, 2), ""), *usual(range(20, 21), "")) == [("", 20)]


def test_a_silence_as_long_as_usual_is_none() -> None:
    weekly = usual(range(0, 15, 7), "")
    assert said(WAKES, *weekly, *usual(range(27, 28), "")) == []


def test_before_two_gaps_were_seen_it_cannot_say() -> None:
    assert said(WAKES, *usual(range(0, 3, 2), ""), *usual(range(20, 21), "")) == []


def homes(*rows: Row) -> pd.DataFrame:
    frame = spans(*rows)[["identity", "day", "seen_at"]].drop_duplicates(["identity", "day"])
    return frame.assign(source="s")


OUTAGE = START + 11 * DAY, START + 25.25 * DAY
EVERYBODY = [
    row
    for who in range(3)
    for day in (0, 2, 4, 6, 8, 10, 25, 27)
    for row in usual(range(day, day + 1), "", f"entra:{who}")
]


@pytest.mark.parametrize(("hearing", "woke"), [(heard(DAYS, OUTAGE), []), (heard(DAYS), [25, 25, 25])])
def test_after_an_outage_nobody_wakes_whom_nobody_could_have_heard(hearing: Hearing, woke: list[int]) -> None:
    before = past(DAYS, hearing, spans=spans(*EVERYBODY), home=homes(*EVERYBODY))
    scores = WAKES.score(before, Window(START, START + DAYS * DAY))
    assert [(at - START) // DAY for at in scores["bucket"]] == woke
    assert conformance.detector(WAKES, before, Window(START + 4 * DAY, START + DAYS * DAY)) == ()


def test_what_was_heard_of_a_silence_around_an_outage_counts() -> None:
    """Silent from day 9 to day 28.4, of which a source did not hear 14.25 - 11 and heard 16.15 days."""
    rows = [*usual(range(0, 9, 2), ""), *usual(range(28, 29), "")]
    before = past(DAYS, heard(DAYS, (START + 11 * DAY, START + 14.25 * DAY)), spans=spans(*rows), home=homes(*rows))
    scores = WAKES.score(before, Window(START, START + DAYS * DAY))
    assert scores["observed"].tolist() == [pytest.approx(19.4 - 3.25, abs=0.01)]


def test_news_of_a_group_that_is_hardly_known_are_counted_as_not_judged() -> None:
    scores = NEWS.score(known(*usual(range(2)), *usual(range(1, 2), "BR")), Window(START, START + DAYS * DAY))
    calibrated = calibrate(scores, BY, HOUR)
    assert (len(calibrated.scores), calibrated.judged, calibrated.unjudged) == (0, 0, 1)


def test_nothing_can_be_remembered_for_longer_than_memory_goes() -> None:
    with pytest.raises(ValidationError, match="forget"):
        FirstSeen(forget=401 * DAY)


def test_after_knows_a_group_by_another_predicate() -> None:
    tokens = spans(*usual(range(6), ""))
    assert said(NEWS, ("entra:1", "vault", 5.5, 0)) == []
    assert said(NEWS, ("entra:1", "vault", 5.5, 0), after=tokens) == [("vault", 5)]


def test_how_rare_news_are_is_counted_by_hand() -> None:
    """entra:1 had news on one of its 20 days; of two groups one ever had; 40 judged days."""
    rows = [
        *usual(range(21)),
        *usual(range(21), "SE", "entra:2"),
        *usual(range(8, 9), "BR"),
        *usual(range(20, 21), "US"),
    ]
    scores = NEWS.score(known(*rows), Window(START + 20 * DAY, START + 21 * DAY))
    assert scores[["said", "judged", "said_all", "judged_all"]].to_numpy().tolist() == [[1, 20, 1, 40]]


def test_values_shown_once_each_are_a_habit_of_news_even_in_the_warm_up() -> None:
    """entra:1 showed another address on each of 3 days, none of them news yet; on the fourth that says 3 of 3."""
    rows = [("entra:1", f"once-{day}", day + 0.4, 0.01) for day in range(4)]
    scores = NEWS.score(known(*rows), Window(START + 3 * DAY, START + 4 * DAY))
    assert scores[["said", "judged", "said_all"]].to_numpy().tolist() == [[3, 3, 0]]


def test_values_that_came_back_are_no_habit_of_news() -> None:
    rows = [*usual(range(8)), *usual(range(2, 8), "BR"), *usual(range(7, 8), "US")]
    scores = NEWS.score(known(*rows), Window(START + 7 * DAY, START + 8 * DAY))
    assert scores["said"].tolist() == [0]


@pytest.mark.parametrize("judge", [NEWS, WAKES])
def test_it_keeps_the_promises_of_a_detector(judge: FirstSeen) -> None:
    dice = np.random.default_rng(2)
    keys = ["SE", "NO", "BR", "US"] if judge is NEWS else [""]
    rows = {
        (who, key, day): (f"entra:{who}", key, day + float(dice.uniform()), float(dice.choice([0.0, 0.1, 2.0])))
        for who in range(6)
        for key in keys
        for day in dice.choice(DAYS, size=6, replace=False).tolist()
    }
    before = known(*rows.values())
    assert conformance.detector(judge, before, Window(START + 4 * DAY + 5 * HOUR, START + DAYS * DAY)) == ()
