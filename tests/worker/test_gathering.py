"""What a source is asked for after a stop, and what becomes of what cannot be had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from monitor import plugins
from monitor.collect import Backlog, Slice
from monitor.errors import AbsentError, PermanentError, StoppedError, TooLargeError, TransientError
from monitor.kql import DuckEngine
from monitor.model import Window
from monitor.ports import Counts, Fetched
from monitor.rules import Rule, load, shipped
from monitor.store import Store, Written
from monitor.testing.sources import Event, ScriptedSource
from monitor.worker import App, SourceReport, tick
from monitor.worker.gathering import Gathering, gather
from monitor.worker.health import HealthSource
from monitor.worker.ticking import judge_and_decide
from tests.worker.scripts import DAY, HOUR, MINUTE, NOON, app, burst, kept, steady, tenant, truth
from tests.worker.test_guards import Broken

LATE = 15 * MINUTE
END = NOON + 4 * DAY


@dataclass(slots=True)
class Watched(ScriptedSource):
    """A scripted source that remembers what it was asked, has windows too large for it, and may not be there."""

    changes: list[tuple[datetime | None, datetime]] = field(default_factory=list)
    fetches: list[Window] = field(default_factory=list)
    large: set[Window] = field(default_factory=set)
    broken: Exception | None = None

    def changed(self, since: datetime | None, now: datetime) -> Sequence[Window]:
        self.changes.append((since, now))
        if self.broken:
            raise self.broken
        return ScriptedSource.changed(self, since, now)

    def fetch(self, window: Window, now: datetime) -> Fetched:
        self.fetches.append(window)
        if any(one.overlaps(window) for one in self.large):
            raise TooLargeError(f"{self.name}: {window.start} does not fit, as scripted")
        return ScriptedSource.fetch(self, window, now)

    def counted(self, window: Window, now: datetime) -> Mapping[datetime, Counts]:
        if any(one.overlaps(window) for one in self.large):
            raise TooLargeError(f"{self.name}: {window.start} cannot be counted, as scripted")
        return {one.start: ScriptedSource.fetch(self, one, now).counts for one in window.pieces(self.step)}


class Killed(BaseException):
    """As if the process had been killed."""


class DyingAfterSwitches(Store):
    """Dies after so many switches."""

    left = 0

    def switch(self, source: str, written: Sequence[Written], watermark: datetime | None) -> None:
        super().switch(source, written, watermark)
        self.left -= 1
        if self.left == 0:
            raise Killed


def world(store: Store, engine: DuckEngine, *sources: ScriptedSource, backlog: Backlog | None = None) -> App:
    made = app(sources, [], store, engine)
    return replace(made, backlogs={one.name: backlog for one in sources} if backlog else {})


def once(store: Store, engine: DuckEngine, source: ScriptedSource, at: datetime, **backlog: timedelta) -> SourceReport:
    return gather(world(store, engine, source, backlog=Backlog(**backlog)), source, at)


# --- slices ----------------------------------------------------------------------------------------------------------


def test_what_was_missed_is_made_up_for_in_slices_oldest_first(engine: DuckEngine) -> None:
    source = Watched(events=steady(4), overlap=LATE)
    with Store() as store:
        report = once(store, engine, source, END, history=3 * DAY, slice=DAY)
        assert report.error == ""
        starts = [END - 3 * DAY + n * DAY for n in range(3)]
        assert source.changes == [(start - LATE, start + DAY) for start in starts]
        assert kept(store) == truth(one for one in source.events if one.at >= min(source.fetches).start)
        assert store.watermark("scripted") == END


def test_a_window_fetched_after_all_of_a_slice_had_shown_is_not_fetched_for_the_next(engine: DuckEngine) -> None:
    """Off: the filter on `live` in `collect` of monitor/collect.py."""
    source = Watched(events=steady(5), overlap=LATE)
    with Store() as store:
        once(store, engine, source, END, history=4 * DAY, slice=6 * HOUR)
        again = {one for one in source.fetches if source.fetches.count(one) > 1}
        assert all(one.end > END - 6 * HOUR - LATE - 2 * HOUR for one in again)
        source.fetches.clear()
        once(store, engine, source, END + 5 * MINUTE, slice=6 * HOUR)
        assert {one.start for one in source.fetches} == {END - HOUR, END, END + HOUR}


def test_a_window_in_which_something_new_arrived_is_fetched_again_however_lately_it_was(engine: DuckEngine) -> None:
    source = Watched(events=steady(1), overlap=LATE)
    at = NOON + 23 * HOUR
    with Store() as store:
        once(store, engine, source, at)
        source.events.append(Event("late", at - 10 * HOUR, at - MINUTE, at + 10 * MINUTE))
        for minutes in (5, 10, 15):
            once(store, engine, source, at + minutes * MINUTE)
        assert kept(store) == truth(one for one in source.events if one.shown(at + 15 * MINUTE))


@pytest.mark.parametrize("died", [1, 2, 3])
def test_a_stop_costs_no_more_than_a_slice(engine: DuckEngine, tmp_path: Path, died: int) -> None:
    """Off: a switch per slice in `take` of monitor/worker/gathering.py; `begun` in `slices` of monitor/collect.py."""
    source = Watched(events=steady(4), overlap=LATE)
    dying = type("DyingHere", (DyingAfterSwitches,), {"left": died})
    with dying(tmp_path) as store, pytest.raises(Killed):
        once(store, engine, source, END, history=4 * DAY, slice=DAY)
    with Store(tmp_path) as store:
        assert store.watermark("scripted") == END - (4 - died) * DAY
        source.changes.clear()
        once(store, engine, source, END + HOUR, history=4 * DAY, slice=DAY, cap=DAY)
        assert store.gaps() == []
        assert source.changes[0] == (END - (4 - died) * DAY - LATE, min(END - (3 - died) * DAY, END + HOUR))
        assert kept(store) == truth(one for one in source.events if one.arrived < END + HOUR)
        assert sorted((tmp_path / "facts").iterdir()) == sorted(
            [*store.live(), *(tmp_path / "facts" / one for one in store._retired.get("scripted", []))]
        )


# --- what is left out ------------------------------------------------------------------------------------------------


def down(events: Sequence[Event], hours: float) -> tuple[Watched, datetime]:
    """A source that was read until noon of the second day, and from so many hours later on again."""
    return Watched(events=list(events), overlap=LATE), NOON + DAY + hours * HOUR


def test_a_cap_leaves_a_gap_that_is_kept_said_and_counts_as_not_seen(engine: DuckEngine) -> None:
    source, back = down(steady(9), 5 * 24)
    with Store() as store:
        once(store, engine, source, NOON + DAY)
        report = once(store, engine, source, back, cap=3 * DAY, slice=DAY)
        (gap,) = store.gaps()
        assert gap.window == Window(NOON + DAY, back - 3 * DAY)
        assert report.gaps == (gap,)
        assert "left out" in gap.reason
        assert [one.outcome for one in store.events(Window(NOON, back))] == ["gap"]
        held = kept(store)
        assert not any(gap.window.start + HOUR <= at < gap.window.end - 2 * HOUR for _, at, _ in held)
        assert once(store, engine, source, back + 5 * MINUTE, cap=3 * DAY, slice=DAY).gaps == ()
        assert store.gaps() == [gap]


def test_a_gap_inside_the_bound_is_filled_and_forgotten_by_the_next_comparison(engine: DuckEngine) -> None:
    """Off: asking from the bound on, instead of from the first live window inside it, in `compare` of collect.py."""
    source, back = down(steady(9), 20)
    with Store() as store:
        once(store, engine, source, NOON + DAY)
        once(store, engine, source, back, cap=6 * HOUR)
        (gap,) = store.gaps()
        assert gap.window == Window(NOON + DAY, back - 6 * HOUR)
        assert kept(store) != truth(one for one in source.events if one.arrived < back)
        report = once(store, engine, source, back + 5 * HOUR)
        assert (report.missed > 0, store.gaps()) == (True, [])
        assert kept(store) == truth(one for one in source.events if one.arrived < back + 5 * HOUR)


def test_a_gap_that_reaches_beyond_the_bound_stays_known(engine: DuckEngine) -> None:
    source, back = down(steady(9), 5 * 24)
    with Store() as store:
        once(store, engine, source, NOON + DAY)
        for days in range(3):
            once(store, engine, source, back + days * DAY, cap=2 * DAY)
        assert [one.window.start for one in store.gaps()] == [NOON + DAY]


def test_a_window_too_large_is_a_gap_and_stops_no_other(engine: DuckEngine) -> None:
    hour = Window(NOON + 5 * HOUR, NOON + 6 * HOUR)
    source = Watched(events=steady(0.5), overlap=LATE, large={hour})
    at = NOON + 11 * HOUR
    with Store() as store:
        report = once(store, engine, source, at)
        assert (report.error, [one.window for one in report.gaps]) == ("", [hour])
        assert store.watermark("scripted") == at
        wanted = truth(one for one in source.events if one.arrived < at and one.at not in hour)
        assert kept(store) == wanted
        assert "does not fit" in store.gaps()[0].reason
        source.large.clear()
        source.events.append(Event("late", hour.start, at + MINUTE))
        once(store, engine, source, at + 5 * MINUTE)
        assert store.gaps() == []
        assert kept(store) == truth(one for one in source.events if one.arrived < at + 5 * MINUTE)


def test_a_day_too_large_to_be_counted_keeps_its_gap_and_stops_no_comparison(engine: DuckEngine) -> None:
    """Off: `except TooLargeError` in `compare` of monitor/collect.py."""
    hour = Window(NOON + 30 * HOUR, NOON + 31 * HOUR)
    source = Watched(events=steady(3), overlap=LATE, large={hour})
    with Store() as store:
        once(store, engine, source, NOON + 2 * DAY)
        hidden = Event("hidden", NOON + 2 * HOUR, NOON + 3 * HOUR, NOON + 2.9 * DAY)
        source.events.append(hidden)
        report = once(store, engine, source, NOON + 3 * DAY)
        assert (report.error, report.missed) == ("", 1)
        assert [one.window for one in store.gaps()] == [hour]
        source.large.clear()
        once(store, engine, source, NOON + 4 * DAY)
        assert store.gaps() == []
        assert kept(store) == truth(source.events)


@pytest.mark.parametrize("error", [PermanentError("no right"), ValueError("a bug"), AbsentError("gone")])
def test_any_other_error_leaves_watermark_facts_and_files_as_they_were(engine: DuckEngine, error: Exception) -> None:
    source = Watched(events=steady(1), overlap=LATE)
    with Store() as store:
        once(store, engine, source, NOON + 5 * HOUR)
        before = store.watermark("scripted"), store.live(), kept(store)
        source.broken = error
        report = once(store, engine, source, NOON + 6 * HOUR)
        assert str(error) in report.error
        assert (store.watermark("scripted"), store.live(), kept(store)) == before
        assert [one.source for one in store.troubles()] == ["scripted"]
        source.broken = None
        assert once(store, engine, source, NOON + 7 * HOUR).error == ""
        assert store.troubles() == []
        assert kept(store) == truth(one for one in source.events if one.arrived < NOON + 7 * HOUR)


def test_a_table_that_was_never_there_is_no_failure(engine: DuckEngine) -> None:
    source = Watched(broken=AbsentError("no such table"))
    with Store() as store:
        report = tick(world(store, engine, source), NOON)
        assert (report.finished, report.sources[0].absent) == (True, "no such table")
        assert (store.troubles(), store.watermark("scripted")) == ([], None)
        source.broken, source.events = None, steady(1)
        assert once(store, engine, source, NOON + HOUR).absent == ""


# --- the daily comparison --------------------------------------------------------------------------------------------


def test_rows_that_show_later_than_the_overlap_are_found_within_a_day_counted_and_judged(
    engine: DuckEngine, judged: dict[str, Rule]
) -> None:
    """Off: `gathering.compare()` in `_through` of gathering.py, or `_changed` in `switch` of monitor/store/facts.py."""
    attack = NOON + 4 * DAY + HOUR
    shown = attack + 50 * HOUR
    hidden = [replace(one, visible=shown) for one in burst(attack, 20)]
    source = Watched(events=tenant(8) + hidden, overlap=LATE)
    with Store() as store:
        one = app([source], [judged["failures"]], store, engine)
        at, missed = NOON + 3 * DAY, 0
        while at <= shown + DAY + 6 * HOUR:
            report = tick(one, at)
            assert report.finished, report
            if report.sources[0].missed:
                missed += report.sources[0].missed
                assert at >= shown
            assert bool(store.findings()) == bool(missed)
            at += 6 * HOUR
        assert missed == 20
        assert {found.bucket.date() for found, _, _ in store.findings()} == {attack.date()}
        assert kept(store) == truth(event for event in source.events if event.arrived < at - 6 * HOUR)


def test_what_a_comparison_found_is_judged_though_it_died_before_that(
    engine: DuckEngine, judged: dict[str, Rule], tmp_path: Path
) -> None:
    """Off: `_changed` in `switch` of monitor/store/facts.py."""
    attack, rules = NOON + 4 * DAY + HOUR, [judged["failures"]]
    hidden = [replace(one, visible=attack + 50 * HOUR) for one in burst(attack, 20)]
    source = Watched(events=tenant(8) + hidden, overlap=LATE)
    with Store(tmp_path) as store:
        for hours in (0, 24, 48):
            tick(app([source], rules, store, engine), attack + hours * HOUR)
    dying = type("DyingHere", (DyingAfterSwitches,), {"left": 2})
    with pytest.raises(Killed), dying(tmp_path) as store:
        tick(app([source], rules, store, engine), attack + 72 * HOUR)
    with Store(tmp_path) as store:
        assert kept(store) == truth(one for one in source.events if one.shown(attack + 72 * HOUR))
        assert store.findings() == []
        tick(app([source], rules, store, engine), attack + 72 * HOUR + 5 * MINUTE)
        assert {found.bucket.date() for found, _, _ in store.findings()} == {attack.date()}


def test_a_comparison_that_agrees_fetches_nothing(engine: DuckEngine) -> None:
    source = Watched(events=steady(3), overlap=LATE)
    with Store() as store:
        for hours in (24, 25):
            once(store, engine, source, NOON + hours * HOUR)
        source.fetches.clear()
        report = once(store, engine, source, NOON + 49 * HOUR)
        assert len(source.fetches) == len(set(source.fetches))  # each hour that went by, for what arrived in it
        assert all(one.end > NOON + 23 * HOUR for one in source.fetches)
        assert (report.missed, report.windows) == (0, len(source.fetches) - 1)  # nothing lies in the last hour's future


def test_a_comparison_that_fails_is_made_up_for(engine: DuckEngine) -> None:
    hidden = Event("hidden", NOON + HOUR, NOON + 2 * HOUR, NOON + 2 * DAY)
    due = NOON + 50 * HOUR
    source = Watched(events=[*steady(1), hidden], overlap=LATE, fails=frozenset({due}))
    with Store() as store:
        once(store, engine, source, NOON + 25 * HOUR)
        assert "as scripted" in once(store, engine, source, due).error
        assert once(store, engine, source, due + 5 * MINUTE).missed == 1
        assert kept(store) == truth(source.events)


def test_rows_that_are_gone_are_said_and_what_was_read_of_them_is_kept(engine: DuckEngine) -> None:
    """Off: `shrunk` in `_write` of gathering.py."""
    own = tuple(rule for rule in load(shipped(), plugins.detectors()) if rule.stream == "health")
    source = ScriptedSource(events=tenant(2), overlap=LATE)
    with Store() as store:
        world = App((source, HealthSource(store)), own, store, engine)
        tick(world, NOON + 40 * HOUR)
        held = kept(store)
        source.events = [one for one in source.events if one.at > NOON + 30 * HOUR]
        report = tick(world, NOON + 65 * HOUR)
        assert len(report.sources[0].shrunk) == 31
        assert {one.kind for one in store.gaps()} == {"shrunk"}
        assert not held - kept(store)
        tick(world, NOON + 65 * HOUR + 10 * MINUTE)
        assert [one.rules for one in store.incidents()] == [("logs-vanished",)]


def test_a_gap_beyond_the_bound_that_was_too_large_is_tried_again_every_day(engine: DuckEngine) -> None:
    hour = Window(NOON + 5 * HOUR, NOON + 6 * HOUR)
    source = Watched(events=tenant(6), overlap=LATE, large={hour})
    with Store() as store:
        for days in (1, 2, 5):
            once(store, engine, source, NOON + days * DAY)
        assert [one.window for one in store.gaps()] == [hour]
        source.large.clear()
        once(store, engine, source, NOON + 6.1 * DAY)
        assert store.gaps() == []
        assert kept(store) == truth(one for one in source.events if one.arrived < NOON + 6.1 * DAY)


def test_history_that_is_collected_in_slices_is_judged_by_nobody(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    """Off: `begun` in `_changed` of monitor/store/facts.py."""
    start = NOON + 9 * DAY
    source = Watched(events=tenant(9) + burst(NOON + 5 * DAY, 20), overlap=LATE)
    with Store() as store:
        world = app([source], [judged["failures"]], store, engine)
        gathering = Gathering(store, source, start, whole=False)
        for days in range(1, 10):
            gathering.take(Slice(NOON + (days - 1) * DAY, NOON + days * DAY))
            judge_and_decide(world, start + days * 5 * MINUTE, [])
        assert store.findings() == []
        source.events += burst(start, 20)
        tick(world, start + HOUR)
        assert len(store.findings()) > 0


def test_a_source_that_was_empty_at_first_is_judged_from_then_on(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    """Off: `note_begun` in `_through` of gathering.py."""
    source = Watched(overlap=LATE)
    other = ScriptedSource(name="other", events=tenant(9), overlap=LATE)
    with Store() as store:
        world = app([source, other], [judged["failures"]], store, engine)
        tick(world, NOON + 2 * DAY)
        source.broken = PermanentError("forbidden, as scripted")
        for days in (3, 4, 5, 6):
            tick(world, NOON + days * DAY)
        source.broken, source.events = None, burst(NOON + 3 * DAY, 20)
        tick(world, NOON + 7 * DAY)
        assert {one.bucket.date() for one, _, _ in store.findings()} == {(NOON + 3 * DAY).date()}


def test_the_second_tick_judges_no_older_history_than_the_first(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    """Off: `first` in `_touched` of monitor/worker/ticking.py."""
    start = NOON + 4 * DAY
    source = Watched(events=tenant(5) + burst(start - 38 * HOUR, 20), overlap=LATE)
    with Store() as store:
        world = app([source], [judged["failures"]], store, engine)
        for minutes in (0, 5, 30, 60):
            tick(world, start + minutes * MINUTE)
        assert store.findings() == []


def test_a_rule_that_fails_from_its_first_tick_is_owed_what_it_missed(
    engine: DuckEngine, judged: dict[str, Rule]
) -> None:
    """Off: rules nobody judged, in `_judged_upto` of monitor/worker/ticking.py."""
    failures = judged["failures"]
    broken = failures.made("broken.yml", Broken())
    source = Watched(events=tenant(8) + burst(NOON + 3 * DAY, 20), overlap=LATE)
    with Store() as store:
        for days in (2, 3, 4, 5, 6):
            tick(app([source], [broken], store, engine), NOON + days * DAY)
        tick(app([source], [failures], store, engine), NOON + 6 * DAY + HOUR)
        assert {one.bucket.date() for one, _, _ in store.findings()} == {(NOON + 3 * DAY).date()}


def test_a_day_with_a_gap_is_not_put_together_and_an_old_gap_without_rows_stays(engine: DuckEngine) -> None:
    """Off: `gaps` in `_scattered` of monitor/store/facts.py, and `continue` in `_write` of gathering.py."""
    hour = Window(NOON + 5 * HOUR, NOON + 6 * HOUR)
    source = Watched(events=tenant(6), overlap=LATE, large={hour})
    with Store() as store:
        for days in (1, 2, 5):
            once(store, engine, source, NOON + days * DAY)
        assert len([one for one in store.windows("scripted") if one.start.date() == NOON.date()]) > 10
        source.large.clear()
        source.events = [one for one in source.events if one.at > NOON + 2 * DAY]
        once(store, engine, source, NOON + 6.1 * DAY)
        assert [one.window for one in store.gaps() if one.kind == "too large"] == [hour]


def test_facts_of_sources_that_are_not_watched_do_not_count(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    """Off: `sources` in `live` of monitor/store/facts.py."""
    events = tenant(3) + burst(NOON + 2 * DAY, 3)
    with Store() as store:
        for name in ("before", "now"):
            source = ScriptedSource(name=name, events=events)
            tick(app([source], [judged["failures"]], store, engine), NOON + 2 * DAY + HOUR)
        assert store.findings() == []


def test_a_round_cut_off_by_a_stop_is_no_failure_of_its_source(engine: DuckEngine) -> None:
    """Off: `StoppedError` in `failed` of monitor/worker/gathering.py."""
    source = Watched(events=tenant(1))
    with Store() as store:
        world = app([source], [], store, engine)
        for broken, said in ((StoppedError("answer not read: stopping"), 0), (TransientError("gone"), 1)):
            source.broken = broken
            report = gather(world, source, NOON + DAY)
            assert report.error == str(broken)
            assert len(store.troubles()) == said
            assert len(store.events(Window(NOON, NOON + 2 * DAY))) == said
        assert store.watermark("scripted") is None
