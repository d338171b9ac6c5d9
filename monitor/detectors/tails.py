"""How likely a count is: the two models of `spike`, seasonal and daily, and what they expect."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import numpy.typing as npt
from scipy import ndimage, special

from monitor.clock import DAY

Floats = npt.NDArray[np.float64]
TINY = 1e-300
SATURDAY = 5
SAME_WEEKDAY, SAME_TYPE, OTHER_TYPE = 1.0, 0.6, 0.1
"""How much a day of the past weighs: the same weekday, another of its type (working day or weekend), another type."""
PRIOR_SPREAD, PRIOR_DAYS = 0.3, 14
"""What is believed of the spread of a group's daily peaks (log scale) before any is seen, and how many days' worth."""
FREEDOM = 8.0
"""Degrees of freedom, at most, of what a day's peak may be: however many days were alike, the tail stays heavy."""
ALIKE = 0.6
"""An earlier day whose peak was at least this share of the count shows that such days happen."""


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


def daily_tail(observed: Floats, peaks: Floats, doubt: float = 1.0) -> Floats:
    """log10 of the chance that a day's largest count is at least `observed`; 0 where no earlier day is known.

    `peaks` are the largest counts of the earlier days, rows x days, NaN where unknown; see `daily` for `doubt`.
    """
    days = np.sum(np.isfinite(peaks), axis=1)
    mean, spread, freedom = daily(peaks, doubt)
    chance = special.stdtr(freedom, -(np.log1p(observed) - mean) / spread)
    alike = np.sum(peaks >= ALIKE * observed[:, None], axis=1)
    chance = np.maximum(chance, alike / (days + 1.0))
    return np.where(days > 0, np.log10(np.clip(chance, TINY, 1.0)), 0.0)


def daily(peaks: Floats, doubt: float = 1.0) -> tuple[Floats, Floats, Floats]:
    """Mean, spread and degrees of freedom of a next day's peak, on the scale of log(1 + count), as a Student t.

    The noise of a Poisson count of mean m is m / (1 + m)^2 on that scale (delta method). A mean near 0 may as well be
    one that was never caught in the act: `doubt` is by how much m is taken to be more.
    """
    days = np.sum(np.isfinite(peaks), axis=1)
    level = np.log1p(peaks)
    mean = np.nansum(level, axis=1) / np.maximum(days, 1)
    noise = PRIOR_SPREAD**2 + (np.expm1(mean) + doubt) / np.exp(2 * mean)
    squares = np.nansum((level - mean[:, None]) ** 2, axis=1)
    freedom = np.maximum(days - 1, 0) + PRIOR_DAYS
    spread = np.sqrt((squares + PRIOR_DAYS * noise) / freedom * (1.0 + 1.0 / np.maximum(days, 1)))
    return mean, spread, np.minimum(freedom, FREEDOM)


def band(mean: Floats, dispersion: Floats) -> tuple[Floats, Floats]:
    """The range in which 99.8 % of the counts fall if all is as it was."""
    size = 1.0 / dispersion
    share = size / (size + mean)
    return _quantile(0.001, size, share), _quantile(0.999, size, share)


def _quantile(chance: float, size: Floats, share: Floats) -> Floats:
    """The least count that a negative binomial one does not exceed with this chance.

    As scipy.stats.nbinom.ppf, of which the import alone takes longer than all that is judged in a tick.
    """
    guess = np.ceil(special.nbdtrik(chance, size, share))
    below = np.maximum(guess - 1.0, 0.0)
    least = np.where(special.betainc(size, below + 1.0, share) >= chance, below, guess)
    return np.where(special.betainc(size, 1.0, share) >= chance, 0.0, least)  # of tiny means the guess is beyond all
