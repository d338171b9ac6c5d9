"""People act, the real socket client acknowledges, and sockets fail in every way they do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from slack_sdk.errors import SlackApiError

from monitor.testing.slack import UNPACED, LocalSlack, Message, faults
from monitor.testing.slack.server import reset
from tests.testing.slack_app import Listener, actions, button, listening, menu, section, web

SOON = timedelta(milliseconds=500)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def slack() -> Iterator[LocalSlack]:
    with LocalSlack(limits=UNPACED) as slack:
        yield slack


def told(slack: LocalSlack) -> Message:
    """A message with something to press."""
    channel = slack.channel("alerts")
    blocks = [section("x"), actions(button("ack", value="7"), menu("snooze", ["1h", "4h"]))]
    web(slack).chat_postMessage(channel=channel.id, text="x", blocks=blocks)
    return channel.messages[-1]


def acts(slack: LocalSlack, message: Message, app: Listener, times: int) -> bool:
    """Whether a click is acknowledged once the app is back on its `times`-th socket."""
    assert slack.until(lambda: slack.sockets.opened == times and slack.sockets.fresh == 1)
    assert app.client.is_connected is not None
    return slack.click(slack.user("ann"), message, "ack").acked


def test_a_click_is_acknowledged_in_no_time_and_says_who_pressed_what_where(slack: LocalSlack) -> None:
    message, ann = told(slack), slack.user("ann")
    with listening(slack) as app:
        act = slack.click(ann, message, "ack")
        chosen = slack.click(ann, message, "snooze", "4h")
    assert act.after is not None
    assert act.after < SOON
    heard = app.heard[0].payload
    assert heard["user"]["id"] == ann.id
    assert heard["container"]["message_ts"] == heard["message"]["ts"] == message.ts
    assert heard["actions"][0]["value"] == "7"
    assert chosen.acked
    assert app.heard[1].payload["actions"][0]["selected_option"]["value"] == "4h"


def test_only_what_is_on_the_message_can_be_pressed(slack: LocalSlack) -> None:
    message, ann = told(slack), slack.user("ann")
    with pytest.raises(ValueError, match="only: ack, snooze"):
        slack.click(ann, message, "resolve")
    with pytest.raises(ValueError, match="only: 1h, 4h"):
        slack.click(ann, message, "snooze", "1w")


def test_with_no_app_there_the_person_sees_an_error(slack: LocalSlack) -> None:
    slack.sockets.patience = timedelta(milliseconds=50)
    assert not slack.click(slack.user("ann"), told(slack), "ack").acked


def test_an_envelope_nobody_acknowledged_comes_again(slack: LocalSlack) -> None:
    message = told(slack)
    slack.sockets.patience = timedelta(milliseconds=200)
    with listening(slack) as app:
        deaf = app.client.socket_mode_request_listeners.pop()

        async def forgetful(client: object, request: object) -> None:
            del client, request
            app.client.socket_mode_request_listeners[:] = [deaf]

        app.client.socket_mode_request_listeners.append(forgetful)
        act = slack.click(slack.user("ann"), message, "ack")
        assert not act.acked
        assert slack.until(lambda: len(slack.sockets.acks) == 1)
    assert app.heard[0].envelope_id == act.envelope_id
    assert app.heard[0].retry_attempt == 1


def test_what_a_dying_socket_took_with_it_comes_on_the_next(slack: LocalSlack) -> None:
    message = told(slack)
    slack.sockets.again = 0
    with listening(slack) as app:
        healthy = app.client.socket_mode_request_listeners.pop()

        async def dying(client: object, request: object) -> None:
            del client, request
            app.client.socket_mode_request_listeners[:] = [healthy]
            slack.sockets.reset()

        app.client.socket_mode_request_listeners.append(dying)
        assert slack.click(slack.user("ann"), message, "ack").acked
    assert slack.sockets.opened == 2


def test_a_payload_can_be_replayed_and_forged(slack: LocalSlack) -> None:
    message = told(slack)
    with listening(slack) as app:
        act = slack.click(slack.user("ann"), message, "ack")
        slack.deliver(act.payload)
        slack.deliver({**act.payload, "team": {"id": "T0FORGED", "domain": "evil"}})
    assert [heard.payload["team"]["id"] for heard in app.heard] == [slack.world.team] * 2 + ["T0FORGED"]


def test_a_command_is_answered_with_its_acknowledgement(slack: LocalSlack) -> None:
    channel, ann = slack.channel("alerts"), slack.user("ann")
    with listening(slack, lambda request: {"text": f"You said {request.payload['text']}"}) as app:
        act = slack.slash(ann, "open", channel)
        app.do(_posted(app, act.payload["response_url"], "Later."))
    assert act.text == "You said open"
    assert [(whisper.user, whisper.text) for whisper in slack.whispers] == [
        (ann.id, "You said open"),
        (ann.id, "Later."),
    ]


async def _posted(app: Listener, url: object, text: str) -> None:
    async with app.client.aiohttp_client_session.post(str(url), json={"text": text}) as answer:
        assert answer.status == 200


def test_a_click_during_a_refresh_reaches_the_new_socket(slack: LocalSlack) -> None:
    message = told(slack)
    with listening(slack) as app:
        slack.sockets.refresh()
        act = slack.click(slack.user("ann"), message, "ack")
        assert act.after is not None
        assert act.after < SOON
        assert acts(slack, message, app, 2)


def test_a_warning_changes_nothing(slack: LocalSlack) -> None:
    message = told(slack)
    with listening(slack) as app:
        slack.sockets.warn()
        assert slack.click(slack.user("ann"), message, "ack").acked
        assert app.heard


@pytest.mark.parametrize("failing", ["close", "reset", "silence"])
def test_the_client_comes_back_after(slack: LocalSlack, failing: str) -> None:
    message = told(slack)
    with listening(slack) as app:
        getattr(slack.sockets, failing)()
        assert acts(slack, message, app, 2)


def test_a_click_into_a_black_hole_is_delivered_again_on_the_next_socket(slack: LocalSlack) -> None:
    message = told(slack)
    slack.sockets.patience = timedelta(seconds=1)
    slack.sockets.again = 3
    with listening(slack) as app:
        slack.sockets.silence()
        act = slack.click(slack.user("ann"), message, "ack")
        assert slack.until(lambda: any(ack.envelope_id == act.envelope_id for ack in slack.sockets.acks))
        assert len({heard.envelope_id for heard in app.heard}) == 1


def test_a_socket_that_is_mute_from_the_start_is_left(slack: LocalSlack) -> None:
    message = told(slack)
    with listening(slack) as app:
        slack.sockets.mute = True
        slack.sockets.close()
        assert slack.until(lambda: slack.sockets.opened == 2)
        slack.sockets.mute = False
        assert acts(slack, message, app, 3)


def test_a_ticket_opens_one_socket(slack: LocalSlack) -> None:
    client = web(slack, slack.app_token)
    url = client.apps_connections_open(app_token=slack.app_token)["url"]
    with listening(slack) as app:
        app.do(_refused_second(app, url))


async def _refused_second(app: Listener, url: str) -> None:
    session = app.client.aiohttp_client_session
    async with session.ws_connect(url) as socket:
        assert (await socket.receive_json())["type"] == "hello"
    async with session.get(url) as answer:
        assert answer.status == 403


def test_opening_needs_the_app_token(slack: LocalSlack) -> None:
    with pytest.raises(SlackApiError, match="not_allowed_token_type"):
        web(slack).apps_connections_open(app_token=slack.token)


def test_the_client_comes_back_though_opening_fails(slack: LocalSlack) -> None:
    message = told(slack)
    with listening(slack) as app:
        slack.faults.add(faults.failing(500), method="apps.connections.open")
        slack.sockets.close()
        assert acts(slack, message, app, 2)
    assert slack.faults.happened == {"failing 500": 1}


def test_a_connection_that_is_gone_already_can_be_hung_up() -> None:
    """Off: `fileno` in `reset` of monitor/testing/slack/server.py."""

    async def hung_up_twice() -> bool:
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1")
        async with server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            for _ in range(2):
                reset(writer.transport)
                await asyncio.sleep(0)
            return writer.transport.is_closing()

    assert asyncio.run(hung_up_twice())
