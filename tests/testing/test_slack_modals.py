"""Modals and files: rights that expire, answers that are checked, and Slack taking its time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.request import SocketModeRequest

from monitor.testing.slack import UNPACED, Act, Channel, LocalSlack, User
from monitor.testing.slack.http import Body
from tests.testing.slack_app import Block, actions, button, listening, menu, section, web

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalSlack]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with LocalSlack(limits=UNPACED) as slack:
        slack.sockets.patience, slack.sockets.again = timedelta(milliseconds=50), 0
        slack.clock.now = NOON
        yield slack


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def modal(**more: str) -> Block:
    reason: Block = {
        "type": "input",
        "block_id": "reason",
        "label": plain("Reason"),
        "element": {"type": "plain_text_input", "action_id": "why"},
    }
    scope: Block = {
        "type": "input",
        "block_id": "scope",
        "optional": True,
        "label": plain("Scope"),
        "element": {**menu("which", ["one", "all"]), "type": "static_select"},
    }
    return {"type": "modal", "title": plain("Silence"), "submit": plain("Save"), "blocks": [reason, scope], **more}


def clicked(slack: LocalSlack) -> tuple[User, Act, Channel]:
    ann = slack.user("ann")
    channel = slack.channel("alerts", [ann])
    web(slack).chat_postMessage(channel=channel.id, text="x", blocks=[actions(button("silence"))])
    return ann, slack.click(ann, channel.messages[-1], "silence"), channel


def refusal(client: WebClient, trigger: object, view: Block) -> str:
    with pytest.raises(SlackApiError) as raised:
        client.views_open(trigger_id=str(trigger), view=view)
    return str(raised.value.response["error"])


def test_a_click_opens_one_modal_and_soon(slack: LocalSlack) -> None:
    client = web(slack)
    ann, act, _ = clicked(slack)
    assert refusal(client, act.payload["trigger_id"], {**modal(), "title": plain("x" * 25)}) == "invalid_arguments"
    _, act, _ = clicked(slack)
    opened = client.views_open(trigger_id=str(act.payload["trigger_id"]), view=modal(private_metadata="m"))
    assert refusal(client, act.payload["trigger_id"], modal()) == "exchanged_trigger_id"
    assert opened["view"]["private_metadata"] == "m"
    ann, late, _ = clicked(slack)
    slack.clock.advance(timedelta(seconds=4))
    assert refusal(client, late.payload["trigger_id"], modal()) == "expired_trigger_id"
    assert slack.screen(ann) is None


def test_what_is_filled_in_arrives_and_errors_keep_the_modal_open(slack: LocalSlack) -> None:
    answers: list[Body | None] = [{"response_action": "errors", "errors": {"reason": "too short"}}, None]
    heard: list[SocketModeRequest] = []

    def answer(request: SocketModeRequest) -> Body | None:
        if request.payload["type"] != "view_submission":
            return None
        heard.append(request)
        return answers.pop(0)

    ann, act, _ = clicked(slack)
    web(slack).views_open(trigger_id=str(act.payload["trigger_id"]), view=modal())
    view = slack.screen(ann)
    assert view is not None
    slack.sockets.patience = timedelta(seconds=3)
    with listening(slack, answer):
        refused = slack.submit(ann, view, {"why": "x"})
        assert refused.errors == {"reason": "too short"}
        assert slack.screen(ann) == view
        slack.submit(ann, view, {"why": "planned work", "which": "all"})
    assert slack.screen(ann) is None
    values = heard[-1].payload["view"]["state"]["values"]
    assert values["reason"]["why"]["value"] == "planned work"
    assert values["scope"]["which"]["selected_option"]["value"] == "all"


def test_an_answer_that_is_missing_or_not_offered_is_never_sent(slack: LocalSlack) -> None:
    ann, act, _ = clicked(slack)
    web(slack).views_open(trigger_id=str(act.payload["trigger_id"]), view=modal())
    view = slack.screen(ann)
    assert view is not None
    with pytest.raises(ValueError, match="needs an answer to 'why'"):
        slack.submit(ann, view, {})
    with pytest.raises(ValueError, match="only: one, all"):
        slack.submit(ann, view, {"why": "x", "which": "some"})
    with pytest.raises(ValueError, match="no field named what"):
        slack.submit(ann, view, {"what": "x"})
    assert slack.dismiss(ann, view) is None
    with pytest.raises(ValueError, match="not open"):
        slack.submit(ann, view, {"why": "x"})


def test_a_modal_is_changed_while_somebody_looks(slack: LocalSlack) -> None:
    client = web(slack)
    ann, act, _ = clicked(slack)
    opened = client.views_open(trigger_id=str(act.payload["trigger_id"]), view=modal())["view"]
    client.views_update(view_id=opened["id"], hash=opened["hash"], view={**modal(), "title": plain("Changed")})
    view = slack.screen(ann)
    assert view is not None
    assert view.body["title"] == plain("Changed")
    with pytest.raises(SlackApiError, match="hash_conflict"):
        client.views_update(view_id=opened["id"], hash=opened["hash"], view=modal())


def upload(slack: LocalSlack, channel: Channel, thread: str | None = None) -> str:
    done = web(slack).files_upload_v2(
        channel=channel.id, thread_ts=thread, content=PNG, filename="chart.png", title="Chart", alt_txt="A week"
    )
    return str(done["files"][0]["id"])


def test_a_chart_shows_in_the_thread_once_it_is_processed(slack: LocalSlack) -> None:
    slack.app.scopes.add("files:read")
    channel = slack.channel("alerts")
    head = web(slack).chat_postMessage(channel=channel.id, text="head")["ts"]
    slack.files.delay = timedelta(seconds=2)
    name = upload(slack, channel, head)
    assert web(slack).files_info(file=name)["file"]["mimetype"] == ""
    assert not channel.thread(head)
    slack.clock.advance(timedelta(seconds=2))
    assert web(slack).files_info(file=name)["file"]["mimetype"] == "image/png"
    (reply,) = channel.thread(head)
    assert reply.files == (name,)
    assert slack.files.held[name].content == PNG


def test_a_block_shows_a_picture_only_once_it_is_processed(slack: LocalSlack) -> None:
    channel = slack.channel("alerts")
    slack.files.delay = timedelta(seconds=2)
    picture: Block = {"type": "image", "alt_text": "A week", "slack_file": {"id": upload(slack, channel)}}
    with pytest.raises(SlackApiError) as raised:
        web(slack).chat_postMessage(channel=channel.id, text="x", blocks=[section("x"), picture])
    assert raised.value.response["errors"] == ["invalid slack file [json-pointer:/blocks/1/slack_file]"]
    slack.clock.advance(timedelta(seconds=2))
    assert web(slack).chat_postMessage(channel=channel.id, text="x", blocks=[picture])["ok"]


def test_a_share_may_be_lost_without_a_word(slack: LocalSlack) -> None:
    channel = slack.channel("alerts")
    slack.files.lost = 1
    upload(slack, channel)
    assert not channel.messages
    upload(slack, channel)
    assert len(channel.messages) == 1
