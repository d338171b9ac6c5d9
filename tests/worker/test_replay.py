"""Tick by tick equals replay; cutting, shuffling and splitting change nothing. On small, nasty tenants."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

import pytest

from monitor.clock import BIN, floor
from monitor.kql import DuckEngine
from monitor.model import Window
from monitor.rules import Rule
from monitor.store import Store
from monitor.testing.sources import ScriptedSource
from monitor.worker import hear, judge, replay, tick
from monitor.worker.lines import Line, lines
from tests.worker.scripts import NOON, app, burst, doubled, tenant
from tests.worker.worlds import (
    DAY,
    HOUR,
    MINUTE,
    OUTAGE,
    START,
    STUCK,
    World,
    cut,
    every,
    keys,
    opened,
    put,
    replayed,
    ticked,
    world,
)

SMALL = ("failures", "surge", "country", "resource")


@dataclass(frozen=True, slots=True)
class Replayed:
    """A world, where it lies, the rules it was judged by, and what a replay said of it."""

    tables: World
    folder: Path
    rules: tuple[Rule, ...]
    lines: list[Line]
    end: datetime
    decided: frozenset[datetime]


def told(folder: Path, tables: World, rules: Iterable[Rule]) -> Replayed:
    found, report = replayed(put(folder, tables), tuple(rules))
    return Replayed(tables, folder, tuple(rules), found, report.now, frozenset(one.at for one in report.decisions))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, judged: dict[str, Rule]) -> Replayed:
    """Three days of the workloads and machines."""
    tables = {name: rows for name, rows in world(3, 3).items() if "Principal" in name or "Managed" in name}
    return told(tmp_path_factory.mktemp("small"), tables, [judged[name] for name in SMALL])


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, judged: dict[str, Rule]) -> Replayed:
    """Eight days of everybody, so that identities fall asleep and wake."""
    return told(tmp_path_factory.mktemp("large"), world(2, 8), judged.values())


def moments(one: Replayed, count: int, seed: int) -> list[datetime]:
    """Ticks at random, some five minutes apart around midnight and around what arrives at once; and the last."""
    dice = Random(seed)
    bins = int((one.end - START) / BIN)
    chosen = {START + BIN * dice.randrange(1, bins) for _ in range(count)}
    midnight = START + dice.randrange(2, (one.end - START) // DAY) * DAY
    chosen |= {midnight - BIN, midnight, midnight + BIN, STUCK.end + 10 * MINUTE, OUTAGE.end + 125 * MINUTE}
    return sorted(chosen | {one.end})


def test_ticks_whenever_they_come_find_what_a_replay_finds(small: Replayed) -> None:
    found = ticked(small.folder, small.rules, moments(small, 6, 1))
    assert keys(found) == keys(small.lines)
    assert Counter(one["detector"] for one in found).keys() == {"limit", "spike", "first_seen"}


@pytest.mark.slow
def test_ticks_over_eight_days_find_what_a_replay_finds(large: Replayed) -> None:
    found = ticked(large.folder, large.rules, moments(large, 3, 2))
    assert keys(found) == keys(large.lines)
    assert {one["rule"] for one in found} == {rule.id for rule in large.rules}


@pytest.mark.slow
def test_ticks_that_do_not_miss_a_decision_tell_what_a_replay_tells(small: Replayed) -> None:
    """Incident, told and reason are those of the tick that judged, so there is a tick at every decision."""
    some = told(small.folder, small.tables, small.rules[:2])
    chosen = sorted(some.decided | set(moments(some, 1, 3)))
    assert ticked(some.folder, some.rules, chosen) == some.lines
    assert {one["reason"] for one in some.lines} >= {"opened", "unchanged"}


@pytest.mark.slow
def test_every_five_minutes_or_every_half_hour_is_the_same(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    dice = Random(5)
    bursts = [burst(NOON + 2 * DAY + dice.uniform(0, 150) * MINUTE, 9, f"entra:{n}") for n in range(6)]
    events = doubled([*tenant(2.2), *(one for each in bursts for one in each)], dice)
    said = []
    for step in (5 * MINUTE, 30 * MINUTE):
        source = ScriptedSource(events=events, step=DAY)
        with Store() as store:
            for moment in every(step, NOON + 2 * DAY, NOON + 2 * DAY + 3 * HOUR):
                tick(app([source], [judged["failures"]], store, engine), moment)
            said.append(lines(store))
    assert keys(said[0]) == keys(said[1])
    assert len(said[0]) >= 6


@pytest.mark.parametrize("hours", [33.5, 45, 60])
def test_what_arrives_later_changes_nothing_said_earlier(small: Replayed, tmp_path: Path, hours: float) -> None:
    until = START + hours * HOUR
    found, _ = replayed(put(tmp_path, cut(small.tables, until)), small.rules)
    assert keys(_until(found, until)) == keys(_until(small.lines, until))
    assert keys(_until(found, until)) or hours < 40


@pytest.mark.slow
@pytest.mark.parametrize("days", [2.1, 4.6, 6.3])
def test_what_arrives_later_changes_nothing_said_earlier_of_anybody(
    large: Replayed, tmp_path: Path, days: float
) -> None:
    until = START + days * DAY
    found, _ = replayed(put(tmp_path, cut(large.tables, until)), large.rules)
    assert keys(_until(found, until)) == keys(_until(large.lines, until)) != set()


def _until(found: Sequence[Line], until: datetime) -> list[Line]:
    return [one for one in found if datetime.fromisoformat(str(one["time"])) <= until]


def test_the_order_of_rows_changes_nothing(small: Replayed, tmp_path: Path) -> None:
    tables = {name: sorted(rows, key=lambda row: str(row["Id"])) for name, rows in small.tables.items()}
    assert replayed(put(tmp_path, tables), small.rules)[0] == small.lines


def test_a_replay_in_two_halves_finds_what_one_finds(small: Replayed) -> None:
    with opened(small.folder, small.rules) as one:
        replay(one)
        tables = {"facts": one.store.live()}
        hearing = hear(one.engine, tables, one.sources)
        noon = [START, START + 2 * DAY, small.end]
        for rule in small.rules:
            whole = judge(rule, one.engine, tables, hearing, Window(noon[0], noon[2]), small.end).findings
            halves = [
                finding
                for start, end in itertools.pairwise(noon)
                for finding in judge(rule, one.engine, tables, hearing, Window(start, end), small.end).findings
            ]
            assert sorted(finding.key for finding in halves) == sorted(finding.key for finding in whole)


def test_a_replay_leaves_the_watermark_where_arrivals_end(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    events = tenant(2)
    source = ScriptedSource(events=events, step=DAY)
    last = max(one.arrived for one in events)
    for until, end in ((None, floor(last) + BIN), (NOON + DAY, NOON + DAY)):
        with Store() as store:
            replay(app([source], [judged["failures"]], store, engine), until=until)
            assert store.watermark("scripted") <= end  # type: ignore[operator]
            assert store.watermark("scripted") > end - HOUR  # type: ignore[operator]


def test_a_far_end_is_asked_for_in_vain(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    with Store() as store:
        source = ScriptedSource(events=tenant(2), step=DAY)
        ended = replay(app([source], [judged["failures"]], store, engine), until=NOON + 10_000 * DAY).now
    assert ended < NOON + 3 * DAY


def test_a_replay_of_nothing_is_of_no_far_future(engine: DuckEngine) -> None:
    with Store() as store:
        assert replay(app([ScriptedSource()], [], store, engine)).now.year < 2100
        assert store.watermark("scripted") is None


def test_a_daemon_goes_on_where_a_replay_ended(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    """Off: `_stand` of monitor/worker/replay.py (judge since yesterday, whatever happened)."""
    source = ScriptedSource(events=tenant(2), step=DAY)
    attack, back = NOON + 2 * DAY, NOON + 6 * DAY
    with Store() as store:
        replay(app([source], [judged["failures"]], store, engine))
        assert store.judged_upto() == {"failures": 1}
        source.events += burst(attack, 20)
        tick(app([source], [judged["failures"]], store, engine), back)
        assert [one.bucket.date() for one, _, _ in store.findings()] == [attack.date()]
