"""Spike: quiet on its own generating models, loud on bursts, and silent where it cannot know."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pytest

from monitor.calibrate import calibrate
from monitor.detectors.spike import Spike
from monitor.model import Window
from monitor.testing import conformance
from tests.detectors.pasts import BY, DAY, HOUR, START, heard, hourly

Counts = npt.NDArray[np.int64]
GROUPS, DAYS = 200, 28
JUDGED = Window(START + 14 * DAY, START + DAYS * DAY)
SPIKE = Spike(min_count=10, ratio=2.0)


def regular(dice: np.random.Generator, groups: int = GROUPS) -> Counts:
    """Exactly as many every hour, for ever."""
    return np.tile(dice.integers(1, 60, size=(groups, 1, 1)), (1, DAYS, 24))


def sparse(dice: np.random.Generator, groups: int = GROUPS) -> Counts:
    """A few a day, at any hour."""
    return dice.poisson(dice.uniform(0.02, 0.5, size=(groups, 1, 1)), size=(groups, DAYS, 24))


def busy(dice: np.random.Generator, groups: int = GROUPS) -> Counts:
    """Poisson around a diurnal wave."""
    return dice.poisson(_wave(dice, groups), size=(groups, DAYS, 24))


def restless(dice: np.random.Generator, groups: int = GROUPS) -> Counts:
    """Negative binomial around a diurnal wave, and good and bad days."""
    mean = _wave(dice, groups) * dice.lognormal(0, 0.2, size=(groups, DAYS, 1))
    return dice.poisson(mean * dice.gamma(4.0, 1 / 4.0, size=mean.shape))


def _wave(dice: np.random.Generator, groups: int) -> npt.NDArray[np.float64]:
    hours = np.arange(24)
    wave = 1 + 0.8 * np.sin(2 * np.pi * (hours - 9) / 24)
    return np.asarray(dice.uniform(3, 40, size=(groups, 1, 1)) * wave)


def surprises(counts: Counts) -> npt.NDArray[np.float64]:
    """The largest surprise of each group and judged day; 0 where nothing was said."""
    scores = calibrate(SPIKE.score(hourly(counts), JUDGED), BY, HOUR).scores
    most = np.zeros((len(counts), DAYS))
    group = scores["identity"].str.removeprefix("entra:").astype(int).to_numpy()
    day = ((scores["bucket"] - START) // DAY).to_numpy()
    np.maximum.at(most, (group, day), scores["surprise"].to_numpy())
    return most[:, 14:]


@pytest.mark.parametrize("model", [regular, sparse, busy, restless])
def test_no_attack_no_alert(model: object) -> None:
    """At most 0.3 % of 2,800 group-days under each generating model reach the score of one half."""
    counts = model(np.random.default_rng(7))  # type: ignore[operator]
    assert (surprises(counts) >= 3.0).mean() <= 0.003


@pytest.mark.parametrize(("model", "least"), [(regular, 0.95), (busy, 0.9), (restless, 0.5)])
def test_eight_times_as_much_is_seen(model: object, least: float) -> None:
    counts = model(np.random.default_rng(8), 100)  # type: ignore[operator]
    peak = counts.max(axis=(1, 2))
    counts[:, 20, 14] = 8 * np.maximum(peak, 5)
    assert (surprises(counts)[:, 6] >= 3.0).mean() >= least


def test_a_group_younger_than_the_warm_up_cannot_be_judged() -> None:
    counts = np.zeros((1, DAYS, 24), dtype=np.int64)
    counts[0, 10:, :] = 10
    counts[0, 13:, 12] = 500
    scores = SPIKE.score(hourly(counts), Window(START + 13 * DAY, START + DAYS * DAY))
    known = scores.groupby(scores["bucket"].dt.floor("D"))["log_p"].apply(lambda log_p: log_p.notna().all())
    assert known.tolist() == [False] * 4 + [True] * 11


def test_an_outage_is_no_history_of_silence() -> None:
    """What an outage hid is unknown, not zero: expectations stay as they were."""
    counts = np.full((1, DAYS, 24), 30, dtype=np.int64)
    gap = START + 20 * DAY + 8 * HOUR, START + 20 * DAY + 20 * HOUR
    counts[0, 20, 8:20] = 0
    counts[0, 21, 12] = 60
    window = Window(START + 21 * DAY, START + 22 * DAY)
    expected = {}
    for name, hearing in (("looked away", heard(DAYS, gap)), ("heard nothing", heard(DAYS))):
        scores = SPIKE.score(hourly(counts, hearing), window)
        (expected[name],) = scores.loc[scores["bucket"] == START + 21 * DAY + 12 * HOUR, "expected"]
    assert expected["looked away"] == pytest.approx(30, rel=0.01)
    assert expected["heard nothing"] < 29.9


def test_history_further_back_than_the_lookback_changes_nothing() -> None:
    counts = restless(np.random.default_rng(3), 5)
    counts[:, 26, 10] = 400
    short = Spike(lookback=timedelta(days=10), min_count=10)
    window = Window(START + 26 * DAY, START + 27 * DAY)
    forgotten = counts.copy()
    forgotten[:, :15] = 0
    whole, cut = (short.score(hourly(one), window) for one in (counts, forgotten))
    assert whole["log_p"].notna().all()
    assert np.allclose(whole["log_p"], cut["log_p"], rtol=1e-6)


@pytest.mark.parametrize("model", [sparse, restless])
def test_it_keeps_the_promises_of_a_detector(model: object) -> None:
    counts = model(np.random.default_rng(5), 6)  # type: ignore[operator]
    counts[:, 18:27:3, 3] += 100
    assert conformance.detector(SPIKE, hourly(counts), Window(START + 16 * DAY + 5 * HOUR, START + 28 * DAY)) == ()
