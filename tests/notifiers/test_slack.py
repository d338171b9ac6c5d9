"""Slack payloads: legal by Slack's own models, small enough, and deaf to what names try to say."""

import html
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from monitor.hostile import DROPPED, clean, clip
from monitor.model import Daily, Delivery, Digest, DigestLine, Level, Message, Part, Reason, State
from monitor.notifiers.slack import bare, code, escape, naming, plain, rendered
from monitor.notifiers.slack.escaping import address, anchor, line, listing, mention
from monitor.testing.slack import links, pings
from monitor.testing.slack import messages as local
from monitor.testing.slack.blocks import wrong

AT = datetime(2026, 5, 1, 10, tzinfo=UTC)
PORTAL = "https://portal.azure.com/#blade/Logs?q=a%20b&c=(d)"
GROUP = "S0604QSJC"
OURS = re.compile(
    r"<!date\^\d+\^\{date_short_pretty\} \{time\}\|\d{4}-\d\d-\d\d \d\d:\d\d UTC>"
    rf"|<!subteam\^{GROUP}>"
    r"|<https://portal\.azure\.com/#blade/Logs\?q=a%20b&amp;c=\(d\)\|(Query in Azure portal|Open runbook)>"
)
"""The control sequences we write, in exactly the form we write them."""

WEAPONS = (
    "<!channel>", "<!here|x>", "<@U012AB3CD>", "<#C012AB3CD>", "<https://evil.example|Portal>", "&lt;!channel&gt;",
    "&amp;lt;!channel&amp;gt;", "`", "```", "<!date^0^{date}|x>", ":tada:", "\u202e", "\u200b", "\x1b[31m", "\n",
    "\u2028", "\u0301" * 9, "名前", "😀", "\ud800", "x" * 10_000, "&" * 3_000, "<" * 3_000, "😀" * 1_500, "\U000e0041",
    "https://evil.example/x", "https:\u200b//evil.example", "@channel", "עברית", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞",
)  # fmt: skip
HOSTILE = st.lists(
    st.one_of(st.sampled_from(WEAPONS), st.text(st.characters(codec=None), max_size=40)), max_size=10
).map("".join)
LINES = st.lists(HOSTILE, max_size=30).map(tuple)


def messages() -> st.SearchStrategy[Message]:
    return st.builds(
        Message,
        incident=st.text("0123456789abcdef", min_size=1, max_size=16),
        reason=st.sampled_from(Reason),
        state=st.sampled_from(State),
        level=st.sampled_from(Level),
        headline=HOSTILE,
        because=HOSTILE,
        facts=st.lists(st.tuples(HOSTILE, HOSTILE), max_size=12).map(tuple),
        findings=st.just(()),
        rules=st.lists(HOSTILE, max_size=20).map(tuple),
        runbook=HOSTILE,
        since=st.just(AT),
        until=st.sampled_from([AT + timedelta(minutes=15), AT + timedelta(days=3)]),
        at=st.just(AT),
        score=st.floats(0, 1),
        surprise=st.floats(0, 90),
        status=HOSTILE,
        news=HOSTILE,
        query=HOSTILE,
        link=st.sampled_from([PORTAL, PORTAL + "&x" * 1_400, ""]) | HOSTILE,
        runbook_link=st.sampled_from([PORTAL, ""]) | HOSTILE,
        related=LINES,
        evidence=LINES,
        log=LINES,
        mention=st.sampled_from([GROUP, ""]) | HOSTILE,
    )


def storms() -> st.SearchStrategy[Digest]:
    lines = st.builds(DigestLine, st.text("0123456789abcdef"), st.sampled_from(Level), HOSTILE, st.floats(0, 90))
    counted = st.lists(st.tuples(st.sampled_from(Level), st.integers(1, 5_000)), min_size=1, max_size=5).map(tuple)
    rules = st.lists(st.tuples(HOSTILE, st.integers(1, 5_000)), max_size=9).map(tuple)
    later = AT + timedelta(hours=3)
    return st.builds(
        Digest, HOSTILE, HOSTILE, st.just(AT), st.just(later), st.just(later), st.integers(1, 5_000),
        st.integers(1, 9_000), counted, rules, st.lists(lines, max_size=12).map(tuple),
    )  # fmt: skip


def digests() -> st.SearchStrategy[Daily]:
    lines = st.builds(DigestLine, st.text("0123456789abcdef"), st.sampled_from(Level), HOSTILE, st.floats(0, 90))
    facts = st.lists(st.tuples(HOSTILE, HOSTILE), max_size=10).map(tuple)
    return st.builds(
        Daily, HOSTILE, HOSTILE, st.just(AT), st.just(AT), st.booleans(), HOSTILE,
        st.lists(HOSTILE, max_size=13).map(tuple), facts, st.lists(lines, max_size=5).map(tuple),
        st.integers(0, 5_000), st.lists(HOSTILE, max_size=4).map(tuple),
    )  # fmt: skip


WORDS = st.one_of(
    st.builds(
        Delivery,
        key=st.just("0123456789abcdef"),
        part=st.sampled_from([Part.CARD, Part.NEWS, Part.EVIDENCE, Part.LOG]),
        message=messages(),
        thread=st.sampled_from(["", "C0123456:1.000000"]),
    ),
    st.builds(Delivery, key=st.just("0123456789abcdef"), part=st.just(Part.DIGEST), message=storms()),
    st.builds(Delivery, key=st.just("0123456789abcdef"), part=st.just(Part.DAILY), message=digests()),
)


def strings(node: object, kind: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a payload with the kind of object it stands in."""
    if isinstance(node, str):
        yield kind, node
    elif isinstance(node, list):
        for one in node:
            yield from strings(one, kind)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from strings(value, "url" if key == "url" else str(node.get("type", key)))


def sent(message: Message, part: Part = Part.CARD, *, thread: str = "", interactive: bool = True) -> Any:
    """The payload as Slack parses it."""
    return parsed(rendered(Delivery("0123456789abcdef", part, message, thread=thread), interactive=interactive))


def parsed(payload: object) -> Any:
    return json.loads(json.dumps(payload))


def standing(payload: Any) -> local.Message:
    """It as it would stand in a channel."""
    return local.Message("C0123456", "1.000000", "U0", payload["text"], payload.get("blocks", ()))


def assert_legal(payload: Any) -> None:
    parts = payload.get("blocks", [])
    assert wrong(parts) == []
    for part in parts:
        model = Block.parse(part)
        assert model is not None
        model.validate_json()
    assert len(json.dumps(parts)) < 10_000
    assert 0 < len(payload["text"].encode()) <= 4_000


def assert_deaf(payload: Any) -> None:
    for kind, text in strings(payload):
        said = OURS.sub("", text)
        if kind == "url":
            assert address(text) == text
            continue
        assert "<" not in said
        assert ">" not in said
        assert not {unicodedata.category(char) for char in said.replace("\n", "")} & DROPPED
        assert re.fullmatch(r"(?:[^&]|&(?:amp|lt|gt);)*", said, re.DOTALL), "an entity was cut"
        if kind == "plain_text":
            assert "<" not in html.unescape(said)


@given(WORDS, st.booleans())
@settings(max_examples=150, deadline=None)
def test_whatever_names_say_the_payload_is_legal_small_and_carries_no_control_sequence(
    delivery: Delivery, interactive: bool
) -> None:
    payload = parsed(rendered(delivery, interactive=interactive))
    for one in (payload, parsed(bare(delivery))) if payload else ():
        assert_legal(one)
        assert_deaf(one)
        assert one["metadata"] == {"event_type": "mintwatch", "event_payload": {"key": "0123456789abcdef"}}
        message = delivery.message
        called = isinstance(message, Message) and delivery.part is Part.NEWS and message.mention == GROUP
        assert pings(standing(one)) == (frozenset({GROUP}) if called else frozenset())


@given(WORDS, st.booleans())
@settings(max_examples=80, deadline=None)
def test_whatever_names_say_only_our_links_lead_anywhere(delivery: Delivery, interactive: bool) -> None:
    payload = parsed(rendered(delivery, interactive=interactive))
    message = delivery.message
    ours = {address(message.link), address(message.runbook_link)} if isinstance(message, Message) else set()
    for one in (payload, parsed(bare(delivery))) if payload else ():
        assert {each.url for each in links(standing(one))} <= ours - {""}


@given(HOSTILE, st.integers(10, 400))
@settings(deadline=None)
def test_escaped_text_costs_no_more_than_its_limit(text: str, limit: int) -> None:
    for render in (escape, plain, code):
        assert len(json.dumps(render(text, limit))) - 2 <= limit
    assert html.unescape(escape(text, 10**6)) == clean(text)


@given(HOSTILE)
@settings(deadline=None)
def test_a_code_span_cannot_be_left(text: str) -> None:
    assert re.fullmatch(r"`[^`\n]+`", code(text, 200))


@given(HOSTILE, st.integers(1, 100))
@settings(deadline=None)
def test_cleaning_twice_is_cleaning_once(text: str, limit: int) -> None:
    assert clean(clean(text)) == clean(text)
    assert len(clip(clean(text), limit)) <= limit


@given(HOSTILE)
@settings(deadline=None)
def test_a_code_block_cannot_be_left(text: str) -> None:
    shown = listing([text, f"  {text}"], 2_000)
    assert not shown or re.fullmatch(r"```\n[^`]*\n```", shown)
    assert len(json.dumps(shown)) - 2 <= 2_000


@pytest.mark.parametrize(
    "text", ["!channel", "channel", "S", "S0604QSJC>", "s0604qsjc", "S0604QSJC|x", "U012 AB3CD", ""]
)
def test_who_is_called_is_an_id_or_nobody(text: str) -> None:
    assert mention(text) == ""


@pytest.mark.parametrize(
    "url", ["http://x.example", "https://", "https://x y", "https://x|y", "https://x>", "//x", "https://" + "x" * 3000]
)
def test_a_link_is_an_address_or_nothing(url: str) -> None:
    assert address(url) == anchor(url, "x") == ""


# --- a card ----------------------------------------------------------------------------------------------------------


def test_card_has_the_shape_people_know(message: Message) -> None:
    payload = sent(message)
    assert_legal(payload)
    assert payload["text"] == "🔴 HIGH · sp-build-agent: 412 tokens in 15 min, expected 30"
    head, status, because, fields, runbook, related, actions, small = payload["blocks"]
    assert head["text"]["text"] == payload["text"]
    assert because["accessory"]["url"] == message.link
    assert fields["fields"][0]["text"] == "*Identity*\n`sp-build-agent · service principal · 0f3c9a51`"
    assert "<!date^1777629600^" in fields["fields"][3]["text"]
    assert "2026-05-01 10:00 to 10:15 UTC" in fields["fields"][3]["text"]
    assert runbook["text"]["text"].splitlines()[1] == "Who owns the identity?"
    assert "b2c3d4e5f6 sp-deploy-agent" in related["elements"][0]["text"]
    assert status["elements"][0]["text"] == message.status
    assert [one["action_id"] for one in actions["elements"]] == ["acknowledge", "snooze", "more"]
    assert actions["elements"][0]["value"] == "a1b2c3d4e5"
    assert "a1b2c3d4e5" in small["elements"][0]["text"]


def test_nothing_from_the_log_is_in_the_metadata_which_every_app_may_read(message: Message) -> None:
    payload = sent(message)
    assert payload["metadata"] == {"event_type": "mintwatch", "event_payload": {"key": "0123456789abcdef"}}
    assert payload["unfurl_links"] is payload["unfurl_media"] is False


@pytest.mark.parametrize(
    ("changes", "head"),
    [
        ({}, "🔴 HIGH · "),
        ({"level": Level.CRITICAL}, "🚨 CRITICAL · "),
        ({"reason": Reason.REOPENED}, "🔴 HIGH again · "),
        ({"reason": Reason.WORSENED, "level": Level.MEDIUM}, "🟠 MEDIUM, worse · "),
        ({"reason": Reason.WORSENED, "state": State.ACKNOWLEDGED}, "👀 ACKNOWLEDGED · "),
        ({"state": State.SNOOZED}, "💤 SNOOZED · "),
        ({"state": State.FALSE_POSITIVE}, "🚫 FALSE POSITIVE · "),
        ({"reason": Reason.RESOLVED, "state": State.RESOLVED}, "✅ RESOLVED · "),
    ],
)
def test_handled_and_open_differ_at_a_glance(message: Message, changes: dict[str, object], head: str) -> None:
    assert sent(replace(message, **changes))["text"].startswith(head)  # type: ignore[arg-type]


def offered(payload: Any) -> list[str]:
    """What can be pressed, and what the menu of more holds."""
    (actions,) = (block for block in payload["blocks"] if block["type"] == "actions")
    more = [one["value"] for element in actions["elements"][-1:] for one in element["options"]]
    return [element["action_id"] for element in actions["elements"]] + more


BASE = [value for value, _ in naming.MENU]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.OPEN, ["acknowledge", "snooze", "more", *BASE]),
        (State.ACKNOWLEDGED, ["snooze", "more", *BASE, "unacknowledge"]),
        (State.SNOOZED, ["acknowledge", "snooze", "more", *BASE, "unacknowledge"]),
        (State.RESOLVED, ["more", "silence", "expected"]),
        (State.FALSE_POSITIVE, ["more", "silence", "expected"]),
    ],
)
def test_what_can_be_pressed_is_what_makes_sense_now(message: Message, state: State, expected: list[str]) -> None:
    assert offered(sent(replace(message, state=state))) == expected


def test_over_is_over_and_asks_for_nothing(message: Message) -> None:
    shown = json.dumps(sent(replace(message, state=State.RESOLVED, reason=Reason.RESOLVED)))
    assert "What to do" not in shown


def test_where_nobody_listens_nothing_can_be_pressed_but_the_query_is_a_link(message: Message) -> None:
    payload = sent(message, interactive=False)
    assert "action_id" not in json.dumps(payload)
    assert [one.url for one in links(standing(payload))] == [message.link]


def test_changed_card_has_new_block_ids_as_slack_wants_them(message: Message) -> None:
    ids = {
        block["block_id"]
        for one in (message, replace(message, at=AT + timedelta(hours=1)), replace(message, state=State.SNOOZED))
        for block in sent(one)["blocks"]
        if "block_id" in block
    }
    assert len(ids) == 3


def test_long_runbook_shows_its_first_steps_whole(message: Message) -> None:
    runbook = "\n".join(f"{n}. Look at <this> & that, then at everything around it." for n in range(100))
    payload = sent(replace(message, runbook=runbook))
    assert_legal(payload)
    _, *steps, last = payload["blocks"][4]["text"]["text"].splitlines()
    assert last == "… and 96 more steps"
    assert len(steps) == 4
    assert all(line.endswith("around it.") for line in steps)


# --- what hangs from it ----------------------------------------------------------------------------------------------

WORSE = {
    "reason": Reason.WORSENED,
    "news": "Worse than when it was told at 10:20 UTC: MEDIUM → HIGH.",
    "mention": GROUP,
}


def test_news_are_short_say_what_changed_and_call_who_is_to_be_called(message: Message) -> None:
    payload = sent(replace(message, **WORSE), Part.NEWS, thread="C0123456:1.0")  # type: ignore[arg-type]
    assert payload["text"] == (
        "🔴 HIGH, worse · sp-build-agent: 412 tokens in 15 min, expected 30. Worse than when it was told at 10:20 UTC:"
        " MEDIUM → HIGH"
    )
    assert payload["blocks"][0]["text"]["text"] == f"<!subteam^{GROUP}> *🔴 HIGH, worse*"
    assert len(payload["blocks"]) == 3
    assert pings(standing(payload)) == {GROUP}


def test_nobody_is_called_by_a_card(message: Message) -> None:
    assert pings(standing(sent(replace(message, mention=GROUP)))) == frozenset()


def test_news_that_stand_alone_say_everything(message: Message) -> None:
    payload = sent(replace(message, **WORSE), Part.NEWS, interactive=False)  # type: ignore[arg-type]
    shown = json.dumps(payload, ensure_ascii=False)
    assert all(
        text in shown for text in ("MEDIUM → HIGH", "expected 30.2", "What to do", GROUP, "Query in Azure portal")
    )


def test_evidence_keeps_its_columns_and_the_query_its_lines(message: Message) -> None:
    linkless = sent(replace(message, link=""), Part.EVIDENCE)
    table, query = (block["text"]["text"] for block in linkless["blocks"])
    assert table.splitlines()[2:4] == list(message.evidence)
    assert query.splitlines()[2:4] == message.query.splitlines()
    assert sent(message, Part.EVIDENCE)["blocks"] == linkless["blocks"][:1], "the card has a button for it"


def test_evidence_that_is_gone_is_no_message(message: Message) -> None:
    assert sent(replace(message, evidence=(), query=""), Part.EVIDENCE) == {}


def test_log_shows_the_newest_last_and_all_of_it(message: Message) -> None:
    lines = tuple(f"{hour:02}:00 UTC  opened, {'x' * 300}" for hour in range(25))
    shown = [text for block in sent(replace(message, log=lines), Part.LOG)["blocks"] for text in _texts(block)]
    assert [line[:9] for line in shown] == [line[:9] for line in lines]


def _texts(block: Any) -> list[str]:
    return [line for element in block["elements"] for line in element["text"].splitlines()]


def test_digest_names_the_worst_counts_the_rest_and_says_where_they_are(storm: Digest) -> None:
    payload = parsed(rendered(Delivery("key", Part.DIGEST, storm)))
    shown = json.dumps(payload, ensure_ascii=False)
    assert payload["text"] == "🌊 STORM · 37 more incidents, told together"
    assert "🔴 3 high · 🟠 34 medium" in shown
    assert "5,000 findings in 20 min" in shown
    assert "🔴 sp-0: 412 tokens in 15 min, expected 30 · a0" in shown
    assert "mintwatch incidents list" in shown


def test_daily_digest_says_first_whether_all_is_well_and_to_who_cannot_see_it_the_same(day: Daily) -> None:
    payload = parsed(rendered(Delivery("key", Part.DAILY, day)))
    blocks = payload["blocks"]
    assert_legal(payload)
    assert len(blocks) <= 7
    assert blocks[0]["text"]["text"].startswith(
        "❗ main.vault cannot be read since 05-04 03:10 UTC (and 1 more); 8 of 9"
    )
    words = payload["text"].splitlines()
    assert words[0].startswith(
        "❗ main.vault cannot be read since 05-04 03:10 UTC (and 1 more); 8 of 9 sources healthy"
    )
    assert "Coverage: 98.4 %" in words
    assert any("sp-0: 412 tokens" in one and "a0" in one for one in words)
    assert payload["text"] == bare(Delivery("key", Part.DAILY, day))["text"]
    well = parsed(rendered(Delivery("key", Part.DAILY, replace(day, well=True, wrong=(), verdict="9 sources healthy"))))
    assert well["text"].startswith("✅ 9 sources healthy")


def test_words_alone_say_what_matters(message: Message) -> None:
    payload = bare(Delivery("key", Part.CARD, message))
    assert set(payload) == {"text", "unfurl_links", "unfurl_media", "metadata"}
    text = str(payload["text"]).splitlines()
    assert text == [f"🔴 HIGH · {message.headline}", message.because, message.status, "incident a1b2c3d4e5"]


@given(st.lists(st.sampled_from([*"*_~`:>< \n1ab+-", "tada", "://", "10:00"]) | st.characters(), max_size=30))
def test_no_name_is_markup_in_the_top_level_text(pieces: list[str]) -> None:
    said = line("".join(pieces), 10_000)
    assert not set(said) & set("*_~`<>")
    assert not said.startswith("&gt;")
    assert not re.search(r":[\w+'-]+:|:[^\s\d:]|://", html.unescape(said))
