"""Socket Mode against sockets that fail in every way. Bounds are Slack's 3 s; comments say what was measured."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from monitor import clock
from monitor.notifiers.slack.hands import Hands
from monitor.notifiers.slack.line import Line
from monitor.notifiers.slack.socket import Answer, Listener, nothing
from monitor.notifiers.slack.wire import Body
from monitor.testing.slack import UNPACED, Channel, LocalSlack, Message, faults
from tests.notifiers.slack_at_hand import PROXIES, api

PING = timedelta(milliseconds=300)
PATIENT = timedelta(seconds=30)
SLACKS = timedelta(seconds=3)
"""How long Slack waits before it shows the person an error."""
BUTTON: Body = {
    "text": "x",
    "blocks": [
        {
            "type": "actions",
            "elements": [{"type": "button", "action_id": "ack", "text": {"type": "plain_text", "text": "Acknowledge"}}],
        }
    ],
}
MODAL: Body = {
    "type": "modal",
    "title": {"type": "plain_text", "text": "Silence"},
    "submit": {"type": "plain_text", "text": "Silence"},
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "reason"},
        }
    ],
}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def slack() -> Iterator[LocalSlack]:
    with LocalSlack(limits=UNPACED) as slack:
        yield slack


class Heard:
    """What was handled, and by which thread."""

    def __init__(self) -> None:
        self.acts: list[tuple[str, Body]] = []
        self.news = threading.Event()

    def __call__(self, kind: str, payload: Body) -> None:
        self.acts.append((kind, payload))
        self.news.set()


@contextmanager
def listening(
    slack: LocalSlack,
    handle: Callable[[str, Body], None] = nothing,
    answer: Answer = nothing,
    *,
    ping: timedelta = PING,
    budget: timedelta = timedelta(milliseconds=250),
) -> Iterator[Listener]:
    token = slack.app_token
    with Listener(lambda: token, handle, answer, api_url=slack.url, ping=ping, budget=budget) as listener:
        assert slack.until(lambda: slack.sockets.fresh == 1, PATIENT)
        yield listener


def message(slack: LocalSlack, channel: Channel | None = None) -> Message:
    """A message with a button."""
    channel = channel or slack.channel("alerts")
    api(slack).post(channel.id, BUTTON)
    return channel.messages[-1]


def eventually(claim: Callable[[], bool]) -> bool:
    """Whether something on our side came true; `slack.until` asks again only after something changed on Slack's."""
    until, pause = clock.ticks() + PATIENT, threading.Event()
    while not (true := claim()) and clock.ticks() < until:
        pause.wait(0.01)
    return true


def acked(slack: LocalSlack, shown: Message) -> timedelta:
    """How long a click took to be acknowledged; an hour, if Slack would have shown an error."""
    return slack.click(slack.user("ann"), shown, "ack").after or timedelta(hours=1)


def back(slack: LocalSlack, opened: int) -> bool:
    return slack.until(lambda: slack.sockets.opened >= opened and slack.sockets.fresh >= 1, PATIENT)


def test_a_click_is_acknowledged_and_then_handled_elsewhere(slack: LocalSlack) -> None:
    heard, shown = Heard(), message(slack)
    with listening(slack, heard) as listener:
        assert acked(slack, shown) < SLACKS  # 1.0 ms at the median, 2.2 ms at most
        assert heard.news.wait(3)
        assert listener.connected
        assert listener.last_heard is not None
        assert clock.now() - listener.last_heard < timedelta(minutes=1)
    assert [(kind, payload["type"]) for kind, payload in heard.acts] == [("interactive", "block_actions")]
    assert not listener.connected


def test_acknowledging_waits_for_no_handler(slack: LocalSlack) -> None:
    shown, free = message(slack), threading.Event()

    def stuck(kind: str, payload: Body) -> None:
        del kind, payload
        free.wait(30)

    with listening(slack, stuck) as listener:
        try:
            assert all(acked(slack, shown) < SLACKS for _ in range(6))
            assert listener.waiting >= 3
        finally:
            free.set()


def test_a_handler_that_fails_is_logged_and_the_next_act_is_handled(
    slack: LocalSlack, caplog: pytest.LogCaptureFixture
) -> None:
    shown, handled = message(slack), threading.Event()
    times: list[int] = []

    def failing(kind: str, payload: Body) -> None:
        del kind, payload
        times.append(1)
        if len(times) <= 4:
            raise ZeroDivisionError
        handled.set()

    with listening(slack, failing):
        for _ in range(5):
            assert acked(slack, shown) < SLACKS
        assert handled.wait(3)
    assert sum(record.exc_info is not None for record in caplog.records) == 4


def test_what_is_acknowledged_is_handled_though_we_are_closing(slack: LocalSlack) -> None:
    shown, heard = message(slack), Heard()
    with listening(slack, heard):
        for _ in range(20):
            acked(slack, shown)
    assert len(heard.acts) == 20


# --- acknowledgements that carry something ------------------------------------------------------------------------


def test_a_command_is_answered_with_its_acknowledgement_and_handled(slack: LocalSlack) -> None:
    heard = Heard()
    with listening(slack, heard, lambda kind, payload: {"text": f"{kind}: {payload['text']}"}):
        act = slack.slash(slack.user("ann"), "open", slack.channel("alerts"))
        assert heard.news.wait(3)
    assert act.text == "slash_commands: open"


def test_a_modal_with_errors_stays_and_is_handed_to_nobody(slack: LocalSlack) -> None:
    ann, alerts, heard = slack.user("ann"), slack.channel("alerts"), Heard()

    def answer(kind: str, payload: Body) -> Body | None:
        del kind
        wrong = payload["type"] == "view_submission" and '"bad"' in str(payload).replace("'", '"')
        return {"response_action": "errors", "errors": {"why": "Say more."}} if wrong else None

    with listening(slack, heard, answer):
        trigger = str(slack.slash(ann, "silence", alerts).payload["trigger_id"])
        api(slack).open_view(trigger, MODAL)
        view = slack.screen(ann)
        assert view is not None
        assert slack.submit(ann, view, {"reason": "bad"}).errors == {"why": "Say more."}
        assert slack.screen(ann) == view
        assert slack.submit(ann, view, {"reason": "planned"}).acked
        assert slack.screen(ann) is None
    assert [kind for kind, _ in heard.acts] == ["slash_commands", "interactive"]


@pytest.mark.parametrize("way", ["slow", "failing", "not JSON"])
def test_an_answer_that_does_not_come_delays_nothing_and_the_act_is_handled(slack: LocalSlack, way: str) -> None:
    free, heard = threading.Event(), Heard()

    def answer(kind: str, payload: Body) -> Body | None:
        del kind, payload
        if way == "slow":
            free.wait(30)
        if way == "failing":
            raise ZeroDivisionError
        return {"text": object()}  # type: ignore[dict-item]

    with listening(slack, heard, answer):
        act = slack.slash(slack.user("ann"), "open", slack.channel("alerts"))
        assert heard.news.wait(3)
        free.set()
    assert act.acked
    assert act.answer is None


# --- sockets that fail --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", ["close", "reset", "silence"])
def test_it_comes_back_after(slack: LocalSlack, failing: str) -> None:
    # At a ping of 5 s: close 0.3 s, reset 0.8 s, silence 9 s.
    shown = message(slack)
    with listening(slack) as listener:
        getattr(slack.sockets, failing)()
        assert back(slack, 2)
        assert acked(slack, shown) < SLACKS
        assert eventually(lambda: listener.reconnects == 1)


def test_a_socket_that_is_mute_from_the_first_second_is_left(slack: LocalSlack) -> None:
    # At a ping of 5 s: 14 s.
    shown = message(slack)
    with listening(slack) as listener:
        slack.sockets.mute = True
        slack.sockets.close()
        assert slack.until(lambda: slack.sockets.opened == 2, PATIENT)
        assert not listener.connected
        slack.sockets.mute = False
        assert back(slack, 3)
        assert acked(slack, shown) < SLACKS


def test_a_mute_socket_at_the_start_is_left(slack: LocalSlack) -> None:
    slack.sockets.mute = True
    token = slack.app_token
    with Listener(lambda: token, nothing, api_url=slack.url, ping=PING):
        assert slack.until(lambda: slack.sockets.opened == 1, PATIENT)
        slack.sockets.mute = False
        assert back(slack, 2)


def test_it_comes_back_though_opening_fails_three_times(slack: LocalSlack) -> None:
    # At a ping of 5 s: 3 to 7 s.
    shown = message(slack)
    with listening(slack) as listener:
        slack.faults.add(faults.failing(500), method="apps.connections.open", times=3)
        slack.sockets.reset()
        assert back(slack, 2)
        assert acked(slack, shown) < SLACKS
        assert listener.trouble == ""
    assert slack.requests["apps.connections.open"] == 5


@pytest.mark.parametrize("fault", faults.EVERY, ids=lambda fault: fault.name)
def test_whatever_opening_answers_it_is_tried_again(slack: LocalSlack, fault: faults.Fault) -> None:
    slack.faults.add(fault, method="apps.connections.open")
    if fault.name == "throttled":  # without a word of how long, it is 5 s
        slack.faults.clear()
        slack.faults.add(faults.throttled(timedelta(seconds=1)), method="apps.connections.open")
    token = slack.app_token
    with Listener(lambda: token, nothing, api_url=slack.url, ping=PING) as listener:
        assert back(slack, 1)
        assert eventually(lambda: listener.connected)


def test_a_ticket_that_leads_nowhere_is_not_tried_for_ever(slack: LocalSlack) -> None:
    slack.faults.add(faults.cut_before(), when=lambda request: request.path == "/link/", times=2)
    token = slack.app_token
    with Listener(lambda: token, nothing, api_url=slack.url, ping=PING):
        assert back(slack, 1)


def test_no_click_falls_between_a_socket_that_goes_and_the_next(slack: LocalSlack) -> None:
    # 0.6 to 3 ms at a click 50 ms after.
    shown = message(slack)
    with listening(slack) as listener:
        for times in range(1, 5):
            slack.sockets.refresh(timedelta(seconds=1))
            assert all(acked(slack, shown) < SLACKS for _ in range(10))
            assert back(slack, times + 1)
        assert eventually(lambda: slack.sockets.count == 1)  # and nobody stays on the old ones
        assert listener.connected
        assert len(slack.sockets.acks) == 40


def test_the_old_socket_is_listened_to_until_the_next_one_stands(slack: LocalSlack) -> None:
    shown = message(slack)
    with listening(slack):
        slack.faults.add(faults.failing(503), method="apps.connections.open", times=None)
        slack.sockets.refresh()
        assert eventually(lambda: slack.requests["apps.connections.open"] >= 3)
        assert all(acked(slack, shown) < SLACKS for _ in range(5))
        slack.faults.clear()
        assert back(slack, 2)


def test_a_warning_opens_the_next_socket_before_the_old_one_goes(slack: LocalSlack) -> None:
    shown = message(slack)
    with listening(slack):
        slack.sockets.warn()
        assert acked(slack, shown) < SLACKS
        assert back(slack, 2)
        assert acked(slack, shown) < SLACKS


def test_an_envelope_delivered_again_is_acknowledged_and_handled(slack: LocalSlack) -> None:
    shown, heard = message(slack), Heard()
    slack.sockets.patience = timedelta(milliseconds=900)
    slack.sockets.again = 20
    with listening(slack, heard):
        slack.sockets.silence()
        act = slack.click(slack.user("ann"), shown, "ack")
        assert slack.until(lambda: any(ack.envelope_id == act.envelope_id for ack in slack.sockets.acks), PATIENT)
        assert heard.news.wait(3)


# --- starting, and what a person must mend ------------------------------------------------------------------------


def test_starting_needs_no_slack() -> None:
    begun = time.perf_counter()
    with Listener(lambda: "xapp-1", nothing, api_url="http://127.0.0.1:9/api/", ping=PING) as listener:
        assert time.perf_counter() - begun < 3  # 1 ms
        assert listener.last_heard is None
        assert not listener.connected


@pytest.mark.parametrize("way", ["revoked", "no token", "wrong kind", "unreadable"])
def test_what_a_person_must_mend_is_said_and_tried_rarely(
    slack: LocalSlack, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = {"no token": "", "wrong kind": slack.token, "unreadable": "xapp-1\nx: y"}.get(way, slack.app_token)
    if way == "revoked":
        slack.app.revoked.add(token)
    heard = threading.Event()

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == "no socket":
                heard.set()

    logging.getLogger("mintwatch.notifiers.slack").addHandler(watch := Watch())
    try:
        with Listener(lambda: token, nothing, api_url=slack.url, ping=timedelta(milliseconds=10)) as listener:
            assert heard.wait(10)
            heard.clear()
            assert not heard.wait(0.3)  # 30 pings
            assert "token" in listener.trouble
    finally:
        logging.getLogger("mintwatch.notifiers.slack").removeHandler(watch)
    assert not token or token not in caplog.text + listener.trouble
    assert slack.requests["apps.connections.open"] == (1 if way in {"revoked", "wrong kind"} else 0)


def test_a_token_that_is_mended_is_used(slack: LocalSlack) -> None:
    tokens = iter(["", "xapp-old"])
    good = slack.app_token
    with Listener(
        lambda: next(tokens, good), nothing, api_url=slack.url, ping=PING, rarely=timedelta(milliseconds=20)
    ) as listener:
        assert back(slack, 1)
        assert eventually(lambda: listener.trouble == "")


def test_nothing_that_is_logged_holds_a_token_a_ticket_or_a_payload(
    slack: LocalSlack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, logger="asyncio")
    shown = message(slack)
    with listening(slack):
        acked(slack, shown)
        slack.sockets.refresh()
        assert back(slack, 2)
        slack.faults.add(faults.cut_json(), method="apps.connections.open")
        slack.sockets.reset()
        assert back(slack, 3)
    assert not [each for each in (slack.app_token, slack.token, "ticket=", "trigger_id") if each in caplog.text]


# --- closing ------------------------------------------------------------------------------------------------------


def _ours() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("slack-")}


def _nobody(slack: LocalSlack) -> None:
    del slack


def _sockets_there(name: str) -> Callable[[LocalSlack], None]:
    def act(slack: LocalSlack) -> None:
        getattr(slack.sockets, name)()

    return act


@pytest.mark.parametrize(
    "before",
    [_nobody, _sockets_there("silence"), _sockets_there("reset"), _sockets_there("refresh")],
    ids=["well", "silent", "reset", "leaving"],
)
def test_closing_is_quick_and_leaves_nothing(slack: LocalSlack, before: Callable[[LocalSlack], None]) -> None:
    # 0.01 s; 0.3 s if nobody answers the goodbye.
    gc.collect()
    files = len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0
    with listening(slack, ping=timedelta(seconds=5)) as listener:
        before(slack)
        begun = time.perf_counter()
        listener.close()
        assert time.perf_counter() - begun < 3
    assert not _ours()
    slack.sockets.close()
    assert eventually(lambda: slack.sockets.count == 0)
    gc.collect()
    if sys.platform == "linux":
        assert eventually(lambda: len(list(Path("/proc/self/fd").iterdir())) <= files)


def test_a_stop_does_not_wait_for_what_slack_says_to_wait_for(slack: LocalSlack) -> None:
    slack.faults.add(faults.throttled(timedelta(seconds=60)), method="apps.connections.open", times=None)
    token = slack.app_token
    with Listener(lambda: token, nothing, api_url=slack.url, ping=PING):
        assert eventually(lambda: slack.requests["apps.connections.open"] == 1)
        begun = time.perf_counter()
    assert time.perf_counter() - begun < 3  # 3 ms
    assert not _ours()
    assert slack.requests["apps.connections.open"] == 1


def test_one_that_never_started_or_was_closed_twice_closes(slack: LocalSlack) -> None:
    listener = Listener(lambda: slack.app_token, nothing, api_url=slack.url)
    listener.close()
    again = Listener(lambda: slack.app_token, nothing, api_url=slack.url)
    again.start()
    again.close()
    again.close()
    assert not _ours()


def test_a_handler_that_hangs_does_not_keep_us(slack: LocalSlack) -> None:
    shown, free, in_it = message(slack), threading.Event(), threading.Event()

    def stuck(kind: str, payload: Body) -> None:
        del kind, payload
        in_it.set()
        free.wait(30)

    with listening(slack, stuck):
        acked(slack, shown)
        assert in_it.wait(3)
        begun = time.perf_counter()
    assert time.perf_counter() - begun < 3  # 1.0 s
    free.set()


def test_hands_that_are_idle_go_at_once() -> None:
    hands = Hands("slack-test", 3)
    hands.start()
    assert hands.close(timedelta(seconds=10))


# --- under load ---------------------------------------------------------------------------------------------------

BURNING = """
import sys, threading
from monitor.notifiers.slack.socket import Listener
def burn():
    while True: sum(range(1000))
for _ in range(4): threading.Thread(target=burn, daemon=True).start()
with Listener(lambda: sys.argv[2], lambda kind, payload: None, api_url=sys.argv[1]): sys.stdin.read()
"""


@pytest.mark.slow
def test_clicks_are_acknowledged_though_four_threads_burn(slack: LocalSlack) -> None:
    # 31 ms at the median of 60 clicks, 177 ms at most; 2 to 70 ms at a click 50 ms after a refresh.
    shown = message(slack)
    with subprocess.Popen([sys.executable, "-c", BURNING, slack.url, slack.app_token], stdin=subprocess.PIPE) as app:
        try:
            assert slack.until(lambda: slack.sockets.fresh == 1, PATIENT)
            assert all(acked(slack, shown) < SLACKS for _ in range(30))
            slack.sockets.refresh()
            assert acked(slack, shown) < SLACKS
        finally:
            assert app.stdin is not None
            app.stdin.close()
        app.wait(30)


def test_slack_sdk_still_has_what_we_stand_on() -> None:
    kept = {"connect", "close", "send_socket_mode_response", "connect_to_new_endpoint"}
    assert kept <= set(dir(Line))
