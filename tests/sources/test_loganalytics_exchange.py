"""Reading an answer ends: with its last byte, on a stop, or when it has taken too long."""

from collections.abc import Iterator
from datetime import timedelta
from threading import Event

from azure.core.pipeline import PipelineContext, PipelineResponse
from azure.core.rest import HttpRequest, HttpResponse

from monitor.clock import EPOCH
from monitor.sources.loganalytics.exchange import Exchange
from monitor.sources.loganalytics.faults import Outcome
from tests.sources.wires import Hurried


class Closing:
    """All that is asked of a response here."""

    closed = False

    def close(self) -> None:
        self.closed = True


def read(exchange: Exchange, chunks: Iterator[bytes]) -> bool:
    """Whether the response was closed after reading."""
    response = Closing()
    request = HttpRequest("POST", "https://localhost")
    exchange.read(PipelineResponse[object, HttpResponse](request, response, PipelineContext(None)), chunks, {})  # type: ignore[arg-type]
    return response.closed


def test_an_answer_that_trickles_is_given_up() -> None:
    stop = Hurried(EPOCH)
    exchange = Exchange(stop, 2**20, timedelta(seconds=5), lambda: stop.now)

    def trickle() -> Iterator[bytes]:
        for _ in range(100):
            stop.wait(1)
            yield b" "

    assert read(exchange, trickle())
    assert sum(stop.waited) == 6
    fault = exchange.fault("w")
    assert fault is not None
    assert (fault.outcome, fault.again) == (Outcome.TIMED_OUT, False)


def test_a_stop_ends_the_reading() -> None:
    stop = Event()
    exchange = Exchange(stop, 2**20, timedelta(seconds=5), lambda: EPOCH)
    left = iter([b"{", b"}"])

    def stopping() -> Iterator[bytes]:
        stop.set()
        yield from left

    assert read(exchange, stopping())
    assert list(left) == [b"}"]
    fault = exchange.fault("w")
    assert fault is not None
    assert (fault.outcome, fault.again) == (Outcome.STOPPED, False)
