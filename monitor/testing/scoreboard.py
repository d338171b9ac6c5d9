"""What a scoring found, read at any threshold, as a table for people and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

import numpy as np
from rich.table import Table

from monitor.clock import iso
from monitor.testing.simulate.label import GRADES, Label

BUDGET: Final = 4.0
"""False claims per 1,000 identity-days at which recall is read."""

Json: TypeAlias = "str | float | Sequence[Json] | Mapping[str, Json] | None"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attack.

    `claims` are the scores of the true claims on it; `told` the score of each finding that makes one true, and how long
    after the attack's start it came.
    """

    label: Label
    claims: tuple[float, ...]
    told: tuple[tuple[float, timedelta], ...]

    @property
    def score(self) -> float:
        """The highest score of a claim on it; NaN if there was none."""
        return max(self.claims, default=float("nan"))

    def found(self, threshold: float) -> bool:
        """Whether some claim on it scores at least that."""
        return any(score >= threshold for score in self.claims)

    def delay(self, threshold: float) -> timedelta | None:
        """From its start to the first finding on it that itself scores at least that."""
        return min((delay for score, delay in self.told if score >= threshold), default=None)


@dataclass(frozen=True, slots=True)
class Point:
    """One threshold of the sweep: what is found and what is false at or above it."""

    threshold: float
    found: int
    false: int
    recall: float
    precision: float


@dataclass(frozen=True, slots=True)
class Part:
    """Attacks of one grade or kind at one threshold: how many, how many found, and their median time to detect.

    The median is over those that have one; see `Outcome.delay`.
    """

    attacks: int
    found: int
    delay: timedelta | None

    @property
    def recall(self) -> float:
        """Found of attacks; NaN if there were none."""
        return self.found / self.attacks if self.attacks else float("nan")


@dataclass(frozen=True, slots=True)
class Reading:
    """A scoreboard read at one threshold."""

    threshold: float
    false: int
    all: Part
    grades: Mapping[str, Part]
    kinds: Mapping[str, Part]
    missed: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Scoreboard:
    """All that a scoring needs to know of claims: those on attacks, by attack, and the scores of the false ones."""

    identity_days: int
    outcomes: tuple[Outcome, ...]
    false: tuple[float, ...]

    def of(self, kinds: Iterable[str]) -> Scoreboard:
        """The same with attacks of these kinds alone; claims on others stay ignored, false ones stay false."""
        wanted = frozenset(kinds)
        return Scoreboard(
            self.identity_days, tuple(one for one in self.outcomes if one.label.kind in wanted), self.false
        )

    def points(self) -> tuple[Point, ...]:
        """The sweep, a point for each distinct score, highest first."""
        best = np.array([one.score for one in self.outcomes if one.claims])
        false = np.array(self.false)
        thresholds = np.unique(np.concatenate([best, false]))[::-1]
        hits = best.size - np.searchsorted(np.sort(best), thresholds, side="left")
        wrong = false.size - np.searchsorted(np.sort(false), thresholds, side="left")
        return tuple(
            Point(float(at), int(hit), int(miss), hit / max(len(self.outcomes), 1), hit / (hit + miss))
            for at, hit, miss in zip(thresholds, hits, wrong, strict=True)
        )

    def average_precision(self) -> float:
        """The sum of precision x gain in recall along the sweep; NaN if there is nothing to find."""
        if not self.outcomes:
            return float("nan")
        total, before = 0.0, 0.0
        for point in self.points():
            total += (point.recall - before) * point.precision
            before = point.recall
        return total

    def threshold(self, budget: float = BUDGET) -> float:
        """The lowest score at which there are at most `budget` false claims per 1,000 identity-days; inf if none is."""
        allowed = budget * self.identity_days / 1000
        return min((point.threshold for point in self.points() if point.false <= allowed), default=float("inf"))

    def at(self, budget: float = BUDGET) -> Reading:
        """What is found at that many false claims per 1,000 identity-days."""
        return self.over(self.threshold(budget))

    def over(self, threshold: float) -> Reading:
        """What is found at and above a score, say the one from which incidents are told."""
        return Reading(
            threshold=threshold,
            false=sum(score >= threshold for score in self.false),
            all=_part(self.outcomes, threshold),
            grades={
                grade: _part([one for one in self.outcomes if one.label.grade == grade], threshold)
                for grade in sorted({one.label.grade for one in self.outcomes}, key=_grade)
            },
            kinds={
                kind: _part([one for one in self.outcomes if one.label.kind == kind], threshold)
                for kind in sorted({one.label.kind for one in self.outcomes})
            },
            missed=tuple(one.label for one in self.outcomes if not one.found(threshold)),
        )


def table(scoreboards: Mapping[str, Scoreboard], budget: float = BUDGET, kinds: Iterable[str] = ()) -> Table:
    """Finders side by side at `budget` false claims per 1,000 identity-days; of `kinds` only, if any are given."""
    only = tuple(kinds)
    boards = {name: board.of(only) if only else board for name, board in scoreboards.items()}
    readings = {name: board.at(budget) for name, board in boards.items()}
    grades = sorted({grade for reading in readings.values() for grade in reading.grades}, key=_grade)
    days = max((board.identity_days for board in boards.values()), default=0)
    shown = Table(
        title=f"Attacks found at {budget:g} false alerts per 1,000 identity-days ({days:,} identity-days)",
        title_justify="left",
    )
    shown.add_column("finder")
    for column in ("average precision", *grades, "all", "missed", "false", "time to detect"):
        shown.add_column(column, justify="right")
    for name, reading in readings.items():
        parts = [reading.grades.get(grade, Part(0, 0, None)) for grade in grades]
        shown.add_row(
            name,
            _share(boards[name].average_precision()),
            *(f"{part.found}/{part.attacks}" for part in (*parts, reading.all)),
            f"{len(reading.missed):,}",
            f"{reading.false:,}",
            _lasted(reading.all.delay),
        )
    return shown


def to_json(scoreboards: Mapping[str, Scoreboard], budget: float = BUDGET) -> str:
    """The scoreboards with their sweeps, readings at `budget` and missed attacks; NaN and infinity are null."""
    return json.dumps({name: _board(board, budget) for name, board in scoreboards.items()}, indent=2, allow_nan=False)


def _board(board: Scoreboard, budget: float) -> Json:
    reading = board.at(budget)
    return {
        "identity_days": board.identity_days,
        "attacks": len(board.outcomes),
        "false_claims": len(board.false),
        "average_precision": _finite(board.average_precision()),
        "budget": budget,
        "threshold": _finite(reading.threshold),
        "false": reading.false,
        "all": _told(reading.all),
        "grades": {grade: _told(part) for grade, part in reading.grades.items()},
        "kinds": {kind: _told(part) for kind, part in reading.kinds.items()},
        "missed": [
            {"attack": one.attack, "kind": one.kind, "grade": one.grade, "start": iso(one.start)}
            for one in reading.missed
        ],
        "points": [
            {
                "threshold": _finite(point.threshold),
                "found": point.found,
                "false": point.false,
                "recall": _finite(point.recall),
                "precision": _finite(point.precision),
            }
            for point in board.points()
        ],
    }


def _told(part: Part) -> Json:
    return {
        "attacks": part.attacks,
        "found": part.found,
        "recall": _finite(part.recall),
        "median_seconds_to_detect": part.delay.total_seconds() if part.delay is not None else None,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _share(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "-"


def _lasted(delay: timedelta | None) -> str:
    if delay is None:
        return "-"
    minutes = round(delay.total_seconds() / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _part(outcomes: Sequence[Outcome], threshold: float) -> Part:
    delays = sorted(delay for one in outcomes if (delay := one.delay(threshold)) is not None)
    middle = (delays[(len(delays) - 1) // 2] + delays[len(delays) // 2]) / 2 if delays else None
    return Part(len(outcomes), sum(one.found(threshold) for one in outcomes), middle)


def _grade(grade: str) -> tuple[int, str]:
    return ([*map(str, GRADES), grade].index(grade), grade)
