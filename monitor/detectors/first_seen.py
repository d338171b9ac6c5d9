"""first_seen: a value this group never had, or a group that was silent for long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from monitor.clock import DAY
from monitor.coverage import Hearing
from monitor.detectors import counting
from monitor.detectors.oneoffs import oneoffs
from monitor.detectors.silence import unheard
from monitor.frames import HISTORY, JOINED, SCORES, conform, empty
from monitor.model import Window
from monitor.ports import Need, Past
from monitor.rules import Duration

TWO_GAPS = 2
"""Active days that must lie before a wake-up for two earlier gaps to have been seen."""

NEWS: Final = counting.Wording("No news like this", "News like this", "had such news")
WOKE: Final = counting.Wording("Never so long", "As long", "woke after as long")


class FirstSeen(BaseModel):
    """Says "this group has not shown this value for `forget`", once the group is known for `warmup`.

    Without `new` columns the value is the group itself: it wakes after a silence. Memory is SPANS of the rule's own
    predicate, so that a failed try does not make an address "seen". Where the rule has an `after` predicate, a group
    is known and active by that one: a workload known for its tokens may then show its first token for a vault. How rare
    news are for this group and for all groups decides the score, as for `limit`. Time in which a source that feeds the
    group was not heard is no silence. Days with as many values that never came back count as news, even in the warm-up:
    who has shown forty addresses once each will show another.

    Parameters
    ----------
    forget
        A value not seen for this long is new again.
    warmup
        How long a group must be known before its news count; NaN until then.
    active
        On how many days a group must have been active before its news count.
    gap_factor
        If above 0, the silence must also be at least this many times the group's longest earlier one; cannot say until
        two earlier gaps were seen.

    Examples
    --------
    >>> FirstSeen(forget="14d", gap_factor=5).forget.days
    14
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    needs: ClassVar[frozenset[Need]] = frozenset({"spans", "after"})
    wants: ClassVar[tuple[str, ...]] = ()
    family: ClassVar[str] = "wake"
    least: ClassVar[float] = 1.0

    forget: Duration = Field(default=timedelta(days=30), ge=timedelta(days=3), le=HISTORY)
    warmup: Duration = timedelta(days=7)
    active: int = Field(default=3, ge=1)
    gap_factor: float = Field(default=0.0, ge=0.0)

    def score(self, past: Past, window: Window) -> pd.DataFrame:
        """SCORES of every (group, value) new on a day of the window, in the bucket of its first event."""
        if past.spans.empty:
            return empty(SCORES, past.by)
        spans = past.spans.sort_values(["seen_at", "first_at", "key"], ignore_index=True)
        known = past.after.sort_values(["seen_at", "first_at"], ignore_index=True) if len(past.after.columns) else spans
        groups, known_groups, fed = counting.numbers(past.by, spans, known, past.home)
        known = known.assign(group=known_groups)
        spans = spans.assign(group=groups, bucket=spans["first_at"].dt.floor(past.bucket))
        news, unsure = self._news(spans, known, _Silences(past.home.assign(group=fed), past.hearing))
        news = news.assign(observed=self._observed(news))
        inside = ((news["first_at"] >= window.start) & (news["first_at"] < window.end)).to_numpy()
        said = self._said(news, known, spans, past.about, inside)
        today = news[inside]
        quiet = today["quiet"].dt.total_seconds() / DAY.total_seconds()
        scores = today.assign(
            term=today["key"],
            expected=said.said / np.maximum(said.judged, 1),
            low=0.0,
            high=0.0,
            because=[
                _because(*one)
                for one in zip(today["key"], quiet, said.words(self._wording, past.about, HISTORY), strict=True)
            ],
            **said.frame(),
        )
        unsure = unsure[(unsure["first_at"] >= window.start) & (unsure["first_at"] < window.end)]
        nothing = dict.fromkeys((name for name, kind in SCORES.items() if kind == "float64"), np.nan)
        unsure = unsure.assign(term=unsure["key"], because="known for too short a time", **nothing)
        return conform(pd.concat([scores, unsure], ignore_index=True), SCORES, past.by)

    @property
    def _wording(self) -> counting.Wording:
        return WOKE if self.gap_factor else NEWS

    def _news(self, spans: pd.DataFrame, known: pd.DataFrame, silences: _Silences) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Days on which a key came first or after a silence (`quiet`) of `forget`: those judged, those that cannot be.

        Everything runs in order of arrival, so that a row that comes late changes nothing said before it came.
        """
        days = spans.drop_duplicates(["group", "key", "day"])
        days = days.assign(quiet=silences.of(days, ["group", "key"], self.forget))
        days = _acquainted(days, known.drop_duplicates(["group", "day"]))
        judged = (days["first_at"] - days["since"] >= self.warmup) & (days["before"] >= self.active)
        new = days["quiet"].isna() | (days["quiet"] >= self.forget)
        if self.gap_factor:
            own = days.drop_duplicates(["group", "day"])
            gap = silences.of(own, ["group"], self.forget / self.gap_factor)  # shorter ones never matter
            own = own.assign(gap=gap.fillna(pd.Timedelta(0)))
            own = own.assign(longest=own.groupby("group")["gap"].cummax().groupby(own["group"]).shift())
            days = days.merge(own[["group", "day", "longest"]], on=["group", "day"], how="left")
            judged &= days["before"] > TWO_GAPS
            new = days["quiet"] >= self.forget
            unusual = days["quiet"] >= days["longest"] * self.gap_factor
            return days[new & judged & unusual], days[new & ~judged]
        return days[new & judged], days[new & ~judged]

    def _said(
        self,
        news: pd.DataFrame,
        known: pd.DataFrame,
        spans: pd.DataFrame,
        about: tuple[str, ...],
        inside: npt.NDArray[np.bool_],
    ) -> counting.Said:
        """How often as much was said before the news inside the window, or turned out to have been shown only once."""
        judged = known.drop_duplicates(["group", "day"])
        subjects, judged_subjects, showing = counting.numbers(about, news, judged, spans)
        said_before = counting.Days.of(news.assign(group=subjects), news["observed"].to_numpy(dtype=np.float64))
        said = counting.daily(
            said_before, counting.Days.of(judged.assign(group=judged_subjects), None), inside, HISTORY
        )
        if self.gap_factor:  # a silence is no value that could come back
            return said
        shown = counting.Days.of(spans.assign(group=showing), None)
        strays = oneoffs(said_before, shown, pd.factorize(spans["key"])[0], inside)
        return replace(said, said=np.maximum(said.said, np.minimum(strays, said.judged)))

    def _observed(self, news: pd.DataFrame) -> pd.Series:
        """How much is new: the days of silence, or which news of this group on this day it is, in order of arrival."""
        if self.gap_factor:
            silence: pd.Series = news["quiet"].dt.total_seconds() / DAY.total_seconds()
            return silence
        return news.groupby(["group", "day"]).cumcount() + 1.0


def _because(key: str, quiet: float, counts: str) -> str:
    what = f"{key.replace(JOINED, ' ')}: " if key else ""
    since = "never seen before" if np.isnan(quiet) else f"not seen for {quiet:.0f} days"
    return f"{what}{since}. {counts}"


@dataclass(frozen=True, slots=True)
class _Silences:
    """`home` and `hearing` of the past: who fed a group, and what they heard."""

    home: pd.DataFrame
    hearing: Mapping[str, Hearing]

    def of(self, frame: pd.DataFrame, keys: list[str], least: timedelta) -> pd.Series:
        """Time since the end of the newest day of the same keys that had arrived on an earlier row; else NaT.

        Since its end, not its last event: of that, more may arrive after this row did. Time in which nobody listened is
        taken off those of at least `least`.
        """
        newest = frame.groupby(keys)["day"].cummax() + DAY
        begin = newest.groupby([frame[key] for key in keys]).shift()
        quiet = frame["first_at"] - begin
        long = quiet >= least
        if long.any() and len(self.home):
            rows = frame.loc[long, ["group", "seen_at"]].assign(begin=begin[long], end=frame.loc[long, "first_at"])
            quiet[long] -= unheard(rows, self.home, self.hearing)
        return quiet


def _acquainted(days: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """`days` with what was known of the group when each arrived: `since` when, and on how many days `before` this one.

    Both are in order of arrival; `known` has one row per day of a group.
    """
    mine = known.groupby("group")
    known = known.assign(since=mine["first_at"].cummin(), upto=mine.cumcount() + 1)
    joined = pd.merge_asof(days, known[["group", "seen_at", "since", "upto"]], on="seen_at", by="group")
    itself = known[["group", "day", "seen_at"]].rename(columns={"seen_at": "known_at"})
    joined = joined.merge(itself, on=["group", "day"], how="left")
    before = joined["upto"].fillna(0) - (joined["known_at"] <= joined["seen_at"])
    return joined.assign(before=before).drop(columns=["upto", "known_at"])
