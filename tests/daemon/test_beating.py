"""Signs of life: who is gone is noticed, and a clock that is set stops nobody."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor import clock
from monitor.daemon.beating import GONE, Beat, Clocks, Pulse
from monitor.daemon.disk import STALE, Disk
from monitor.daemon.scheduling import Schedule, Steadily
from tests.daemon.shifting import Shifted
from tests.worker.scripts import DAY, HOUR, NOON

SECOND = timedelta(seconds=1)
PATIENCE = 10.0


class Two:
    """A clock on the wall and one that goes on."""

    def __init__(self) -> None:
        self.wall, self.steady = NOON, timedelta(0)

    def go(self, by: timedelta) -> None:
        self.wall, self.steady = self.wall + by, self.steady + by

    def now(self) -> datetime:
        return self.wall

    def ticks(self) -> timedelta:
        return self.steady


@pytest.mark.parametrize("by", [HOUR, -HOUR, -30 * SECOND, 400 * DAY])
def test_a_clock_that_is_set_is_noticed_once(by: timedelta) -> None:
    two = Two()
    clocks = Clocks(two.now, two.ticks)
    two.go(SECOND)
    assert clocks.jump() is None
    two.wall += by
    two.go(SECOND)
    assert clocks.jump() == by
    assert clocks.jump() is None


def test_a_clock_that_drifts_or_is_corrected_a_little_was_not_set() -> None:
    two = Two()
    clocks = Clocks(two.now, two.ticks)
    for _ in range(100):
        two.go(HOUR)
        two.wall += SECOND
        assert clocks.jump() is None


def test_a_scheduler_without_a_beat_is_taken_for_dead_after_a_minute_of_looks() -> None:
    two, died = Two(), list[str]()
    beat = Beat(two.now, two.ticks)
    pulse = Pulse(beat, lambda _: None, list, died.append, now=two.now, ticks=two.ticks)
    for _ in range(GONE - 1):
        pulse.look()
    beat.strike()
    two.go(DAY)  # frozen with the machine: that is no look
    for _ in range(GONE):
        pulse.look()
    assert died == []
    pulse.look()
    assert died == ["threads are gone: scheduler"]


def test_a_thread_that_is_gone_is_named() -> None:
    died = list[str]()
    Pulse(Beat(), lambda _: None, lambda: ["postman slack"], died.append).look()
    assert died == ["threads are gone: postman slack"]


# --- the schedule, whose clock is set -------------------------------------------------------------------------------


class Ticking:
    """A job every tenth of a second, and how often it was done."""

    def __init__(self) -> None:
        self.missed: list[tuple[str, str]] = []
        self.schedule = Schedule(2, lambda *said: self.missed.append(said))
        self.done, self.news = 0, threading.Condition()
        self.schedule.add("tick", self.tick, SECOND / 10, clock.now())
        self.schedule.start()

    def tick(self) -> None:
        with self.news:
            self.done += 1
            self.news.notify_all()

    def more(self, within: float = PATIENCE) -> bool:
        with self.news:
            before = self.done
            return self.news.wait_for(lambda: self.done >= before + 3, within)


@pytest.fixture
def ticking(shifted: type[Shifted]) -> Iterator[Ticking]:  # noqa: ARG001
    made = Ticking()
    yield made
    made.schedule.close()


def test_jobs_go_on_after_the_clock_went_back_an_hour(ticking: Ticking, shifted: type[Shifted]) -> None:
    assert ticking.more()
    shifted.by = -HOUR
    assert not ticking.more(within=0.7)  # as APScheduler has it: until the clock has caught up
    ticking.schedule.hurry()
    assert ticking.more()


def test_jobs_go_on_after_the_clock_went_forward_by_years_and_none_is_made_up_for(
    ticking: Ticking, shifted: type[Shifted]
) -> None:
    assert ticking.more()
    before = ticking.done
    shifted.by = 3650 * DAY
    assert ticking.more()
    assert ticking.done - before < 50


def test_of_times_that_are_over_only_the_last_counts() -> None:
    steadily = Steadily(HOUR)
    assert steadily.get_next_fire_time(None, NOON) == NOON + HOUR
    assert steadily.get_next_fire_time(NOON, NOON) == NOON + HOUR
    assert steadily.get_next_fire_time(NOON - DAY, NOON) == NOON + HOUR


def test_what_breaks_off_is_told(ticking: Ticking) -> None:
    def broken() -> None:
        raise SystemExit(1)

    ticking.schedule.add("broken", broken, HOUR, datetime.now(UTC))  # noqa: TID251
    assert ticking.more()
    assert ticking.missed == [("broken", "error")]


# --- the disk -------------------------------------------------------------------------------------------------------


def test_a_disk_is_tried_by_writing_and_left_as_it_was(tmp_path: Path) -> None:
    told = list[str]()
    disk = Disk(tmp_path, told.append)
    disk.look()
    assert (disk.trouble, told, list(tmp_path.iterdir())) == ("", [], [])


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/dev/full").exists(), reason="needs a full device")
def test_a_full_disk_is_told_once_and_so_is_that_it_is_not_any_more(tmp_path: Path) -> None:
    told = list[str]()
    disk = Disk(tmp_path, told.append)
    (tmp_path / ".writable").symlink_to("/dev/full")
    disk.look()
    assert (disk.trouble, told) == ("full", ["full"])
    disk.look()
    assert (disk.trouble, told) == ("", ["full", ""])


def test_a_directory_that_is_gone_is_trouble_and_one_that_takes_no_write_is_stuck(tmp_path: Path) -> None:
    two = Two()
    gone = Disk(tmp_path / "gone", ticks=two.ticks)
    gone.look()
    assert gone.trouble == "failing"
    stuck = Disk(tmp_path, ticks=two.ticks)
    two.go(STALE + SECOND)
    assert stuck.trouble == "stuck"
