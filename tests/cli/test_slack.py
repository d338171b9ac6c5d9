"""`mintwatch run` with Slack, as a process of its own: clicks reach it, and so does the command line beside it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.model import State
from monitor.store import Store
from monitor.testing.azure import LocalAzure
from monitor.testing.slack import UNPACED, Channel, LocalSlack, Message, User
from tests.cli.conftest import Command
from tests.cli.test_running import Daemon
from tests.cli.watching import Place, place
from tests.worker.alerts import Scripted, alert

pytestmark = pytest.mark.slow

SLACK = """
slack:
  token: {{env: SLACK_BOT_TOKEN}}
  app_token: {{env: SLACK_APP_TOKEN}}
  api_url: {url}
  may_act: {{users: [{user}]}}
notifiers:
  oncall: {{kind: slack, channel: {channel}, charts: false}}
"""


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalSlack]:
    with LocalSlack(limits=UNPACED) as running:
        monkeypatch.setenv("SLACK_BOT_TOKEN", running.token)
        monkeypatch.setenv("SLACK_APP_TOKEN", running.app_token)
        yield running


@pytest.fixture
def ann(slack: LocalSlack) -> User:
    return slack.user("ann")


@pytest.fixture
def alerts(slack: LocalSlack, ann: User) -> Channel:
    return slack.channel("alerts", [ann])


@pytest.fixture
def watched(slack: LocalSlack, alerts: Channel, ann: User, tmp_path: Path, rules: Path) -> Iterator[Place]:
    del rules  # made where the settings look for them
    with LocalAzure() as azure:
        made = place(azure, tmp_path, "service_principal")
        with made.config.open("a") as file:
            file.write(SLACK.format(url=slack.url, user=ann.id, channel=alerts.id))
        yield made


def card(alerts: Channel) -> Message:
    (one,) = [one for one in alerts.messages if one.shown]
    return one


def test_people_act_on_a_running_daemon_from_slack_and_from_the_command_line(
    mintwatch: Command, slack: LocalSlack, alerts: Channel, ann: User, watched: Place
) -> None:
    with Store(watched.state) as store:
        alert(store, [Scripted("oncall")], "i1")
    (one,) = mintwatch("incidents", "list", "--config", watched.config, "--json").json
    daemon = Daemon(watched)
    try:
        daemon.until("started")
        assert slack.until(lambda: slack.sockets.count > 0)
        assert slack.until(lambda: len(alerts.messages) > 0)
        assert slack.click(ann, card(alerts), "acknowledge").acked
        assert slack.until(lambda: "ACKNOWLEDGED" in card(alerts).text)
        said = mintwatch("incidents", "unack", one["incident"], "--config", watched.config)
        assert (said.code, said.err) == (0, "")
        assert slack.until(lambda: "ACKNOWLEDGED" not in card(alerts).text)
        trail = mintwatch("audit", "--config", watched.config, "--json").json
        assert [(each["verb"], each["outcome"]) for each in trail] == [
            ("acknowledge", "done"),
            ("unacknowledge", "done"),
        ]
        assert trail[0]["who"] == ann.id
        code, seconds = daemon.ended(signal.SIGTERM)
        assert (code, seconds < 10) == (0, True)
    finally:
        daemon.close()
    assert slack.token not in daemon.said
    assert slack.app_token not in daemon.said
    with Store(watched.state, write=False) as store:
        assert [each.state for each in store.incidents()] == [State.OPEN]
