"""Modals and answers that Slack takes, whatever stands in them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.model import Level, Matcher, State
from monitor.notifiers.slack import commands, modals
from monitor.notifiers.slack.modals import Draft, Filled
from monitor.notifiers.slack.payloads import Form, Pressed, Typed, about, read
from monitor.testing.slack import Message, links, pings
from monitor.testing.slack.blocks import Surface, wrong
from monitor.testing.slack.http import Body
from monitor.triage.silencing import LABELS

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ABOUT = {"channel": "C0000000001", "message": "1700000000.000100"}


def blocks(body: Body) -> list[Body]:
    found: list[Body] = json.loads(json.dumps(body["blocks"]))
    return found


def draft(text: str) -> Draft:
    both = (Matcher("subject", "=", text), Matcher("rule", "=~", text))
    scopes = (("both", both), ("subject", both[:1]), ("rules", both[1:]))
    return Draft(text, scopes, "\n".join(map(str, both))[:3000])


def test_modals_are_legal_and_safe_with_any_name(weapon: str) -> None:
    made = draft(weapon)
    for view in (
        modals.silence(ABOUT, made, weapon),
        modals.expected(ABOUT, made, NOW, weapon),
        modals.false_positive(ABOUT, made),
        modals.silence({"channel": "C1"}, Draft(own=made.own)),
    ):
        assert wrong(blocks(view), Surface.MODAL) == []
        shown = Message("C1", "1.1", "U1", "", blocks(view))
        assert not pings(shown)
        assert not links(shown)
        assert len(json.dumps(view)) < 50_000


def test_answers_are_legal_and_safe_with_any_name(weapon: str) -> None:
    row = commands.Row(weapon, Level.HIGH, State.OPEN, weapon, weapon, 3, NOW, weapon, "https://acme.slack.com/x")
    paragraphs = [commands.Paragraph(weapon, (weapon,) * 30)] * 8
    for body in (
        commands.listed([row] * 30, {State.OPEN: 0, State.SNOOZED: 5_000}, [weapon] * 30),
        commands.listed([], {}, [weapon]),
        commands.told("Incident", paragraphs, "https://acme.slack.com/x", [weapon], name=weapon),
        commands.note(weapon or "-"),
        commands.helped(weapon),
    ):
        assert wrong(blocks(body)) == []
        shown = Message("C1", "1.1", "U1", str(body["text"]), blocks(body))
        assert not pings(shown)
        assert {one.url for one in links(replace(shown, text=""))} <= {"https://acme.slack.com/x"}
        assert len(json.dumps(body)) < 20_000


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"reason": "x", "scope": "both", "length": "4h"}, set()),
        ({"reason": "x", "scope": "own", "own": "rule=a\nlevel!=low", "length": "4h"}, set()),
        ({"reason": " ", "scope": "both", "length": "4h"}, {"reason"}),
        ({"reason": "x" * 501, "scope": "both", "length": "4h"}, {"reason"}),
        ({"reason": "x", "scope": "forged", "length": "4h"}, {"scope"}),
        ({"reason": "x", "scope": "both", "length": "4 weeks"}, {"until"}),
        ({"reason": "x", "scope": "both", "length": "4h", "until": "1"}, {"until"}),
        ({"reason": "x", "scope": "both", "until": "9" * 30}, {"until"}),
        ({"reason": "x", "scope": "own", "own": "", "length": "4h"}, {"own"}),
        ({"reason": "x", "scope": "own", "own": "nolabel=x", "length": "4h"}, {"own"}),
        ({"reason": "x", "scope": "own", "own": "rule=a\n" * 11, "length": "4h"}, {"own"}),
        ({}, {"reason", "until", "own"}),
    ],
)
def test_what_is_filled_in_is_read_or_what_is_wrong_is_said_where(fields: dict[str, str], errors: set[str]) -> None:
    form = Form("V1", "h", "silence", ABOUT, fields)
    found, mistakes = modals.filled(form, NOW, LABELS)
    assert mistakes.keys() == errors
    assert all(0 < len(one) <= 200 for one in mistakes.values())
    if not errors:
        assert found.until == NOW + 4 * HOUR
        assert (found.scope == "own") is bool(found.matchers)


def test_a_picked_time_goes_before_a_length() -> None:
    until = str(int((NOW + 9 * HOUR).timestamp()))
    form = Form("V1", "h", "silence", ABOUT, {"reason": "a\nb", "scope": "both", "length": "1h", "until": until})
    assert modals.filled(form, NOW, LABELS)[0] == Filled("a b", NOW + 9 * HOUR, "both")


@pytest.mark.parametrize("metadata", ["", "[]", "{", "[" * 100_000, '{"channel": 1}', '{"channel": "<!here>"}'])
def test_ids_of_a_modal_are_ids_or_nothing(metadata: str) -> None:
    assert about(metadata) == {}


def test_what_a_payload_claims_has_the_shape_slack_gives_it() -> None:
    payload: Body = {
        "type": "block_actions",
        "user": {"id": "U1", "name": "a\u202eb\n" + "x" * 500, "team_id": "../T1"},
        "team": {"id": "T1"},
        "api_app_id": "A1'--",
        "channel": {"id": "C1"},
        "container": {"message_ts": "1.1; drop"},
        "actions": [{"action_id": "ack<>", "action_ts": "1.1", "value": "v" * 9000}],
    }
    pressed = read("interactive", payload)
    assert isinstance(pressed, Pressed)
    assert (pressed.origin.who.workspace, pressed.origin.app, pressed.message, pressed.action) == ("", "", "", "")
    assert len(pressed.origin.who.name) <= 80
    assert "\u202e" not in pressed.origin.who.name
    assert len(pressed.hint) == 3000


def test_one_press_has_one_key_and_another_has_another() -> None:
    def pressed(user: str = "U1", at: str = "1.1", message: str = "2.2", action: str = "acknowledge") -> str:
        made = read(
            "interactive",
            {
                "type": "block_actions",
                "user": {"id": user},
                "container": {"message_ts": message},
                "actions": [{"action_id": action, "action_ts": at}],
            },
        )
        assert isinstance(made, Pressed)
        return made.key

    others = [pressed("U2"), pressed(at="1.2"), pressed(message="2.3"), pressed(action="snooze")]
    assert pressed() == pressed()
    assert len({pressed(), *others}) == 5


def test_a_command_is_its_first_word_and_the_rest() -> None:
    payload: Body = {
        "user_id": "U1",
        "team_id": "T1",
        "command": "/mintwatch",
        "text": " EXPLAIN  3f2a ",
        "trigger_id": "1",
    }
    typed = read("slash_commands", payload)
    assert isinstance(typed, Typed)
    assert commands.asked(typed.text) == commands.Asked("explain", "3f2a")
    assert typed.key != replace(typed, text="x").key
    assert read("slash_commands", {"text": "open"}) is None
    assert read("events_api", payload) is None
