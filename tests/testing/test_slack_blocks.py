"""Block Kit's limits hold on the wire: what fits is taken, one more of anything is refused, and where is said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from slack_sdk.errors import SlackApiError

from monitor.testing.slack import UNPACED, Link, LocalSlack, Message, links, pings
from monitor.testing.slack.blocks import Surface, wrong
from monitor.testing.slack.http import Json
from tests.testing.slack_app import Block, actions, button, menu, section, web


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalSlack]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with LocalSlack(limits=UNPACED) as slack:
        yield slack


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def marked(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def fields(count: int, length: int) -> Block:
    return {"type": "section", "fields": [marked("x" * length)] * count}


def picture(url: int, alt: int) -> Block:
    return {"type": "image", "image_url": "h" * url, "alt_text": "x" * alt}


def choice(count: int, label: int = 3, value: int = 3) -> Block:
    options: list[Json] = [
        {"text": plain("x" * label), "value": f"{place:03}".rjust(value, "0")} for place in range(count)
    ]
    return actions({"type": "static_select", "action_id": "a", "options": options})


def confirm(title: int, text: int, word: int) -> Block:
    dialog: Block = {
        "title": plain("x" * title),
        "text": marked("x" * text),
        "confirm": plain("x" * word),
        "deny": plain("No"),
    }
    return actions(button("a", confirm=dialog))


@pytest.mark.parametrize(
    ("fits", "exceeds", "place"),
    [
        (section("x" * 3000), section("x" * 3001), "/text/text"),
        (section("x"), section(""), "/text/text"),
        (fields(10, 5), fields(11, 5), "/fields"),
        (fields(1, 2000), fields(1, 2001), "/fields/0/text"),
        ({"type": "header", "text": plain("x" * 150)}, {"type": "header", "text": plain("x" * 151)}, "/text/text"),
        ({"type": "header", "text": plain("x")}, {"type": "header", "text": marked("x")}, "/text/type"),
        (actions(button("a", "x" * 75)), actions(button("a", "x" * 76)), "/elements/0/text/text"),
        (actions(button("a", value="x" * 2000)), actions(button("a", value="x" * 2001)), "/elements/0/value"),
        (actions(button("a", url="x" * 3000)), actions(button("a", url="x" * 3001)), "/elements/0/url"),
        (actions(button("a" * 255)), actions(button("a" * 256)), "/elements/0/action_id"),
        (section("x", block_id="b" * 255), section("x", block_id="b" * 256), "/block_id"),
        (
            actions(*(button(f"a{place}") for place in range(25))),
            actions(*(button(f"a{place}") for place in range(26))),
            "/elements",
        ),
        (actions(button("a"), button("b")), actions(button("a"), button("a")), "/elements"),
        (
            {"type": "context", "elements": [marked("x")] * 10},
            {"type": "context", "elements": [marked("x")] * 11},
            "/elements",
        ),
        (picture(3000, 2000), picture(3001, 2000), "/image_url"),
        (picture(9, 2000), picture(9, 2001), "/alt_text"),
        (choice(100), choice(101), "/elements/0/options"),
        (choice(2, label=75), choice(1, label=76), "/elements/0/options/0/text/text"),
        (choice(1, value=150), choice(1, value=151), "/elements/0/options/0/value"),
        (actions(menu("a", list("12345"))), actions(menu("a", list("123456"))), "/elements/0/options"),
        (confirm(100, 300, 30), confirm(101, 300, 30), "/elements/0/confirm/title/text"),
        (confirm(100, 300, 30), confirm(100, 301, 30), "/elements/0/confirm/text/text"),
        (confirm(100, 300, 30), confirm(100, 300, 31), "/elements/0/confirm/confirm/text"),
        (section("x"), {"type": "section"}, ""),
        (section("x"), {**section("x"), "colour": "red"}, ""),
        (section("x"), {"type": "nonsense"}, "/type"),
        ({"type": "markdown", "text": "x" * 12_000}, {"type": "markdown", "text": "x" * 12_001}, "/text"),
    ],
)
def test_one_more_is_too_many(fits: Block, exceeds: Block, place: str) -> None:
    assert wrong([fits]) == []
    (complaint, *_) = wrong([exceeds])
    assert complaint.endswith(f"[json-pointer:/blocks/0{place}]")


def test_fifty_blocks_stand_in_a_message_and_a_hundred_in_a_modal() -> None:
    assert wrong([{"type": "divider"}] * 50) == []
    assert wrong([{"type": "divider"}] * 51) == ["no more than 50 items allowed [json-pointer:/blocks]"]
    assert wrong([{"type": "divider"}] * 100, Surface.MODAL) == []


def test_markdown_counts_together_and_block_ids_are_apart() -> None:
    half: Block = {"type": "markdown", "text": "x" * 6_001}
    assert "in total" in wrong([half, half])[0]
    assert "already exists" in wrong([section("x", block_id="b"), section("y", block_id="b")])[0]


def test_the_refusal_says_where(slack: LocalSlack) -> None:
    alerts = slack.channel("alerts")
    with pytest.raises(SlackApiError) as raised:
        web(slack).chat_postMessage(channel=alerts.id, text="x", blocks=[section("x" * 3001)])
    assert raised.value.response["error"] == "invalid_blocks"
    assert raised.value.response["errors"] == ["must be less than 3001 characters [json-pointer:/blocks/0/text/text]"]
    assert not alerts.messages


def test_blocks_that_are_legal_one_by_one_are_too_long_together(slack: LocalSlack) -> None:
    alerts = slack.channel("alerts")
    client = web(slack)
    client.chat_postMessage(channel=alerts.id, text="x", blocks=[section("x" * 3000)] * 4)
    with pytest.raises(SlackApiError, match="msg_blocks_too_long"):
        client.chat_postMessage(channel=alerts.id, text="x", blocks=[section("x" * 3000)] * 5)


@pytest.mark.parametrize(
    ("text", "whom"),
    [
        ("<!channel> <!here|here> <!everyone>", {"channel", "here", "everyone"}),
        ("<@U1> <@U2|bob> <!subteam^S1|@oncall>", {"U1", "U2", "S1"}),
        ("&lt;!channel&gt; @channel !channel < !channel>", set()),
        ("<!date^1^{date}|now> <https://example.com|@here> <#C1>", set()),
    ],
)
def test_whom_a_text_pings(text: str, whom: set[str]) -> None:
    assert pings(Message("C1", "1.000000", "U9", text)) == whom
    assert pings(Message("C1", "1.000000", "U9", "x", blocks=[section(text)])) == whom
    assert pings(Message("C1", "1.000000", "U9", "x", blocks=[{"type": "header", "text": plain(text)}])) == set()


def test_names_written_plainly_ping_if_they_are_linked(slack: LocalSlack) -> None:
    alerts = slack.channel("alerts")
    web(slack).chat_postMessage(channel=alerts.id, text="@channel", link_names=True)
    assert pings(alerts.messages[0]) == {"channel"}


def test_where_links_lead() -> None:
    verbatim: Block = {"type": "section", "text": {**marked("https://quiet.example"), "verbatim": True}}
    blocks = [
        section("<https://evil.example|Azure portal> https://bare.example"),
        verbatim,
        actions(button("a", url="u")),
    ]
    assert links(Message("C1", "1.000000", "U9", "x", blocks=blocks)) == [
        Link("https://evil.example", "Azure portal"),
        Link("https://bare.example"),
        Link("u", "Press"),
    ]
