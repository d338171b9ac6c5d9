"""The gate: never more at once or in a span than allowed, and nobody waits past a stop."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from monitor.errors import TransientError
from monitor.sources.loganalytics.faults import Outcome
from monitor.sources.loganalytics.gate import LONGEST, Gate, NotAskedError
from tests.sources.wires import Hurried


def test_no_more_in_a_span_than_allowed() -> None:
    stop = Hurried()
    gate = Gate(stop, per_span=3, span=timedelta(seconds=30), now=lambda: stop.now)
    entered = []
    for _ in range(10):
        with gate.passing():
            entered.append(stop.now)
    assert all(later - earlier >= timedelta(seconds=30) for earlier, later in zip(entered, entered[3:], strict=False))
    assert stop.now - entered[0] == timedelta(seconds=90)


def test_who_finds_no_place_waits() -> None:
    stop = Hurried()
    stop.stop_after = 1
    gate = Gate(stop, at_once=2, now=lambda: stop.now)
    with gate.passing(), gate.passing(), pytest.raises(NotAskedError, match="stopping"), gate.passing():
        pass
    assert sum(stop.waited) >= 1


def test_threads_that_wait_for_a_place_get_one() -> None:
    gate = Gate(threading.Event(), at_once=2, per_span=100)
    inside, most, lock = 0, 0, threading.Lock()
    together = threading.Barrier(2, timeout=30)

    def ask(number: int) -> None:
        nonlocal inside, most
        with gate.passing():
            with lock:
                inside += 1
                most = max(most, inside)
            if number < 2:
                together.wait()
            with lock:
                inside -= 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, range(8)))
    assert most == 2


def test_a_question_that_fails_leaves_its_place() -> None:
    gate = Gate(threading.Event(), at_once=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.passing():
            raise ZeroDivisionError


def test_a_stop_ends_the_wait_for_a_place() -> None:
    stop = threading.Event()
    gate = Gate(stop, at_once=1)
    waiting = threading.Event()

    def ask() -> None:
        waiting.set()
        with gate.passing():
            pass

    with ThreadPoolExecutor(1) as threads, gate.passing():
        asked = threads.submit(ask)
        assert waiting.wait(30)
        stop.set()
        with pytest.raises(NotAskedError, match="stopping") as caught:
            asked.result(30)
    assert caught.value.outcome is Outcome.STOPPED
    with pytest.raises(NotAskedError), gate.passing():
        pass


def test_the_service_is_obeyed_by_all_for_the_longest_it_asked_but_not_for_ever() -> None:
    stop = Hurried()
    gate = Gate(stop, now=lambda: stop.now)
    start = stop.now
    assert gate.hold(timedelta(seconds=20)) == start + timedelta(seconds=20)
    assert gate.hold(timedelta(seconds=5)) == start + timedelta(seconds=20)
    with gate.passing():
        assert stop.now == start + timedelta(seconds=20)
    assert gate.hold(timedelta(days=300)) == stop.now + LONGEST
    with pytest.raises(TransientError, match="wants none before 2026-05-01T01:00:20Z"), gate.passing():
        pass


def test_a_clock_that_was_set_back_holds_nobody() -> None:
    stop = Hurried()
    gate = Gate(stop, per_span=1, now=lambda: stop.now)
    with gate.passing():
        gate.hold(timedelta(minutes=59))
    stop.now -= timedelta(days=2)
    with gate.passing():
        assert not stop.waited
