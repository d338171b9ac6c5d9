"""How often something like this was said before: the four counts behind the chance of a rule without a count model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from monitor.coverage import Times, naive

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SUBJECTS: Final = {
    "identity": "identities",
    "ip": "addresses",
    "prefix": "networks",
    "resource": "vaults",
    "credential_id": "credentials",
    "tenant": "directories",
}
"""What subjects are called together, by the column that names them."""


@dataclass(frozen=True, slots=True)
class Wording:
    """How to say it: `never` and `again` of the subject's own days, `did` of all others.

    >>> did_this = Wording("Never", "It did this", "did this")
    >>> did_this.own(0, 18, timedelta(days=28)), did_this.own(2, 18, timedelta(days=28))
    ('Never in the 18 days before', 'It did this on 2 of the 18 days before')
    >>> did_this.own(0, 0, timedelta(days=28)), did_this.others(-0.5, 1127, "identities")
    ('Not seen in the 28 days before', 'Of all identities, none did this in 1,127 days together')
    """

    never: str
    again: str
    did: str

    def own(self, said: float, judged: float, lookback: timedelta) -> str:
        """On how many of its days the subject said as much."""
        if judged < 0.5:
            return f"Not seen in the {_many(lookback / timedelta(days=1), 'day')} before"
        before = "on the day before" if round(judged) == 1 else f"the {judged:,.0f} days before"
        if said < 0.5:
            return f"{self.never} {before if round(judged) == 1 else f'in {before}'}"
        return f"{self.again} {before if round(judged) == 1 else f'on {said:,.0f} of {before}'}"

    def others(self, said: float, judged: float, subjects: str) -> str:
        """How many of all subjects did, in all of their days; '' where there were none."""
        if judged < 0.5:
            return ""
        return f"Of all {subjects}, {_few(said)} {self.did} in {_many(judged, 'day')} together"


@dataclass(frozen=True, slots=True)
class Said:
    """Days on which a subject said at least this, of the days it was known; and how many ever did, of all their days.

    Over all subjects it is subjects that count, not days: what one without a past of it is measured by is how often one
    like it did so for the first time, and a few that do it daily say nothing of that. Beyond the loudest of all days,
    `said_all` runs from 0 towards -1, as the share of that day in the candidate less 1: the tail is carried on as a
    Pareto tail of index 1, so that ten times the record is ten times as rare.
    """

    said: Floats
    judged: Floats
    said_all: Floats
    judged_all: Floats

    def columns(self) -> tuple[Floats, Floats, Floats, Floats]:
        """The four counts, in the order of SCORES."""
        return self.said, self.judged, self.said_all, self.judged_all

    def words(self, wording: Wording, about: tuple[str, ...], lookback: timedelta) -> list[str]:
        """The four counts in sentences, for each candidate.

        A subject that was not known on any day has no past to speak of, only that of all others.
        """
        subjects = SUBJECTS.get(about[0], "others") if len(about) == 1 else "others"
        return [
            ". ".join(
                filter(None, (wording.own(said, judged, lookback), wording.others(said_all, judged_all, subjects)))
            )
            for said, judged, said_all, judged_all in zip(*self.columns(), strict=True)
        ]

    def frame(self) -> dict[str, Floats | float]:
        """Columns of SCORES: the counts, and nothing yet of what they mean."""
        names = ("said", "judged", "said_all", "judged_all")
        counts = dict(zip(names, self.columns(), strict=True))
        return {**counts, "log_p": np.nan, "surprise": np.nan}


@dataclass(frozen=True, slots=True)
class Days:
    """Days of groups: the group's number, the UTC day, when that was known, and how loud it was (if that matters)."""

    group: Ints
    day: Times
    known_at: Times
    value: Floats | None

    @classmethod
    def of(cls, frame: pd.DataFrame, value: Floats | None) -> Days:
        """From columns `group`, `day` and `seen_at`."""
        return cls(frame["group"].to_numpy(dtype=np.int64), naive(frame["day"]), naive(frame["seen_at"]), value)

    def before(self, day: np.datetime64, back: timedelta) -> npt.NDArray[np.bool_]:
        """Which of them lie in the `back` before `day` and were known by its start."""
        return (self.day < day) & (self.day >= day - np.timedelta64(back)) & (self.known_at < day)


def daily(
    candidates: Days,
    judged: Days,
    wanted: npt.NDArray[np.bool_],
    lookback: timedelta,
    alike: float = 1.0,
) -> Said:
    """The four counts of each wanted candidate, against the days before its own as known at 00:00 UTC of its day.

    Parameters
    ----------
    candidates
        Everything said, `value` being how much; earlier ones are the history of later ones.
    judged
        The judged days.
    wanted
        Which candidates to count for, in their order.
    alike
        From which share of a candidate on an earlier day of its own subject said as much.
    """
    counts = np.zeros((4, candidates.group.size))
    size = 1 + int(max(candidates.group.max(initial=0), judged.group.max(initial=0)))
    for day in np.unique(candidates.day[wanted]):
        today = wanted & (candidates.day == day)
        past = candidates.before(day, lookback)
        said = count(
            candidates.group[today],
            _values(candidates)[today],
            *_loudest(candidates, past),
            _known_days(judged, size, day, lookback),
            alike,
        )
        counts[:, today] = said.columns()
    return Said(*counts[:, wanted])


def _known_days(judged: Days, size: int, day: np.datetime64, lookback: timedelta) -> Floats:
    """On how many days of the lookback each group was known, and so judged: silent days of it are judged, too.

    What lies further back is left out, so that nothing depends on how far facts were read.
    """
    known = judged.before(day, lookback)
    today = _number(day)
    first = np.full(size, today)
    np.minimum.at(first, judged.group[known], _number(judged.day[known]))  # several times slower of times
    return np.asarray((today - first) / _number(np.timedelta64(1, "D").astype("m8[us]")))


def _number(times: npt.NDArray[np.datetime64] | np.datetime64 | np.timedelta64) -> npt.NDArray[np.int64]:
    """Times or lengths in microseconds, as integers."""
    return np.asarray(times).astype(np.int64)


def _loudest(history: Days, kept: npt.NDArray[np.bool_]) -> tuple[Ints, Floats]:
    """The most each group said on each of the kept days."""
    group, day, value = history.group[kept], history.day[kept], _values(history)[kept]
    order = np.lexsort((value, day, group))
    group, day, value = group[order], day[order], value[order]
    last = np.r_[(group[1:] != group[:-1]) | (day[1:] != day[:-1]), True] if group.size else np.zeros(0, dtype=bool)
    return group[last], value[last]


def _values(days: Days) -> Floats:
    return days.value if days.value is not None else np.ones(days.group.size)


def count(
    groups: Ints,
    observed: Floats,
    past_groups: Ints,
    past_observed: Floats,
    known_days: Floats,
    alike: float = 1.0,
) -> Said:
    """Count, for each candidate, what was as loud before.

    Parameters
    ----------
    groups, observed
        One candidate each: its group's number and what it observed.
    past_groups, past_observed
        One earlier day of a group each, with the most it observed that day.
    known_days
        By group number: on how many earlier days it was judged.
    alike
        From which share of it on an earlier day of its own group said as much.

    Examples
    --------
    >>> i = np.array
    >>> count(i([0]), i([5.0]), i([0, 0, 1]), i([5.0, 2.0, 9.0]), i([3.0, 2.0]))
    Said(said=array([1.]), judged=array([3.]), said_all=array([2.]), judged_all=array([5.]))
    """
    order = np.lexsort((past_observed, past_groups))
    past_groups, past_observed = past_groups[order], past_observed[order]
    record = np.sort(past_observed[np.r_[past_groups[1:] != past_groups[:-1], True]] if order.size else past_observed)
    said_all = (record.size - np.searchsorted(record, observed, side="left")).astype(np.float64)
    if record.size:
        unheard = said_all == 0
        said_all[unheard] = record[-1] / observed[unheard] - 1.0
    ends = np.searchsorted(past_groups, groups, side="right")
    starts = np.searchsorted(past_groups, groups, side="left")
    said = np.array(
        [
            end - start - np.searchsorted(past_observed[start:end], alike * value, side="left")
            for start, end, value in zip(starts, ends, observed, strict=True)
        ],
        dtype=np.float64,
    )
    return Said(said, known_days[groups], said_all, np.full(groups.size, known_days.sum()))


def _few(number: float) -> str:
    return "none" if number < 0.5 else "one" if number < 1.5 else f"{number:,.0f}"


def _many(number: float, noun: str) -> str:
    return f"{number:,.0f} {noun}{'' if number == 1 else 's'}"


def numbers(by: tuple[str, ...], *frames: pd.DataFrame) -> list[Ints]:
    """The group of each row of each frame, as numbers that agree across the frames."""
    if not sum(map(len, frames)):
        return [np.zeros(0, dtype=np.int64) for _ in frames]
    keys = pd.concat([frame[list(by)] for frame in frames], ignore_index=True)
    number = keys.groupby(list(by), sort=False, dropna=False).ngroup().to_numpy(dtype=np.int64)
    return list(np.split(number, np.cumsum([len(frame) for frame in frames])[:-1]))
