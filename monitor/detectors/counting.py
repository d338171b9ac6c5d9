"""How often something like this was said before: the four counts behind the chance of a rule without a count model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Said:
    """Days on which a group said at least this, of the days it was judged; and the same over all groups."""

    said: Ints
    judged: Ints
    said_all: Ints
    judged_all: int


def count(groups: Ints, observed: Floats, past_groups: Ints, past_observed: Floats, judged_groups: Ints) -> Said:
    """Count, for each candidate, the earlier days at least as loud.

    Parameters
    ----------
    groups, observed
        One candidate each: its group's number and what it observed.
    past_groups, past_observed
        One earlier day of a group each, with the most it observed that day.
    judged_groups
        One judged day of a group each.

    Examples
    --------
    >>> i = np.array
    >>> count(i([0]), i([5.0]), i([0, 0, 1]), i([5.0, 2.0, 9.0]), i([0, 0, 0, 1, 1]))
    Said(said=array([1]), judged=array([3]), said_all=array([2]), judged_all=5)
    """
    loud = np.sort(past_observed)
    said_all = loud.size - np.searchsorted(loud, observed, side="left")
    size = 1 + max((int(part.max()) for part in (groups, past_groups, judged_groups) if part.size), default=0)
    judged = np.bincount(judged_groups, minlength=size)[groups]
    order = np.lexsort((past_observed, past_groups))
    past_groups, past_observed = past_groups[order], past_observed[order]
    ends = np.searchsorted(past_groups, groups, side="right")
    starts = np.searchsorted(past_groups, groups, side="left")
    said = np.array(
        [
            end - start - np.searchsorted(past_observed[start:end], value, side="left")
            for start, end, value in zip(starts, ends, observed, strict=True)
        ],
        dtype=np.int64,
    )
    return Said(said, judged, said_all, int(judged_groups.size))


def numbers(by: tuple[str, ...], *frames: pd.DataFrame) -> list[Ints]:
    """The group of each row of each frame, as numbers that agree across the frames."""
    if not sum(map(len, frames)):
        return [np.zeros(0, dtype=np.int64) for _ in frames]
    keys = pd.concat([frame[list(by)] for frame in frames], ignore_index=True)
    number = keys.groupby(list(by), sort=False, dropna=False).ngroup().to_numpy(dtype=np.int64)
    return list(np.split(number, np.cumsum([len(frame) for frame in frames])[:-1]))
