"""`mintwatch check` against the local Azure: what is wrong is told apart, and each time with what to do."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from monitor import clock
from monitor.entra import CODES
from monitor.sources.fold import QUERIES
from monitor.testing.azure import LocalAzure, Trusted, Workspace, faults
from monitor.testing.slack import LocalSlack
from monitor.worker import checking
from monitor.worker.checking.advice import ROLE
from tests.cli.conftest import Command, Said

ID = "33333333-0000-4000-8000-000000000003"
GROUP = "/subscriptions/55555555-0000-4000-8000-000000000005/resourceGroups/logs"
RESOURCE = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/central"
WATCHED = ("AADServicePrincipalSignInLogs", "AZKVAuditLogs", "AuditLogs")

CONFIG = """\
credentials:
  default:
    addresses: {{authority: {url}, query: {url}, audience: {audience}, arm: {url}, vault: {url}}}
    tenant_id: contoso
    client_id: 11111111-0000-4000-8000-000000000001
    token_file: token
    ca_bundle: {ca}
rules: rules
workspaces:
  prod:
    id: {id}
    resource_id: {resource}
    sources: {{{sources}}}
"""


@pytest.fixture(scope="module")
def azure() -> Iterator[LocalAzure]:
    with LocalAzure(schemas={"Usage": {"TimeGenerated": "datetime", "Quantity": "real"}}) as azure:
        yield azure


@pytest.fixture
def app(azure: LocalAzure) -> Trusted:
    return azure.authority.trust("11111111-0000-4000-8000-000000000001", "contoso")


@pytest.fixture
def workspace(azure: LocalAzure, app: Trusted) -> Iterator[Workspace]:
    """A workspace with all that is watched, on time, and a table that is nobody's business."""
    azure.drop(ID)
    made, now = azure.workspace(ID), clock.now()
    made.resource_id = RESOURCE
    for table in (*WATCHED, "Usage"):
        fill(made, table, now)
    made.grant(app.client_id, WATCHED)
    yield made
    azure.drop(ID)


def fill(workspace: Workspace, table: str, until: datetime) -> None:
    """Twenty rows within three hours before `until`, each five minutes late; the newest fifteen minutes old."""
    times = [until - timedelta(minutes=15 + 8 * number) for number in range(20)]
    rows = [{"TimeGenerated": at, "CreatedDateTime": at, "Id": str(at)} for at in times]
    known = workspace.schemas[table]
    rows = [{name: value for name, value in row.items() if name in known} for row in rows]
    workspace.append(table, rows, arrived=[at + timedelta(minutes=5) for at in times])


@pytest.fixture
def config(azure: LocalAzure, tmp_path: Path, rules: Path) -> Path:
    del rules  # made where the settings look for them: one is read faster than all
    return configured(azure, tmp_path)


def configured(azure: LocalAzure, folder: Path, **changed: str) -> Path:
    off = ", ".join(
        f"{name}: {{enabled: false}}" for name, query in QUERIES.items() if not set(query.tables) & set(WATCHED)
    )
    given = {"url": azure.url, "audience": azure.audience, "ca": str(azure.ca), "id": ID, "resource": RESOURCE}
    (folder / "mintwatch.yml").write_text(CONFIG.format(**{**given, "sources": off, **changed}))
    (folder / "token").write_text(azure.authority.assertion() + "\n")
    return folder / "mintwatch.yml"


def told(said: Said, verdict: str) -> list[tuple[str, str, str]]:
    """(about, said, what to do) of everything of that verdict."""
    return [(one["about"], one["said"], "\n".join(one["do"])) for one in said.json if one["verdict"] == verdict]


def only(said: Said, verdict: str) -> tuple[str, str, str]:
    (found,) = told(said, verdict)
    return found


# --- the five that must be told apart --------------------------------------------------------------------------------


@pytest.mark.usefixtures("workspace", "rules")
def test_a_workspace_as_it_should_be_is_fine(mintwatch: Command, config: Path) -> None:
    said = mintwatch("check", "--config", config, "--json")
    assert (said.code, said.err) == (0, "")
    assert [about for about, _, _ in told(said, "fine")] == [
        "credential default",
        *(f"workspace prod, {table}" for table in WATCHED),
        "workspace prod",
    ]
    assert "20 rows in a day, half of them within 5 min, 95 % within 5 min" in said.out
    about, unknown, todo = only(said, "unknown")
    assert (about, unknown.split(":")[0]) == ("workspace prod", "whether the role is too broad")
    assert "az role assignment list" in todo


def test_a_table_that_is_not_there_names_setting_role_and_switch(
    mintwatch: Command, config: Path, workspace: Workspace, app: Trusted
) -> None:
    workspace.grant(app.client_id, [table for table in WATCHED if table != "AuditLogs"])
    said = mintwatch("check", "--config", config, "--json")
    about, found, todo = only(said, "wrong")
    assert said.code == 1
    assert about == "workspace prod, AuditLogs"
    assert "never got a row, or this credential has no right to it" in found
    assert f'WORKSPACE="{RESOURCE}"' in todo
    assert "az rest --method put" in todo
    assert '{"category": "AuditLogs", "enabled": true}' in todo
    assert 'az role assignment create --role "Mintwatch Reader" --assignee-object-id "$PRINCIPAL"' in todo
    assert f"az ad sp show --id {app.client_id}" in todo
    assert "workspaces.prod.sources.directory.enabled: false" in todo


def test_a_workspace_that_may_not_be_queried_gets_one_finding_with_the_role(
    mintwatch: Command, config: Path, workspace: Workspace, app: Trusted
) -> None:
    workspace.revoke(app.client_id)
    said = mintwatch("check", "--config", config, "--json")
    about, found, todo = only(said, "wrong")
    assert (said.code, about) == (1, "workspace prod")
    assert "may not be queried by this credential; a role that was just given may need 60 minutes" in found
    assert 'az role assignment create --role "Mintwatch Reader"' in todo
    assert '--scope "$WORKSPACE"' in todo


@pytest.mark.usefixtures("workspace", "rules")
def test_a_token_for_another_cloud_names_the_cloud(mintwatch: Command, azure: LocalAzure, tmp_path: Path) -> None:
    said = mintwatch("check", "--config", configured(azure, tmp_path, audience=azure.arm_audience), "--json")
    about, found, todo = only(said, "wrong")
    assert (said.code, about) == (1, "workspace prod")
    assert f"takes no tokens made out to {azure.arm_audience}" in found
    assert "credentials.default.cloud" in todo
    assert "az cloud show" in todo


def test_a_role_that_may_read_more_than_is_needed_is_noted(
    mintwatch: Command, config: Path, workspace: Workspace, app: Trusted
) -> None:
    workspace.grant(app.client_id, None)
    said = mintwatch("check", "--config", config, "--json")
    about, found, todo = only(said, "note")
    assert (said.code, about) == (0, "workspace prod")
    assert "may read Usage, too" in found
    assert "az role assignment list" in todo
    assert "Log Analytics Reader" in todo


@pytest.mark.usefixtures("workspace", "rules")
def test_a_table_without_rows_for_a_day_says_since_when(mintwatch: Command, config: Path, azure: LocalAzure) -> None:
    azure.drop(ID)
    quiet, now = azure.workspace(ID), clock.now()
    for table in WATCHED:
        fill(quiet, table, now - timedelta(days=3 if table == "AuditLogs" else 0))
    said = mintwatch("check", "--config", config, "--json")
    about, found, todo = only(said, "wrong")
    assert (said.code, about) == (1, "workspace prod, AuditLogs")
    assert f"no row for a day; the newest is of {(now - timedelta(days=3, minutes=15)):%Y-%m-%dT%H:%M}" in found
    assert "diagnosticSettings/mintwatch" in todo


# --- what else there is to find --------------------------------------------------------------------------------------


def test_rows_that_come_later_than_settle_say_what_it_should_be(
    mintwatch: Command, config: Path, workspace: Workspace
) -> None:
    now = clock.now()
    late = [{"TimeGenerated": now - timedelta(hours=2, minutes=one), "Id": f"late-{one}"} for one in range(40)]
    workspace.append("AuditLogs", late, arrived=now - timedelta(hours=1))
    about, found, todo = only(mintwatch("check", "--config", config, "--json"), "note")
    assert about == "workspace prod, AuditLogs"
    assert "95 % within 96 min; that is later than settle, 10 min" in found
    assert todo == "# workspaces.prod.sources.directory.settle: 100m"


def test_absent_columns_are_named_and_an_absent_key_is_wrong(
    mintwatch: Command, config: Path, azure: LocalAzure
) -> None:
    azure.drop(ID)
    old, now = azure.workspace(ID), clock.now()
    columns = set(old.schemas["AuditLogs"]) - {"CorrelationId", "InitiatedBy", "Identity", "Result"}
    old.declare("AuditLogs", columns)
    for table in WATCHED:
        fill(old, table, now)
    said = mintwatch("check", "--config", config, "--json")
    assert "lacks InitiatedBy, without which nothing can be counted" in only(said, "wrong")[1]
    assert any("lacks " in found and "read as empty" in found for _, found, _ in told(said, "note"))


def test_a_plan_that_cannot_be_asked_is_wrong_and_one_that_cannot_be_seen_unknown(
    mintwatch: Command, config: Path, workspace: Workspace, app: Trusted
) -> None:
    workspace.plans["AADServicePrincipalSignInLogs"] = "Basic"
    about, found, todo = only(mintwatch("check", "--config", config, "--json"), "wrong")
    assert about == "workspace prod, AADServicePrincipalSignInLogs"
    assert "is on the plan Basic" in found
    assert "table update" in todo
    assert "--plan Analytics" in todo
    workspace.without_arm.add(app.client_id)
    said = mintwatch("check", "--config", config, "--json")
    assert said.code == 0
    assert any("HTTP 403" in found and "table list" in todo for _, found, todo in told(said, "unknown"))


def test_a_login_that_is_refused_says_what_does_not_fit_and_asks_no_further(
    mintwatch: Command, config: Path, azure: LocalAzure, workspace: Workspace
) -> None:
    (config.parent / "token").write_text(azure.authority.assertion(subject="repo:else/where:ref:refs/heads/main"))
    asked = len(workspace.asked)
    said = mintwatch("check", "--config", config, "--json")
    about, found, _ = only(said, "wrong")
    assert (said.code, about) == (1, "credential default")
    assert "AADSTS700213: no federated credential of the application has the token's subject" in found
    assert "else/where" not in said.out
    assert only(said, "unknown")[1] == "not looked at: credential 'default' cannot log in"
    assert len(workspace.asked) == asked


@pytest.mark.usefixtures("workspace", "rules")
def test_an_unknown_workspace_id_says_where_to_find_it(mintwatch: Command, azure: LocalAzure, tmp_path: Path) -> None:
    elsewhere = configured(azure, tmp_path, id=ID.replace("3", "4"))
    _, found, todo = only(mintwatch("check", "--config", elsewhere, "--json"), "wrong")
    assert "expected its workspace id (customerId), not its name" in found
    assert "customerId" in todo


@pytest.mark.slow
@pytest.mark.usefixtures("workspace", "rules")
def test_an_endpoint_nobody_answers_at_is_said_once(mintwatch: Command, azure: LocalAzure, tmp_path: Path) -> None:
    path = configured(azure, tmp_path)
    path.write_text(path.read_text().replace(f"query: {azure.url}", "query: https://localhost:9"))
    about, found, _ = only(mintwatch("check", "--config", path, "--json"), "wrong")
    assert about == "workspace prod"
    assert found.startswith("nobody answers at https://localhost:9")


@pytest.mark.usefixtures("rules")
def test_a_table_that_could_not_be_asked_is_not_passed_over(
    mintwatch: Command, config: Path, azure: LocalAzure, workspace: Workspace
) -> None:
    azure.faults.add(faults.failing(400), when=lambda request: b'"AuditLogs' in request.body, times=None)
    try:
        said = mintwatch("check", "--config", config, "--json")
    finally:
        azure.faults.clear()
    about, found, _ = only(said, "wrong")
    assert (said.code, about) == (1, "workspace prod, AuditLogs")
    assert found.startswith("could not be asked: ")
    assert workspace.asked


@pytest.mark.usefixtures("workspace", "rules")
def test_no_risks_are_good_news(mintwatch: Command, azure: LocalAzure, tmp_path: Path) -> None:
    off = ", ".join(f"{name}: {{enabled: false}}" for name in QUERIES if name not in {"risk", "directory"})
    said = mintwatch("check", "--config", configured(azure, tmp_path, sources=off), "--json")
    about, found, todo = only(said, "note")
    assert (said.code, about) == (0, "workspace prod, AADServicePrincipalRiskEvents")
    assert "never got a row" in found
    assert "ServicePrincipalRiskEvents" in todo


def test_people_get_lines_they_can_paste(mintwatch: Command, config: Path, workspace: Workspace, app: Trusted) -> None:
    workspace.revoke(app.client_id)
    said = mintwatch("check", "--config", config)
    assert said.code == 1
    assert "wrong: workspace prod: may not be queried" in said.out
    indented = [line.strip() for line in said.out.splitlines() if line.startswith(" ")]
    assert indented
    assert all(line.startswith(("#", "az ", "WORKSPACE=", "PRINCIPAL=")) for line in indented)


@pytest.mark.usefixtures("workspace", "rules")
def test_whom_it_tells_is_tried_too_and_nothing_is_posted(
    mintwatch: Command, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalSlack() as slack:
        alerts, shut = slack.channel("alerts"), slack.channel("shut", invited=False)
        monkeypatch.setenv("BOT", slack.token)
        told_of = f"oncall: {{kind: slack, channel: {alerts.id}}}, second: {{kind: slack, channel: {shut.id}}}"
        config.write_text(
            config.read_text()
            + f"slack: {{token: {{env: BOT}}, api_url: '{slack.url}'}}\nnotifiers: {{{told_of}}}\n"
            + "routes: [{to: oncall, rules: [failurs]}, {to: second}]\n"
        )
        said = mintwatch("check", "--config", config, "--json")
        assert (said.code, slack.token in said.out) == (1, False)
        assert ("notifier oncall", f"channel {alerts.id}: the bot is in it", "") in told(said, "fine")
        (second, found, _), (route, rule, _) = told(said, "wrong")
        assert (second, "/invite @mintwatch" in found) == ("notifier second", True)
        assert (route, rule) == ("routes.0", "there is no rule 'failurs', did you mean 'failures'?")
        assert alerts.posted == 0


def test_wrong_settings_end_before_anybody_is_asked(mintwatch: Command, config: Path, azure: LocalAzure) -> None:
    requests = azure.authority.requests
    config.write_text(config.read_text().replace("workspaces:", "workspace:"))
    said = mintwatch("check", "--config", config)
    assert said.code == 2
    assert "mintwatch.yml:9: unknown key 'workspace', did you mean 'workspaces'?" in said.err
    assert azure.authority.requests == requests


def test_no_settings_at_all_say_how_to_begin(
    mintwatch: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = mintwatch("check")
    assert (said.code, "mintwatch init writes one" in said.err) == (2, True)


# --- what the page says, which the advice sends people to -------------------------------------------------------------

PAGE = Path(__file__).parents[2] / "docs" / "azure.md"


def test_both_roles_of_the_page_name_the_tables_that_are_read_and_no_other() -> None:
    text = PAGE.read_text("utf-8")
    read = {table for query in QUERIES.values() for table in query.tables}
    assert set(re.findall(r"workspaces/query/(\w+)/read", text)) == read
    assert set(re.findall(r"tables:name\] StringEquals '(\w+)'", text)) == read


def test_the_page_has_the_headings_that_the_advice_names() -> None:
    headings = re.findall(r"^## (.*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    source = "\n".join(path.read_text("utf-8") for path in Path(checking.__file__).parent.glob("*.py"))
    named = re.findall(r"docs/azure\.md, ([A-Z][\w ]+)", source)
    assert named
    assert set(named) <= set(headings)


def test_the_lines_of_the_page_are_shell(tmp_path: Path) -> None:
    """The whole page in one shell in which `az` does nothing: quoting holds, and what is written is JSON."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    kept = [block for block in blocks if "curl" not in block and "base64" not in block]
    script = "az() { echo found; }\n" + "\n".join(kept)
    done = subprocess.run(["bash", "-euc", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "role.json").read_text())["Name"] == ROLE


def test_the_page_explains_what_a_check_says() -> None:
    text = PAGE.read_text("utf-8")
    for code in re.findall(r"`(AADSTS\d+)`", text):
        assert code in CODES
