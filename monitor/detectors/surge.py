"""surge: many identities of one directory show the same kind of evidence at once, each of them a little."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field
from scipy import special

from monitor.clock import DAY, length
from monitor.coverage import stamp
from monitor.detectors.tails import daily, daily_tail
from monitor.frames import SCORES, conform, empty
from monitor.model import Window
from monitor.ports import Need, Past
from monitor.rules import Duration

DOUBT = 0.0
"""Of the days of a whole directory none hides what it is like: a mean near 0 is one."""
WITHIN = 0.999
"""The share of days whose busiest bucket is within the shown range."""

Floats = npt.NDArray[np.float64]


class Surge(BaseModel):
    """Chance that so many identities have findings of one kind of evidence in one bucket, from how many it was before.

    Counted are the distinct identities of a directory with a finding of that kind (stream and measure family,
    whatever the rule) in a bucket. A day is judged by its busiest bucket, against those of the days before it: a
    Student-t predictive of log(1 + count) with a prior spread (Gelman et al., Bayesian Data Analysis, 3rd ed., 2013,
    section 3.2), heavier than the tail of any model of counts that are independent, because they are not: what
    changes for a platform changes for all that run on it. Nor is it less than how many of the days had 60 % of the
    count. Days of which nothing was seen are left out, days on which no rule spoke count as 0: from the first finding
    about the directory on, or as long after its sources were first heard as any rule needs to learn what is usual.

    Parameters
    ----------
    identities
        From how many identities it speaks.
    lookback
        How far the past reaches back.
    warmup
        How long other rules are given before nothing said counts as nothing found; and a directory of which that has
        been known less long cannot be judged.

    Examples
    --------
    A quiet month in which never more than one identity moved within an hour; then 12 do, or 40:

    >>> quiet = np.tile([0.0, 0.0, 1.0, 0.0], 7)[None, :]
    >>> [round(float(-daily_tail(np.array([n]), quiet, DOUBT)[0]), 1) for n in (12.0, 40.0)]
    [3.9, 5.2]
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    needs: ClassVar[frozenset[Need]] = frozenset({"scores"})
    wants: ClassVar[tuple[str, ...]] = ()

    identities: int = Field(default=10, ge=2)
    lookback: Duration = timedelta(days=28)
    warmup: Duration = timedelta(days=7)

    @property
    def least(self) -> float:
        """The smallest count it can say anything about."""
        return float(self.identities)

    def score(self, past: Past, window: Window) -> pd.DataFrame:
        """SCORES of every bucket with enough identities, one row for each time it became more."""
        counted = _counted(past)
        many = counted[counted["count"] >= self.identities]
        many = many[(many["slot"] >= window.start) & (many["slot"] < window.end)]
        rows = [
            row
            for day, today in many.groupby("day")
            for row in self._judged(counted, today, pd.Timestamp(str(day)), past)
        ]
        return conform(pd.concat(rows), SCORES, past.by) if rows else empty(SCORES, past.by)

    def _judged(self, counted: pd.DataFrame, today: pd.DataFrame, day: datetime, past: Past) -> Iterator[pd.DataFrame]:
        """The rows of one UTC day, by directory and kind of evidence."""
        (column,) = past.about
        before = counted[(counted["day"] < day) & (counted["day"] >= day - self.lookback) & (counted["seen_at"] < day)]
        days = pd.date_range(day - self.lookback, day, freq=DAY, inclusive="left", unit="us")
        unheard = ~_heard(past, days, day)
        begun = [one + self.warmup for one in _begun(past, day)]
        for (who, evidence), rows in today.groupby([column, "evidence"]):
            mine = before[before[column] == who]
            first = min([*begun, *([pd.Timestamp(mine["day"].min())] if len(mine) else [])], default=day)
            busiest = mine[mine["evidence"] == evidence].groupby("day")["count"].max()
            peaks = busiest.reindex(days, fill_value=0).to_numpy(dtype=np.float64)
            peaks[unheard] = np.nan
            peaks[: max(0, (first - days[0]) // DAY)] = np.nan
            yield self._rows(rows, peaks[None, :], past, known=day - first >= self.warmup)

    def _rows(self, rows: pd.DataFrame, peaks: Floats, past: Past, *, known: bool) -> pd.DataFrame:
        observed = rows["count"].to_numpy(dtype=np.float64)
        mean, spread, freedom = (float(one[0]) for one in daily(peaks, DOUBT))
        expected = float(np.expm1(mean))
        high = float(np.expm1(mean + spread * special.stdtrit(freedom, WITHIN)))
        tail = daily_tail(observed, np.repeat(peaks, len(rows), axis=0), DOUBT) - np.log10(DAY / past.bucket)
        top = int(np.nan_to_num(peaks).max(initial=0))
        width = length(past.bucket)
        return rows.assign(
            bucket=rows["slot"],
            term=rows["evidence"],
            observed=observed,
            expected=expected,
            low=0.0,
            high=high,
            log_p=tail if known else np.nan,
            because=[
                f"{count:,.0f} identities with the same kind of evidence ({what}) in {width}, expected {expected:,.1f} "
                f"(0 to {high:,.0f}) in the busiest {width} of a day. "
                f"In the {self.lookback.days} days before, at most {top:,}"
                for count, what in zip(observed, rows["evidence"], strict=True)
            ],
            **dict.fromkeys(("said", "judged", "said_all", "judged_all", "surprise"), np.nan),
        )


def _counted(past: Past) -> pd.DataFrame:
    """How many identities had a finding of a kind in a bucket by the end of each bin of arrival that made it more."""
    (column,) = past.about
    rows = past.scores.sort_values(["seen_at", "bucket", "subject"], kind="stable")
    rows = rows.assign(slot=rows["bucket"].dt.floor(past.bucket), day=rows["bucket"].dt.floor("D"))
    rows = rows.drop_duplicates([column, "evidence", "slot", "subject"])
    rows = rows.assign(count=rows.groupby([column, "evidence", "slot"]).cumcount() + 1)
    return rows.drop_duplicates([column, "evidence", "slot", "seen_at"], keep="last")


def _heard(past: Past, days: pd.DatetimeIndex, midnight_at: datetime) -> npt.NDArray[np.bool_]:
    """On which of the days some source was heard, as far as is known at this midnight; on all, if there are none."""
    if not past.hearing:
        return np.ones(len(days), dtype=bool)
    slots = DAY // past.bucket
    starts = stamp(days[0].to_pydatetime()) + np.arange(len(days) * slots) * np.timedelta64(past.bucket)
    masks = [one.mask(starts, past.bucket, midnight_at) for one in past.hearing.values()]
    return np.asarray(np.any(masks, axis=0).reshape(len(days), slots).any(axis=1))


def _begun(past: Past, midnight_at: datetime) -> list[pd.Timestamp]:
    """The day on which any source but our own journal was first heard, as far as is known at this midnight."""
    heard = [one.at[one.seen_at < stamp(midnight_at)] for one in past.hearing.values() if not one.ours]
    first = min((each.min() for each in heard if each.size), default=None)
    return [] if first is None else [pd.Timestamp(first, tz="UTC").floor("D")]
