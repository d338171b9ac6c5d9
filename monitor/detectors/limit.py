"""limit: a count reached a number."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from monitor.detectors import counting
from monitor.frames import SCORES, conform, empty
from monitor.model import Window
from monitor.ports import Need, Past
from monitor.rules import Duration


class Limit(BaseModel):
    """Says "at least `limit` in one bucket", and how rare that is for this group and for all groups.

    The chance that a group says at least this on a day is `(k + m r) / (d + m)`: k of its d judged days said so, r is
    the rate over all groups, m = 30 (see `monitor.calibrate`). A group judged for the first time is thus measured by
    all the others, and one that does it daily is quiet.

    Parameters
    ----------
    limit
        The count, in the rule's measure, from which it speaks.
    lookback
        How many days of history count.
    settled
        The group needs this much history under the rule's `after` predicate, where the rule has one.

    Examples
    --------
    >>> Limit(limit=10).least
    10.0
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    needs: ClassVar[frozenset[Need]] = frozenset({"activity", "days", "after"})
    wants: ClassVar[tuple[str, ...]] = ()

    limit: int = Field(ge=1)
    lookback: Duration = timedelta(days=28)

    @property
    def least(self) -> float:
        """The smallest count it can say anything about."""
        return float(self.limit)

    def score(self, past: Past, window: Window) -> pd.DataFrame:
        """SCORES of every (group, bucket) whose count reaches the limit; one row per change of the count."""
        rows = past.activity[past.activity["value"] >= self.limit]
        if len(past.after.columns):
            rows = _preceded(rows, past)
        if rows.empty:
            return empty(SCORES, past.by)
        rows = rows.assign(day=rows["bucket"].dt.floor("D"))
        groups, judged_groups = counting.numbers(past.by, rows, past.days)
        inside = (rows["bucket"] >= window.start) & (rows["bucket"] < window.end)
        parts = [self._day(rows, groups, past, judged_groups, day) for day in sorted(rows.loc[inside, "day"].unique())]
        return conform(pd.concat(parts), SCORES, past.by) if parts else empty(SCORES, past.by)

    def _day(
        self, rows: pd.DataFrame, groups: counting.Ints, past: Past, judged_groups: counting.Ints, day: pd.Timestamp
    ) -> pd.DataFrame:
        start = day - self.lookback
        today = (rows["day"] == day).to_numpy()
        ended = rows["bucket"] + past.bucket + past.settle <= day
        before = ((rows["day"] >= start) & ended & (rows["seen_at"] < day)).to_numpy()
        loudest = rows[before].assign(group=groups[before]).groupby(["group", "day"], as_index=False)["value"].max()
        judged = ((past.days["day"] >= start) & (past.days["day"] < day) & (past.days["seen_at"] < day)).to_numpy()
        said = counting.count(
            groups[today],
            rows.loc[today, "value"].to_numpy(),
            loudest["group"].to_numpy(dtype=np.int64),
            loudest["value"].to_numpy(dtype=np.float64),
            judged_groups[judged],
        )
        scores = rows[today].rename(columns={"value": "observed"})
        return scores.assign(
            expected=np.nan,
            low=0.0,
            high=float(self.limit),
            log_p=np.nan,
            said=said.said.astype(float),
            judged=said.judged.astype(float),
            said_all=said.said_all.astype(float),
            judged_all=float(said.judged_all),
            surprise=np.nan,
            because=[
                f"{value:,.0f} in {_length(past.bucket)}, limit {self.limit:,}; "
                f"as much on {mine} of its {days} days and {every:,} of {said.judged_all:,} over all"
                for value, mine, days, every in zip(
                    scores["observed"], said.said, said.judged, said.said_all, strict=True
                )
            ],
        )


def _preceded(rows: pd.DataFrame, past: Past) -> pd.DataFrame:
    """Only the rows whose group did what the rule's `after` asks before the bucket, as seen by then."""
    earlier = past.after.sort_values(["seen_at", "first_at"]).rename(
        columns={"first_at": "before_at", "seen_at": "before_seen_at"}
    )
    earlier = earlier.drop_duplicates(list(past.by))[[*past.by, "before_at", "before_seen_at"]]
    joined = rows.merge(earlier, on=list(past.by), how="left")
    kept = (joined["before_at"] < joined["bucket"]) & (joined["before_seen_at"] <= joined["seen_at"])
    return rows[kept.to_numpy()]


def _length(width: timedelta) -> str:
    minutes = int(width.total_seconds() // 60)
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"
