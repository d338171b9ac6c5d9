"""Whether what is found reaches somebody: what is wrong is told apart, against the local Slack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from monitor import clock, plugins, rules
from monitor.model import (
    Act,
    Decision,
    Entry,
    Finding,
    Level,
    Matcher,
    Outcome,
    Part,
    Person,
    Reason,
    Silence,
    Verb,
    Wanted,
)
from monitor.settings import Logins, load
from monitor.store import Store
from monitor.testing.slack import Channel, LocalSlack, faults
from monitor.worker.checking import Checked, Verdict, check_telling
from tests.cli.conftest import RULE
from tests.worker.alerts import want

LEAST = "workspaces: {prod: {id: 33333333-0000-4000-8000-000000000003}}\n"
AT = datetime(2026, 5, 1, 10, tzinfo=UTC)
FINDING = Finding(
    rule="sp-issuance-spike",
    detector="spike",
    level=Level.HIGH,
    stream="sign_in",
    family="events",
    experimental=False,
    subject="identity:entra:a",
    group=(("identity", "entra:a"),),
    term="",
    bucket=AT,
    bucket_end=AT,
    time=AT,
    judged_at=AT,
    surprise=4.0,
    observed=9.0,
    expected=1.0,
    low=0.0,
    high=2.0,
    because="9 in 1 h",
)
Checks = Callable[..., list[Checked]]


@pytest.fixture
def slack() -> Iterator[LocalSlack]:
    with LocalSlack() as slack:
        yield slack


@pytest.fixture
def alerts(slack: LocalSlack) -> Channel:
    return slack.channel("alerts")


@pytest.fixture
def checked(slack: LocalSlack, tmp_path: Path) -> Checks:
    """Everything that is said of these settings; `SLACK` in them is the local one."""

    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "sp-issuance-spike.yml").write_text(RULE.format(id="sp-issuance-spike"))
    judged = {rule.id: rule for rule in rules.load(tmp_path / "rules", plugins.detectors())}

    def call(text: str, environment: Mapping[str, str] | None = None) -> list[Checked]:
        known = {"BOT": slack.token, "APP": slack.app_token} | dict(environment or {})
        path = tmp_path / "mintwatch.yml"
        head = f"api_url: '{slack.url}', token: {{env: BOT}}"
        path.write_text(LEAST + text.replace("SLACK", head))
        settings = load(path, {})
        return list(check_telling(settings, Logins(settings, known), judged, clock.now(), Event()))

    return call


def told(found: list[Checked], verdict: Verdict) -> list[tuple[str, str]]:
    return [(one.about, one.said) for one in found if one.verdict is verdict]


def test_a_slack_as_it_should_be_is_fine(checked: Checks, slack: LocalSlack, alerts: Channel) -> None:
    group = slack.group("oncall", [slack.user("ann"), slack.user("bob")])
    found = checked(
        f"slack: {{SLACK, app_token: {{env: APP}}, workspace: {slack.world.team}, may_act: {{groups: [{group.id}]}}}}\n"
        f"notifiers: {{oncall: {{kind: slack, channel: {alerts.id}}}}}\n"
    )
    assert {one.verdict for one in found} == {Verdict.FINE}
    assert [one.about for one in found] == ["slack", "notifier oncall", "slack", f"slack, user group {group.id}"]
    assert f"in workspace {slack.world.team}" in found[0].said
    assert found[-1].said == "2 people may act"
    assert alerts.posted == 0


def test_a_token_that_is_refused_ends_the_questions(checked: Checks, slack: LocalSlack, alerts: Channel) -> None:
    text = f"slack: {{SLACK, app_token: {{env: APP}}}}\nnotifiers: {{oncall: {{kind: slack, channel: {alerts.id}}}}}\n"
    (one,) = checked(text, {"BOT": "xoxb-of-somebody-else"})
    assert (one.verdict, one.about) == (Verdict.WRONG, "slack")
    assert "invalid_auth" in one.said
    assert "somebody-else" not in one.said
    (one,) = checked(text, {"BOT": ""})
    assert one.said == "BOT: not set, expected a secret in this variable"
    slack.faults.add(faults.cut_before(), times=None)
    (one,) = checked(text)
    assert (one.verdict, one.about) == (Verdict.WRONG, "slack")


def test_another_workspace_is_wrong(checked: Checks, alerts: Channel) -> None:
    found = checked(f"slack: {{SLACK, workspace: T0FORGED}}\nnotifiers: {{a: {{kind: slack, channel: {alerts.id}}}}}\n")
    ((about, said),) = told(found, Verdict.WRONG)
    assert (about, said.endswith("expected T0FORGED")) == ("slack", True)


def test_each_channel_says_what_to_do(checked: Checks, slack: LocalSlack) -> None:
    shut, gone = slack.channel("shut", invited=False), slack.channel("gone")
    slack.app.scopes.discard("groups:history")
    secret = slack.channel("secret", private=True)
    text = "".join(
        f"  {name}: {{kind: slack, channel: {channel}}}\n"
        for name, channel in (("a", shut.id), ("b", "C0NOSUCH"), ("c", secret.id), ("d", gone.id))
    )
    found = checked(f"slack: {{SLACK}}\nnotifiers:\n{text}")
    said = dict(told(found, Verdict.WRONG))
    assert "/invite" in said["notifier a"]
    assert "channel_not_found" in said["notifier b"]
    assert "missing_scope (groups:history)" in said["notifier c"]
    assert "notifier d" not in said


def test_an_app_token_of_another_kind_and_a_group_that_is_not_there_are_wrong(
    checked: Checks, slack: LocalSlack, alerts: Channel
) -> None:
    empty = slack.group("nobody")
    found = checked(
        f"slack: {{SLACK, app_token: {{env: APP}}, may_act: {{groups: [S0NOSUCH, {empty.id}]}}}}\n"
        f"notifiers: {{oncall: {{kind: slack, channel: {alerts.id}}}}}\n",
        {"APP": "xapp-1-nobody"},
    )
    socket, group = told(found, Verdict.WRONG)
    assert socket[1].startswith("Socket Mode, through which people act: ")
    assert group[0] == "slack, user group S0NOSUCH"
    assert told(found, Verdict.NOTE) == [
        (f"slack, user group {empty.id}", "nobody is in it, and so nobody may act by it")
    ]


def test_slack_that_has_no_time_is_nobodys_fault(checked: Checks, slack: LocalSlack, alerts: Channel) -> None:
    slack.faults.add(faults.throttled(timedelta(minutes=1)), method="conversations.history", times=None)
    found = checked(f"slack: {{SLACK}}\nnotifiers: {{oncall: {{kind: slack, channel: {alerts.id}}}}}\n")
    ((about, said),) = told(found, Verdict.UNKNOWN)
    assert (about, "come back in" in said) == ("notifier oncall", True)


def test_a_webhook_cannot_be_tried(checked: Checks) -> None:
    text = "notifiers: {hook: {kind: webhook, url: {env: HOOK}}}\n"
    (one,) = checked(text, {"HOOK": "https://hooks.slack.com/services/T1/B2/x"})
    assert (one.verdict, one.about) == (Verdict.UNKNOWN, "notifier hook")
    for bad in ("http://hooks.slack.com/services/secret", "secret", "https://evil.example/services/secret", ""):
        (one,) = checked(text, {"HOOK": bad})
        assert one.verdict is Verdict.WRONG
        assert "services/secret" not in one.said
        assert one.said.startswith("HOOK: ")


def test_a_folder_nothing_can_be_written_to_is_wrong(checked: Checks) -> None:
    found = checked(
        "notifiers: {a: {kind: files, directory: mintwatch.yml/in}, b: {kind: files, directory: open/in}}\n"
    )
    assert [(one.verdict, one.about) for one in found] == [(Verdict.WRONG, "notifier a")]


def test_routes_that_lead_nowhere_are_said(checked: Checks) -> None:
    found = checked(
        "notifiers: {a: {kind: console}, b: {kind: console}}\nroutes: [{to: a, rules: [sp-issuance-spik]}]\n"
    )
    assert told(found, Verdict.NOTE) == [
        ("notifier b", "no route leads to it, so it is told nothing"),
        ("routes", "what is seen in the stream sign_in fits no route: it is kept, and told to nobody"),
    ]
    ((about, said),) = told(found, Verdict.WRONG)
    assert (about, said) == ("routes.0", "there is no rule 'sp-issuance-spik', did you mean 'sp-issuance-spike'?")


def test_what_identities_say_is_counted_and_what_leads_nowhere_is_said(checked: Checks, tmp_path: Path) -> None:
    (tmp_path / "identities.yml").write_text(
        """\
identities: {entra:a: {team: payments}, entr:b: {team: paymnts}}
vaults: {pay: {owner: ann}}
teams: {payments: {owner: ann}}
exceptions: [{matchers: [rule=x], author: ann, reason: y, from: 2020-05-01, until: 2020-06-01}]
"""
    )
    found = checked("identities: identities.yml\nroutes: [{to: console, teams: [platform]}]\n")
    assert told(found, Verdict.FINE) == [
        (
            "identities.yml",
            "2 identities, 0 applications, 1 vaults, 1 teams, 0 federated credentials, 1 exceptions",
        )
    ]
    lacking = "of no team, of the team 'payments' or of the team 'paymnts'"
    assert [said for _, said in told(found, Verdict.NOTE)] == [
        "1 of its identities are of 'entr', which is no workspace's issuer, did you mean 'entra'?",
        "team 'paymnts' of 1 entries is not among its teams, did you mean 'payments'?",
        "no entry is of the team 'platform', which this route asks for",
        "the exception for rule=x ended at 2020-06-01T00:00:00Z: take it out",
        f"what is {lacking} fits no route: it is kept, and told to nobody",
    ]
    (tmp_path / "identities.yml").write_text("identitys: {}\nteams: 3\n")
    wrong = told(checked("identities: identities.yml\n"), Verdict.WRONG)
    assert [said.removeprefix(f"{tmp_path}/")[:16] for _, said in wrong] == ["identities.yml:1", "identities.yml:2"]


def test_what_waits_and_what_was_refused_is_said_once_for_each_reason(checked: Checks, tmp_path: Path) -> None:
    now = clock.now()
    with Store(tmp_path / "state") as store:
        assert told(checked(""), Verdict.FINE) == [("outbox", "nothing waits to be sent")]
        want(store, [Wanted("oncall", f"incident-{number}", Part.CARD) for number in range(3)], now)
        for one in store.due(now)[:2]:
            store.sending(one)
            store.postpone(one, now, "Slack: is_archived", permanent=True)
        found = checked("")
    assert told(found, Verdict.WRONG) == [
        ("outbox, notifier oncall", "2 messages were refused, and wait: Slack: is_archived")
    ]
    ((_, said),) = told(found, Verdict.NOTE)
    assert said.startswith("3 messages wait to be sent, since ")


def test_a_silence_that_has_matched_nothing_for_a_day_is_said(checked: Checks, tmp_path: Path) -> None:
    entry = '{{matchers: ["{}"], author: ann, reason: x, from: {}, until: 2999-01-01}}'
    long, lately = clock.now() - timedelta(days=3), clock.now() - timedelta(hours=3)
    (tmp_path / "identities.yml").write_text(
        "identities: {entra:a: {team: payments}}\nteams: {payments: {}}\nexceptions:\n"
        + "".join(
            f"- {entry.format(matcher, clock.iso(since))}\n"
            for matcher, since in (("team=payments", long), ("team=platform", long), ("rule=none", lately))
        )
    )
    finding = replace(FINDING, time=clock.now() - timedelta(hours=1))
    decision = Decision("i1", "console", clock.now(), Reason.SILENCED)
    with Store(tmp_path / "state") as store:
        store.conclude({}, [(finding, "i1", decision)], [], [])
    ((about, said),) = told(checked("identities: identities.yml\n"), Verdict.NOTE)
    assert about.startswith("silence ")
    assert said.startswith("team=platform, by ann via identities.yml: has matched nothing since ")


def test_a_silence_that_mutes_whatever_comes_is_named_while_it_does(checked: Checks, tmp_path: Path) -> None:
    def silence(pattern: str, start: datetime) -> Silence:
        matchers = (Matcher("rule", "=~", pattern),)
        return Silence(pattern, matchers, "ann", "quiet please", start, start, start + timedelta(hours=12))

    now = clock.now()
    act = Act("key", Verb.SILENCE, Person("ann"), "here", now)
    made = [silence(".+", now), silence(".*", now - timedelta(days=1)), silence("sp-.*", now)]
    with Store(tmp_path / "state") as store:
        store.record(Entry(act, Outcome.DONE, "done"), None, made, [])
    said = dict(told(checked(""), Verdict.NOTE))
    assert "mutes whatever comes" in said["silence .+"]
    assert not any("whatever" in text for about, text in said.items() if about != "silence .+")


def test_what_the_routes_leave_untold_is_said(checked: Checks, tmp_path: Path) -> None:
    def notes(routes: str) -> list[str]:
        (tmp_path / "identities.yml").write_text(
            "identities: {entra:a: {team: Payments}, entra:b: {team: web}}\nteams: {Payments: {}, web: {}}\n"
        )
        found = checked(f"identities: identities.yml\nroutes: [{routes}]\n")
        return [said.removesuffix(": it is kept, and told to nobody") for _, said in told(found, Verdict.NOTE)]

    assert notes("{to: console}") == []
    assert notes("{to: console, level: critical}") == [
        "what is of level informational, low, medium or high fits no route (1 of 1 rules)"
    ]
    assert notes("{to: console, level: medium, teams: [payments]}") == [
        "what is of level informational or low fits no route (0 of 1 rules)",
        "what is of no team or of the team 'web' fits no route",
    ]
    assert notes("{to: console, streams: [vault]}, {to: console, teams: [payments, WEB]}") == [
        "what sp-issuance-spike finds fits no route, unless it is of certain teams"
    ]


def test_a_slack_that_nothing_is_posted_to_is_said(checked: Checks, alerts: Channel) -> None:
    text = "slack: {SLACK, app_token: {env: APP}}\n"
    assert ("slack", "nothing is posted there: no notifier is of kind slack") in told(checked(text), Verdict.NOTE)
    with_one = text + f"notifiers: {{a: {{kind: slack, channel: {alerts.id}}}}}\n"
    assert told(checked(with_one), Verdict.NOTE) == []


def test_people_and_groups_that_are_named_are_looked_up(checked: Checks, slack: LocalSlack, alerts: Channel) -> None:
    ann, eve = slack.user("ann"), slack.user("eve", team="T0OTHER")
    group = slack.group("oncall", [ann])
    calls = "".join(
        f"- {{to: a, escalate: {{after: 1h, mention: {one}}}}}\n" for one in (group.id, "S0NOSUCH", ann.id, "U0NOSUCH")
    )
    text = (
        f"slack: {{SLACK, app_token: {{env: APP}}, may_act: {{users: [{ann.id}, {eve.id}, U0NOBODY]}}}}\n"
        f"notifiers: {{a: {{kind: slack, channel: {alerts.id}}}}}\nroutes:\n{calls}"
    )
    found = {one.about: (one.verdict, one.said) for one in checked(text)}
    assert found[f"slack, member {ann.id}"] == (Verdict.FINE, f"{ann.id} may act")
    assert found[f"slack, member {eve.id}"][0] is Verdict.WRONG
    assert found["slack, member U0NOBODY"][0] is Verdict.WRONG
    assert "user_not_found" in found["slack, member U0NOBODY"][1]
    assert found["routes.0.escalate.mention"] == (Verdict.FINE, "calls 1 person")
    assert "no_such_subteam" in found["routes.1.escalate.mention"][1]
    assert found["routes.2.escalate.mention"] == (Verdict.FINE, f"{ann.id} is called")
    assert found["routes.3.escalate.mention"][0] is Verdict.WRONG
    slack.app.scopes -= {"users:read", "usergroups:read"}
    found = {one.about: (one.verdict, one.said) for one in checked(text)}
    assert {found[f"routes.{number}.escalate.mention"][0] for number in range(4)} == {Verdict.UNKNOWN}
