"""Whom to tell, of what and when: what is taken, and what is said of what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import fields
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from threading import Event
from zoneinfo import ZoneInfo

import jsonschema  # type: ignore[import-untyped]
import pytest

from monitor.errors import InputError
from monitor.model import Level
from monitor.settings import Logins, PolicySettings, Settings, load, policy, routes, schema
from monitor.triage import Policy
from monitor.triage.routing import Escalation, Hours, Route
from monitor.worker.notifying import Notifying

LEAST = "workspaces: {prod: {id: 33333333-0000-4000-8000-000000000003}}\n"
SLACK = "slack: {token: {env: SLACK_BOT_TOKEN}, app_token: {env: SLACK_APP_TOKEN}}\n"
TWO = "notifiers:\n  oncall: {kind: slack, channel: C0123ABCD}\n  hook: {kind: webhook, url: {env: HOOK}}\n"


def read(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> Settings:
    (folder / "mintwatch.yml").write_text(LEAST + text)
    return load(folder / "mintwatch.yml", environment or {})


def wrong(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(folder, text, environment)
    return [line.removeprefix(f"{folder}/") for line in str(caught.value).splitlines()]


def test_left_out_a_console_is_told_everything(tmp_path: Path) -> None:
    found = read(tmp_path, "")
    assert {name: one.kind for name, one in found.notifiers.items()} == {"console": "console"}
    assert (found.slack, found.routes, found.identities) == (None, (), None)
    assert (found.policy.quiet, found.policy.storm, found.policy.remind) == (
        timedelta(hours=2),
        10,
        timedelta(hours=4),
    )


def test_all_of_it_is_read_and_paths_are_beside_the_file(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        SLACK.replace("}}", "}, may_act: {users: [U0123ABCD], groups: [S0123ABCD]}}")
        + TWO
        + """\
  dump: {kind: files, directory: messages}
routes:
  - to: oncall
    level: medium
    streams: [sign_in, vault]
    hours: {days: mon-fri, from: "08:00", to: "18:00", zone: Europe/Berlin}
    escalate: {after: 30m, to: hook, mention: S0123ABCD}
  - {to: dump}
identities: identities.yml
policy: {worse: 2, storm_window: 30m}
""",
    )
    assert found.notifiers["dump"].directory == tmp_path / "messages"
    assert found.identities == tmp_path / "identities.yml"
    first, second = found.routes
    assert (first.level, second.level) == (Level.MEDIUM, Level.INFORMATIONAL)
    assert first.hours is not None
    assert (first.hours.days, first.hours.start, first.hours.end) == (frozenset(range(5)), time(8), time(18))
    assert first.escalate is not None
    assert first.escalate.after == timedelta(minutes=30)
    assert (found.policy.worse, found.policy.storm_window) == (2.0, timedelta(minutes=30))


def test_the_environment_can_say_it_too(tmp_path: Path) -> None:
    over = {
        "MINTWATCH__SLACK__TOKEN": "{env: SLACK_BOT_TOKEN}",
        "MINTWATCH__NOTIFIERS__ONCALL__KIND": "slack",
        "MINTWATCH__NOTIFIERS__ONCALL__CHANNEL": "C0123ABCD",
        "MINTWATCH__ROUTES": "[{to: oncall, level: high}]",
        "MINTWATCH__POLICY__STORM": "3",
    }
    found = read(tmp_path, "", over)
    assert found.notifiers["oncall"].channel == "C0123ABCD"
    assert (found.routes[0].to, found.policy.storm) == ("oncall", 3)
    (said,) = wrong(tmp_path, "", over | {"MINTWATCH__ROUTES": "[{to: oncal}]"})
    assert said == "MINTWATCH__ROUTES: no notifier 'oncal', did you mean 'oncall'?; there is oncall"


def test_all_mistakes_are_said_at_once_with_line_and_nearest_spelling(tmp_path: Path) -> None:
    said = wrong(
        tmp_path,
        """\
slack:
  token: {env: T}
  may_act: {users: [ann], groups: []}
notifiers:
  oncall: {kind: slak, channel: "#alerts"}
  dump: {kind: files, directry: messages}
routes:
  - {to: oncall, level: mdium, streams: [valt], hours: {days: mo-fri, from: 8, form: x, zone: Europe/Berln}}
  - {to: oncall, escalate: {after: 30, mention: "@ops"}}
  - {tp: x}
policy: {quiet: 2, storm: 0, worse: .inf, remnd: 1h}
""",
    )
    assert [line.split(": ")[0] for line in said] == [
        f"mintwatch.yml:{number}" for number in (4, 6, 6, 7, 9, 9, 9, 9, 9, 9, 10, 10, 11, 11, 12, 12, 12, 12)
    ]
    for expected in (
        "slack.may_act.users.0: expected a member ID (U...)",
        "got 'slak', did you mean 'slack'?",
        "expected the channel ID (C...), from the channel's About tab, not its name, got '#alerts'",
        "unknown key 'notifiers.dump.directry', did you mean 'directory'?",
        "got 'mdium', did you mean 'medium'?",
        "got 'valt', did you mean 'vault'?",
        "expected days such as mon-fri or mon,wed,fri, got 'mo-fri'",
        'expected a time of day such as "08:00", got 8',
        "unknown key 'routes.0.hours.form', did you mean 'from'?",
        "expected a time zone such as Europe/Berlin, got 'Europe/Berln', did you mean 'Europe/Berlin'?",
        "routes.1.escalate.mention: expected the ID of a user group (S...) or of a member (U...), got '@ops'",
        "missing key 'routes.2.to'",
        "unknown key 'policy.remnd', did you mean 'remind'?",
    ):
        assert expected in "\n".join(said)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            "notifiers:\n  a: {kind: slack, channel: C0123ABCD}\n",
            3,
            "kind 'slack' needs the workspace; expected slack:",
        ),
        (SLACK + "notifiers:\n  a: {kind: slack}\n", 4, "kind 'slack' needs the key 'channel'"),
        ("notifiers:\n  a: {kind: webhook}\n", 3, "kind 'webhook' needs the key 'url'"),
        ("notifiers:\n  a: {kind: files}\n", 3, "kind 'files' needs the key 'directory'"),
        ("notifiers:\n  a: {kind: console, charts: false}\n", 3, "kind 'console' makes no use of the key 'charts'"),
        ("notifiers:\n  a: {kind: console, options: {}}\n", 3, "kind 'console' makes no use of the key 'options'"),
        ("notifiers: {}\n", 2, "notifiers: Dictionary should have at least 1 item"),
        (SLACK + TWO + "  b: {kind: slack, channel: C0123ABCD}\n", 6, "the same channel as 'oncall'"),
        (SLACK + TWO + "  b: {kind: webhook, url: {env: HOOK}}\n", 6, "the same url as 'hook'"),
        (SLACK + TWO + "routes:\n- {to: second}\n", 7, "no notifier 'second'; there is oncall, hook"),
        (SLACK + TWO + "routes:\n- {to: hook, escalate: {after: 1h, to: onkall}}\n", 7, "did you mean 'oncall'?"),
        (SLACK + TWO + "routes:\n- {to: hook, escalate: {after: 1h, to: hook}}\n", 7, "the notifier it was told to"),
        (SLACK + TWO + "routes:\n- {to: hook, escalate: {after: 1h}}\n", 7, "expected to, mention or both"),
        ("routes:\n- {to: console, escalate: {after: 1h, mention: S0123ABCD}}\n", 3, "which calls nobody"),
        ("routes:\n- {to: console, hours: {from: '08:00', to: '08:00'}}\n", 3, "at another time than they begin"),
        ("routes:\n- {to: console, hours: {}}\n", 3, "these hours are always"),
        ("slack: {token: {env: A}, app_token: {env: A}}\n", 2, "the same secret as token"),
        ("slack: {token: {env: A}, may_act: {users: [U0123ABCD]}}\n", 2, "without app_token"),
        (SLACK.replace("}}", "}, may_act: {}}"), 2, "expected users or groups; left out, every full member"),
        (SLACK.replace("}}", "}, workspace: contoso}"), 2, "expected the workspace's ID (T...)"),
        (SLACK.replace("}}", "}, api_url: 'http://slack.com/api/'}"), 2, "expected https:// and where Slack's methods"),
        (
            "slack: {token: {key_vault: 'https://x.vault.azure.net/secrets/y', credential: b}}\n",
            2,
            "no credential 'b'; there is default",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path: Path, text: str, line: int, message: str) -> None:
    (said,) = wrong(tmp_path, text)
    assert said.startswith(f"mintwatch.yml:{line}: ")
    assert message in said


@pytest.mark.parametrize("clear", ["xoxb-1-secret", "{env: xoxb-1-secret}", "{env: 'https://hooks/secret'}"])
def test_a_token_in_clear_is_refused_and_not_repeated(tmp_path: Path, clear: str) -> None:
    for text in (f"slack: {{token: {clear}}}\n", f"notifiers: {{a: {{kind: webhook, url: {clear}}}}}\n"):
        said = wrong(tmp_path, text)
        assert said[0].startswith("mintwatch.yml:2: ")
        assert "secret'" not in "\n".join(said)
        assert "xoxb-1" not in "\n".join(said)


def test_a_token_may_be_in_a_key_vault(tmp_path: Path) -> None:
    vault = "{key_vault: 'https://x.vault.azure.net/secrets/y', credential: default}"
    found = read(tmp_path, f"slack: {{token: {vault}}}\n")
    assert found.slack is not None
    assert found.slack.token is not None
    assert found.slack.token.key_vault.startswith("https://x.vault")
    assert Logins(found, {"T": "xoxb-1"}).reveal(found.slack.token.model_copy(update={"key_vault": "", "env": "T"}))


def test_this_machine_may_be_spoken_to_in_clear(tmp_path: Path) -> None:
    found = read(tmp_path, SLACK.replace("}}", "}, api_url: 'http://127.0.0.1:9000/api'}"))
    assert found.slack is not None
    assert found.slack.api_url == "http://127.0.0.1:9000/api/"


def test_hours_may_go_over_midnight_and_over_the_end_of_the_week(tmp_path: Path) -> None:
    found = read(tmp_path, 'routes: [{to: console, hours: {days: "fri-mon", from: "22:00", to: "06:00"}}]\n')
    hours = found.routes[0].hours
    assert hours is not None
    assert (hours.days, hours.start > hours.end) == (frozenset({4, 5, 6, 0}), True)


def test_a_webhook_of_another_slack_needs_no_token(tmp_path: Path) -> None:
    gov, hook = (
        "slack: {api_url: https://slack-gov.com/api/}\n",
        "notifiers: {hook: {kind: webhook, url: {env: HOOK}}}\n",
    )
    settings = read(tmp_path, gov + hook)
    with closing(Logins(settings, {"HOOK": "https://hooks.slack-gov.com/services/T1/B2/x"})) as logins:
        address = settings.notifiers["hook"].url
        assert address is not None
        assert Notifying(settings, logins, Event()).webhook(address)().startswith("https://hooks.slack-gov.com/")
    assert wrong(tmp_path, gov) == [
        "mintwatch.yml:2: missing key 'slack.token'; only notifiers of kind 'webhook' do without"
    ]
    (said,) = wrong(tmp_path, gov.replace("}", ", app_token: {env: X}}") + hook)
    assert said.endswith("missing key 'slack.token'; slack.app_token needs it")


def test_numbers_that_cannot_be_are_answered_in_words(tmp_path: Path) -> None:
    assert wrong(tmp_path, "policy: {worse: -1, storm: 0, storm_windw: 1h}\n") == [
        "mintwatch.yml:2: policy.worse: expected a number above 0, got -1",
        "mintwatch.yml:2: policy.storm: expected a number of at least 1, got 0",
        "mintwatch.yml:2: unknown key 'policy.storm_windw', did you mean 'storm_window'?",
    ]
    said = wrong(tmp_path, "policy: {worse: much, storm: 1.5, x: 1}\n")
    assert said[0].endswith("policy.worse: expected a number, got 'much'")
    assert said[1].endswith("policy.storm: expected a whole number, got 1.5")
    assert said[2].endswith("unknown key 'policy.x'; there are quiet, reopen, worse, storm, storm_window, remind")


def test_teams_without_the_file_that_says_whose_things_are_would_tell_nobody(tmp_path: Path) -> None:
    (said,) = wrong(tmp_path, "routes: [{to: console, teams: [payments]}]\n")
    assert said.startswith("mintwatch.yml:2: routes.0.teams: needs identities: the file that says")
    assert read(tmp_path, "identities: who.yml\nroutes: [{to: console, teams: [payments]}]\n").routes[0].teams


def test_triage_gets_the_routes_as_they_are_written(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        SLACK
        + TWO
        + """\
routes:
  - to: oncall
    level: high
    streams: [vault]
    teams: [payments]
    rules: [a, b]
    hours: {days: mon-fri, from: "22:00", to: "06:00", zone: Europe/Berlin}
    escalate: {after: 30m, to: hook, mention: S0123ABCD}
  - {to: hook}
identities: identities.yml
""",
    )
    night = Hours(frozenset(range(5)), time(22), time(6), ZoneInfo("Europe/Berlin"))
    assert routes(found) == (
        Route(
            "oncall",
            Level.HIGH,
            frozenset({"vault"}),
            frozenset({"payments"}),
            frozenset({"a", "b"}),
            night,
            Escalation(timedelta(minutes=30), "hook", "S0123ABCD"),
        ),
        Route("hook"),
    )
    assert datetime(2026, 7, 4, 3, 59, tzinfo=UTC) in night  # Saturday, 05:59 in Berlin
    assert datetime(2026, 7, 4, 20, 30, tzinfo=UTC) not in night
    assert routes(read(tmp_path, SLACK + TWO)) == (Route("oncall"), Route("hook"))


def test_hours_until_midnight_and_whole_days_are_what_they_say(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """\
routes:
  - {to: console, hours: {days: fri, from: "18:00"}}
  - {to: console, hours: {days: "sat,sun"}}
""",
    )
    evening, weekend = (route.hours for route in routes(found))
    assert evening is not None
    assert weekend is not None
    friday = datetime(2026, 5, 8, tzinfo=UTC)
    assert [friday + timedelta(hours=hour) in evening for hour in (0, 17, 18, 23, 24, 42)] == [0, 0, 1, 1, 0, 0]
    assert [friday + timedelta(hours=hour) in weekend for hour in (23, 24, 48, 71, 72)] == [0, 1, 1, 1, 0]


def test_triage_gets_the_policy_and_by_default_its_own(tmp_path: Path) -> None:
    assert policy(read(tmp_path, "")) == Policy()
    assert policy(read(tmp_path, "policy: {storm: 3, quiet: 1h}\n")) == Policy(quiet=timedelta(hours=1), storm=3)
    assert {one.name for one in fields(Policy)} == set(PolicySettings.model_fields)


def test_the_schema_takes_what_loading_takes_and_refuses_what_it_refuses() -> None:
    right = {"workspaces": {"prod": {"id": "33333333-0000-4000-8000-000000000003"}}}
    hours = {"days": "mon-fri", "from": "08:00", "to": "24:00", "zone": "Europe/Berlin"}
    jsonschema.validate(right | {"routes": [{"to": "console", "level": "high", "hours": hours}]}, schema())
    for bad in (
        {"slack": {"token": "xoxb-1"}},
        {"slack": {"token": {"env": "xoxb-1"}}},
        {"notifiers": {"a": {"kind": "slack", "channel": "alerts"}}},
        {"notifiers": {"A": {"kind": "console"}}},
        {"routes": [{"level": "high"}]},
        {"routes": [{"to": "console", "streams": ["valt"]}]},
        {"routes": [{"to": "console", "hours": hours | {"from": "8"}}]},
        {"policy": {"storm": 0}},
        {"policy": {"remind": "soon"}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(right | bad, schema())
