"""Limit: when it speaks, and how rare that is, by hand."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from monitor.calibrate import calibrate
from monitor.detectors.limit import Limit
from monitor.frames import ACTIVITY, SPANS, conform, empty
from monitor.model import Window
from monitor.ports import Past
from monitor.testing import conformance
from tests.detectors.pasts import BY, DAY, HOUR, START, past

MINUTE = timedelta(minutes=1)
Row = tuple[str, float, float, float]


def counted(*rows: Row, known: int = 10, days: int = 8, after: pd.DataFrame | None = None) -> Past:
    """Rows of (identity, day of the bucket, how many days later it was seen, value); `known` identities, each active on
    the first day."""
    frame = pd.DataFrame(rows, columns=["identity", "day", "later", "value"])
    bucket = START + pd.to_timedelta(frame["day"], unit="D")
    frame = frame.assign(bucket=bucket, seen_at=bucket + pd.to_timedelta(frame["later"], unit="D"))
    frame = conform(frame, ACTIVITY, BY)
    judged = pd.DataFrame({"identity": [f"entra:{n}" for n in range(known)], "day": START, "seen_at": START})
    judged = judged.astype({"day": "datetime64[us, UTC]", "seen_at": "datetime64[us, UTC]"})
    after = empty({}) if after is None else after
    return past(days, bucket=15 * MINUTE, activity=frame, days=judged, after=after)


def surprise(limit: Limit, before: Past, day: int) -> list[float]:
    scores = limit.score(before, Window(START + day * DAY, START + (day + 1) * DAY))
    return list(calibrate(scores, BY, 15 * MINUTE).scores["surprise"])


def test_what_nobody_said_in_forty_days_of_ten() -> None:
    """k = K = 0, d = 4, D = 40: P = 30 (1 / 41) / (4 + 30)."""
    said = surprise(Limit(limit=5), counted(("entra:1", 4.5, 0, 5.0)), 4)
    assert said == [pytest.approx(-np.log10(30 / 41 / 34))]


def test_below_the_limit_it_says_nothing() -> None:
    assert surprise(Limit(limit=5), counted(("entra:1", 4.5, 0, 4.0)), 4) == []


def test_days_almost_as_loud_are_its_habit_even_below_the_limit() -> None:
    """Of entra:1: k = 2 of d = 4, for 6 is 0.6 of 10 and 5 is not; nobody ever said 10: K = 0."""
    rows: list[Row] = [("entra:1", 1.5, 0, 6.0), ("entra:1", 2.5, 0, 5.0), ("entra:1", 3.5, 0, 9.0)]
    scores = Limit(limit=10).score(counted(*rows, ("entra:1", 4.5, 0, 10.0)), Window(START + 4 * DAY, START + 5 * DAY))
    assert scores[["said", "judged"]].to_numpy().tolist() == [[2, 4]]
    assert (scores["said_all"] < 0).all()  # beyond the loudest of all days, 9


def test_what_it_says_daily_is_no_news_and_to_others_it_still_is() -> None:
    """Of entra:1: k = 3, d = 4; of entra:2: k = 0, d = 4. One of ten groups ever did: K = 1, D = 40."""
    rows: list[Row] = [("entra:1", day + 0.5, 0, 9.0) for day in (1, 2, 3, 4)]
    before = counted(*rows, ("entra:2", 4.25, 0, 9.0))
    scores = Limit(limit=5).score(before, Window(START + 4 * DAY, START + 5 * DAY)).set_index("identity")
    counts = scores[["said", "judged", "said_all", "judged_all"]]
    assert counts.to_dict("index") == {
        "entra:1": {"said": 3, "judged": 4, "said_all": 1, "judged_all": 40},
        "entra:2": {"said": 0, "judged": 4, "said_all": 1, "judged_all": 40},
    }


def test_a_row_that_came_after_midnight_is_no_history_of_that_day() -> None:
    before = counted(("entra:1", 3.5, 0.6, 9.0), ("entra:1", 4.5, 0, 9.0))
    scores = Limit(limit=5).score(before, Window(START + 4 * DAY, START + 5 * DAY))
    assert scores["said"].tolist() == [0]


def test_a_bucket_not_settled_at_midnight_is_no_history() -> None:
    unsettled = counted(("entra:1", 4 - 20 / 1440, 0, 9.0), ("entra:1", 4.5, 0, 9.0))
    settled = counted(("entra:1", 4 - 30 / 1440, 0, 9.0), ("entra:1", 4.5, 0, 9.0))
    window = Window(START + 4 * DAY, START + 5 * DAY)
    assert [Limit(limit=5).score(one, window)["said"].tolist() for one in (unsettled, settled)] == [[0], [1]]


def test_what_lies_before_the_lookback_is_forgotten() -> None:
    before = counted(("entra:1", 1.5, 0, 9.0), ("entra:1", 6.5, 0, 9.0))
    scores = Limit(limit=5, lookback=3 * DAY).score(before, Window(START + 6 * DAY, START + 7 * DAY))
    assert scores[["said", "judged_all"]].to_numpy().tolist() == [[0, 0]]


def spans(*rows: tuple[str, float, float]) -> pd.DataFrame:
    """Rows of (identity, when it happened, when it was seen), in days."""
    frame = pd.DataFrame(rows, columns=["identity", "first", "seen"])
    first = START + pd.to_timedelta(frame["first"], unit="D")
    frame = frame.assign(first_at=first, last_at=first, day=first.dt.floor("D"), key="", events=1)
    return conform(frame.assign(seen_at=START + pd.to_timedelta(frame["seen"], unit="D")), SPANS, BY)


@pytest.mark.parametrize(
    ("after", "speaks"),
    [
        (spans(), False),
        (spans(("entra:2", 1, 1)), False),
        (spans(("entra:1", 1, 1)), True),
        (spans(("entra:1", 4.6, 4.6)), False),  # only afterwards
        (spans(("entra:1", 1, 5)), False),  # before, but nobody knew
        (spans(("entra:1", 4.55, 4.2), ("entra:1", 1, 4.3)), True),  # the earlier one was seen later, but in time
    ],
)
def test_after_asks_for_something_that_happened_before_and_was_known(after: pd.DataFrame, speaks: bool) -> None:
    before = counted(("entra:1", 4.5, 0, 9.0), after=after)
    scores = Limit(limit=5).score(before, Window(START + 4 * DAY, START + 5 * DAY))
    assert (len(scores) > 0) is speaks


def test_it_keeps_the_promises_of_a_detector() -> None:
    dice = np.random.default_rng(1)
    rows: list[Row] = [
        (f"entra:{n % 7}", float(n % 8) + (n % 90) / 96, float(dice.choice([0, 0.3, 1.5])), float(dice.integers(3, 30)))
        for n in range(80)
    ]
    unique = {(who, day, later): (who, day, later, value) for who, day, later, value in rows}
    before = counted(*unique.values())
    assert conformance.detector(Limit(limit=5), before, Window(START + 2 * DAY + 5 * HOUR, START + 8 * DAY)) == ()
