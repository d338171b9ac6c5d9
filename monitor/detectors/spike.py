"""spike: far more than this group's own seasonal past makes likely."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from monitor.clock import DAY, length, midnight
from monitor.coverage import stamp
from monitor.detectors.counted import Counted
from monitor.detectors.tails import band, daily_tail, log_tail, seasonal
from monitor.frames import SCORES, conform, empty
from monitor.model import Window
from monitor.ports import Need, Past
from monitor.rules import Duration

EXPECTED = {"bucket": SCORES["bucket"], "expected": "float64", "low": "float64", "high": "float64"}


class Spike(BaseModel):
    """Tail probability of a count under the group's own past, by two models of which the calmer one speaks.

    Seasonal: the counts of the same time of day (give or take `blur`) on earlier days, alike weekdays weighing more,
    as a gamma-Poisson mixture, so a negative binomial predictive. Its dispersion is pooled over the group's slots and
    widened by what so few days leave uncertain. (Negative binomial thresholds that follow the time of day: Lambert and
    Liu, Adaptive thresholds, JASA 101, 2006. A baseline from comparable periods of the past: Farrington et al., A
    statistical algorithm for the early detection of outbreaks, JRSS A 159, 1996; Noufaily et al., An improved algorithm
    for outbreak detection, Statistics in Medicine 32, 2013.)

    Daily: the day's largest count against the largest of each earlier day, on a log scale, as a Student-t predictive
    with a prior spread. It knows that a batch may come at another hour, and works with no deviation at all.

    Parameters
    ----------
    lookback
        How far the past reaches back.
    warmup
        A group known for less cannot be judged.
    min_count
        Counts below it are never a spike.
    ratio
        The count is also at least this many times the expected one.
    blur
        How far around the time of day the counts of earlier days are drawn on, with weights that fall linearly.

    Examples
    --------
    Ten tokens an hour for ever, then forty; and the same forty where the days themselves vary:

    >>> regular = np.full((1, 28), 10.0)
    >>> round(float(-daily_tail(np.array([40.0]), regular)[0]), 1)
    3.4
    >>> varied = np.tile([10.0, 30.0, 14.0, 22.0], 7)[None, :]
    >>> round(float(-daily_tail(np.array([40.0]), varied)[0]), 1)
    0.6
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    needs: ClassVar[frozenset[Need]] = frozenset({"activity"})
    wants: ClassVar[tuple[str, ...]] = ()

    lookback: Duration = timedelta(days=28)
    warmup: Duration = timedelta(days=7)
    min_count: int = Field(default=20, ge=2)
    ratio: float = Field(default=2.0, ge=1.0)
    blur: Duration = timedelta(hours=1)

    @property
    def least(self) -> float:
        """The smallest count it can say anything about."""
        return float(self.min_count)

    def score(self, past: Past, window: Window) -> pd.DataFrame:
        """SCORES of every (group, bucket) of at least `min_count`; NaN for groups younger than `warmup`."""
        rows = past.activity.sort_values("seen_at", kind="stable", ignore_index=True)
        if rows.empty:
            return empty(SCORES, past.by)
        counts = Counted.of(rows, past)
        parts = []
        for piece in Window(midnight(window.start), window.end).pieces(DAY):
            counts.learn(piece.start)
            today = rows[(counts.day == stamp(piece.start)) & (rows["value"] >= self.min_count).to_numpy()]
            today = today[(today["bucket"] >= window.start) & (today["bucket"] < window.end)]
            if len(today):
                parts.append(self._judge(today, counts, piece.start))
        return conform(pd.concat(parts), SCORES, past.by) if parts else empty(SCORES, past.by)

    def expect(self, past: Past, window: Window) -> pd.DataFrame:
        """What was expected of every group in every bucket that starts in the window, whether or not it was a spike.

        Columns: the `by` columns, `bucket`, `expected`, `low`, `high`; NaN for groups younger than `warmup`. No rows if
        no group ever reached `min_count`.
        """
        rows = past.activity.sort_values("seen_at", kind="stable", ignore_index=True)
        if rows.empty:
            return pd.DataFrame({**{name: [] for name in past.by}, **{name: [] for name in EXPECTED}}).astype(EXPECTED)
        counts = Counted.of(rows, past)
        groups = rows[list(past.by)].assign(group=counts.group).drop_duplicates("group")
        days = Window(midnight(window.start), window.end).pieces(DAY)
        parts = [self._foretold(groups, counts, one.start) for one in days if one.start > counts.start]
        return pd.concat(parts, ignore_index=True) if parts else self.expect(replace(past, activity=rows[:0]), window)

    def _foretold(self, groups: pd.DataFrame, counts: Counted, start: datetime) -> pd.DataFrame:
        """`expect` of one day."""
        counts.learn(start)
        history, known, first = counts.history(start, self.lookback)
        mean, dispersion = seasonal(history, known, start, max(1, self.blur // counts.width))
        low, high = band(mean, dispersion)
        young = stamp(start) - first < np.timedelta64(self.warmup)
        group, slots = groups["group"].to_numpy(), mean.shape[1]
        buckets = pd.date_range(start, periods=slots, freq=counts.width, unit="us")
        foretold = groups.drop(columns="group").loc[groups.index.repeat(slots)].reset_index(drop=True)
        values = {"expected": mean, "low": low, "high": high}
        return foretold.assign(
            bucket=np.tile(buckets, len(group)),
            **{name: np.where(young[:, None], np.nan, value)[group].ravel() for name, value in values.items()},
        )

    def _judge(self, today: pd.DataFrame, counts: Counted, start: datetime) -> pd.DataFrame:
        group = counts.group[today.index]
        slot = counts.slot[today.index]
        observed = today["value"].to_numpy(dtype=np.float64)
        history, known, first = counts.history(start, self.lookback)
        mean, dispersion = seasonal(history, known, start, max(1, self.blur // counts.width))
        expected, spread = mean[group, slot], dispersion[group, slot]
        slots = DAY // counts.width
        hour = log_tail(observed, expected, spread)
        peaks = np.where(known.any(axis=2), np.where(known, history, 0.0).max(axis=2), np.nan)[group]
        day = daily_tail(observed, peaks)
        log_p = np.maximum(hour, day - np.log10(slots))
        log_p = np.where(observed >= self.ratio * expected, log_p, 0.0)
        log_p = np.where(stamp(start) - first[group] >= np.timedelta64(self.warmup), log_p, np.nan)
        low, high = band(expected, spread)
        return today.rename(columns={"value": "observed"}).assign(
            term="",
            expected=expected,
            low=low,
            high=high,
            log_p=log_p,
            said=np.nan,
            judged=np.nan,
            said_all=np.nan,
            judged_all=np.nan,
            surprise=np.nan,
            because=[
                f"{value:,.0f} in {length(counts.width)}, expected {mid:,.1f} ({a:,.0f} to {b:,.0f}). "
                f"Its busiest {length(counts.width)} in {self.lookback.days} days had {top:,.0f}"
                for value, mid, a, b, top in zip(
                    observed, expected, low, high, np.nanmax(np.c_[peaks, np.zeros(len(peaks))], axis=1), strict=True
                )
            ],
        )
