"""Every row counts exactly once, whatever happens: random lives over a workspace, against the list of events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import TypeAlias

import pyarrow as pa
import pytest

from monitor.kql import DuckEngine, Value
from monitor.model import Window
from monitor.sources.loganalytics import client
from monitor.sources.loganalytics.presence import Shape
from monitor.sources.loganalytics.source import LogAnalyticsSource
from monitor.testing.azure import Limits, LocalAzure
from tests.worker.ledger import MINUTE, Ledger, drawn
from tests.worker.ledger import Shape as World
from tests.worker.living import BACKLOG, Life, Lived, Mortal, live

Question: TypeAlias = Callable[[Shape], tuple[str, Mapping[str, Value]]]
LIVES = 12
"""Lives in one test of sign-ins; a life of vaults takes three times as long."""


@pytest.fixture(scope="module")
def served() -> Iterator[LocalAzure]:
    """A service that answers with 30 rows at most, so that windows must be split."""
    with LocalAzure(limits=Limits(rows=30, requests=None)) as azure:
        yield azure


def born(seed: int, shape: World, unseen: timedelta = 10 * MINUTE, *, hours: float = 5, events: int = 45) -> Life:
    """A life in a world of its own, in which rows show up to `unseen` after they arrived."""
    dice = Random(f"{shape} {seed}")
    ledger = drawn(dice, shape, hours=hours, events=dice.randint(events // 9, events), unseen=unseen)
    return Life(ledger, dice, hours=hours)


def wrong(ledger: Ledger, lived: Lived) -> str:
    """What of a life does not agree with the list of its events; nothing, if all does."""
    truth = ledger.truth()
    if lived.kept != truth:
        return f"too many {lived.kept - truth}, too few {truth - lived.kept}, gaps {lived.gaps}"
    if (lived.late, list(lived.gaps), lived.troubles) != (ledger.late, [], 0):
        return f"late {lived.late} for {ledger.late}, gaps {lived.gaps}, troubles {lived.troubles}"
    return ""


CHUNKS = [*(("service_principal", n) for n in range(10)), *(("vault", n) for n in range(6))]
"""Shapes of a world, and parts of their lives; those from the second on are lived in `make soak` alone."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "chunk"), [pytest.param(*one, marks=pytest.mark.soak if one[1] >= 1 else ()) for one in CHUNKS]
)
def test_stored_facts_are_the_truth_to_the_row(
    shape: World, chunk: int, served: LocalAzure, engine: DuckEngine, tmp_path: Path
) -> None:
    lives = LIVES if shape == "service_principal" else LIVES // 3
    for seed in range(chunk * lives, (chunk + 1) * lives):
        life = born(seed, shape)
        lived = live(life, served, engine, tmp_path / str(seed))
        assert not (said := wrong(life.ledger, lived)), f"{shape} {seed}: {said}"


# Each defence, switched off, must make the same lives end in something else than the truth.


class Keyless(LogAnalyticsSource):
    """Takes every copy for a row of its own."""

    def _ask(
        self, question: Callable[[Shape], tuple[str, Mapping[str, Value]]], window: Window, now: datetime, purpose: str
    ) -> pa.Table:
        def keyless(shape: Shape) -> tuple[str, Mapping[str, Value]]:
            kql, values = question(shape)
            return kql.replace("key = Id,", "key = strcat(Id, arrived, TimeGenerated),"), values

        return super()._ask(keyless, window, now, purpose)


class Unsplit(LogAnalyticsSource):
    """Gives up on a window that does not fit."""

    def _whole(self, window: Window, now: datetime, slow: int = 0) -> Iterator[pa.Table]:  # noqa: ARG002
        yield self._folded(window, now)


class Globbing(Mortal):
    """Believes every fact file that lies there."""

    def live(self, sources: Collection[str] | None = None) -> list[Path]:  # noqa: ARG002
        return sorted(self._facts.glob("*.parquet"))


def _all(life: Life) -> Life:
    return life


def _without_overlap(life: Life) -> Life:
    return replace(life, overlap=timedelta(0))


def _without_comparison(life: Life) -> Life:
    return replace(life, backlog=replace(BACKLOG, compare=None))


def _without_key(life: Life) -> Life:
    return replace(life, source=Keyless)


def _without_split(life: Life) -> Life:
    return replace(life, source=Unsplit)


def _without_live_files(life: Life) -> Life:
    return replace(life, store=Globbing)


def lives(
    switch: Callable[[Life], Life], served: LocalAzure, engine: DuckEngine, folder: Path, born: Callable[[int], Life]
) -> list[str]:
    """What is wrong with each of a few lives."""
    said = []
    for seed in range(1000, 1005):
        life = switch(born(seed))
        said.append(wrong(life.ledger, live(life, served, engine, folder / f"{switch.__name__}{seed}")))
    return said


def usual(seed: int) -> Life:
    return born(seed, "service_principal")


def quiet(seed: int) -> Life:
    """A few rows a day, so that none brings another one's window along; nothing is compared."""
    life = born(seed, "service_principal", hours=24, events=9)
    return replace(life, backlog=replace(BACKLOG, compare=None))


def belated(seed: int) -> Life:
    """Rows may show long after they arrived."""
    return born(seed, "service_principal", 90 * MINUTE)


@pytest.mark.parametrize(
    ("switch", "born"),
    [
        (_all, usual),
        (_without_key, usual),
        (_without_split, usual),
        (_without_live_files, usual),
        (_all, quiet),
        (_without_overlap, quiet),
        (_all, belated),
        (_without_comparison, belated),
    ],
)
def test_without_a_defence_rows_are_lost_or_counted_twice(
    switch: Callable[[Life], Life],
    born: Callable[[int], Life],
    served: LocalAzure,
    engine: DuckEngine,
    tmp_path: Path,
) -> None:
    said = lives(switch, served, engine, tmp_path, born)
    assert any(said) == (switch is not _all), said


def test_a_partial_answer_that_is_taken_for_a_whole_one_loses_rows(
    served: LocalAzure, engine: DuckEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LogsQueryPartialResult", ())  # nothing is an instance of no class
    assert any(lives(_all, served, engine, tmp_path, usual))
