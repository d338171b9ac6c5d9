from collections.abc import Sequence

import numpy as np

from monitor.detectors.counting import Days
from monitor.detectors.oneoffs import oneoffs

START = np.datetime64("2026-03-02", "us")
DAY = np.timedelta64(1, "D").astype("timedelta64[us]")


def days(rows: Sequence[tuple[int, int]], late: int = 0, value: Sequence[float] | None = None) -> Days:
    """A `Days` of (group, day) pairs, each known `late` days after its day began."""
    day = np.array([START + number * DAY for _, number in rows], dtype="datetime64[us]")
    group = np.array([number for number, _ in rows], dtype=np.int64)
    return Days(group, day, day + late * DAY, None if value is None else np.array(value))


def counted(shown: Sequence[tuple[int, int, int]], on: int, nth: float = 1.0, late: int = 0) -> float:
    """How many days of one-offs group 0 has before day `on`; `shown` holds (group, day, value)."""
    past = days([(group, day) for group, day, _ in shown], late)
    values = np.array([value for _, _, value in shown], dtype=np.int64)
    return float(oneoffs(days([(0, on)], value=[nth]), past, values, np.array([True]))[0])


def test_values_that_never_came_back_count_a_day_each() -> None:
    assert counted([(0, 0, 1), (0, 1, 2), (0, 2, 3)], on=3) == 3.0


def test_a_value_that_came_back_is_no_one_off() -> None:
    assert counted([(0, 0, 1), (0, 1, 1), (0, 2, 2)], on=3) == 1.0


def test_the_second_news_of_a_day_asks_for_days_with_two() -> None:
    assert counted([(0, 0, 1), (0, 0, 2), (0, 1, 3)], on=3, nth=2.0) == 1.0


def test_other_groups_and_later_days_say_nothing() -> None:
    assert counted([(1, 0, 1), (0, 3, 2), (0, 4, 3)], on=3) == 0.0


def test_what_had_not_arrived_by_midnight_is_unknown() -> None:
    assert counted([(0, 0, 1), (0, 1, 2)], on=3, late=5) == 0.0


def test_a_group_without_a_past_has_none() -> None:
    assert counted([], on=3) == 0.0
