"""Looked, heard, settled: how far each source can be trusted, computed from facts alone.

A table that is hours late still answers its queries, with nothing. So silence counts as zero only where a source is
known to have been listening: the same arithmetic serves the daemon and a replay.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from monitor.clock import BIN, floor, midnight
from monitor.model import Gap, Window

HOUR = timedelta(hours=1)
DENSE = 0.95
WEEK = 7 * 24
LEAST = 36
"""Hours that must have held a row before a source may be called dense."""
LULL = 2 * HOUR
"""A source that speaks every hour may be silent for almost this long and be well."""
Times = npt.NDArray[np.datetime64]
NEVER = np.datetime64("NaT", "us")
OPEN = np.datetime64("9999-01-01", "us")
"""Where a stretch ends that has not ended."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """One source: the 5-minute bins of `at` it ever filled, ascending, and when each was first heard of.

    `overlap` and `settle` are the source's; `heard` the running newest `at` in order of `seen`. `gaps` are stretches
    that were not seen whole, as the worker noted them. `ours`: it is our own journal, of which no silence is an outage.
    `stream` is the source's, '' where that does not matter.
    """

    name: str
    settle: timedelta
    overlap: timedelta
    at: Times
    seen_at: Times
    order: npt.NDArray[np.int64]
    newest: Times
    gaps: tuple[Gap, ...] = ()
    ours: bool = False
    stream: str = ""

    @classmethod
    def of(
        cls,
        name: str,
        settle: timedelta,
        overlap: timedelta,
        bins: pd.DataFrame,
        gaps: Iterable[Gap] = (),
        *,
        ours: bool = False,
        stream: str = "",
    ) -> Hearing:
        """From rows (`at`, `seen_at` of the first fact in it) of that source."""
        at = naive(bins["at"])
        seen_at = naive(bins["seen_at"])
        rank = np.argsort(at, kind="stable")
        at, seen_at = at[rank], seen_at[rank]
        order = np.argsort(seen_at, kind="stable")
        newest = np.maximum.accumulate(at[order].view("i8")).view(at.dtype) if at.size else at
        return cls(name, settle, overlap, at, seen_at, order, newest, tuple(gaps), ours, stream)

    def heard(self, t: datetime) -> datetime | None:
        """The newest `at` among facts seen before `t`; None if there is none."""
        newest = self._heard(np.array([stamp(t)]))[0]
        return None if np.isnat(newest) else aware(newest)

    def _heard(self, times: Times) -> Times:
        upto = np.searchsorted(self.seen_at[self.order], times, side="left")
        return np.where(upto > 0, self.newest[np.maximum(upto, 1) - 1] if self.at.size else NEVER, NEVER)

    def dense(self, t: datetime) -> bool:
        """Whether the source speaks all the time, as far as was seen before 00:00 UTC of `t`.

        It does if at least 95 % of the hours of the 7 days up to its newest row held one, its longest empty stretch
        left out. Neither the silence since the newest row nor one outage before it makes a source sparse, or an outage
        would soon look like peace. With fewer than `LEAST` hours heard nothing can be said: not dense.
        """
        if self.ours:
            return False
        end = stamp(midnight(t))
        seen = self.at[(self.seen_at < end) & (self.at < end)]
        hours = np.unique(seen.astype("datetime64[h]").astype(np.int64))
        if hours.size < LEAST:
            return False
        begin = max(hours[0], hours[-1] - WEEK + 1)
        hours = hours[hours >= begin]
        empty = np.diff(np.r_[begin - 1, hours]) - 1
        return bool(hours.size >= DENSE * (hours[-1] - begin + 1 - empty.max()))

    def reach(self, t: datetime, watermark: datetime) -> datetime:
        """How far the source can be judged at `t`.

        Never past the watermark less the overlap, nor, if it is dense, past what was heard plus settle.
        """
        return aware(self.reaches(np.array([stamp(t)]), np.array([stamp(watermark)]))[0])

    def reaches(self, times: Times, watermarks: Times) -> Times:
        """`reach` at many times, each with its watermark."""
        reach = np.minimum(times, watermarks - np.timedelta64(self.overlap))
        days, of = np.unique(times.astype("datetime64[D]"), return_inverse=True)
        dense = np.array([self.dense(aware(day.astype("datetime64[us]"))) for day in days])[of]
        heard = self._heard(times)
        limit = heard + np.timedelta64(BIN + self.settle)
        return np.where(dense & ~np.isnat(heard), np.minimum(reach, limit), reach)

    def covered(self, as_of: datetime) -> tuple[Window, ...]:
        """From the first row on, as seen before `as_of`.

        Less, for a dense source, empty stretches of more than both three settles and two hours; and less its gaps.
        """
        gaps = [one.window for one in self.gaps if one.noted_at <= as_of]
        return tuple(left for one in self._spoken(as_of) for left in one.without(gaps))

    def _spoken(self, as_of: datetime) -> tuple[Window, ...]:
        at = self.at[self.seen_at < stamp(as_of)]
        if not at.size:
            return ()
        if not self.dense(as_of):
            return (Window(aware(at[0]), max(as_of, aware(at[-1]) + BIN)),)
        steps = np.diff(at) > np.timedelta64(self._pause + BIN)
        starts = at[np.r_[True, steps]]
        ends = at[np.r_[steps, True]]
        return tuple(Window(aware(a), aware(b) + BIN) for a, b in zip(starts, ends, strict=True))

    @property
    def _pause(self) -> timedelta:
        """The longest a dense source is empty and well."""
        return max(3 * self.settle, LULL)

    def holes(self, as_of: datetime) -> tuple[tuple[np.datetime64, np.datetime64], ...]:
        """The stretches between covered intervals; the last has no end if it lasts at `as_of`."""
        windows = self.covered(as_of)
        edges = [(stamp(one.end), stamp(other.start)) for one, other in pairwise(windows)]
        if windows and as_of - windows[-1].end > self._pause:
            edges.append((stamp(windows[-1].end), OPEN))
        return tuple(edges)

    def mask(self, buckets: Times, width: timedelta, as_of: datetime) -> npt.NDArray[np.bool_]:
        """Which buckets (by their starts) lie inside a covered interval as seen before `as_of`."""
        windows = self.covered(as_of)
        if not windows:
            return np.zeros(buckets.size, dtype=bool)
        starts: Times = np.array([stamp(self._whole(one.start, width, first=one is windows[0])) for one in windows])
        ends: Times = np.array([stamp(one.end) for one in windows])
        slot = np.searchsorted(starts, buckets, side="right") - 1
        room = np.timedelta64(self.settle)
        inside = buckets + np.timedelta64(width) <= ends[np.maximum(slot, 0)] + room
        return np.asarray((slot >= 0) & inside)

    def _whole(self, start: datetime, width: timedelta, *, first: bool) -> datetime:
        """The first bucket an interval covers: where it began to speak again after an outage, only a whole one."""
        bucket = floor(start, width)
        return bucket if first or start - bucket <= self.settle else bucket + width


def naive(column: pd.Series) -> Times:
    """A column of aware times as numpy datetime64[us] in UTC, which numpy cannot mark as such."""
    return np.asarray(column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[us]"))


def days_of(times: Times) -> Times:
    """00:00 UTC of each time."""
    return times.astype("datetime64[D]").astype("datetime64[us]")


def stamp(at: datetime) -> np.datetime64:
    """An aware time as numpy datetime64[us] in UTC."""
    return np.datetime64(pd.Timestamp(at).tz_convert("UTC").tz_localize(None).to_pydatetime(), "us")


def aware(at: np.datetime64) -> datetime:
    """Back from numpy to an aware UTC time."""
    return pd.Timestamp(at).tz_localize("UTC").to_pydatetime()
