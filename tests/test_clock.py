"""Bins, midnights and how moments are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.clock import BIN, DAY, aware, ceil, floor, iso, midnight

moments = st.datetimes(datetime(1960, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
steps = st.sampled_from([BIN, timedelta(hours=1), DAY])


@given(moments, steps)
def test_a_moment_lies_between_its_edges(at: datetime, step: timedelta) -> None:
    low, high = floor(at, step), ceil(at, step)
    assert low <= at <= high
    assert high - low in {timedelta(0), step}
    assert floor(low, step) == ceil(low, step) == low


def test_midnight_is_utc_whatever_the_zone() -> None:
    late = datetime(2026, 5, 4, 23, 30, tzinfo=timezone(-timedelta(hours=5)))
    assert midnight(late) == datetime(2026, 5, 5, tzinfo=UTC)


def test_a_moment_without_a_zone_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="since: expected a time with a zone"):
        aware(datetime(2026, 5, 4), "since")  # noqa: DTZ001


@given(moments)
def test_what_is_written_can_be_read(at: datetime) -> None:
    assert datetime.fromisoformat(iso(at)) == at
