"""mintwatch's own troubles are told as everything else is: once, while they last, and when they are over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from monitor import plugins
from monitor.collect import Backlog
from monitor.kql import DuckEngine
from monitor.model import Gap, State, Window
from monitor.rules import Rule, load, shipped
from monitor.store import Store
from monitor.testing.sources import ScriptedSource
from monitor.worker import App, tick
from monitor.worker.health import HealthSource
from tests.worker.alerts import alert
from tests.worker.scripts import DAY, HOUR, MINUTE, NOON, Memory, steady
from tests.worker.worlds import every

BEAT = 5 * MINUTE


@pytest.fixture(scope="module")
def own() -> tuple[Rule, ...]:
    """The shipped rules about mintwatch itself."""
    return tuple(rule for rule in load(shipped(), plugins.detectors()) if rule.stream == "health")


def world(store: Store, engine: DuckEngine, rules: tuple[Rule, ...], told: Memory, *sources: ScriptedSource) -> App:
    return App((*sources, HealthSource(store)), rules, store, engine, (told,))


def broken(window: Window) -> frozenset[datetime]:
    """Every tick of that stretch."""
    return frozenset(every(BEAT, window.start - BEAT, window.end - BEAT))


def ticks(app: App, start: datetime, end: datetime, step: timedelta = BEAT) -> Iterable[datetime]:
    for moment in every(step, start, end):
        tick(app, moment)
        yield moment


def test_the_rules_about_ourselves_are_shipped(own: tuple[Rule, ...]) -> None:
    ours = {rule.id for rule in own}
    assert {"source-stalled", "source-silent", "source-stale", "logs-left-out", "logs-vanished"} <= ours
    assert {"notifier-stalled", "rule-failing"} <= ours


def test_a_source_that_fails_twice_is_told_once_and_again_when_it_is_over(
    engine: DuckEngine, own: tuple[Rule, ...]
) -> None:
    outage = Window(NOON + HOUR, NOON + 3 * HOUR)
    bad = ScriptedSource(name="main.vault", events=steady(1, beat=BEAT), overlap=15 * MINUTE, fails=broken(outage))
    good = ScriptedSource(name="main.audit", events=steady(1))
    told = Memory()
    with Store() as store:
        app = world(store, engine, own, told, bad, good)
        first = None
        for moment in ticks(app, NOON, outage.end):
            first = first or (moment if told.took else None)
            assert [one.state for one in store.incidents()] == ([State.OPEN] if first else [])
        assert first == outage.start + BEAT
        assert [(one.reason, one.level) for one in told.took] == [("opened", "high")]
        assert {one.subject for one, _, _ in store.findings()} == {"source:main.vault"}
        list(ticks(app, outage.end, outage.end + 3 * HOUR, 30 * MINUTE))
        assert [one.reason for one in told.took] == ["opened", "resolved"]
        assert store.troubles() == []


def test_a_notifier_that_cannot_be_told_is_told_of_by_another(engine: DuckEngine, own: tuple[Rule, ...]) -> None:
    """Off: `note_untold` in `gather` of monitor/worker/gathering.py."""
    slack, console = Memory("slack", down=True), Memory("console")
    with Store() as store:
        alert(store, [slack], "i1", NOON)
        app = replace(world(store, engine, own, slack), notifiers=(slack, console))

        def said() -> list[str]:
            return [one.reason.value for one in console.took if one.rules == ("notifier-stalled",)]

        first = next(moment for moment in ticks(app, NOON, NOON + 2 * HOUR) if said())
        assert first == NOON + 2 * BEAT
        slack.down = False
        list(ticks(app, first + BEAT, first + 4 * HOUR, 30 * MINUTE))
        assert said() == ["opened", "resolved"]
        assert store.waiting() == []


def test_lost_answers_are_nobodys_business_as_long_as_the_next_one_comes(
    engine: DuckEngine, own: tuple[Rule, ...]
) -> None:
    lost = frozenset(every(2 * BEAT, NOON + HOUR, NOON + 90 * MINUTE))
    bad = ScriptedSource(name="main.vault", events=steady(1, beat=BEAT), fails=lost)
    told = Memory()
    with Store() as store:
        list(ticks(world(store, engine, own, told, bad), NOON + 30 * MINUTE, NOON + 2 * HOUR))
        assert (told.took, store.findings()) == ([], [])


def test_an_outage_of_days_stays_one_incident_and_is_resolved_when_it_is_over(
    engine: DuckEngine, own: tuple[Rule, ...]
) -> None:
    """Off: `ours` in `dense` of monitor/coverage.py (our own silence taken for an outage)."""
    outage = Window(NOON, NOON + 60 * HOUR)
    seldom = frozenset(every(6 * HOUR, NOON, outage.end))
    bad = ScriptedSource(name="main.vault", events=steady(1), fails=seldom)
    told = Memory()
    with Store() as store:
        app = world(store, engine, own, told, bad)
        list(ticks(app, NOON - 6 * HOUR, outage.end + 12 * HOUR, 6 * HOUR))
        assert [one.reason for one in told.took] == ["opened", *["reminder"] * (len(told.took) - 2), "resolved"]
        assert [one.state for one in store.incidents()] == [State.RESOLVED]


def test_ticks_by_the_hour_tell_of_every_five_minutes_in_between(engine: DuckEngine, own: tuple[Rule, ...]) -> None:
    bad = ScriptedSource(name="main.vault", events=steady(1), fails=frozenset({NOON + HOUR, NOON + 2 * HOUR}))
    told = Memory()
    with Store() as store:
        app = world(store, engine, own, told, bad)
        assert [bool(told.took) for _ in ticks(app, NOON - HOUR, NOON + 2 * HOUR, HOUR)] == [False, False, True]
        assert len(store.events(Window(NOON, NOON + DAY))) == 13


def test_what_a_cap_left_out_is_told_once(engine: DuckEngine, own: tuple[Rule, ...]) -> None:
    back = NOON + 6 * DAY
    source = ScriptedSource(name="main.vault", events=steady(7), overlap=15 * MINUTE)
    told = Memory()
    with Store() as store:
        app = world(store, engine, own, told, source)
        app = replace(app, backlogs={"main.vault": Backlog(cap=3 * DAY, slice=DAY)})
        tick(app, NOON + DAY)
        list(ticks(app, back, back + 2 * HOUR, 30 * MINUTE))
        assert [(one.reason, one.rules) for one in told.took if one.reason == "opened"] == [
            ("opened", ("logs-left-out",))
        ]
        assert "main.vault" in told.took[0].headline


def test_what_befell_a_source_while_our_own_round_was_over_is_told_by_the_next(
    engine: DuckEngine, own: tuple[Rule, ...]
) -> None:
    """Off: counting instead of `since` in `changed` of monitor/worker/health.py."""
    told = Memory()
    with Store() as store:
        app = world(store, engine, own, told)
        tick(app, NOON)
        store.note_gaps([Gap("main.vault", Window(NOON - 9 * DAY, NOON - 5 * DAY), "a slow round", NOON)])
        tick(app, NOON + BEAT)
        assert [one.reason for one in told.took] == ["opened"]
        assert HealthSource(store).changed(NOON, NOON + 2 * BEAT) == []


def test_what_our_own_journal_counts_is_what_it_fetches(engine: DuckEngine) -> None:
    bad = ScriptedSource(name="main.vault", fails=broken(Window(NOON, NOON + DAY)), events=steady(0.1))
    with Store() as store:
        list(ticks(world(store, engine, (), Memory(), bad), NOON - HOUR, NOON + 13 * HOUR, HOUR))
        source = HealthSource(store)
        reach = Window(NOON - DAY, NOON + DAY)
        for day, counts in source.counted(reach, reach.end).items():
            assert source.fetch(Window(day, day + DAY), reach.end).counts == counts
        assert source.rows(reach, "true", 3).shape[0] == 3
