"""Which windows are fetched: those that changed, whole, and again those that may not have shown everything."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collect import Backlog, Comparison, Slice, collect, compare, fetched, slices, widen
from monitor.errors import TooLargeError, TransientError
from monitor.model import Window
from monitor.ports import Counts, Fetched
from monitor.testing.sources import Event, ScriptedSource

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
windows = st.builds(
    lambda start, length: Window(NOON + start * HOUR, NOON + (start + length) * HOUR),
    st.integers(0, 40),
    st.integers(1, 6),
)


def apart(found: list[Window]) -> bool:
    return all(one.end <= other.start for one, other in itertools.pairwise(found))


@given(st.lists(windows, max_size=6), st.lists(windows, max_size=6))
def test_widened_windows_are_apart_cover_what_changed_and_cut_no_live_one(
    changed: list[Window], live: list[Window]
) -> None:
    live = [one for n, one in enumerate(live) if not any(one.overlaps(other) for other in live[:n])]
    found = widen(changed, live)
    assert apart(found)
    assert all(any(one.start <= each.start and each.end <= one.end for one in found) for each in changed)
    assert all(each.start <= one.start and one.end <= each.end for each in found for one in live if one.overlaps(each))


def test_only_what_changed_since_the_watermark_less_the_overlap_is_fetched() -> None:
    events = [Event(f"k{n}", NOON + 4 * n * HOUR, NOON + (4 * n + 1) * HOUR) for n in range(4)]
    source = ScriptedSource(events=events)
    now = NOON + 20 * HOUR

    def starts(watermark: datetime | None) -> set[int]:
        return {(one.start - NOON) // HOUR for one, _ in collect(source, Slice(watermark, now), {}, now)}

    assert starts(None) == {-1, 0, 1, 3, 4, 5, 7, 8, 9, 11, 12, 13}  # an hour around each is looked through for copies
    assert starts(NOON + 9.1 * HOUR) == {11, 12, 13}
    source.overlap = 15 * MINUTE
    assert starts(NOON + 9.1 * HOUR) == {7, 8, 9, 11, 12, 13}
    assert starts(now) == set()


def test_a_window_that_fails_stops_the_collection() -> None:
    source = ScriptedSource(events=[Event("k", NOON, NOON)], fails=frozenset({NOON + HOUR}))
    with pytest.raises(TransientError):
        list(collect(source, Slice(None, NOON + HOUR), {}, NOON + HOUR))


def test_a_replay_fetches_all_at_once() -> None:
    source = ScriptedSource(events=[Event("a", NOON, NOON), Event("b", NOON + 30 * HOUR, NOON + 30 * HOUR)])
    ((window, fetched),) = collect(source, Slice(None, NOON + 40 * HOUR), {}, NOON + 40 * HOUR, whole=True)
    assert window == Window(NOON - HOUR, NOON + 32 * HOUR)
    assert isinstance(fetched, Fetched)
    assert fetched.facts.num_rows == 2


# --- slices ----------------------------------------------------------------------------------------------------------

spans = st.integers(1, 300).map(lambda n: n * 5 * MINUTE)


@given(
    behind=st.one_of(st.none(), st.integers(0, 3000).map(lambda n: n * 5 * MINUTE)),
    history=st.one_of(st.none(), spans),
    cap=st.one_of(st.none(), spans),
    slice_=st.one_of(st.none(), spans),
)
def test_slices_leave_nothing_out_but_what_the_cap_says_and_overlap_nowhere(
    behind: timedelta | None, history: timedelta | None, cap: timedelta | None, slice_: timedelta | None
) -> None:
    watermark = None if behind is None else NOON - behind
    parts, gap = slices(watermark, NOON, Backlog(history, cap, slice_))
    assert parts[-1].until == NOON
    assert all(one.until == other.since for one, other in itertools.pairwise(parts))
    assert all(one.since is not None and one.until - one.since <= slice_ for one in parts if slice_ and parts[0].since)
    if watermark is None:
        assert gap is None
        assert parts[0].since == (None if history is None else NOON - history)
    else:
        assert parts[0].since == (gap.end if gap else watermark)
        assert (gap is not None) == (cap is not None and NOON - watermark > cap)
        assert gap is None or gap == Window(watermark, NOON - (cap or HOUR))


def test_a_history_that_was_stopped_is_gone_on_with_and_what_is_too_old_by_then_is_a_gap() -> None:
    """Off: `begun` in `slices`."""
    day, backlog = 24 * HOUR, Backlog(history=20 * 24 * HOUR, cap=24 * HOUR)
    parts, gap = slices(NOON - 15 * day, NOON, backlog, begun=NOON - HOUR)
    assert (parts[0].since, gap) == (NOON - 15 * day, None)
    parts, gap = slices(NOON - 30 * day, NOON, backlog, begun=NOON - 20 * day)
    assert (parts[0].since, gap) == (NOON - 20 * day, Window(NOON - 30 * day, NOON - 20 * day))
    parts, gap = slices(NOON - 15 * day, NOON, backlog, begun=NOON - 16 * day)
    assert (parts[0].since, gap) == (NOON - day, Window(NOON - 15 * day, NOON - day))


# --- the comparison --------------------------------------------------------------------------------------------------


def counts(source: ScriptedSource, *windows: Window, at: datetime) -> dict[Window, Counts]:
    return {one: source.fetch(one, at).counts for one in windows}


def hours(first: int, last: int) -> list[Window]:
    return [Window(NOON + n * HOUR, NOON + (n + 1) * HOUR) for n in range(first, last)]


def test_windows_that_agree_are_let_be_and_those_that_do_not_are_named() -> None:
    source = ScriptedSource(events=[Event(f"k{n}", NOON + n * HOUR, NOON + n * HOUR) for n in range(60)])
    now = NOON + 60 * HOUR
    live = counts(source, *hours(0, 60), at=now)
    assert compare(source, live, [], now).differ == ()
    source.events += [Event("new", NOON + 20 * HOUR, NOON + 20 * HOUR), Event("k30", NOON + 30 * HOUR, now - HOUR)]
    assert compare(source, live, [], now).differ == (*hours(20, 21), *hours(30, 31))


def test_a_window_is_compared_whole_however_long_it_is() -> None:
    source = ScriptedSource(events=[Event(f"k{n}", NOON + n * HOUR, NOON + n * HOUR) for n in range(60)])
    now, long = NOON + 60 * HOUR, Window(NOON, NOON + 40 * HOUR)
    live = counts(source, long, *hours(40, 60), at=now)
    assert compare(source, live, [], now).differ == ()
    source.events.append(Event("new", NOON + 2 * HOUR, NOON + 2 * HOUR))
    assert compare(source, live, [], now).differ == (long,)


def test_steps_of_which_nothing_is_live_are_found_from_the_bound_on_and_not_before_anything_was() -> None:
    source = ScriptedSource(events=[Event(f"k{n}", NOON + n * HOUR, NOON + n * HOUR) for n in range(100)])
    now = NOON + 100 * HOUR
    recent = counts(source, *hours(90, 100), at=now)
    assert compare(source, recent, [], now) == Comparison((), (Window(NOON + 90 * HOUR, now),))
    assert compare(source, recent, hours(60, 70), now).differ == tuple(hours(60, 90))
    old = counts(source, *hours(2, 3), at=now)
    assert compare(source, old | recent, [], now).differ == tuple(hours(28, 90))
    assert compare(source, old, [], now).differ == tuple(hours(28, 100))
    assert compare(source, {}, [], now) == Comparison()


@dataclass(slots=True)
class Crowded(ScriptedSource):
    """Whose days cannot be counted from some moment on."""

    limit: datetime = NOON

    def counted(self, window: Window, now: datetime) -> Mapping[datetime, Counts]:
        if window.end > self.limit:
            raise TooLargeError("too many to count, as scripted")
        return {one.start: ScriptedSource.fetch(self, one, now).counts for one in window.pieces(self.step)}


def test_a_day_that_cannot_be_counted_is_said_and_its_windows_are_let_be() -> None:
    source = Crowded(limit=NOON + 24 * HOUR)
    live = counts(source, *hours(0, 40), at=NOON)
    source.events += [Event("a", NOON + HOUR, NOON), Event("b", NOON + 30 * HOUR, NOON)]
    now = NOON + 40 * HOUR
    found = compare(source, live, [], now)
    assert (found.differ, found.counted) == (tuple(hours(1, 2)), (Window(NOON, NOON + 24 * HOUR),))


# --- lanes -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Laned(ScriptedSource):
    """Fetches by `work`, and remembers which windows were begun, and in which threads."""

    work: Callable[[Window], None] = lambda _: None
    begun: list[Window] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def fetch(self, window: Window, now: datetime) -> Fetched:
        self.begun.append(window)
        self.threads.add(threading.current_thread().name)
        self.work(window)
        return ScriptedSource.fetch(self, window, now)


def fetching() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("fetch")]


@pytest.mark.parametrize("lanes", [1, 2, 5])
def test_windows_come_in_order_however_many_lanes_there_are(lanes: int) -> None:
    """Every second window answers only once its successor has."""
    wanted = hours(0, 20)
    answered = {one: threading.Event() for one in wanted}

    def work(window: Window) -> None:
        after = Window(window.end, window.end + HOUR)
        if lanes > 1 and (window.start - NOON) // HOUR % 2 == 0:
            assert answered[after].wait(10)
        answered[window].set()

    source = Laned(lanes=lanes, work=work)
    found = list(fetched(source, wanted, NOON))
    assert [one for one, _ in found] == wanted
    assert len(source.threads) <= lanes
    assert fetching() == []


def test_an_error_ends_all_lanes_and_begins_nothing_more() -> None:
    def work(window: Window) -> None:
        if window.start == NOON + 3 * HOUR:
            raise TransientError("as scripted")

    source = Laned(lanes=3, work=work)
    found = fetched(source, hours(0, 50), NOON)
    with pytest.raises(TransientError):
        list(found)
    assert len(source.begun) <= 3 + 1 + 3
    assert fetching() == []


def test_whoever_stops_taking_leaves_no_thread_behind() -> None:
    source = Laned(lanes=3)
    found = fetched(source, hours(0, 50), NOON)
    next(iter(found))
    found.close()  # type: ignore[attr-defined]
    assert len(source.begun) <= 3 + 1
    assert fetching() == []


def test_a_window_too_large_in_a_lane_stops_no_other() -> None:
    def work(window: Window) -> None:
        if window.start == NOON + 3 * HOUR:
            raise TooLargeError("as scripted")

    found = dict(fetched(Laned(lanes=3, work=work), hours(0, 9), NOON))
    assert [one for one, answer in found.items() if isinstance(answer, TooLargeError)] == hours(3, 4)
    assert len(found) == 9


def test_a_window_fetched_an_overlap_after_the_slice_is_left_alone() -> None:
    source = ScriptedSource(events=[Event("k", NOON, NOON)], overlap=15 * MINUTE)
    part = Slice(NOON - HOUR, NOON + HOUR)
    for late, wanted in ((14 * MINUTE, 3), (15 * MINUTE, 0)):
        live = dict.fromkeys(hours(-1, 2), part.until + late)
        assert len(list(collect(source, part, live, part.until + 2 * HOUR))) == wanted
