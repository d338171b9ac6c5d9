"""Calibrate: every rule on one scale.

`surprise = clip(-log10 P, 0, 30)`, P the chance that a group says at least this on a day; half a score is once in 1,000
group-days, whatever the rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from monitor.clock import DAY

FLOOR = 1.0
"""Surprise below which a judgement is only counted."""
MOST = 30.0
PRIOR_DAYS = 30.0
"""m: how many of a group's own days its rate must be known for before it outweighs that of all groups."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibrated:
    """SCORES above the floor, and how many groups were judged and could not be."""

    scores: pd.DataFrame
    judged: int
    unjudged: int


def calibrate(scores: pd.DataFrame, by: tuple[str, ...], bucket: timedelta) -> Calibrated:
    """SCORES with `surprise` filled in, only those at or above the floor."""
    counted = rarity(*(scores[name].to_numpy() for name in ("said", "judged", "said_all", "judged_all")))
    modelled = per_day(scores["log_p"].to_numpy(), DAY / bucket)
    log_p = np.where(scores["log_p"].notna(), modelled, counted)
    surprise = np.clip(-log_p, 0.0, MOST)
    groups = scores[list(by)].assign(judged=np.isfinite(surprise)).groupby(list(by))["judged"].max()
    loud = surprise >= FLOOR
    return Calibrated(scores.assign(surprise=surprise)[loud], int(groups.sum()), int((~groups).sum()))


def rarity(said: Floats, judged: Floats, said_all: Floats, judged_all: Floats) -> Floats:
    """log10 of the chance of a day on which the subject says at least this: `(k + m r) / (d + m)`.

    The Bayes estimate of its own rate k / d, with the rate over all subjects, `r = (K + 1) / (D + 1)`, as prior of
    weight m = 30 days.

    >>> round(float(-rarity(*map(np.array, (0.0, 28.0, 2.0, 8399.0)))), 2)
    3.73
    """
    rate = np.minimum((said_all + 1.0) / (judged_all + 1.0), 1.0)
    return np.asarray(np.log10((said + PRIOR_DAYS * rate) / (judged + PRIOR_DAYS)))


def per_day(log_p: Floats, buckets: float) -> Floats:
    """log10 of min(1, n p): the chance of a bucket into that of a day of n of them.

    >>> float(per_day(np.array([-5.0]), 100.0)[0])
    -3.0
    """
    return np.asarray(np.minimum(log_p + np.log10(buckets), 0.0))
