"""The app that Slack is asked to make is the one that mintwatch is."""

from __future__ import annotations

from ruamel.yaml import YAML

from monitor.notifiers.slack.naming import COMMAND
from monitor.testing.slack.workspace import SCOPES
from monitor.worker.checking import slack
from tests.cli.conftest import Command


def test_the_app_asks_for_what_is_used_and_for_nothing_else(mintwatch: Command) -> None:
    said = mintwatch("slack-manifest")
    assert said.code == 0
    made = YAML(typ="safe").load(said.out)
    scopes = set(made["oauth_config"]["scopes"]["bot"])
    assert scopes == SCOPES
    assert scopes == slack.POSTING | {slack.CHARTS, slack.ACTING, slack.GROUPS, slack.PEOPLE}
    assert [one["command"] for one in made["features"]["slash_commands"]] == [COMMAND]
    assert made["settings"]["socket_mode_enabled"] is made["settings"]["interactivity"]["is_enabled"] is True
    assert len(made["display_information"]["description"]) <= 140
