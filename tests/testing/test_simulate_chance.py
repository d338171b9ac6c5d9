"""Bare statistics of the samplers, and wall clocks that change."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.testing.simulate import chance
from monitor.testing.simulate.calendar import DAY, HOUR, MINUTE, Clock, Period, micros, moment, month_ends, weekday
from monitor.testing.simulate.columns import guids, taken
from monitor.testing.simulate.schedules import NIGHT_AND_DAY, OFFICE_HOURS, Load, every, on_days

SPRING = Period(micros(datetime(2026, 3, 9, tzinfo=UTC)), micros(datetime(2026, 4, 13, tzinfo=UTC)))
GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_a_things_stream_is_its_own() -> None:
    one, again, other = (chance.stream(7, chance.IDENTITY, number).random(4) for number in (3, 3, 4))
    assert (one == again).all()
    assert (one != other).all()


def test_hashes_of_keys_are_uniform_and_independent_per_salt() -> None:
    key = chance.keys(chance.stream(1, 1), 50_000)
    first, second = chance.uniform(key, 1), chance.uniform(key, 2)
    assert np.histogram(first, bins=20, range=(0, 1))[0] == pytest.approx(2_500, abs=250)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02
    drawn = chance.normal(key, 3)
    assert drawn.mean() == pytest.approx(0, abs=0.02)
    assert drawn.std() == pytest.approx(1, abs=0.02)


@given(st.integers(0, 2**64 - 1), st.integers(1, 400))
def test_guids_are_version_four_and_the_same_for_the_same_key(key: int, salt: int) -> None:
    array = np.array([key], dtype=np.uint64)
    (text,) = guids(array, salt).to_pylist()
    assert GUID.fullmatch(text)
    assert guids(array, salt).to_pylist() == [text]
    assert guids(array, salt + 1).to_pylist() != [text]


def test_an_index_below_zero_is_null() -> None:
    assert taken(["a", None, "c"], np.array([2, -1, 1, 0])).to_pylist() == ["c", None, None, "a"]


@given(st.integers(SPRING.start, SPRING.end - 1), st.sampled_from(["Europe/Berlin", "America/Chicago", "Asia/Kolkata"]))
def test_wall_clocks_read_back_except_in_the_repeated_hour(at: int, zone: str) -> None:
    clock = Clock(zone, SPRING)
    back = int(clock.utc(clock.local(np.array([at])))[0])
    assert abs(back - at) in {0, HOUR}
    wall = moment(int(clock.local(np.array([at]))[0]))
    assert wall.replace(tzinfo=None) == moment(at).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def test_a_job_at_nine_local_moves_in_utc_when_the_clocks_change() -> None:
    clock = Clock("Europe/Berlin", SPRING)
    at = on_days(chance.stream(1, 2), clock, clock.days(), 9.0, 0)
    assert set((at[at < micros(datetime(2026, 3, 29, tzinfo=UTC))] // HOUR) % 24) == {8}
    assert set((at[at > micros(datetime(2026, 3, 30, tzinfo=UTC))] // HOUR) % 24) == {7}


def test_a_timer_ticks_at_its_period_and_skips_few() -> None:
    at = every(chance.stream(2, 2), SPRING, 15 * MINUTE, 0)
    gaps = np.diff(at)
    assert (gaps % (15 * MINUTE) == 0).all()
    assert 0.95 < (gaps == 15 * MINUTE).mean() < 1.0


def test_load_is_over_dispersed_around_its_mean() -> None:
    clock = Clock("UTC", SPRING)
    at = Load(20.0, np.ones(24), 1.0, 0.3, 3.0).sample(chance.stream(3, 3), clock, [])
    counts = np.bincount((at - SPRING.start) // HOUR)
    assert counts.mean() == pytest.approx(20.0, rel=0.15)
    assert counts.var() / counts.mean() > 4.0


def test_shapes_of_the_day_have_nights_and_lunch() -> None:
    assert NIGHT_AND_DAY.mean() == pytest.approx(1.0, abs=0.05)
    assert OFFICE_HOURS[:8].sum() == OFFICE_HOURS[20:].sum() == 0.0
    assert OFFICE_HOURS[12] < OFFICE_HOURS[11]


def test_months_end_and_weeks_begin_where_they_should() -> None:
    days = np.arange(SPRING.start // DAY, SPRING.end // DAY)
    assert [moment(int(day) * DAY).date().isoformat() for day in month_ends(days)] == ["2026-03-31"]
    assert moment(int(days[weekday(days) == 0][0]) * DAY).strftime("%A") == "Monday"
