"""From a click to the changed message: mintwatch beside the shortest bot that slack-sdk's own Socket Mode client makes.

Both work at the same kind of local Slack, in this process, over real sockets and HTTP. The bot acknowledges the
envelope and edits the message: no one asks who clicked, nothing is kept, nothing is composed.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextlib import closing as closed
from dataclasses import dataclass
from statistics import quantiles
from time import perf_counter
from typing import Final

from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web import WebClient

from monitor.cli.watch import SWITCH
from monitor.kql import DuckEngine
from monitor.tables import SCHEMAS
from monitor.testing.slack import UNPACED, LocalSlack
from tests.worker.desks import opened

BUSY: Final = 2
"""Threads, or processes, that only count."""
EVERY: Final = 5
"""Clicks for one refresh of the socket."""
_COUNTS: Final = "while True: pass"


@dataclass(frozen=True, slots=True)
class Clicked:
    """Seconds of every click."""

    seconds: tuple[float, ...]

    @property
    def slow(self) -> float:
        """What 95 of 100 clicks stayed below."""
        return quantiles(self.seconds, n=20, method="inclusive")[-1]


def measured(contestant: str, condition: str, number: int) -> Clicked:
    """So many clicks by `mintwatch` or by the `bot`, in one of `CONDITIONS`."""
    with CONTESTANTS[contestant]() as (slack, press):
        press()  # connections are made at the first
        taken = []
        with CONDITIONS[condition]():
            for place in range(number):
                if condition == REFRESHED and place % EVERY == 0:
                    slack.sockets.refresh()
                began = perf_counter()
                press()
                taken.append(perf_counter() - began)
    return Clicked(tuple(taken))


@contextmanager
def _mintwatch() -> Iterator[tuple[LocalSlack, Callable[[], None]]]:
    before = sys.getswitchinterval()
    with ExitStack() as closing:
        desk = closing.enter_context(opened(closing.enter_context(closed(DuckEngine(SCHEMAS, threads=1)))))
        sys.setswitchinterval(SWITCH.total_seconds())  # as `mintwatch run` does
        closing.callback(sys.setswitchinterval, before)
        acknowledged = False

        def press() -> None:
            nonlocal acknowledged
            acknowledged = not acknowledged
            versions = desk.card().versions
            desk.click(desk.ann, *(("acknowledge",) if acknowledged else ("more", "unacknowledge")))
            _seen(desk.slack, lambda: desk.card().versions > versions)

        yield desk.slack, press


@contextmanager
def _bot() -> Iterator[tuple[LocalSlack, Callable[[], None]]]:
    with LocalSlack(limits=UNPACED) as slack:
        ann = slack.user("ann")
        alerts = slack.channel("alerts", [ann])
        web = WebClient(slack.token, base_url=slack.url, retry_handlers=[])
        label = {"type": "plain_text", "text": "Acknowledge"}
        button = {"type": "button", "action_id": "acknowledge", "text": label}
        blocks = [{"type": "actions", "elements": [button]}]
        ts = web.chat_postMessage(channel=alerts.id, text="alert", blocks=blocks)["ts"]

        def hear(client: BaseSocketModeClient, request: SocketModeRequest) -> None:
            client.send_socket_mode_response(SocketModeResponse(request.envelope_id))
            web.chat_update(channel=alerts.id, ts=ts, text="acknowledged", blocks=blocks)

        client = SocketModeClient(slack.app_token, web_client=WebClient(base_url=slack.url))
        client.socket_mode_request_listeners.append(hear)
        client.connect()
        _seen(slack, lambda: slack.sockets.count > 0)

        def press() -> None:
            versions = alerts.messages[0].versions
            slack.click(ann, alerts.messages[0], "acknowledge")
            _seen(slack, lambda: alerts.messages[0].versions > versions)

        yield slack, press
        client.close()


def _seen(slack: LocalSlack, claim: Callable[[], bool]) -> None:
    """Wait until it is so.

    Raises
    ------
    RuntimeError
        If it does not come true.
    """
    if not slack.until(claim):
        raise RuntimeError("a click did not change its message")


@contextmanager
def _idle() -> Iterator[None]:
    yield


@contextmanager
def _threads() -> Iterator[None]:
    stop = threading.Event()

    def count() -> None:
        while not stop.is_set():
            sum(range(1_000))

    busy = [threading.Thread(target=count, daemon=True) for _ in range(BUSY)]
    for one in busy:
        one.start()
    yield
    stop.set()
    for one in busy:
        one.join()


@contextmanager
def _processes() -> Iterator[None]:
    busy = [subprocess.Popen([sys.executable, "-S", "-c", _COUNTS]) for _ in range(BUSY)]  # noqa: S603
    try:
        yield
    finally:
        for one in busy:
            one.kill()
            one.wait()


REFRESHED: Final = f"the socket refreshed before every {EVERY}th"
CONDITIONS: Final = {
    "idle": _idle,
    f"{BUSY} busy threads in the same process": _threads,
    f"{BUSY} busy processes": _processes,
    REFRESHED: _idle,
}
CONTESTANTS: Final = {"mintwatch": _mintwatch, "bot": _bot}
