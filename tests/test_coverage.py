"""Looked, heard, covered: each number here was worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from monitor.clock import BIN
from monitor.coverage import Hearing, stamp
from monitor.model import Window

START = datetime(2026, 5, 4, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SETTLE = 10 * MINUTE


def hearing(*rows: tuple[datetime, datetime], overlap: timedelta = timedelta(0)) -> Hearing:
    frame = pd.DataFrame(rows, columns=["at", "seen_at"]).astype("datetime64[us, UTC]")
    return Hearing.of("s", SETTLE, overlap, frame)


def speaking(days: float, *silent: Window, delay: timedelta = BIN) -> list[tuple[datetime, datetime]]:
    """A row in every bin of those days, but for the silent stretches; each seen `delay` later."""
    bins = [START + n * BIN for n in range(int(days * DAY / BIN))]
    return [(at, at + delay) for at in bins if not any(at in one for one in silent)]


def test_heard_is_the_newest_row_seen_before_then() -> None:
    rows = hearing((START, START + 5 * MINUTE), (START + HOUR, START + 3 * HOUR), (START + 2 * HOUR, START + 2 * HOUR))
    assert rows.heard(START + 5 * MINUTE) is None
    assert rows.heard(START + 10 * MINUTE) == START
    assert rows.heard(START + 2 * HOUR + BIN) == START + 2 * HOUR
    assert rows.heard(START + 4 * HOUR) == START + 2 * HOUR


def test_a_source_that_speaks_all_the_time_is_dense_after_36_hours() -> None:
    source = hearing(*speaking(5))
    assert [source.dense(START + n * DAY) for n in range(4)] == [False, False, True, True]


def test_office_hours_are_not_dense() -> None:
    nights = [Window(START + n * DAY - 6 * HOUR, START + n * DAY + 7 * HOUR) for n in range(8)]
    source = hearing(*speaking(7, *nights))
    assert not source.dense(START + 5 * DAY)
    assert not source.dense(START + 7 * DAY)


@pytest.mark.parametrize("length", [3, 9, 30])
def test_an_outage_does_not_make_a_source_sparse_while_it_lasts_nor_after(length: int) -> None:
    begin = START + 4 * DAY + 12 * HOUR
    source = hearing(*speaking(8, Window(begin, begin + length * HOUR)))
    assert all(source.dense(START + n * DAY) for n in range(2, 9))
    dead = hearing(*speaking(4.5))
    assert all(dead.dense(START + n * DAY) for n in (5, 6, 30))


def test_two_long_silences_a_week_are_a_habit() -> None:
    silent = [Window(START + n * DAY, START + n * DAY + 9 * HOUR) for n in (3, 5)]
    assert not hearing(*speaking(7, *silent)).dense(START + 7 * DAY)


def test_a_dense_source_reaches_as_far_as_it_was_heard_and_settled() -> None:
    source = hearing(*speaking(3))
    end = START + 3 * DAY
    now = end + 6 * HOUR
    assert source.reach(now, now) == end + SETTLE  # the newest bin ends there


def test_a_sparse_source_reaches_as_far_as_was_looked() -> None:
    source = hearing((START, START), overlap=15 * MINUTE)
    now = START + 5 * DAY
    assert source.reach(now, now) == now - 15 * MINUTE
    assert source.reach(now, now - HOUR) == now - HOUR - 15 * MINUTE


def test_a_long_silence_of_a_dense_source_is_not_covered() -> None:
    gap = Window(START + 2 * DAY + 10 * HOUR, START + 2 * DAY + 15 * HOUR)
    assert hearing(*speaking(4, gap)).covered(START + 4 * DAY) == (
        Window(START, gap.start),
        Window(gap.end, START + 4 * DAY - BIN),  # the last bin is seen at midnight, not before
    )


def test_buckets_that_an_outage_touches_are_unknown() -> None:
    gap = Window(START + 2 * DAY + 10.6 * HOUR, START + 2 * DAY + 14.4 * HOUR)
    buckets = np.array([stamp(START + 2 * DAY + n * HOUR) for n in range(8, 18)])
    known = hearing(*speaking(4, gap)).mask(buckets, HOUR, START + 4 * DAY)
    assert known.tolist() == [True, True] + [False] * 5 + [True] * 3


def test_silence_of_a_sparse_source_counts_as_zero_from_its_first_row_on() -> None:
    source = hearing((START + 5.5 * HOUR, START + 6 * HOUR))
    buckets = np.array([stamp(START + n * HOUR) for n in range(3, 9)])
    assert source.mask(buckets, HOUR, START + DAY).tolist() == [False, False, True, True, True, True]


def test_a_backfill_covers_its_stretch_from_when_it_was_seen() -> None:
    gap = Window(START + 2 * DAY + 10 * HOUR, START + 2 * DAY + 15 * HOUR)
    back = START + 3 * DAY + 5 * HOUR
    late = [(gap.start + n * BIN, back) for n in range(60)]
    source = hearing(*speaking(5, gap), *late)
    bucket = np.array([stamp(gap.start + HOUR)])
    assert not source.mask(bucket, HOUR, START + 3 * DAY)[0]
    assert source.mask(bucket, HOUR, START + 4 * DAY)[0]


def test_a_source_never_heard_covers_nothing() -> None:
    source = hearing()
    assert source.heard(START) is None
    assert source.covered(START) == ()
    assert not source.mask(np.array([stamp(START)]), HOUR, START + DAY).any()
    assert source.reach(START, START) == START
