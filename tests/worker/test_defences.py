"""Each defence is load-bearing: the docstring names the line which, switched off, makes its test fail."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from monitor import aggregate
from monitor.clock import EPOCH, iso
from monitor.kql import DuckEngine
from monitor.model import Window
from monitor.rules import Rule
from monitor.sources.export import open_exports
from monitor.store import Store
from monitor.testing.sources import Event, ScriptedSource
from monitor.worker import judge, replay, tick
from monitor.worker.judging import hear
from tests.worker.scripts import DAY, HOUR, MINUTE, NOON, app, burst, kept, tenant, truth

OVERLAP = 15 * MINUTE


def growing(seed: int) -> list[Event]:
    """Events that show up to ten minutes after they arrived, in no order."""
    dice = Random(seed)
    return [
        Event(f"k{n}", at, at + 2 * MINUTE, at + 2 * MINUTE + dice.uniform(0, 10) * MINUTE, f"entra:{n % 3}")
        for n, at in enumerate(NOON + dice.uniform(0, 90) * MINUTE for _ in range(120))
    ]


@pytest.mark.parametrize(("overlap", "whole"), [(OVERLAP, True), (0 * MINUTE, False)])
def test_rows_that_show_after_they_arrived_count_because_of_the_overlap(
    engine: DuckEngine, overlap: timedelta, whole: bool
) -> None:
    """Off: `- source.overlap` in monitor/collect.py. The second case is the test of the test."""
    source = ScriptedSource(events=growing(1), overlap=overlap)
    with Store() as store:
        for step in range(1, 30):
            tick(app([source], [], store, engine), NOON + step * 5 * MINUTE)
        assert (kept(store) == truth(source.events)) is whole


def test_no_finding_waits_for_a_row_that_may_still_show(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    """Off: `overlap` in `judged_at` of monitor/worker/judging.py."""
    quick = tenant(2) + burst(NOON + 2 * DAY, 20)
    slow = [
        Event(one.key, one.at, one.arrived, one.arrived + n % 2 * 9 * MINUTE, one.identity, one.outcome, code=one.code)
        for n, one in enumerate(quick)
    ]
    said = []
    for events in (quick, slow):
        source = ScriptedSource(events=events, overlap=OVERLAP)
        with Store() as store:
            for step in range(0, 60, 5):
                tick(app([source], [judged["failures"]], store, engine), NOON + 2 * DAY + step * MINUTE)
            said.append([(one.key, one.because, one.judged_at) for one, _, _ in store.findings()])
    assert said[0] == said[1] != []


def test_a_row_told_twice_counts_once_because_of_its_key(engine: DuckEngine, tmp_path: Path) -> None:
    """Off: `by key` in monitor/queries/fold.kql, for example `key = strcat(Id, arrived)` in service_principal.kql."""
    rows = []
    dice = Random(3)
    for n in range(60):
        at = NOON + dice.uniform(0, 120) * MINUTE
        row = {
            "TimeGenerated": iso(at),
            "CreatedDateTime": iso(at),
            "Id": f"k{n}",
            "ServicePrincipalId": f"sp{n % 4}",
            "ResultType": "0",
        }
        rows += [
            row | {"_TimeReceived": iso(at + lateness * MINUTE), "Location": country}
            for lateness, country in [(3, "SE"), (3, ""), (50, "NO")][: 1 + n % 3]
        ]
    dice.shuffle(rows)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "AADServicePrincipalSignInLogs.ndjson").write_text(text, encoding="utf-8")
    with open_exports(tmp_path, engine=engine) as exports, Store() as store:
        for hours in (0.5, 1, 2, 4):
            tick(app(exports.sources, [], store, engine), NOON + hours * HOUR)
        counts = kept(store)
        assert sum(counts.values()) == 60
        assert store.counts()["service_principal"].doubled == len(rows) - 60


class Globbing(Store):
    """A store that believes every file on disk; for the test of the test."""

    def live(self, sources: Collection[str] | None = None) -> list[Path]:  # noqa: ARG002
        return sorted((self.directory / "facts").glob("*.parquet"))


@pytest.mark.parametrize(("kind", "true"), [(Store, True), (Globbing, False)])
def test_a_file_written_before_a_crash_does_not_count_because_of_the_table_of_live_files(
    engine: DuckEngine, tmp_path: Path, kind: type[Store], true: bool
) -> None:
    """Off: `live` in monitor/store/state.py answers with a glob. The second case is the test of the test."""
    source = ScriptedSource(events=growing(2))
    end = NOON + 3 * HOUR
    with kind(tmp_path) as store:
        tick(app([source], [], store, engine), end)
        window = next(iter(store.windows("scripted")))
        store.write("scripted", window, source.fetch(Window(NOON - DAY, NOON + DAY), end), end)
        assert (kept(store) == truth(source.events)) is true


def test_a_replaced_file_does_not_count_though_it_is_still_there(engine: DuckEngine) -> None:
    """Off: as above; a reader who just opened the old file may finish."""
    source = ScriptedSource(events=growing(3)[:60])
    with Store() as store:
        tick(app([source], [], store, engine), NOON + 3 * HOUR)
        before = store.live()
        source.events += [
            Event(f"late {n}", NOON + n * MINUTE, NOON + 3 * HOUR + MINUTE, identity="entra:9") for n in range(100)
        ]
        tick(app([source], [], store, engine), NOON + 4 * HOUR)
        assert set(before) - set(store.live())
        assert all(path.is_file() for path in before)
        assert kept(store) == truth(source.events)
        tick(app([source], [], store, engine), NOON + 5 * HOUR)
        assert sorted((store.directory / "facts").iterdir()) == store.live()


@dataclass(frozen=True, slots=True)
class Prophetic:
    """An engine that reads facts before they were seen; for the test of the test."""

    engine: DuckEngine

    def run(self, kql: str, tables: dict[str, Sequence[Path]], values: dict[str, datetime] | None = None) -> object:
        later = {name: value + 400 * DAY if name == "as_of" else value for name, value in (values or {}).items()}
        return self.engine.run(kql, tables, later)


@pytest.mark.parametrize("causal", [True, False])
def test_what_was_not_seen_yet_is_not_judged_because_of_as_of(
    engine: DuckEngine, judged: dict[str, Rule], causal: bool
) -> None:
    """Off: `and seen_at < as_of` in monitor/aggregate/picking.py. The second case is the test of the test."""
    late = [Event(one.key, one.at, one.at + 5 * HOUR, None, one.identity, "failed") for one in burst(NOON, 20)]
    source = ScriptedSource(events=tenant(2, NOON - 2 * DAY) + late)
    with Store() as store:
        replay(app([source], [], store, engine))
        tables = {"facts": store.live()}
        hearing = hear(engine, tables, [source])
        as_of = NOON + HOUR
        runs = engine if causal else Prophetic(engine)
        said = judge(judged["failures"], runs, tables, hearing, Window(NOON - DAY, as_of), as_of)  # type: ignore[arg-type]
        facts = aggregate.Straight(runs, tables)  # type: ignore[arg-type]
        picked = facts.pick(aggregate.counted(judged["failures"]), Window(EPOCH, as_of), as_of)
        assert said.findings == ()
        assert (picked.num_rows == 0) is causal
