"""What a real `mintwatch run` writes with everything at debug, against an Azure and a Slack that misbehave."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.store import Store
from monitor.testing.azure import LocalAzure, faults
from monitor.testing.azure.http import refused
from monitor.testing.slack import UNPACED, LocalSlack
from tests.cli.test_running import Daemon
from tests.cli.test_slack import SLACK
from tests.cli.watching import Place, place
from tests.worker.alerts import Scripted, alert

pytestmark = pytest.mark.slow

LOUD = (
    "mintwatch",
    "azure",
    "msal",
    "slack_sdk",
    "urllib3",
    "aiohttp",
    "asyncio",
    "apscheduler",
    "mintwatch.slack_sdk",
)

TELLING = "no access with Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln"
"""What a server says that repeats a token: nothing but redaction keeps it out of our own events."""
BODIES = ("policies.http_logging_policy", "urllib3.connectionpool", "msal.token_cache", '"mintwatch.slack_sdk"')
"""Who prints requests, headers and addresses: nothing but the floors keeps them out."""


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalSlack]:
    with LocalSlack(limits=UNPACED) as running:
        monkeypatch.setenv("SLACK_BOT_TOKEN", running.token)
        monkeypatch.setenv("SLACK_APP_TOKEN", running.app_token)
        yield running


@pytest.fixture
def azure() -> Iterator[LocalAzure]:
    with LocalAzure() as running:
        yield running


@pytest.fixture
def watched(azure: LocalAzure, slack: LocalSlack, tmp_path: Path, rules: Path) -> Place:
    del rules  # made where the settings look for them
    made = place(azure, tmp_path, "service_principal")
    alerts, ann = slack.channel("alerts"), slack.user("ann")
    levels = ", ".join(f"{name}: debug" for name in LOUD)
    text = made.config.read_text().replace("format: text", f"format: auto, level: debug, levels: {{{levels}}}")
    made.config.write_text(text + SLACK.format(url=slack.url, user=ann.id, channel=alerts.id))
    return made


def test_every_line_is_json_says_what_it_belongs_to_and_holds_no_secret(
    azure: LocalAzure, slack: LocalSlack, watched: Place
) -> None:
    azure.faults.add(
        faults.Fault("telling", refused(403, "Forbidden", TELLING)),
        when=lambda request: b"window_start" in request.body,
    )
    with Store(watched.state) as store:
        alert(store, [Scripted("oncall")], "i1")
    daemon = Daemon(watched)
    try:
        daemon.until('"message":"collected","part":"prod.service_principal"')
        daemon.until('"message":"sent"')
        daemon.until('"message":"socket open"')
        assert daemon.ended()[0] == 0
    finally:
        daemon.close()
    given = [watched.config.with_name("token").read_text().strip(), slack.token, slack.app_token]
    for secret in (*given, "eyJ", "ticket=", "xoxb-", "xapp-", *BODIES):
        assert secret not in daemon.said
    lines = [json.loads(one) for one in daemon.said.splitlines() if not one.startswith("watching ")]
    assert all(tuple(one)[:4] == ("time", "level", "logger", "message") for one in lines)
    (fault,) = [one for one in lines if one["message"] == "fault"]
    assert fault["source"] == "prod.service_principal"
    assert {"round", "window"} <= fault.keys()
    sent = next(one for one in lines if one["message"] == "sent")
    assert (sent["notifier"], sent["logger"]) == ("oncall", "mintwatch.worker")
