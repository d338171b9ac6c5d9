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
from monitor.model import Level, Message, Reason, State
from monitor.notifiers.slack import blocks, code, escape, plain

AT = datetime(2026, 5, 1, 10, tzinfo=UTC)
OURS = re.compile(r"<!date\^\d+\^\{date_short_pretty\} \{time\}\|\d\d:\d\d UTC>")
"""The one control sequence we write, in exactly the form we write it."""

WEAPONS = (
    "<!channel>", "<!here|x>", "<@U012AB3CD>", "<#C012AB3CD>", "<https://evil.example|Portal>", "&lt;!channel&gt;",
    "&amp;lt;!channel&amp;gt;", "`", "```", "<!date^0^{date}|x>", ":tada:", "\u202e", "\u200b", "\x1b[31m", "\n",
    "\u2028", "\u0301" * 9, "名前", "😀", "\ud800", "x" * 10_000, "&" * 3_000, "<" * 3_000, "😀" * 1_500, "\U000e0041",
)  # fmt: skip
HOSTILE = st.lists(
    st.one_of(st.sampled_from(WEAPONS), st.text(st.characters(codec=None), max_size=40)), max_size=10
).map("".join)


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
            yield from strings(value, str(node.get("type", key)))


def sent(message: Message) -> Any:
    """The payload as Slack parses it."""
    return json.loads(json.dumps(blocks(message)))


def assert_legal(payload: Any) -> None:
    parts = payload["blocks"]
    for part in parts:
        parsed = Block.parse(part)
        assert parsed is not None
        parsed.validate_json()
        assert parsed.to_dict() == part
        assert 0 < len(part["text"]["text"] if "text" in part else "x") <= (150 if part["type"] == "header" else 3000)
        assert 0 < len(part.get("fields", "x")) <= 10
        assert all(0 < len(one["text"]) <= 2000 for one in part.get("fields", ()))
        assert all(0 < len(one["value"]) <= 2000 for one in part.get("elements", ()) if one["type"] == "button")
    assert len(parts) <= 50
    assert len(json.dumps(payload)) < 10_000


def assert_deaf(payload: Any) -> None:
    for kind, text in strings(payload):
        said = OURS.sub("", text)
        assert "<" not in said
        assert ">" not in said
        assert not {unicodedata.category(char) for char in said.replace("\n", "")} & DROPPED
        assert re.fullmatch(r"(?:[^&]|&(?:amp|lt|gt);)*", said, re.DOTALL), "an entity was cut"
        if kind == "plain_text":
            assert "<" not in html.unescape(said)


@given(messages())
@settings(max_examples=80, deadline=None)
def test_whatever_names_say_the_payload_is_legal_small_and_carries_no_control_sequence(message: Message) -> None:
    payload = sent(message)
    assert_legal(payload)
    assert_deaf(payload)


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


def test_message_has_the_shape_people_know(message: Message) -> None:
    payload = sent(message)
    assert_legal(payload)
    assert payload["text"] == "🔴 HIGH · sp-build-agent: 412 tokens in 15 min, expected 30"
    parts = payload["blocks"]
    assert [part["type"] for part in parts] == ["header", "section", "section", "section", "context", "actions"]
    assert parts[2]["fields"][0]["text"] == "*Identity*\n`sp-build-agent · service principal · 0f3c9a51`"
    assert "2026-05-01 10:00 to 10:15 UTC\n<!date^1777629600^" in parts[2]["fields"][3]["text"]
    assert [one["text"]["text"] for one in parts[-1]["elements"]] == ["Acknowledge", "Snooze", "More"]
    assert {one["value"] for one in parts[-1]["elements"]} == {"a1b2c3d4e5"}


def test_nothing_from_the_log_is_in_the_metadata_which_every_app_may_read(message: Message) -> None:
    payload = sent(message)
    assert payload["metadata"] == {"event_type": "mintwatch_incident", "event_payload": {"incident": "a1b2c3d4e5"}}
    assert payload["unfurl_links"] is payload["unfurl_media"] is False


@pytest.mark.parametrize(
    ("changes", "head"),
    [
        ({}, "🔴 HIGH · "),
        ({"level": Level.CRITICAL}, "🚨 CRITICAL · "),
        ({"reason": Reason.REOPENED}, "🔴 HIGH again · "),
        ({"reason": Reason.WORSENED, "level": Level.MEDIUM}, "🟠 MEDIUM, worse · "),
        ({"reason": Reason.RESOLVED, "state": State.RESOLVED}, "✅ RESOLVED · "),
    ],
)
def test_handled_and_open_differ_at_a_glance(message: Message, changes: dict[str, object], head: str) -> None:
    assert sent(replace(message, **changes))["text"].startswith(head)  # type: ignore[arg-type]


def test_resolved_message_asks_for_nothing(message: Message) -> None:
    shown = json.dumps(blocks(replace(message, state=State.RESOLVED, reason=Reason.RESOLVED)))
    assert "acknowledge" not in shown
    assert "Runbook" not in shown
    assert "snooze" not in shown


def test_long_runbook_loses_whole_lines(message: Message) -> None:
    runbook = "\n".join(f"{n}. Look at <this> & that, then at everything around it." for n in range(100))
    payload = sent(replace(message, runbook=runbook))
    assert_legal(payload)
    parts = payload["blocks"]
    lines = parts[3]["text"]["text"].splitlines()
    assert lines[-1] == "…"
    assert all(line.endswith("around it.") for line in lines[1:-1])
