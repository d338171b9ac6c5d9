"""Messages, threads, history, tokens, channels, paces and faults, as slack-sdk meets them."""

from __future__ import annotations

import contextlib
import gc
import http.client
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests
from slack_sdk import WebClient, WebhookClient
from slack_sdk.errors import SlackApiError

from monitor.testing.slack import UNPACED, Channel, Fault, Limits, LocalSlack, faults
from tests.testing.slack_app import section, web

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
# What is cut in the middle of an answer leaves slack-sdk's socket to the garbage collector, which complains.
LEAVES_A_SOCKET = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
KEYED = {"event_type": "mintwatch_notice", "event_payload": {"key": "n-1"}}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def slack() -> Iterator[LocalSlack]:
    with LocalSlack(limits=UNPACED) as slack:
        yield slack


@pytest.fixture
def client(slack: LocalSlack) -> WebClient:
    return web(slack)


def refusal(call: Callable[[], object]) -> str:
    """The error a call gets."""
    with pytest.raises(SlackApiError) as raised:
        call()
    return str(raised.value.response["error"])


def post(client: WebClient, channel: Channel, text: str = "hello", **more: object) -> str:
    """The stamp of a new message."""
    return str(client.chat_postMessage(channel=channel.id, text=text, **more)["ts"])  # type: ignore[arg-type]


def test_the_app_knows_itself(slack: LocalSlack, client: WebClient) -> None:
    assert client.auth_test()["user_id"] == slack.app.bot.id
    assert web(slack, slack.app_token).auth_test()["ok"]


def test_stamps_order_messages_and_follow_the_clock(slack: LocalSlack, client: WebClient) -> None:
    slack.clock.now = NOON
    alerts = slack.channel("alerts")
    stamps = [post(client, alerts) for _ in range(3)]
    assert stamps == [f"{NOON.timestamp():.0f}.{place:06}" for place in range(3)]


def test_metadata_is_shown_only_to_who_asks(slack: LocalSlack, client: WebClient) -> None:
    alerts = slack.channel("alerts")
    post(client, alerts, metadata=KEYED)
    hidden = client.conversations_history(channel=alerts.id)["messages"]
    shown = client.conversations_history(channel=alerts.id, include_all_metadata=True)["messages"]
    assert "metadata" not in hidden[0]
    assert shown[0]["metadata"] == KEYED


def test_an_update_keeps_metadata_it_does_not_name(slack: LocalSlack, client: WebClient) -> None:
    alerts = slack.channel("alerts")
    ts = post(client, alerts, metadata=KEYED)
    client.chat_update(channel=alerts.id, ts=ts, text="changed", blocks=[section("b")])
    assert alerts.messages[0].metadata == KEYED
    client.chat_update(channel=alerts.id, ts=ts, text="changed", metadata={})
    assert not alerts.messages[0].metadata


def test_a_text_without_blocks_removes_the_blocks_and_shows_as_edited(slack: LocalSlack, client: WebClient) -> None:
    alerts = slack.channel("alerts")
    ts = post(client, alerts, blocks=[section("b")])
    client.chat_update(channel=alerts.id, ts=ts, text="both", blocks=[section("c")])
    assert alerts.messages[0].edited is None
    client.chat_update(channel=alerts.id, ts=ts, text="only")
    (message,) = alerts.messages
    assert (message.text, message.blocks, message.versions) == ("only", (), 3)
    assert message.edited


def test_replies_stay_in_the_thread_unless_broadcast(slack: LocalSlack, client: WebClient) -> None:
    alerts = slack.channel("alerts")
    head = post(client, alerts, "head")
    post(client, alerts, "quiet", thread_ts=head)
    loud = post(client, alerts, "loud", thread_ts=head, reply_broadcast=True)
    history = client.conversations_history(channel=alerts.id)["messages"]
    assert [message["text"] for message in history] == ["loud", "head"]
    assert history[0]["subtype"] == "thread_broadcast"
    assert history[1]["reply_count"] == 2
    replies = client.conversations_replies(channel=alerts.id, ts=head)["messages"]
    assert [message["text"] for message in replies] == ["head", "quiet", "loud"]
    assert refusal(lambda: post(client, alerts, thread_ts=loud)) == "cannot_reply_to_message"
    assert refusal(lambda: post(client, alerts, thread_ts="1.000000")) == "thread_not_found"


def test_history_comes_in_pages_that_new_messages_do_not_move(slack: LocalSlack, client: WebClient) -> None:
    alerts = slack.channel("alerts")
    stamps = [post(client, alerts) for _ in range(5)]
    first = client.conversations_history(channel=alerts.id, limit=2)
    post(client, alerts)
    cursor = first["response_metadata"]["next_cursor"]
    second = client.conversations_history(channel=alerts.id, limit=2, cursor=cursor)
    seen = [message["ts"] for page in (first, second) for message in page["messages"]]
    assert seen == stamps[::-1][:4]
    since = client.conversations_history(channel=alerts.id, oldest=stamps[3], inclusive=True, latest=stamps[4])
    assert [message["ts"] for message in since["messages"]] == [stamps[4], stamps[3]]


def test_channels_are_known_by_id_and_to_members(slack: LocalSlack, client: WebClient) -> None:
    strange = slack.channel("strange", invited=False)
    hidden = slack.channel("hidden", private=True, invited=False)
    gone = slack.channel("gone")
    gone.archived = True
    assert refusal(lambda: client.chat_postMessage(channel="strange", text="x")) == "channel_not_found"
    assert refusal(lambda: post(client, strange)) == "not_in_channel"
    assert refusal(lambda: post(client, hidden)) == "channel_not_found"
    assert refusal(lambda: post(client, gone)) == "is_archived"
    slack.app.scopes.add("chat:write.public")
    assert post(client, strange)
    assert refusal(lambda: client.conversations_history(channel=strange.id)) == "not_in_channel"


def test_tokens_and_scopes_are_looked_at(slack: LocalSlack, client: WebClient) -> None:
    alerts = slack.channel("alerts")
    assert refusal(lambda: post(web(slack, "xoxb-other"), alerts)) == "invalid_auth"
    assert refusal(lambda: post(web(slack, slack.app_token), alerts)) == "not_allowed_token_type"
    slack.app.scopes.discard("chat:write")
    assert refusal(lambda: post(client, alerts)) == "missing_scope"
    slack.app.revoked.add(slack.token)
    assert refusal(client.auth_test) == "token_revoked"


def test_only_its_own_messages_can_be_changed(slack: LocalSlack, client: WebClient) -> None:
    ann = slack.user("ann")
    alerts = slack.channel("alerts", [ann])
    said = slack.say(ann, alerts, "what is this?")
    assert refusal(lambda: client.chat_update(channel=alerts.id, ts=said.ts, text="x")) == "cant_update_message"
    assert refusal(lambda: client.chat_update(channel=alerts.id, ts="1.000000", text="x")) == "message_not_found"


def test_sizes_of_text(slack: LocalSlack, client: WebClient) -> None:
    alerts = slack.channel("alerts")
    ts = post(client, alerts, "x" * 50_000)
    assert len(alerts.messages[0].text) == 40_000
    assert refusal(lambda: client.chat_update(channel=alerts.id, ts=ts, text="é" * 2_001)) == "msg_too_long"
    assert refusal(lambda: client.chat_update(channel=alerts.id, ts=ts, text="&" * 801)) == "msg_too_long"
    blank = {"channel": alerts.id, "text": " "}
    assert refusal(lambda: client.api_call("chat.postMessage", json=blank)) == "no_text"


def test_who_is_in_a_user_group(slack: LocalSlack, client: WebClient) -> None:
    ann = slack.user("ann")
    group = slack.group("oncall", [ann])
    assert client.usergroups_users_list(usergroup=group.id)["users"] == [ann.id]
    assert refusal(lambda: client.usergroups_users_list(usergroup="S1")) == "no_such_subteam"


def test_a_whisper_is_seen_by_one_and_not_kept(slack: LocalSlack, client: WebClient) -> None:
    ann, bob = slack.user("ann"), slack.user("bob")
    alerts = slack.channel("alerts", [ann])
    client.chat_postEphemeral(channel=alerts.id, user=ann.id, text="psst")
    assert [(whisper.user, whisper.text) for whisper in slack.whispers] == [(ann.id, "psst")]
    assert not alerts.messages
    assert refusal(lambda: client.chat_postEphemeral(channel=alerts.id, user=bob.id, text="x")) == "user_not_in_channel"


def test_a_channel_takes_one_message_a_second(slack: LocalSlack, client: WebClient) -> None:
    slack.limits, slack.clock.now = Limits(), NOON
    alerts, other = slack.channel("alerts"), slack.channel("other")
    post(client, alerts)
    post(client, other)
    with pytest.raises(SlackApiError) as raised:
        post(client, alerts)
    assert raised.value.response.status_code == 429
    assert raised.value.response.headers["Retry-After"] == "1"
    assert slack.throttled == {"chat.postMessage": 1}
    slack.clock.advance(timedelta(seconds=1))
    assert post(client, alerts)


@LEAVES_A_SOCKET
@pytest.mark.parametrize("fault", faults.EVERY, ids=lambda fault: fault.name)
def test_a_fault_happens_once_and_says_nothing_of_whether_it_was_done(
    slack: LocalSlack, client: WebClient, fault: Fault
) -> None:
    alerts = slack.channel("alerts")
    slack.faults.add(fault, method="chat.postMessage")
    with pytest.raises((SlackApiError, OSError, http.client.HTTPException)):
        post(client, alerts)
    assert alerts.posted == (fault.effect is not faults.Effect.NONE)
    assert post(client, alerts)
    assert slack.faults.happened == {fault.name: 1}
    if fault.cut:
        gc.collect()


@LEAVES_A_SOCKET
def test_a_caller_that_gave_up_is_posted_for_all_the_same(slack: LocalSlack) -> None:
    alerts = slack.channel("alerts")
    slack.faults.add(faults.slow(timedelta(seconds=1), late=True), method="chat.postMessage")
    hasty = web(slack)
    hasty.timeout = 0.1  # type: ignore[assignment]
    with pytest.raises(TimeoutError):
        post(hasty, alerts)
    assert alerts.posted == 0
    assert slack.until(lambda: alerts.posted == 1)
    gc.collect()


def test_weather_meets_its_share_of_calls_and_is_the_same_each_time(slack: LocalSlack, client: WebClient) -> None:
    alerts = slack.channel("alerts")
    slack.faults.weather(0.5, seed=1, kinds=[faults.failing(500), faults.refusing("fatal_error")])
    for _ in range(60):
        with contextlib.suppress(SlackApiError):
            post(client, alerts)
    assert alerts.posted == 60 - sum(slack.faults.happened.values())
    assert 20 <= alerts.posted <= 40
    slack.faults.clear()
    assert post(client, alerts)


def test_a_webhook_posts_and_tells_nothing(slack: LocalSlack) -> None:
    alerts = slack.channel("alerts")
    hook = WebhookClient(slack.webhook(alerts))
    answer = hook.send(text="hello", blocks=[section("b")])
    assert (answer.status_code, answer.body) == (200, "ok")
    assert alerts.messages[0].text == "hello"
    assert hook.send(text="x", blocks=[section("x" * 3001)]).body == "invalid_blocks"
    alerts.archived = True
    assert hook.send(text="x").status_code == 410
    assert WebhookClient(f"{slack.base}/services/T/B/x").send(text="x").status_code == 404


def test_forms_and_json_say_the_same(slack: LocalSlack) -> None:
    alerts = slack.channel("alerts")
    form = {"channel": alerts.id, "blocks": json.dumps([section("b")]), "token": slack.token}
    answer = requests.post(f"{slack.url}chat.postMessage", data=form, timeout=5)
    assert answer.json()["ok"]
    assert alerts.messages[0].blocks[0]["type"] == "section"
    assert refusal(lambda: web(slack).api_call("chat.nothing")) == "unknown_method"
