"""alarm: a count reached a number, and that is enough."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from monitor.clock import DAY, length
from monitor.coverage import naive, stamp
from monitor.frames import SCORES, conform
from monitor.model import Window
from monitor.ports import Need, Past


class Alarm(BaseModel):
    """Says "at least `count` in one bucket", with a surprise that was agreed upon, whatever the past was like.

    For what is not a matter of chance and needs no warm-up: a log source that cannot be read, rows that are lost. It
    speaks on the first day, and however often it was so before.

    Parameters
    ----------
    count
        The count, in the rule's measure, from which it speaks.
    surprise
        The surprise it speaks with.

    Examples
    --------
    >>> Alarm(count=6, surprise=4.0).least
    6.0
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    needs: ClassVar[frozenset[Need]] = frozenset({"activity"})
    wants: ClassVar[tuple[str, ...]] = ()
    slides: ClassVar[bool] = True
    lookback: ClassVar[timedelta] = timedelta(0)

    count: int = Field(ge=1)
    surprise: float = Field(default=4.0, ge=1.0, le=30.0)

    @property
    def least(self) -> float:
        """The smallest count it can say anything about."""
        return float(self.count)

    def score(self, past: Past, window: Window) -> pd.DataFrame:
        """SCORES of every (group, bucket) whose count reaches the number; one row per change of the count."""
        bucket = naive(past.activity["bucket"])
        reached = (
            (past.activity["value"] >= self.count) & (bucket >= stamp(window.start)) & (bucket < stamp(window.end))
        )
        rows = past.activity[reached]
        enough = f" (alerts from {self.count:,})" if self.count > 1 else ""
        because = [f"{count:,.0f} in {length(past.bucket)}{enough}" for count in rows["value"]]
        unknown = dict.fromkeys(("said", "judged", "said_all", "judged_all", "surprise"), np.nan)
        return conform(
            rows.rename(columns={"value": "observed"}).assign(
                term="",
                expected=0.0,
                low=0.0,
                high=float(self.count),
                log_p=-self.surprise - np.log10(DAY / past.bucket),
                because=because,
                **unknown,
            ),
            SCORES,
            past.by,
        )
