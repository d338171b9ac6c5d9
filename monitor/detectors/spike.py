"""spike: far more than this group's own seasonal past makes likely."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field
from scipy import ndimage, special, stats

from monitor.clock import DAY, midnight
from monitor.coverage import Hearing, aware, days_of, naive, stamp
from monitor.detectors import counting
from monitor.frames import SCORES, conform, empty
from monitor.model import Window
from monitor.ports import Need, Past
from monitor.rules import Duration

Floats = npt.NDArray[np.float64]
TINY = 1e-300
NEVER = np.datetime64("9999-01-01", "us")
WEEK = 7
SATURDAY = 5
SAME_WEEKDAY, SAME_TYPE, OTHER_TYPE = 1.0, 0.6, 0.1
"""How much a day of the past weighs: the same weekday, another of its type (working day or weekend), another type."""
PRIOR_SPREAD, PRIOR_DAYS = 0.3, 14
"""What is believed of the spread of a group's daily peaks (log scale) before any is seen, and how many days' worth."""
FREEDOM = 8.0
"""Degrees of freedom, at most, of what a day's peak may be: however many days were alike, the tail stays heavy."""
ALIKE = 0.6
"""An earlier day whose peak was at least this share of the count shows that such days happen."""
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
                f"{value:,.0f} in {_length(counts.width)}, expected {mid:,.1f} ({a:,.0f} to {b:,.0f}); "
                f"its busiest {_length(counts.width)} in {self.lookback.days} days had {top:,.0f}"
                for value, mid, a, b, top in zip(
                    observed, expected, low, high, np.nanmax(np.c_[peaks, np.zeros(len(peaks))], axis=1), strict=True
                )
            ],
        )


@dataclass(slots=True)
class Counted:
    """ACTIVITY as a block of counts, groups x days x slots, filled as far as a midnight has seen them."""

    width: timedelta
    settle: timedelta
    start: datetime
    group: counting.Ints
    slot: counting.Ints
    day: npt.NDArray[np.datetime64]
    bucket: npt.NDArray[np.datetime64]
    seen_at: npt.NDArray[np.datetime64]
    value: npt.NDArray[np.float32]
    block: npt.NDArray[np.float32]
    home: pd.DataFrame
    hearing: tuple[Hearing, ...]
    learnt: int = 0

    @classmethod
    def of(cls, rows: pd.DataFrame, past: Past) -> Counted:
        """From ACTIVITY in order of `seen_at`."""
        group, fed = counting.numbers(past.by, rows, past.home)
        bucket = naive(rows["bucket"])
        day = bucket.astype("datetime64[D]").astype("datetime64[us]")
        size = int(max(group.max(), fed.max(initial=0))) + 1
        days = int((day.max() - day.min()) // np.timedelta64(DAY)) + 1
        hearing = tuple(past.hearing.values())
        places = {one.name: place for place, one in enumerate(hearing)}
        return cls(
            width=past.bucket,
            settle=past.settle,
            start=aware(day.min()),
            group=group,
            slot=((bucket - day) // np.timedelta64(past.bucket)).astype(np.int64),
            day=day,
            bucket=bucket,
            seen_at=naive(rows["seen_at"]),
            value=rows["value"].to_numpy(dtype=np.float32),
            block=np.zeros((size, days, DAY // past.bucket), dtype=np.float32),
            home=past.home.assign(group=fed, place=past.home["source"].map(places)).dropna(subset=["place"]),
            hearing=hearing,
        )

    def learn(self, midnight_at: datetime) -> None:
        """Fill in what was seen before this midnight; of a bucket's rows the last to arrive stands."""
        upto = int(np.searchsorted(self.seen_at, stamp(midnight_at), side="left"))
        new = slice(self.learnt, upto)
        place = ((self.day[new] - stamp(self.start)) // np.timedelta64(DAY)).astype(np.int64)
        self.block[self.group[new], place, self.slot[new]] = self.value[new]
        self.learnt = upto

    def history(
        self, midnight_at: datetime, lookback: timedelta
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_], npt.NDArray[np.datetime64]]:
        """Counts and what is known of them, groups x days x slots, of the days of the lookback before this midnight.

        And the bucket of each group's first count there. What lies further back is left out, however far facts were
        read.
        """
        end = min((midnight_at - self.start) // DAY, self.block.shape[1])
        begin = min(max(0, (midnight_at - lookback - self.start) // DAY), end)
        counts = self.block[:, begin:end]
        size, _, slots = counts.shape
        starts = stamp(self.start + begin * DAY) + np.arange((end - begin) * slots) * np.timedelta64(self.width)
        spoke = np.c_[(counts > 0).reshape(size, -1), np.ones(size, dtype=bool)]
        first = np.r_[starts, NEVER][spoke.argmax(axis=1)]
        known = self._looked(starts, midnight_at, lookback)
        known &= (starts + np.timedelta64(self.width + self.settle) <= stamp(midnight_at))[None, :]
        known &= days_of(first)[:, None] <= days_of(starts)[None, :]
        return counts, known.reshape(counts.shape), first

    def _looked(
        self, starts: npt.NDArray[np.datetime64], midnight_at: datetime, lookback: timedelta
    ) -> npt.NDArray[np.bool_]:
        """In which buckets every source that fed a group, as far as was seen by this midnight, was heard."""
        seen_at, day = naive(self.home["seen_at"]), naive(self.home["day"])
        fed = self.home[(seen_at < stamp(midnight_at)) & (day >= stamp(midnight_at - lookback))]
        known = np.ones((self.block.shape[0], starts.size), dtype=bool)
        for place, hearing in enumerate(self.hearing):
            groups = fed.loc[fed["place"] == place, "group"].unique()
            if groups.size:
                known[groups] &= hearing.mask(starts, self.width, midnight_at)
        return known


def seasonal(
    history: npt.NDArray[np.float32], known: npt.NDArray[np.bool_], start: datetime, blur: int
) -> tuple[Floats, Floats]:
    """Expected count and dispersion (variance = mean + dispersion mean^2) of each group and slot of the day at `start`.

    `history` and `known` are groups x days x slots, the days being those just before `start`.
    """
    weight = day_weights(start, history.shape[1])
    seen = np.where(known, history, 0.0)
    total = _blurred(np.einsum("gds,d->gs", seen, weight), blur)
    square = _blurred(np.einsum("gds,gds,d->gs", seen, seen, weight), blur)
    mass = _blurred(np.einsum("gds,d->gs", known.astype(np.float32), weight), blur)
    overall = total.sum(axis=1, keepdims=True) / np.maximum(mass.sum(axis=1, keepdims=True), TINY)
    mean = (total + overall) / (mass + 1.0)
    local = total / np.maximum(mass, TINY)
    excess = square - total * local - total  # mass x (variance - mean)
    pooled = np.maximum(excess.sum(axis=1), 0.0) / np.maximum((total * local).sum(axis=1), TINY)
    unsure = (1.0 / np.maximum(mean, TINY) + pooled[:, None]) / (mass + 1.0)
    return mean, np.maximum(pooled[:, None] + unsure, 1e-6)


def day_weights(start: datetime, days: int) -> Floats:
    """How much each of the `days` days before `start` says about it, oldest first."""
    past = [start - back * DAY for back in range(days, 0, -1)]
    weekend = start.weekday() >= SATURDAY
    return np.array(
        [
            SAME_WEEKDAY
            if day.weekday() == start.weekday()
            else SAME_TYPE
            if (day.weekday() >= SATURDAY) == weekend
            else OTHER_TYPE
            for day in past
        ]
    )


def _blurred(slots: Floats, blur: int) -> Floats:
    """Each slot with its neighbours within `blur`, weights falling linearly, the day taken as a circle."""
    kernel = 1.0 - np.abs(np.arange(-blur, blur + 1)) / (blur + 1)
    return np.asarray(ndimage.convolve1d(slots.astype(np.float64), kernel, axis=1, mode="wrap"))


def log_tail(observed: Floats, mean: Floats, dispersion: Floats) -> Floats:
    """log10 P(X >= observed), X negative binomial with this mean and dispersion.

    >>> round(float(log_tail(np.array([10.0]), np.array([10.0]), np.array([1e-6]))[0]), 2)
    -0.27
    """
    size = 1.0 / dispersion
    chance = special.betainc(np.maximum(observed, TINY), size, mean / (mean + size))
    return np.asarray(np.log10(np.clip(chance, TINY, 1.0)))


def daily_tail(observed: Floats, peaks: Floats) -> Floats:
    """log10 of the chance that a day's largest count is at least `observed`; 0 where no earlier day is known.

    `peaks` are the largest counts of the earlier days, rows x days, NaN where unknown.
    """
    days = np.sum(np.isfinite(peaks), axis=1)
    level = np.log1p(peaks)
    mean = np.nansum(level, axis=1) / np.maximum(days, 1)
    noise = PRIOR_SPREAD**2 + 1.0 / (np.expm1(mean) + 1.0)
    squares = np.nansum((level - mean[:, None]) ** 2, axis=1)
    freedom = np.maximum(days - 1, 0) + PRIOR_DAYS
    spread = np.sqrt((squares + PRIOR_DAYS * noise) / freedom * (1.0 + 1.0 / np.maximum(days, 1)))
    chance = stats.t.sf((np.log1p(observed) - mean) / spread, df=np.minimum(freedom, FREEDOM))
    alike = np.sum(peaks >= ALIKE * observed[:, None], axis=1)
    chance = np.maximum(chance, alike / (days + 1.0))
    return np.where(days > 0, np.log10(np.clip(chance, TINY, 1.0)), 0.0)


def band(mean: Floats, dispersion: Floats) -> tuple[Floats, Floats]:
    """The range in which 99.8 % of the counts fall if all is as it was."""
    size = 1.0 / dispersion
    share = size / (size + mean)
    return np.asarray(stats.nbinom.ppf(0.001, size, share)), np.asarray(stats.nbinom.ppf(0.999, size, share))


def _length(width: timedelta) -> str:
    minutes = int(width.total_seconds() // 60)
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"
