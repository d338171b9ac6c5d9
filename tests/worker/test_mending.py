"""What a disk did to the state is noticed, told and made up for; what it did while nothing could be written, too."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from monitor.kql import DuckEngine
from monitor.model import Window
from monitor.store import STATE, Store
from monitor.testing.sources import Event, ScriptedSource
from monitor.worker import RuleReport
from monitor.worker.app import App
from monitor.worker.gathering import gather
from monitor.worker.mending import mend, mend_for, note_refused
from tests.worker.scripts import HOUR, MINUTE, NOON, app, kept, steady, truth

ALWAYS = Window(NOON - 90 * 24 * HOUR, NOON + 90 * 24 * HOUR)


@pytest.fixture
def source() -> ScriptedSource:
    return ScriptedSource(events=steady(1), overlap=15 * MINUTE)


def oldest(store: Store) -> Path:
    return min(store.live(["scripted"]))


def test_a_damaged_file_is_a_gap_until_its_window_is_fetched_again(
    engine: DuckEngine, tmp_path: Path, source: ScriptedSource
) -> None:
    """Off: `hurried` in `due`, or `damaged` in `_tried_again`, of monitor/worker/gathering.py."""
    with Store(tmp_path) as store:
        made = app([source], [], store, engine)
        for hours in (24, 25):
            gather(made, source, NOON + hours * HOUR)
        gather(made, source, NOON + 49 * HOUR)  # the daily comparison
        before = kept(store)
        oldest(store).write_bytes(b"nothing of the kind")
        (gap,) = mend(store, NOON + 50 * HOUR, whole=False)
        assert gap.kind == "damaged"
        assert store.gaps() == [gap]
        assert [(one.outcome, one.source) for one in store.events(ALWAYS)] == [("gap", "scripted")]
        assert kept(store) != before
        gather(made, source, NOON + 50 * HOUR)
        assert kept(store) == before == truth(source.events)
        assert store.gaps() == []
        assert mend(store, NOON + 51 * HOUR, whole=True) == []


def test_rules_that_cannot_be_judged_lead_to_the_damage(
    tmp_path: Path, engine: DuckEngine, source: ScriptedSource
) -> None:
    fine, bad = RuleReport("a"), RuleReport("b", error="cannot be read")
    with Store(tmp_path) as store:
        gather(app([source], [], store, engine), source, NOON + 3 * HOUR)
        path = oldest(store)
        whole = path.read_bytes()
        path.write_bytes(whole[:200] + bytes([whole[200] ^ 0xFF]) + whole[201:])  # its end says nothing of that
        assert mend_for(store, [fine, fine], NOON + HOUR) == []
        assert mend(store, NOON + HOUR, whole=False) == []
        assert len(mend_for(store, [fine, bad], NOON + HOUR)) == 1
        oldest(store).write_bytes(b"")
        assert len(mend_for(store, [fine, bad], NOON + HOUR)) == 1  # at a glance, each time


def test_what_was_refused_is_written_down_for_each_bin_once_it_can_be(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        assert note_refused(store, NOON)
        assert store.events(ALWAYS) == []
        store._control.refused = "full"
        assert note_refused(store, NOON)
        said = [(one.at - NOON, one.action, one.source, one.outcome) for one in store.events(ALWAYS)]
        five = timedelta(minutes=-5)
        assert said == [(five, "store", STATE, "full"), (five, "store", STATE, "restored")]
        assert store.refused == ""


def test_a_clock_that_went_back_loses_nothing_and_makes_nothing_vanish(engine: DuckEngine, tmp_path: Path) -> None:
    """Off: `asked_at`, or the call of `turn_back`, of monitor/worker/gathering.py."""
    every = [Event(f"e{n}", NOON + n * MINUTE, NOON + (n + 1) * MINUTE) for n in range(240)]
    source = ScriptedSource(overlap=15 * MINUTE)

    def at(made: App, minutes: int, off: int = 0) -> None:
        source.events[:] = [one for one in every if one.arrived < NOON + minutes * MINUTE]
        report = gather(made, source, NOON + (minutes + off) * MINUTE)
        assert not report.error
        assert report.shrunk == ()

    with Store(tmp_path) as store:
        made = app([source], [], store, engine)
        for minutes in range(30, 90, 5):
            at(made, minutes)
        for minutes in range(90, 150, 5):
            at(made, minutes, -60)  # behind
        for minutes in range(150, 180, 5):
            at(made, minutes, +60)  # and ahead
        for minutes in range(180, 240, 5):
            at(made, minutes)
        assert kept(store) == truth(source.events)
        assert store.gaps() == []
        assert store.watermark("scripted") == NOON + 235 * MINUTE
        assert {one.outcome for one in store.events(ALWAYS)} == {"back"}
