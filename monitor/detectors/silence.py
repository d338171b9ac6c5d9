"""How long a group was silent while somebody listened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from monitor.coverage import Hearing, Times, aware, days_of, naive
from monitor.detectors import counting


def unheard(rows: pd.DataFrame, home: pd.DataFrame, hearing: Mapping[str, Hearing]) -> pd.Series:
    """How much of each silence a source that feeds the group did not hear, as known at 00:00 UTC of its row's arrival.

    Parameters
    ----------
    rows
        `group`, `begin` and `end` of the silence, `seen_at` of the row that ended it.
    home
        `group`, `source`, `seen_at`: which sources fed a group.

    Returns
    -------
    Series
        A timedelta for each of `rows`, by its index.
    """
    lost = np.zeros(len(rows), dtype="timedelta64[us]")
    day, arrived = days_of(naive(rows["seen_at"])), naive(rows["seen_at"])
    begin, end = naive(rows["begin"]), naive(rows["end"])
    feeds = _feeds(rows["group"].to_numpy(dtype=np.int64), arrived, home, tuple(hearing))
    for at, mask in np.unique(np.c_[day.astype(np.int64), feeds], axis=0):
        mine = (day.astype(np.int64) == at) & (feeds == mask)
        fed = [one for place, one in enumerate(hearing.values()) if mask >> place & 1]
        for start, stop in _holes(fed, np.datetime64(int(at), "us")):
            both = np.minimum(end[mine], stop) - np.maximum(begin[mine], start)
            lost[mine] += np.maximum(both, np.timedelta64(0, "us"))
    return pd.Series(lost, index=rows.index)


def _feeds(groups: counting.Ints, arrived: Times, home: pd.DataFrame, sources: tuple[str, ...]) -> counting.Ints:
    """Which sources had fed the group of each row when it arrived, a bit for each."""
    first = home.groupby(["source", "group"])["seen_at"].min().reset_index()
    feeds = np.zeros(groups.size, dtype=np.int64)
    for place, source in enumerate(sources):
        mine = first[first["source"] == source]
        if len(mine):
            since = naive(mine["seen_at"])
            rank = np.searchsorted(mine["group"], groups).clip(max=len(mine) - 1)
            feeds |= ((mine["group"].to_numpy()[rank] == groups) & (since[rank] <= arrived)).astype(np.int64) << place
    return feeds


def _holes(sources: Iterable[Hearing], day: np.datetime64) -> list[tuple[np.datetime64, np.datetime64]]:
    """Stretches that not all of the sources heard, apart from each other; one may last beyond the day's start."""
    merged: list[tuple[np.datetime64, np.datetime64]] = []
    for start, stop in sorted(hole for one in sources for hole in one.holes(aware(day))):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(stop, merged[-1][1])
        else:
            merged.append((start, stop))
    return merged
