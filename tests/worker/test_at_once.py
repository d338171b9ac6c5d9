"""A daemon's threads on one state: sources are collected while rules judge, and nothing is lost or seen by halves."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import pandas as pd

from monitor.frames import SCORES, empty
from monitor.kql import DuckEngine
from monitor.model import State, Window
from monitor.ports import Past
from monitor.rules import Rule
from monitor.store import Store
from monitor.testing.sources import ScriptedSource
from monitor.worker import App, tick
from monitor.worker.gathering import gather
from monitor.worker.telling import tell
from monitor.worker.ticking import judge_and_decide
from tests.worker.scripts import DAY, HOUR, MINUTE, NOON, Memory, app, burst, kept, steady, tenant, truth
from tests.worker.worlds import every

START, STEP = NOON + 2 * DAY, 2 * HOUR
MOMENTS = tuple(every(STEP, START - STEP, START + 16 * HOUR))


def sources() -> tuple[ScriptedSource, ScriptedSource]:
    first = tenant(3) + burst(START + 4 * HOUR, 20) + burst(START + 11 * HOUR, 20, "entra:2")
    second = tenant(3) + burst(START + 7 * HOUR, 20, "entra:3")
    late = 15 * MINUTE
    return (
        ScriptedSource(name="one", events=first, overlap=late, lanes=2),
        ScriptedSource(name="two", events=second, overlap=late),
    )


def test_sources_collected_while_rules_judge_end_as_if_all_had_been_in_turn(
    engine: DuckEngine, judged: dict[str, Rule]
) -> None:
    """Off: `RLock` in `Control` of monitor/store/control.py, or `_readers` in `_retire` of monitor/store/facts.py."""
    rules = [judged["failures"], judged["expired"]]
    with Store() as store:
        in_turn = app(sources(), rules, store, engine)
        for moment in MOMENTS:
            assert tick(in_turn, moment).finished
        wanted = {one.key for one, _, _ in store.findings()}, kept(store)
    with Store() as store, ThreadPoolExecutor(3) as pool:
        told = Memory()
        world = app(sources(), rules, store, engine, [told])

        def collecting(place: int) -> list[str]:
            return [gather(world, world.sources[place], moment).error for moment in MOMENTS for _ in range(3)]

        def judging() -> list[tuple[str, ...]]:
            return [judge_and_decide(world, moment, []).failures for moment in MOMENTS]

        collected = [pool.submit(collecting, place) for place in range(2)]
        failures = pool.submit(judging).result()
        assert not any(failures)
        assert not any(error for one in collected for error in one.result())
        judge_and_decide(world, MOMENTS[-1], [])
        assert tell(world, MOMENTS[-1]) == []
        assert ({one.key for one, _, _ in store.findings()}, kept(store)) == wanted
        assert len(wanted[0]) >= 3
        assert len({one.incident for one in told.took if one.reason == "opened"}) == 3
        arrived = [[one for one in source.events if one.arrived < MOMENTS[-1]] for source in sources()]
        assert kept(store) == truth(arrived[0]) + truth(arrived[1])


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """A detector while which something else happens; it says nothing."""

    happens: Callable[[], object]
    needs: ClassVar[frozenset[str]] = frozenset({"activity"})
    least: ClassVar[float] = 1.0
    lookback: timedelta = 2 * DAY

    def score(self, past: Past, window: Window) -> pd.DataFrame:  # noqa: ARG002
        self.happens()
        return empty(SCORES, past.by)


def lagging(engine: DuckEngine, rules: list[Rule], store: Store, at: datetime) -> tuple[App, ScriptedSource]:
    """A world in which one of two sources was not read for four days, at the end of them."""
    well = ScriptedSource(name="well", events=tenant(8))
    stuck = ScriptedSource(name="stuck", events=tenant(8) + burst(at - 3 * DAY, 20))
    made = app([well, stuck], rules, store, engine)
    tick(made, at - 4 * DAY)
    gather(made, well, at)
    return made, stuck


def test_a_source_that_never_fed_a_rule_is_judged_from_where_it_stood_still(
    engine: DuckEngine, judged: dict[str, Rule]
) -> None:
    """Off: `changes` in `_touched` of monitor/worker/ticking.py."""
    at = NOON + 7 * DAY
    with Store() as store:
        world, stuck = lagging(engine, [judged["failures"]], store, at)
        judge_and_decide(world, at, [])
        gather(world, stuck, at + 5 * MINUTE)
        judge_and_decide(world, at + 5 * MINUTE, [])
        assert {one.bucket.date() for one, _, _ in store.findings()} == {(at - 3 * DAY).date()}


def test_what_is_collected_while_rules_judge_is_judged_the_next_time(
    engine: DuckEngine, judged: dict[str, Rule]
) -> None:
    """Off: what changed and watermarks from `standing` in monitor/worker/ticking.py, read after judging instead."""
    at = NOON + 7 * DAY
    failures = judged["failures"]
    with Store() as store:
        world, stuck = lagging(engine, [failures], store, at)
        done: list[object] = []
        slow = judged["expired"].made("slow.yml", Meanwhile(lambda: done.append(done or gather(world, stuck, at))))
        during = App(world.sources, (failures, slow), store, engine)
        assert judge_and_decide(during, at, []).finished
        assert store.watermark("stuck") == at
        judge_and_decide(world, at + 5 * MINUTE, [])
        assert {one.bucket.date() for one, _, _ in store.findings()} == {(at - 3 * DAY).date()}


def test_a_source_collected_while_rules_judge_resolves_nothing_they_did_not_look_at(
    engine: DuckEngine, judged: dict[str, Rule]
) -> None:
    """Off: as above."""
    at = NOON + 3 * DAY
    seldom = [one for n in range(10) for one in steady(5, f"entra:{n}", 4 * HOUR)]
    source = ScriptedSource(events=[one for one in seldom if one.at < at] + burst(at - HOUR, 20))
    failures = judged["failures"]
    with Store() as store:
        world = app([source], [failures], store, engine)
        tick(world, at)
        back = at + 6 * HOUR
        source.events += [one for one in seldom if one.at >= at] + burst(at + 5 * HOUR, 20)
        done: list[object] = []
        slow = judged["expired"].made("slow.yml", Meanwhile(lambda: done.append(done or gather(world, source, back))))
        during = App(world.sources, (failures, slow), store, engine)
        judge_and_decide(during, back, [])
        assert {one.state for one in store.incidents()} == {State.OPEN}
