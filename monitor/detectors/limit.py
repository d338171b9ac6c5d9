"""limit: a count reached a number."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Final

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from monitor.clock import length
from monitor.coverage import days_of, naive, stamp
from monitor.detectors import counting
from monitor.detectors.tails import ALIKE
from monitor.frames import SCORES, conform, empty
from monitor.model import Window
from monitor.ports import Need, Past
from monitor.rules import Duration

ONCE: Final = counting.Wording("Never", "It did this", "did this")
MUCH: Final = counting.Wording("Never about as much", "About as much", "did as much")


class Limit(BaseModel):
    """Says "at least `limit` in one bucket", and how rare that is for this group and for all groups.

    The chance that a subject says at least this on a day is `(k + m r) / (d + m)`: k of its d judged days said about as
    much (from `ALIKE` of it up: 36 yesterday and 38 today are the same habit, whatever lies between), m is 30, and r is
    how many subjects ever said as much, per day of all of them (see `monitor.calibrate`). One judged for the first
    time is thus measured by all the others, and one that does it daily is quiet.

    Parameters
    ----------
    limit
        The count, in the rule's measure, from which it speaks.
    lookback
        How many days of history count.

    Examples
    --------
    >>> Limit(limit=10).least
    6.0
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    needs: ClassVar[frozenset[Need]] = frozenset({"activity", "days", "after"})
    wants: ClassVar[tuple[str, ...]] = ()
    slides: ClassVar[bool] = True

    limit: int = Field(ge=1)
    lookback: Duration = timedelta(days=28)

    @property
    def least(self) -> float:
        """The smallest count it looks at: below the limit lie the days that were almost as loud."""
        return max(ALIKE * self.limit, 1.0)

    def score(self, past: Past, window: Window) -> pd.DataFrame:
        """SCORES of every (group, bucket) whose count reaches the limit; one row per change of the count."""
        rows = past.activity[past.activity["value"] >= self.least]
        if len(past.after.columns):
            rows = _preceded(rows, past)
        if rows.empty:
            return empty(SCORES, past.by)
        subjects, judged = counting.numbers(past.about, rows, past.days)
        bucket, seen_at, value = naive(rows["bucket"]), naive(rows["seen_at"]), rows["value"].to_numpy(dtype=np.float64)
        settled = bucket + np.timedelta64(past.bucket + past.settle)
        loud = (value >= self.limit) & (bucket >= stamp(window.start)) & (bucket < stamp(window.end))
        said = counting.daily(
            counting.Days(subjects, days_of(bucket), np.maximum(seen_at, settled), value),
            counting.Days(judged, days_of(naive(past.days["day"])), naive(past.days["seen_at"]), None),
            loud,
            self.lookback,
            ALIKE,
        )
        scores = rows[loud]
        because = [
            f"{count:,.0f} in {length(past.bucket)}{self._from}. {once if count == 1 else many}"
            for count, once, many in zip(
                scores["value"],
                said.words(ONCE, past.about, self.lookback),
                said.words(MUCH, past.about, self.lookback),
                strict=True,
            )
        ]
        return conform(
            scores.rename(columns={"value": "observed"}).assign(
                term="", expected=np.nan, low=0.0, high=float(self.limit), because=because, **said.frame()
            ),
            SCORES,
            past.by,
        )

    @property
    def _from(self) -> str:
        """From which count it speaks; of 1, that it is there says as much."""
        return f" (alerts from {self.limit:,})" if self.limit > 1 else ""


def _preceded(rows: pd.DataFrame, past: Past) -> pd.DataFrame:
    """Only the rows whose group did what the rule's `after` asks before the bucket, as seen by then."""
    by = list(past.by)
    earlier = past.after.sort_values("seen_at", kind="stable")
    earlier = earlier.assign(before_at=earlier.groupby(by)["first_at"].cummin())[[*by, "seen_at", "before_at"]]
    joined = pd.merge_asof(rows.sort_values("seen_at", kind="stable"), earlier, on="seen_at", by=by)
    return joined[joined["before_at"] < joined["bucket"]].drop(columns="before_at")
