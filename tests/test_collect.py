"""Which windows are fetched: those that changed, whole, and again those that may not have shown everything."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collect import Slice, collect, widen
from monitor.errors import TransientError
from monitor.model import Window
from monitor.ports import Fetched
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
