"""The page of a channel in a browser: what a person sees and does there is what the app sees and is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from slack_sdk.socket_mode.request import SocketModeRequest

from monitor.charts import draw
from monitor.model import Band
from monitor.testing.slack import UNPACED, Channel, LocalSlack, User
from monitor.testing.slack.http import Body
from tests.testing.browser import Browser, Page, needed
from tests.testing.slack_app import Block, actions, button, listening, menu, section, web

needed()

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOSTILE = """<script>hacked=1</script><img src=x onerror=hacked=1> "'><svg/onload=hacked=1> {{x}} ]]> &lt;b&gt;"""


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalSlack]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with LocalSlack(limits=UNPACED) as slack:
        slack.clock.now = NOON
        yield slack


@pytest.fixture
def ann(slack: LocalSlack) -> User:
    return slack.user("ann")


@pytest.fixture
def alerts(slack: LocalSlack, ann: User) -> Channel:
    return slack.channel("alerts", [ann])


@contextmanager
def seen(browser: Browser, slack: LocalSlack, channel: Channel, query: str = "", zone: str = "UTC") -> Iterator[Page]:
    """The page of the channel, of which the browser must have nothing to complain."""
    with browser.page(slack.page(channel) + query, zone=zone) as page:
        page.wait("document.querySelector('.feed')")
        yield page
        assert page.complaints == []


def post(slack: LocalSlack, channel: Channel, text: str, *blocks: Block) -> str:
    return str(web(slack).chat_postMessage(channel=channel.id, text=text, blocks=list(blocks) or None)["ts"])


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def chart(folder: Path) -> bytes:
    hours = tuple(NOON + timedelta(hours=n) for n in range(8))
    usual = (4.0,) * 8
    band = Band("Tokens", "an hour", hours, (4, 5, 4, 3, 4, 41, 60, 5), usual, (2.0,) * 8, (7.0,) * 8, hours[5:7])
    draw(band, folder / "chart.png")
    return (folder / "chart.png").read_bytes()


def test_a_person_sees_the_message_its_thread_and_the_chart(
    browser: Browser, slack: LocalSlack, ann: User, alerts: Channel, tmp_path: Path
) -> None:
    at = f"<!date^{int(NOON.timestamp()) - 600}^{{date_short_pretty}} at {{time}}|then>"
    card = post(
        slack,
        alerts,
        "in a word",
        {"type": "header", "text": plain(":red_circle: Token burst")},
        section("*412 tokens* by `sp-a &lt;b&gt;`", fields=[{"type": "mrkdwn", "text": f"*Since*\n{at}"}]),
        {"type": "context", "elements": [{"type": "mrkdwn", "text": f"Open · <@{ann.id}>"}]},
        {"type": "divider"},
        actions(button("ack", "Acknowledge", style="primary"), menu("more", ["silence", "false"])),
    )
    client = web(slack)
    client.chat_postMessage(channel=alerts.id, text="Worse: 1,204 tokens", thread_ts=card, reply_broadcast=True)
    client.chat_postMessage(channel=alerts.id, text="only in the thread", thread_ts=card)
    client.files_upload_v2(
        channel=alerts.id, thread_ts=card, content=chart(tmp_path), filename="c.png", title="A week", alt_txt="a peak"
    )
    with seen(browser, slack, alerts, zone="Asia/Tokyo") as page:
        page.shows("🔴 Token burst", "article .header")
        assert page.text("article .section .text") == "412 tokens by sp-a <b>"
        assert page.text("article .field") == "Since\nToday at 20:50"
        assert page.text("article .byline time") == "21:00"
        assert page.text("article .context") == "Open · @ann"
        assert (
            page.evaluate("getComputedStyle(document.querySelector('.primary')).backgroundColor") == "rgb(0, 122, 90)"
        )
        assert "replied to a thread: in a word" in page.text(".feed")
        assert "only in the thread" not in page.text(".feed")
        page.click(".replies")
        page.wait("document.querySelector('.thread img.picture').naturalWidth === 800")
        assert "3 replies" in page.text(".thread")
        assert "only in the thread" in page.text(".thread")
        assert "Also sent to #alerts" in page.text(".thread")
        assert page.evaluate("document.querySelector('.thread img.picture').alt") == "a peak"
        page.click(".thread .close")
        page.wait("!document.querySelector('.thread')")


def test_a_click_reaches_the_app_and_the_changed_message_the_screen(
    browser: Browser, slack: LocalSlack, alerts: Channel
) -> None:
    bob = slack.user("bob")
    alerts.members.add(bob.id)
    post(slack, alerts, "open", section("Open"), actions(button("ack", value="41")))

    def answer(request: SocketModeRequest) -> None:
        changed = f"Acknowledged by <@{request.payload['user']['id']}>"
        ts = request.payload["message"]["ts"]
        threading.Thread(
            target=web(slack).chat_update,
            kwargs={"channel": alerts.id, "ts": ts, "text": "acknowledged", "blocks": [section(changed)]},
        ).start()

    with listening(slack, answer) as listener, seen(browser, slack, alerts) as page:
        page.choose("[data-reader]", bob.id)
        page.wait(f"document.querySelector('[data-reader]').value === '{bob.id}'")
        page.evaluate("document.querySelector('article').known = true")
        page.wait("document.querySelector('a.here').href.includes('" + bob.id + "')")
        page.click("[data-act=ack]")
        page.shows("Acknowledged by @bob", ".feed")
        assert page.evaluate("document.querySelector('article').known"), "what did not change was drawn anew"
        [heard] = listener.heard
        assert heard.payload["user"]["id"] == bob.id
        assert [(each["action_id"], each["value"]) for each in heard.payload["actions"]] == [("ack", "41")]


def test_menus_say_what_was_chosen_and_ask_first_where_they_should(
    browser: Browser, slack: LocalSlack, alerts: Channel
) -> None:
    sure: Body = {"title": plain("Sure?"), "text": plain("It is loud"), "confirm": plain("Do"), "deny": plain("No")}
    select: Block = {**menu("snooze", ["1h", "4h"]), "type": "static_select"}
    post(slack, alerts, "x", actions(menu("more", ["silence", "false"]), select, button("drop", confirm=sure)))
    with listening(slack) as listener, seen(browser, slack, alerts) as page:
        page.click(".dots")
        page.click("[data-value=false]")
        assert slack.until(lambda: len(listener.heard) == 1)
        page.choose("select[data-act]", "4h")
        assert slack.until(lambda: len(listener.heard) == 2)
        page.click("[data-act=drop]")
        page.shows("It is loud", "dialog")
        page.click("dialog .plain")
        page.wait("!document.querySelector('dialog')")
        page.click("[data-act=drop]")
        page.click("dialog .primary")
        assert slack.until(lambda: len(listener.heard) == 3)
        said = [request.payload["actions"][0] for request in listener.heard]
        assert [each["action_id"] for each in said] == ["more", "snooze", "drop"]
        assert [each["selected_option"]["value"] for each in said[:2]] == ["false", "4h"]


def test_an_app_that_does_not_answer_is_seen_not_to(browser: Browser, slack: LocalSlack, alerts: Channel) -> None:
    slack.sockets.patience = timedelta(milliseconds=20)
    post(slack, alerts, "x", actions(button("ack")))
    with seen(browser, slack, alerts) as page:
        page.click("[data-act=ack]")
        page.shows("did not respond", "#notice")


def test_hostile_text_stays_text(browser: Browser, slack: LocalSlack) -> None:
    eve = slack.user(HOSTILE)
    channel = slack.channel(HOSTILE, [eve])
    escaped = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    post(
        slack,
        channel,
        escaped,
        {"type": "header", "text": plain(HOSTILE[:150])},
        section(f'*{escaped}* `{escaped}` <javascript:hacked=1|go> <https://x.test/"onclick="hacked=1|{escaped}>'),
        section(HOSTILE),
        actions(button('a"]<b>', HOSTILE[:75], value='"><b>', url="javascript:hacked=1")),
    )
    slack.say(eve, channel, f"<@{eve.id}> <data:text/html,<script>hacked=1</script>|x>")
    with listening(slack) as listener, seen(browser, slack, channel) as page:
        page.shows(HOSTILE.replace("&lt;", "<").replace("&gt;", ">")[:60])
        assert (
            page.evaluate("document.querySelectorAll('#page :is(script, svg, [onerror], [onclick], iframe)').length")
            == 0
        )
        assert page.evaluate("[...document.querySelectorAll('#page img')].length") == 0
        links = page.evaluate(
            "[...document.querySelectorAll('#page a[href]')].map((each) => new URL(each.href).protocol)"
        )
        assert isinstance(links, list)
        assert set(links) <= {"http:", "https:"}
        page.click("[data-act]")
        assert slack.until(lambda: len(listener.heard) == 1)
        assert listener.heard[0].payload["actions"][0]["action_id"] == 'a"]<b>'
        assert page.evaluate("typeof hacked") == "undefined"
        assert page.evaluate("document.title") == f"{HOSTILE} · local Slack"


def field(name: str, element: str, **more: object) -> Block:
    return {
        "type": "input",
        "block_id": name,
        "label": plain(name.capitalize()),
        "element": {"type": element, "action_id": name, **more},  # type: ignore[dict-item]  # what a test says is JSON
    }


def option(value: str) -> Block:
    return {"text": plain(value), "value": value}


def silence() -> Block:
    kinds = [option("identity"), option("rule")]
    return {
        "type": "modal",
        "title": plain("Silence"),
        "submit": plain("Save"),
        "notify_on_close": True,
        "blocks": [
            section("Would have muted *3 findings*"),
            field("reason", "plain_text_input"),
            field("until", "datepicker", initial_date="2026-06-08"),
            field("what", "radio_buttons", options=kinds, initial_option=kinds[0]),
            field("where", "static_select", options=[option("here"), option("everywhere")]),
            {**field("also", "checkboxes", options=[option("quietly")]), "optional": True},
        ],
    }


def test_a_modal_is_filled_in_and_sent(browser: Browser, slack: LocalSlack, ann: User, alerts: Channel) -> None:
    post(slack, alerts, "x", actions(button("silence")))

    def answer(request: SocketModeRequest) -> Body | None:
        payload = request.payload
        if payload["type"] == "block_actions":
            opening = {"trigger_id": payload["trigger_id"], "view": silence()}
            threading.Thread(target=web(slack).views_open, kwargs=opening).start()
        elif payload["type"] == "view_submission":
            reason = payload["view"]["state"]["values"]["reason"]["reason"]["value"]
            if reason == "short":
                return {"response_action": "errors", "errors": {"reason": "say <i>more</i>"}}
        return None

    with listening(slack, answer) as listener, seen(browser, slack, alerts) as page:
        page.click("[data-act=silence]")
        page.shows("Would have muted 3 findings", ".modal")
        page.write("[name=reason]", "short")
        page.choose("[name=where]", "everywhere")
        page.click("[value=rule]")
        page.click(".modal .primary")
        page.shows("say <i>more</i>", ".modal")
        page.evaluate("document.querySelector('[name=reason]').value = ''")
        page.write("[name=reason]", 'a "planned" <b>test</b>')
        page.click(".modal .primary")
        page.wait("!document.querySelector('.modal')")
        sent = listener.heard[-1].payload["view"]["state"]["values"]
        assert sent["reason"]["reason"]["value"] == 'a "planned" <b>test</b>'
        assert sent["until"]["until"]["selected_date"] == "2026-06-08"
        assert sent["what"]["what"]["selected_option"]["value"] == "rule"
        assert sent["where"]["where"]["selected_option"]["value"] == "everywhere"
        assert slack.screen(ann) is None
        page.click("[data-act=silence]")
        page.wait("document.querySelector('.modal')")
        page.press("Escape")
        page.wait("!document.querySelector('.modal')")
        assert slack.until(lambda: listener.heard[-1].payload["type"] == "view_closed")


def test_news_shows_by_itself_and_takes_nothing_from_who_is_typing(
    browser: Browser, slack: LocalSlack, alerts: Channel
) -> None:
    post(slack, alerts, "first")
    with seen(browser, slack, alerts) as page:
        page.write(".composer input", "half a sen")
        post(slack, alerts, "second")
        page.shows("second", ".feed")
        assert page.evaluate("document.activeElement.value") == "half a sen"
        page.evaluate("document.querySelector('.composer input').value += 'tence'")
        page.press("Enter")
        page.shows("half a sentence", ".feed")
        assert alerts.messages[-1].text == "half a sentence"


def test_commands_and_whispers_are_for_one_person(
    browser: Browser, slack: LocalSlack, ann: User, alerts: Channel
) -> None:
    bob = slack.user("bob")
    alerts.members.add(bob.id)
    listed: Body = {"text": "2 open", "blocks": [section("*2* incidents are open")]}
    with listening(slack, lambda _: listed) as listener, seen(browser, slack, alerts, f"?as={ann.id}") as page:
        page.write(".composer input", "/mintwatch open")
        page.press("Enter")
        page.shows("2 incidents are open", ".whisper")
        assert [listener.heard[0].payload[name] for name in ("command", "text", "user_id")] == [
            "/mintwatch",
            "open",
            ann.id,
        ]
        page.choose("[data-reader]", bob.id)
        page.wait("!document.querySelector('.whisper')")


def test_a_page_whose_slack_is_gone_says_so(browser: Browser) -> None:
    with LocalSlack(limits=UNPACED) as slack:
        channel = slack.channel("alerts", [slack.user("ann")])
        with browser.page(slack.page(channel)) as page:
            page.wait("document.querySelector('.feed')")
            slack.close()
            page.shows("does not answer", "#notice")
