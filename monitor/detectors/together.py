"""together: several rules, each a little surprised by one subject on one day."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from monitor.clock import DAY
from monitor.frames import SCORES, conform, empty
from monitor.model import COMMON, Window, kind_of_evidence, together
from monitor.ports import Need, Past

Row: TypeAlias = Mapping[Hashable, Any]


class Together(BaseModel):
    """Says "these add up": the strongest surprise, and of each other distinct evidence what exceeds a common one.

    Evidence is distinct if it differs in stream or measure family: the same tokens seen by three rules count once. How
    much was done is one kind over all streams: whoever runs twice as often gets more tokens and reads more secrets.
    Findings add up in the order in which they could be told, within the UTC day of their buckets; it speaks when what
    was there before is raised by a second kind of evidence. The sum stands in for Fisher's method of combining
    independent tests (Statistical Methods for Research Workers, 4th ed., 1932, section 21.1), with `COMMON` taken off
    each as the price of having looked for many.

    Parameters
    ----------
    kinds
        From how many kinds of evidence it speaks.

    Examples
    --------
    A waking identity (3.7) that also comes from a new network (2.5):

    >>> together([3.7, 2.5])
    4.7
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    needs: ClassVar[frozenset[Need]] = frozenset({"scores"})
    wants: ClassVar[tuple[str, ...]] = ()
    least: ClassVar[float] = 1.0

    kinds: int = Field(default=2, ge=2)

    def score(self, past: Past, window: Window) -> pd.DataFrame:
        """SCORES of every finding in the window that raised what was known of its subject that day."""
        found = past.scores[(past.scores["bucket"] >= window.start) & (past.scores["bucket"] < window.end)]
        found = found.sort_values(["seen_at", "bucket", "rule", "term"], kind="stable")
        days: dict[tuple[object, ...], list[Row]] = {}
        for row in found.assign(day=found["bucket"].dt.floor("D")).to_dict("records"):
            days.setdefault((*(row[column] for column in past.about), row["day"]), []).append(row)
        rows = [row for mine in days.values() for row in self._raised(mine, past)]
        return conform(pd.DataFrame(rows), SCORES, past.by) if rows else empty(SCORES, past.by)

    def _raised(self, mine: Sequence[Row], past: Past) -> list[Row]:
        """A row for each of one subject's findings on one day, in order, that raised what they come to."""
        strongest: dict[tuple[str, str], tuple[float, str]] = {}
        rows, told = [], 0.0
        for row in mine:
            evidence = kind_of_evidence(row["stream"], row["family"])
            if row["surprise"] > strongest.get(evidence, (0.0, ""))[0]:
                strongest[evidence] = row["surprise"], row["rule"]
            total = together([surprise for surprise, _ in strongest.values()])
            alone = max(surprise for surprise, _ in strongest.values())
            if len(strongest) >= self.kinds and total > max(alone, told):
                told = total
                rows.append(self._row(row, past, total, strongest.values()))
        return rows

    def _row(self, row: Row, past: Past, total: float, strongest: Collection[tuple[float, str]]) -> Row:
        worst_first = sorted(strongest, reverse=True)
        return {
            **{column: row[column] for column in past.by},
            "bucket": row["bucket"],
            "seen_at": row["seen_at"],
            "term": "",
            "observed": float(len(strongest)),
            "expected": np.nan,
            "low": 0.0,
            "high": float(self.kinds - 1),
            "log_p": -total - np.log10(DAY / past.bucket),
            **dict.fromkeys(("said", "judged", "said_all", "judged_all", "surprise"), np.nan),
            "because": f"{len(strongest)} kinds of evidence in a day come to {total:.1f}: "
            + ", ".join(f"{rule} ({surprise:.1f})" for surprise, rule in worst_first)
            + f"; each after the first adds what it has above {COMMON:g}",
        }
