"""One scale: each chance here was worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.calibrate import MOST, calibrate, per_day, rarity
from monitor.frames import SCORES, conform, empty

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
counts = st.floats(0, 1e4)


def scores(*log_p: float, said: float = np.nan) -> pd.DataFrame:
    rows = [
        {"identity": f"entra:{n}", "bucket": NOON, "seen_at": NOON, "term": "", "because": "", "log_p": one}
        | dict.fromkeys(("observed", "expected", "low", "high", "surprise"), np.nan)
        | dict.fromkeys(("said", "judged", "said_all", "judged_all"), said)
        for n, one in enumerate(log_p)
    ]
    return conform(pd.DataFrame(rows), SCORES, ("identity",))


def test_a_bucket_in_a_million_is_a_day_in_forty_thousand() -> None:
    calibrated = calibrate(scores(-6.0), ("identity",), HOUR)
    assert calibrated.scores["surprise"].tolist() == [pytest.approx(6 - np.log10(24))]


def test_what_nobody_ever_said_is_as_rare_as_all_their_days_allow() -> None:
    # r = 1 / 1000; P = 30 r / (28 + 30)
    assert 10 ** rarity(*map(np.array, (0.0, 28.0, 0.0, 999.0)))[()] == pytest.approx(0.030 / 58)


def test_what_a_group_says_daily_is_no_surprise() -> None:
    assert -rarity(*map(np.array, (28.0, 28.0, 28.0, 999.0)))[()] < 0.32


def test_a_score_below_the_floor_is_only_counted() -> None:
    calibrated = calibrate(scores(-6.0, -2.3, -0.1, np.nan), ("identity",), HOUR)
    assert calibrated.scores["identity"].tolist() == ["entra:0"]
    assert (calibrated.judged, calibrated.unjudged) == (3, 1)


def test_nothing_is_rarer_than_the_scale() -> None:
    assert calibrate(scores(-300.0), ("identity",), HOUR).scores["surprise"].tolist() == [MOST]


def test_no_scores_are_no_error() -> None:
    calibrated = calibrate(empty(SCORES, ("identity",)), ("identity",), HOUR)
    assert (len(calibrated.scores), calibrated.judged, calibrated.unjudged) == (0, 0, 0)


@given(counts, counts, counts, counts)
def test_a_chance_is_a_chance_and_falls_with_every_quiet_day(k: float, d: float, everyone: float, days: float) -> None:
    k, everyone = min(k, d), min(everyone, days)
    log_p = rarity(*map(np.array, (k, d, everyone, days)))
    assert log_p <= 1e-12
    assert rarity(*map(np.array, (k, d + 10, everyone, days))) <= log_p
    assert rarity(*map(np.array, (k, d, everyone, days + 10))) <= log_p


@given(st.floats(-300, 0), st.floats(1, 288))
def test_a_day_is_never_rarer_than_its_buckets(log_p: float, buckets: float) -> None:
    assert log_p <= per_day(np.array(log_p), buckets) <= 0
