"""ACTIVITY laid out as a block, so that the past of every group can be looked at in one step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from monitor.clock import DAY
from monitor.coverage import OPEN, Hearing, aware, days_of, naive, stamp
from monitor.detectors import counting
from monitor.ports import Past


@dataclass(frozen=True, slots=True)
class _Home:
    """`home` of a past: which source (its place among those heard) fed which group on which day, and since when."""

    group: counting.Ints
    place: counting.Ints
    day: npt.NDArray[np.datetime64]
    seen_at: npt.NDArray[np.datetime64]

    @classmethod
    def of(cls, home: pd.DataFrame, group: counting.Ints, places: Mapping[str, int]) -> _Home:
        """Of the sources that were heard."""
        place = home["source"].map(places)
        heard = place.notna().to_numpy()
        kept = home[heard]
        return cls(group[heard], place[heard].to_numpy().astype(np.int64), naive(kept["day"]), naive(kept["seen_at"]))

    def feeding(self, groups: int, places: int, midnight_at: datetime, lookback: timedelta) -> npt.NDArray[np.bool_]:
        """Places x groups: which fed which in the lookback, as seen before this midnight."""
        lately = (self.seen_at < stamp(midnight_at)) & (self.day >= stamp(midnight_at - lookback))
        fed = np.zeros((places, groups), dtype=bool)
        fed[self.place[lately], self.group[lately]] = True
        return fed


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
    home: _Home
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
            home=_Home.of(past.home, fed, places),
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
        first = np.r_[starts, OPEN][spoke.argmax(axis=1)]
        known = self._looked(starts, midnight_at, lookback)
        known &= (starts + np.timedelta64(self.width + self.settle) <= stamp(midnight_at))[None, :]
        known &= days_of(first)[:, None] <= days_of(starts)[None, :]
        return counts, known.reshape(counts.shape), first

    def _looked(
        self, starts: npt.NDArray[np.datetime64], midnight_at: datetime, lookback: timedelta
    ) -> npt.NDArray[np.bool_]:
        """In which buckets every source that fed a group, as far as was seen by this midnight, was heard."""
        fed = self.home.feeding(self.block.shape[0], len(self.hearing), midnight_at, lookback)
        known = np.ones((self.block.shape[0], starts.size), dtype=bool)
        for groups, hearing in zip(fed, self.hearing, strict=True):
            if groups.any():
                known[groups] &= hearing.mask(starts, self.width, midnight_at)
        return known
