"""The heartbeat: it is heard after each complete cycle, tells of trouble, and nobody waits for it or reads where."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from time import perf_counter

import pytest

from monitor.daemon.heartbeat import Cycle, Heartbeat, below, call, checked, revealed
from monitor.errors import InputError, PermanentError, TransientError
from tests.daemon.called import PATH, PATIENCE, Called

WELL, ILL = Cycle(complete=True), Cycle(complete=False, troubles=("cannot be collected: prod.sign_in",))


class Told:
    """How calls ended."""

    def __init__(self) -> None:
        self.all: list[bool] = []
        self.news = threading.Condition()

    def __call__(self, taken: bool) -> None:
        with self.news:
            self.all.append(taken)
            self.news.notify_all()

    def until(self, count: int) -> list[bool]:
        with self.news:
            assert self.news.wait_for(lambda: len(self.all) == count, PATIENCE), self.all
            return self.all


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def heartbeat(outside: Called, told: Told) -> Iterator[Heartbeat]:
    made = Heartbeat(told, timeout=timedelta(seconds=0.5), pause=0.01)
    made.address = lambda: outside.address
    made.start()
    yield made
    made.close()


def test_a_complete_cycle_is_heard_and_trouble_below_fail(heartbeat: Heartbeat, outside: Called) -> None:
    heartbeat.say(WELL)
    outside.until(lambda calls: len(calls) == 1)
    heartbeat.say(ILL)
    assert outside.until(lambda calls: len(calls) == 2) == [
        ("GET", f"/{PATH}?rid=1", ""),
        ("POST", f"/{PATH}/fail?rid=1", ILL.troubles[0]),
    ]


def test_what_is_not_complete_and_in_no_trouble_is_no_news(heartbeat: Heartbeat, outside: Called) -> None:
    heartbeat.say(Cycle(complete=False))
    heartbeat.say(WELL)
    assert len(outside.until(bool)) == 1


def test_what_fails_is_tried_again_a_few_times(heartbeat: Heartbeat, outside: Called, told: Told) -> None:
    outside.answers[:] = [500, 429, 200]
    heartbeat.say(WELL)
    assert told.until(1) == [True]
    assert len(outside.calls) == 3
    outside.answers[:] = [500, 500, 500]
    heartbeat.say(WELL)
    assert told.until(2) == [True, False]
    assert len(outside.calls) == 6


def test_a_redirect_is_not_followed(outside: Called) -> None:
    outside.answers[:] = [302]
    with pytest.raises(PermanentError, match="HTTP 302"):
        call(outside.address, (), timedelta(seconds=5))
    assert len(outside.calls) == 1


def test_one_that_hangs_holds_up_nobody(heartbeat: Heartbeat, outside: Called) -> None:
    outside.hanging.clear()
    begun = perf_counter()
    for _ in range(100):
        heartbeat.say(WELL)
    outside.until(bool)
    heartbeat.close()
    assert perf_counter() - begun < 2


def test_no_error_and_no_log_line_says_whom_it_calls(
    heartbeat: Heartbeat, outside: Called, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    outside.answers[:] = [404, 500, 500, 500]
    heartbeat.say(WELL)
    told.until(1)
    heartbeat.say(WELL)
    told.until(2)
    gone = outside.address.replace("127.0.0.1", "127.0.0.2")
    for address in (
        gone,
        f"https://nowhere.invalid/{PATH}",
        f"ftp://{PATH}",
        f"https://[{PATH}",
        f"https:// {PATH}",
    ):
        with pytest.raises((TransientError, InputError)) as raised:
            call(address, (), timedelta(seconds=1))
        assert PATH not in "".join(map(str, (raised.value, raised.value.__cause__)))
        assert raised.value.__suppress_context__ or raised.value.__context__ is None
    logged = "".join(f"{vars(one)}" for one in caplog.records)
    assert "HTTP 404" in logged
    assert PATH not in logged


@pytest.mark.parametrize(
    "address", ["http://example.org/x", "https://", "", "file:///etc/passwd", "https://a b/", "https://h/\r\nX: 1"]
)
def test_an_address_must_be_encrypted_or_on_this_machine(address: str) -> None:
    with pytest.raises(InputError, match=r"heartbeat.url: expected https://\.\.\. \(or http:// on this machine\)"):
        checked(address)
    with pytest.raises(InputError):
        revealed(lambda: address)


def test_an_address_that_cannot_be_had_yet_is_no_mistake() -> None:
    def later() -> str:
        raise TransientError("Key Vault did not answer")

    revealed(later)
    revealed(lambda: "https://hc-ping.com/x\n")
    checked("http://[::1]:8000/x")


def test_fail_comes_before_what_follows_the_path() -> None:
    assert below("https://h/x/?a=/b", "fail") == "https://h/x/fail?a=/b"
