"""Values that a subject showed on one day only: how much that is new is still to come."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from monitor.detectors.counting import Days, Floats, Ints
from monitor.frames import HISTORY


def oneoffs(candidates: Days, shown: Days, value: Ints, wanted: npt.NDArray[np.bool_]) -> Floats:
    """On how many earlier days each wanted candidate's subject showed at least as many values it showed on no other.

    The chance that the next draw is something new is about the share of draws so far that were drawn once (Good, The
    population frequencies of species and the estimation of population parameters, Biometrika 40, 1953); a draw is here
    a day. It needs no warm-up, in which everything is new: who has shown forty addresses once each in a week will show
    a forty-first. What is new today and comes back tomorrow leaves no trace.

    Parameters
    ----------
    candidates
        What was said, `value` being which news of its day it is; later ones are measured by what was shown earlier.
    shown, value
        The subject, day and arrival of everything shown, a row for each value and day, and the number of that value.
    wanted
        Which candidates to count for.
    """
    observed = candidates.value if candidates.value is not None else np.ones(candidates.group.size)
    counts = np.zeros(candidates.group.size)
    for day in np.unique(candidates.day[wanted]):
        today = wanted & (candidates.day == day)
        past = shown.before(day, HISTORY) & np.isin(shown.group, candidates.group[today])
        group, strays = _strays(shown.group[past], value[past], shown.day[past].astype(np.int64))
        for place in np.flatnonzero(today):
            counts[place] = np.sum(strays[group == candidates.group[place]] >= observed[place])
    return counts[wanted]


def _strays(group: Ints, value: Ints, day: Ints) -> tuple[Ints, Ints]:
    """A row for each day of a group that held values shown on that day only: the group, and how many."""
    shown = np.unique(np.c_[group, value, day], axis=0)
    if not len(shown):
        return group[:0], group[:0]
    other = (shown[1:, :2] != shown[:-1, :2]).any(axis=1)
    once = shown[np.r_[True, other] & np.r_[other, True]]
    days, strays = np.unique(once[:, [0, 2]], axis=0, return_counts=True)
    return days[:, 0], strays.astype(np.int64)
