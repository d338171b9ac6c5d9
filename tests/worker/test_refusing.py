"""Who may not act from Slack, and what changes nothing: each acknowledged, each in the audit trail."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from monitor.model import Outcome, State
from monitor.notifiers.slack.payloads import Pressed, read
from monitor.testing.slack import Act, faults
from monitor.testing.slack.http import Body
from monitor.worker.allowing import FOREIGN, GUEST, Allowed
from tests.worker.desks import Desk, soon


def pressed(act: Act) -> dict[str, Any]:
    """What was pressed, as it was told."""
    payload: dict[str, Any] = {**act.payload}
    done: dict[str, Any] = payload["actions"][0]
    return done


def test_an_outsiders_click_is_refused_kept_and_said(desk: Desk) -> None:
    desk.click(desk.bob, "acknowledge")
    entry = desk.entry()
    assert (entry.outcome, entry.act.who.id) == (Outcome.REFUSED, desk.bob.id)
    assert "may_act" in entry.said
    assert desk.whispered(desk.bob, "Refused")
    assert desk.incident().state is State.OPEN


def test_a_person_of_another_workspace_is_refused(desk: Desk) -> None:
    eve = desk.slack.user("eve", team="T0000000099")
    for group in desk.slack.world.groups.values():
        group.members.append(eve.id)
    act = desk.click(desk.bob, "acknowledge")
    assert desk.entry().act.who.id == desk.bob.id
    desk.send(act, eve)
    assert desk.entry(2).said == FOREIGN
    assert desk.incident().state is State.OPEN


@pytest.mark.parametrize(
    ("forged", "part"),
    [
        ({"team": {"id": "T0FORGED"}}, "workspace"),
        ({"team": None}, "workspace"),
        ({"api_app_id": "A0FORGED"}, "another app"),
        ({"api_app_id": None}, "another app"),
        ({"is_enterprise_install": True}, "workspace"),
        ({"user": {"id": "U0000000002", "team_id": "T0FORGED"}}, "own workspace"),
        ({"user": {"id": "U0000000002"}}, "own workspace"),
        ({"user": {"id": "U0FORGED", "team_id": "T0000000001"}}, "may_act"),
    ],
)
def test_a_forged_payload_is_refused_and_kept(desk: Desk, forged: dict[str, Any], part: str) -> None:
    assert desk.ann.id == "U0000000002"
    act = desk.click(desk.bob, "acknowledge")
    desk.entry()
    user = {"id": desk.ann.id, "name": "ann", "team_id": desk.ann.team}
    desk.send(act, **{"user": user, **forged})
    assert part in desk.entry(2).said
    assert [one.outcome for one in desk.store.entries()] == [Outcome.REFUSED] * 2
    assert desk.incident().state is State.OPEN


@pytest.mark.parametrize(
    "nonsense",
    [
        {},
        {"type": "block_actions"},
        {"type": "block_actions", "user": {"id": "<!channel>"}},
        {"type": "block_actions", "user": {"id": "U1"}, "actions": "x"},
        {"type": "block_actions", "user": {"id": "U1"}, "actions": [[]]},
        {"type": "view_submission", "user": {"id": "U1"}, "view": {"state": {"values": [1]}}},
        {"type": "view_submission", "user": {"id": "U1"}, "view": {"private_metadata": "[" * 100_000}},
        {"type": ["view_submission"], "user": None},
    ],
)
def test_nonsense_is_acknowledged_and_does_nothing(
    desk: Desk, nonsense: Body, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "mintwatch"):
        assert desk.slack.deliver(nonsense).acked
        desk.click(desk.ann, "acknowledge")
        assert desk.entry().outcome is Outcome.DONE
    assert not caplog.records


def test_a_replayed_payload_does_nothing_again(desk: Desk) -> None:
    act = desk.click(desk.ann, "acknowledge")
    assert desk.says("ACKNOWLEDGED")
    desk.click(desk.ann, "more", "unacknowledge")
    assert soon(lambda: "ACKNOWLEDGED" not in desk.card().text)
    whispers = len(desk.slack.whispers)
    desk.send(act)
    assert desk.entry(3).outcome is Outcome.REPEATED
    assert desk.incident().state is State.OPEN
    assert len(desk.slack.whispers) == whispers


def test_a_forged_replay_is_refused_and_a_forged_first_delivery_spoils_no_genuine_click(desk: Desk) -> None:
    act = desk.click(desk.ann, "acknowledge")
    assert desk.entry().outcome is Outcome.DONE
    desk.send(act, team={"id": "T0FORGED"})
    assert desk.entry(2).outcome is Outcome.REFUSED
    early = {**pressed(act), "action_id": "more", "selected_option": {"value": "unacknowledge"}, "action_ts": "1.2"}
    desk.send(act, actions=[early], api_app_id="A0FORGED")
    assert desk.entry(3).outcome is Outcome.REFUSED
    desk.send(act, actions=[early])
    assert desk.entry(4).outcome is Outcome.DONE
    assert desk.incident().state is State.OPEN


def test_what_was_refused_may_be_done_by_the_same_key_later(desk: Desk) -> None:
    act = desk.click(desk.bob, "acknowledge")
    assert desk.entry().outcome is Outcome.REFUSED
    for group in desk.slack.world.groups.values():
        group.members.append(desk.bob.id)
    desk.allowed.refresh()
    desk.send(act)
    assert desk.entry(2).outcome is Outcome.DONE


def test_a_click_on_what_is_resolved_changes_nothing_and_says_so(desk: Desk) -> None:
    act = desk.click(desk.ann, "acknowledge")
    assert desk.says("ACKNOWLEDGED")
    desk.click(desk.ann, "more", "resolve")
    assert desk.says("RESOLVED")
    desk.send(act, actions=[{**pressed(act), "action_ts": "1700000000.000100"}])
    assert desk.entry(3).outcome is Outcome.HARMLESS
    assert desk.incident().state is State.RESOLVED
    assert desk.whispered(desk.ann, "Resolved by ann")


def test_a_message_of_another_bot_is_not_acted_on(desk: Desk) -> None:
    act = desk.click(desk.bob, "acknowledge")
    desk.entry()
    other = desk.slack.say(desk.bob, desk.alerts, "press me")
    there = {"message_ts": other.ts, "channel_id": desk.alerts.id}
    desk.send(act, desk.ann, container=there, message={"ts": other.ts})
    assert "does not know this message" in desk.entry(2).said
    elsewhere = {"message_ts": desk.card().ts, "channel_id": "C0ELSEWHERE"}
    desk.send(act, desk.ann, container=elsewhere, channel={"id": "C0ELSEWHERE"})
    assert desk.entry(3).outcome is Outcome.REFUSED
    assert desk.incident().state is State.OPEN


def test_a_buttons_value_decides_nothing(desk: Desk) -> None:
    desk.tell("i2")
    act = desk.click(desk.bob, "acknowledge")
    desk.entry()
    desk.send(act, desk.ann, actions=[{**pressed(act), "value": "i2"}])
    assert desk.entry(2).act.incident == "i1"
    assert desk.incident("i2").state is State.OPEN
    assert desk.incident("i1").state is State.ACKNOWLEDGED


def test_what_a_modal_is_about_is_looked_up_again(desk: Desk) -> None:
    desk.click(desk.ann, "more", "false_positive")
    sent = desk.slack.submit(desk.bob, desk.screen(desk.ann), {"reason": "x"})
    assert desk.entry().outcome is Outcome.REFUSED
    forged = {"private_metadata": '{"channel": "C0ELSEWHERE", "message": "1.1"}', "id": "V2"}
    desk.send(sent, desk.ann, view={**sent.payload["view"], **forged})  # type: ignore[dict-item]
    assert "does not know this message" in desk.entry(2).said
    assert desk.incident().state is State.OPEN


def test_while_slack_does_not_say_who_is_in_a_group_what_it_said_last_holds(desk: Desk) -> None:
    desk.slack.faults.add(faults.failing(), method="usergroups.users.list", times=None)
    desk.click(desk.ann, "acknowledge")
    assert "try again" in desk.entry().said
    desk.slack.faults.clear()
    desk.click(desk.ann, "acknowledge")
    assert desk.entry(2).outcome is Outcome.DONE
    desk.slack.faults.add(faults.failing(), method="usergroups.users.list", times=None)
    desk.allowed.refresh()
    assert desk.says("ACKNOWLEDGED")
    desk.click(desk.ann, "more", "unacknowledge")
    assert desk.entry(3).outcome is Outcome.DONE


def test_who_left_a_group_may_not_act_once_that_is_known(desk: Desk) -> None:
    desk.click(desk.ann, "acknowledge")
    assert desk.says("ACKNOWLEDGED")
    for group in desk.slack.world.groups.values():
        group.members.clear()
    desk.allowed.refresh()
    desk.click(desk.ann, "more", "unacknowledge")
    assert "may_act" in desk.entry(2).said
    for group in desk.slack.world.groups.values():
        group.enabled = False
    desk.allowed.refresh()
    desk.click(desk.ann, "more", "unacknowledge")
    assert "may_act" in desk.entry(3).said


def test_without_names_every_full_member_may_act_and_no_guest(desk: Desk) -> None:
    press = read("interactive", desk.click(desk.bob, "acknowledge").payload)
    assert isinstance(press, Pressed)
    anyone, guest = Allowed(desk.api), desk.slack.user("gus", guest=True)
    assert anyone.refusal(press.origin) == ""
    theirs = replace(press.origin, who=replace(press.origin.who, id=guest.id))
    assert anyone.refusal(theirs) == GUEST
    desk.slack.app.scopes.discard("users:read")
    assert anyone.refusal(press.origin) == ""
    assert "users:read" in Allowed(desk.api).refusal(press.origin)


def test_a_command_of_an_outsider_says_nothing(desk: Desk) -> None:
    desk.slack.slash(desk.bob, "open", desk.alerts)
    assert desk.whispered(desk.bob, "Refused")
    asked = desk.entry().act
    assert (desk.entry().outcome, asked.verb, asked.reason, asked.who.id) == ("refused", "look", "open", desk.bob.id)
    for number, (text, verb) in enumerate(
        (("silence rule=x", "silence"), ("expire x", "expire"), ("ack i1", "acknowledge"))
    ):
        desk.slack.slash(desk.bob, text, desk.alerts)
        assert (desk.entry(number + 2).outcome, desk.entry(number + 2).act.verb) == ("refused", verb)
    assert desk.incident().state is State.OPEN
