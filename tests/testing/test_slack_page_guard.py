"""Who may ask the page for what: this machine, under its own name, from the page itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPResponse

import pytest

from monitor.testing.slack import UNPACED, Channel, LocalSlack, User
from monitor.testing.slack.page.serving import TOKEN
from tests.testing.slack_app import web


@pytest.fixture
def slack() -> Iterator[LocalSlack]:
    with LocalSlack(limits=UNPACED) as slack:
        yield slack


@pytest.fixture
def ann(slack: LocalSlack) -> User:
    return slack.user("ann")


@pytest.fixture
def alerts(slack: LocalSlack, ann: User) -> Channel:
    return slack.channel("alerts", [ann])


def ask(
    slack: LocalSlack, path: str, verb: str = "GET", body: object = None, headers: Mapping[str, str] | None = None
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection(slack.base.removeprefix("http://"), timeout=5)
    try:
        connection.request(verb, path, json.dumps(body) if body is not None else None, dict(headers or {}))
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def token(slack: LocalSlack, channel: Channel) -> str:
    found = re.search(rb'name="token" content="([^"]+)"', ask(slack, f"/page/{channel.id}")[1])
    assert found
    return found[1].decode()


def test_only_the_page_itself_may_look_and_act(slack: LocalSlack, ann: User, alerts: Channel) -> None:
    said = {"kind": "say", "user": ann.id, "text": "from elsewhere"}
    for headers in ({}, {TOKEN: ""}, {TOKEN: "guessed"}):
        assert ask(slack, f"/page/{alerts.id}/act", "POST", said, headers)[0].status == 403
        assert ask(slack, f"/page/{alerts.id}/now", headers=headers)[0].status == 403
    assert alerts.messages == []
    assert ask(slack, f"/page/{alerts.id}/act", "POST", said, {TOKEN: token(slack, alerts)})[0].status == 200
    assert [message.text for message in alerts.messages] == ["from elsewhere"]


def test_another_name_that_leads_here_is_refused(slack: LocalSlack, alerts: Channel) -> None:
    for path in (f"/page/{alerts.id}", "/page/page.js", f"/page/{alerts.id}/now"):
        answer, body = ask(slack, path, headers={"Host": "evil.test", TOKEN: token(slack, alerts)})
        assert (answer.status, b"token" in body) == (403, False)


def test_the_page_loads_nothing_from_elsewhere_and_runs_no_text(slack: LocalSlack, alerts: Channel) -> None:
    answer, body = ask(slack, f"/page/{alerts.id}")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    assert b"http" not in body


def test_a_file_that_is_no_picture_is_only_saved(slack: LocalSlack, alerts: Channel) -> None:
    for name in ("a.svg", "a.html", 'x"\r\n.png'):
        web(slack).files_upload_v2(channel=alerts.id, content=b"<script>1</script>", filename=name, title="t")
    answers = [ask(slack, f"/page/files/{name}")[0] for name in slack.files.held]
    assert [answer.headers.get("Content-Disposition", "").split(";")[0] for answer in answers] == [
        "attachment",
        "attachment",
        "",
    ]
    assert {answer.headers["X-Content-Type-Options"] for answer in answers} == {"nosniff"}
    assert ask(slack, "/page/files/F9")[0].status == 404


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"kind": "click", "message": "1.000001", "action": "ack"}, "the message is gone."),
        ({"kind": "submit", "view": "V1", "values": {}}, "the modal is closed."),
        ({"kind": "say", "text": "x", "user": "U9"}, "choose who you are first."),
        ({"kind": "say", "text": "x", "user": "U0000000001"}, "choose who you are first."),
    ],
)
def test_what_cannot_be_done_is_said(
    slack: LocalSlack, ann: User, alerts: Channel, told: Mapping[str, object], error: str
) -> None:
    headers = {TOKEN: token(slack, alerts)}
    answer, body = ask(slack, f"/page/{alerts.id}/act", "POST", {"user": ann.id, **told}, headers)
    assert answer.status == 200
    assert json.loads(body)["error"] == error


def test_a_long_poll_answers_with_the_change(slack: LocalSlack, ann: User, alerts: Channel) -> None:
    headers = {TOKEN: token(slack, alerts)}
    first = json.loads(ask(slack, f"/page/{alerts.id}/now", headers=headers)[1])
    slack.say(ann, alerts, "news")
    second = json.loads(ask(slack, f"/page/{alerts.id}/now?seen={first['seen']}", headers=headers)[1])
    assert second["seen"] != first["seen"]
    assert "news" in json.dumps(second["tree"])


def test_bad_weather_is_none_of_the_page(slack: LocalSlack, alerts: Channel) -> None:
    slack.faults.weather(1.0, seed=1)
    assert ask(slack, f"/page/{alerts.id}")[0].status == 200
    assert not slack.requests


def test_a_permalink_leads_to_the_thread(slack: LocalSlack, ann: User, alerts: Channel) -> None:
    message = slack.say(ann, alerts, "x")
    link = web(slack).chat_getPermalink(channel=alerts.id, message_ts=message.ts)["permalink"]
    answer, _ = ask(slack, str(link).removeprefix(slack.base))
    assert (answer.status, answer.headers["Location"]) == (302, f"/page/{alerts.id}?thread={message.ts}")
