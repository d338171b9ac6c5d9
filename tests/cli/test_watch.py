"""`mintwatch tick` against the local Azure: what it says, to people and to machines, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from monitor import clock
from monitor.store import Store
from monitor.testing.azure import LocalAzure, Question, faults
from monitor.testing.slack import LocalSlack
from tests.cli.conftest import OID, TABLE, Command
from tests.cli.watching import CLIENT, ROWS, Place, place

SOURCE = "prod.service_principal"


@pytest.fixture(scope="module")
def served() -> Iterator[LocalAzure]:
    with LocalAzure() as azure:
        yield azure


@pytest.fixture
def azure(served: LocalAzure) -> LocalAzure:
    served.faults.clear()
    return served


@pytest.fixture
def watched(azure: LocalAzure, tmp_path: Path, rules: Path) -> Place:
    del rules  # made where the settings look for them
    return place(azure, tmp_path, "service_principal", "directory")


def test_a_tick_collects_what_is_there_and_says_what_is_not(mintwatch: Command, watched: Place) -> None:
    said = mintwatch("tick", "--config", watched.config, "--json")
    assert (said.code, said.err) == (0, "")
    states = {one["name"]: (one["state"], one["read"], one["kept"]) for one in said.json["sources"]}
    assert states == {
        SOURCE: ("fine", ROWS, ROWS),
        "prod.directory": ("absent", 0, 0),
        "mintwatch": ("fine", 0, 0),
    }
    assert said.json["failures"] == []
    assert [one["name"] for one in said.json["rules"]] == ["failures"]
    with Store(watched.state, write=False) as store:
        assert store.counts()[SOURCE].kept == ROWS
        assert store.troubles() == []


def test_a_second_tick_asks_for_what_is_new_alone(mintwatch: Command, watched: Place) -> None:
    mintwatch("tick", "--config", watched.config)
    asked = len(watched.workspace.asked)
    said = mintwatch("tick", "--config", watched.config, "--json")
    assert said.code == 0
    assert len(watched.workspace.asked) - asked <= 2 + 2 * 4  # one per source and one per window near the present
    with Store(watched.state, write=False) as store:
        assert store.counts()[SOURCE].kept == ROWS


def test_a_tick_tells_people_in_words(mintwatch: Command, watched: Place) -> None:
    said = mintwatch("tick", "--config", watched.config)
    assert said.code == 0
    assert SOURCE in said.out
    assert "absent" in said.out
    assert "groups judged by 1 rules" in said.out
    assert "prod.directory: " in said.err


def test_a_source_that_cannot_be_read_is_named_and_the_others_are_read(
    mintwatch: Command, azure: LocalAzure, watched: Place
) -> None:
    azure.faults.add(faults.forbidden(), when=lambda request: TABLE.encode() in request.body, times=None)
    said = mintwatch("tick", "--config", watched.config, "--json")
    assert said.code == 1
    states = {one["name"]: one["state"] for one in said.json["sources"]}
    assert states == {SOURCE: "failed", "prod.directory": "absent", "mintwatch": "fine"}
    (failure,) = said.json["failures"]
    assert failure.startswith(f"{SOURCE}: ")
    assert "403" in failure or "may not be queried" in failure
    assert failure in said.err
    with Store(watched.state, write=False) as store:
        assert store.watermark(SOURCE) is None
        assert [one.source for one in store.troubles()] == [SOURCE]
    azure.faults.clear()
    assert mintwatch("tick", "--config", watched.config).code == 0
    with Store(watched.state, write=False) as store:
        assert store.troubles() == []


def test_an_answer_in_part_stores_nothing_of_its_window(mintwatch: Command, azure: LocalAzure, watched: Place) -> None:
    azure.faults.add(faults.partial(), times=None, when=lambda request: b"first_at" in request.body)
    said = mintwatch("tick", "--config", watched.config, "--json")
    (source,) = [one for one in said.json["sources"] if one["name"] == SOURCE]
    assert source["kept"] == 0
    assert source["gaps"] or source["state"] == "failed"


def test_a_table_that_went_away_is_a_failure(mintwatch: Command, watched: Place) -> None:
    assert mintwatch("tick", "--config", watched.config).code == 0
    watched.workspace.grant(CLIENT, ["AuditLogs"])
    said = mintwatch("tick", "--config", watched.config, "--json")
    assert said.code == 1
    assert {one["name"]: one["state"] for one in said.json["sources"]}[SOURCE] == "failed"


def test_a_login_that_is_refused_fails_every_source_and_tells_no_claim(mintwatch: Command, watched: Place) -> None:
    watched.config.with_name("token").write_text("no.token.at-all")
    said = mintwatch("tick", "--config", watched.config, "--json")
    assert said.code == 1
    assert [one["state"] for one in said.json["sources"]] == ["failed", "failed", "fine"]
    assert "at-all" not in said.out + said.err


def test_a_state_somebody_else_writes_is_refused(mintwatch: Command, watched: Place) -> None:
    with Store(watched.state):
        said = mintwatch("tick", "--config", watched.config)
    assert (said.code, said.out) == (1, "")
    assert re.search(r"another mintwatch is writing here \(process \d+ on .*\); stop it first", said.err)


def test_settings_that_are_wrong_ask_nobody(mintwatch: Command, watched: Place) -> None:
    watched.config.write_text(watched.config.read_text().replace("history: 1d", "histroy: 1d"))
    said = mintwatch("tick", "--config", watched.config)
    assert said.code == 2
    assert "did you mean 'history'" in said.err
    assert watched.workspace.asked == []


def test_what_changes_between_two_questions_of_a_tick_counts_once_in_the_end(
    mintwatch: Command, watched: Place
) -> None:
    """A row that shows after its windows were named, and before one of them is fetched."""
    at = clock.now() - timedelta(minutes=6)

    def grow(question: Question) -> None:
        if "window_start" in question.kql and TABLE in question.kql and not grown:
            grown.append(question)
            watched.workspace.append(TABLE, [{"TimeGenerated": at, "Id": "new", "ServicePrincipalId": OID}], arrived=at)

    grown: list[Question] = []
    watched.workspace.before = grow
    for _ in range(2):
        assert mintwatch("tick", "--config", watched.config).code == 0
    assert grown
    with Store(watched.state, write=False) as store:
        assert store.counts()[SOURCE].kept == ROWS + 1


def test_a_workspace_under_another_name_is_refused_because_its_rows_would_count_twice(
    mintwatch: Command, watched: Place
) -> None:
    """Off: `_remember` of monitor/worker/watching.py."""
    assert mintwatch("tick", "--config", watched.config, "--json").code == 0
    settings = watched.config.read_text()
    watched.config.write_text(settings.replace("prod:", "main:"))
    said = mintwatch("tick", "--config", watched.config, "--json")
    assert (said.code, "is stored as prod." in said.err) == (2, True)
    watched.config.write_text(settings.replace(watched.workspace.id, "99999999-0000-0000-0000-000000000009"))
    said = mintwatch("tick", "--config", watched.config, "--json")
    assert (said.code, f"the id {watched.workspace.id}, of which" in said.err) == (2, True)
    watched.config.write_text(settings)
    assert mintwatch("tick", "--config", watched.config, "--json").code == 0


def test_one_of_two_tables_that_is_gone_is_a_failure_after_a_restart_too(
    mintwatch: Command, azure: LocalAzure, tmp_path: Path, rules: Path
) -> None:
    """Off: `seen_tables` in `_remember` of monitor/worker/watching.py."""
    del rules
    vault = place(azure, tmp_path, "vault")
    now = clock.now() - timedelta(hours=1)
    both = {"TimeGenerated": now, "OperationName": "SecretGet", "_ResourceId": "/a/vaults/kv"}
    vault.workspace.append("AZKVAuditLogs", [both | {"CorrelationId": f"a{n}"} for n in range(30)], now)
    legacy = both | {"ResourceProvider": "MICROSOFT.KEYVAULT", "Category": "AuditEvent"}
    vault.workspace.append("AzureDiagnostics", [legacy | {"CorrelationId": f"b{n}"} for n in range(30)], now)
    vault.workspace.grant(CLIENT, ["AZKVAuditLogs", "AzureDiagnostics"])
    assert mintwatch("tick", "--config", vault.config, "--json").json["sources"][0]["kept"] == 60
    vault.workspace.grant(CLIENT, ["AZKVAuditLogs"])
    said = mintwatch("tick", "--config", vault.config, "--json")
    assert (said.code, "AzureDiagnostics was there before" in said.err) == (1, True)
    with Store(vault.state, write=False) as store:
        assert store.counts()["prod.vault"].kept == 60


def usual(watched: Place) -> None:
    """Days of twenty identities that fail at nothing, so that twenty failures at once are unusual."""
    times = [clock.now() - timedelta(days=1, hours=4 * number) for number in range(16)]
    rows = [
        {"TimeGenerated": at, "CreatedDateTime": at, "Id": f"{who}-{at}", "ServicePrincipalId": who, "ResultType": "0"}
        for at in times
        for who in (OID, *(f"cccccccc-0000-4000-8000-{number:012}" for number in range(19)))
    ]
    arrived = [at + timedelta(minutes=3) for at in times for _ in range(20)]
    watched.workspace.append(TABLE, rows, arrived=arrived)


@pytest.mark.slow
def test_a_tick_tells_the_notifiers_of_the_settings_by_their_routes(
    mintwatch: Command, watched: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalSlack() as slack:
        alerts, quiet = slack.channel("alerts"), slack.channel("quiet")
        monkeypatch.setenv("BOT", slack.token)
        monkeypatch.setenv("APP", slack.app_token)
        telling = f"""\
slack: {{token: {{env: BOT}}, app_token: {{env: APP}}, api_url: "{slack.url}"}}
notifiers:
  alerts: {{kind: slack, channel: {alerts.id}, charts: false}}
  quiet: {{kind: slack, channel: {quiet.id}, charts: false}}
  dump: {{kind: files, directory: messages}}
routes:
  - {{to: alerts, level: high, teams: [payments]}}
  - {{to: quiet, streams: [vault]}}
  - {{to: dump}}
identities: identities.yml
"""
        usual(watched)
        text = watched.config.read_text().replace("history: 1d", "history: 4d")
        text = text.replace("sources: {", "sources: {service_principal: {step: 1d}, ")
        watched.config.write_text(text + telling)
        (watched.folder / "identities.yml").write_text(f"identities: {{entra:{OID}: {{team: payments, owner: ann}}}}\n")
        said = mintwatch("tick", "--config", watched.config, "--json")
        assert (said.code, said.json["failures"]) == (0, [])
        assert "ann" in alerts.messages[0].text + str(alerts.messages[0].blocks)
        assert (alerts.posted > 0, quiet.posted) == (True, 0)
        assert not any("'button'" in str(one.blocks) for one in alerts.messages)  # nobody listens after a tick
        assert len(list((watched.folder / "messages").iterdir())) == 1


def test_a_mistake_in_identities_is_said_at_each_tick_and_stops_nothing(mintwatch: Command, watched: Place) -> None:
    watched.config.write_text(watched.config.read_text() + "identities: identities.yml\n")
    identities = watched.folder / "identities.yml"
    identities.write_text("identitys: {}\n")
    said = mintwatch("tick", "--config", watched.config, "--json")
    assert said.code == 1
    (failure,) = said.json["failures"]
    assert failure == f"{identities}:1: unknown key 'identitys', did you mean 'identities'?"
    assert {one["name"]: one["state"] for one in said.json["sources"]}[SOURCE] == "fine"
    identities.write_text("identities: {}\n")
    assert mintwatch("tick", "--config", watched.config).code == 0
