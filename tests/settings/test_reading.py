"""Settings as a person writes them: what is taken, and what is said of what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.errors import InputError
from monitor.login import CHINA, Cloud, Kind
from monitor.settings import Logins, Settings, load, watched

ID = "33333333-0000-4000-8000-000000000003"
OTHER = "33333333-0000-4000-8000-000000000004"
ENTRA = {"AZURE_TENANT_ID": "11111111-0000-4000-8000-000000000001", "AZURE_CLIENT_ID": OTHER}
LEAST = f"workspaces:\n  prod:\n    id: {ID}\n"


def read(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> Settings:
    (folder / "mintwatch.yml").write_text(text)
    return load(folder / "mintwatch.yml", environment or {})


def wrong(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(folder, text, environment)
    return [line.removeprefix(f"{folder}/") for line in str(caught.value).splitlines()]


def test_a_workspace_id_is_enough(tmp_path: Path) -> None:
    found = read(tmp_path, LEAST)
    assert found.credentials["default"].kind is Kind.WORKLOAD_IDENTITY
    assert found.state == tmp_path / "state"
    assert found.workspaces["prod"].history == timedelta(days=35)
    assert {"prod.interactive", "prod.vault", "prod.directory"} <= {one.name for one in watched(found)}


def test_the_environment_goes_over_the_file_and_can_stand_alone(tmp_path: Path) -> None:
    over = {"MINTWATCH__WORKSPACES__PROD__SLICE": "6h", "MINTWATCH__STATE": "/var/lib/m", "MINTWATCH__RULES": ""}
    found = read(tmp_path, LEAST, over)
    assert (found.workspaces["prod"].slice, found.workspaces["prod"].id) == (timedelta(hours=6), ID)
    assert (found.state, found.rules) == (Path("/var/lib/m"), None)
    alone = {"MINTWATCH__WORKSPACES__EU__ID": ID, "MINTWATCH__WORKSPACES__EU__SOURCES": "{vault: {enabled: false}}"}
    assert "eu.vault" not in {one.name for one in watched(load(None, alone))}


def test_a_source_takes_what_is_said_of_it_and_else_what_its_query_needs(tmp_path: Path) -> None:
    text = f"credentials:\n  a: {{}}\n  b: {{}}\n{LEAST}    credential: a\n    sources:\n"
    found = read(tmp_path, text + "      vault: {settle: 40m, credential: b}\n      directory: {interval: 1h}\n")
    by_name = {one.name: one for one in watched(found)}
    assert (by_name["prod.vault"].query.settle, by_name["prod.vault"].credential) == (timedelta(minutes=40), "b")
    assert (by_name["prod.directory"].query.settle, by_name["prod.directory"].credential) == (
        timedelta(minutes=10),
        "a",
    )


def test_all_mistakes_are_said_at_once_with_line_and_nearest_spelling(tmp_path: Path) -> None:
    text = f"""\
stat: x
credentials:
  default: {{kind: workload_identiti, cloud: pubic, tenant: x}}
workspaces:
  prod:
    id: {ID}
    slice: 5
    history: 90 days
    sources:
      valt: {{}}
      vault: {{enabled: yes please, intervall: 5m}}
"""
    said = wrong(tmp_path, text)
    assert [line.split(": ")[0] for line in said] == [
        f"mintwatch.yml:{number}" for number in (1, 3, 3, 3, 7, 8, 10, 11, 11)
    ]
    for expected in (
        "unknown key 'stat', did you mean 'state'?",
        "got 'workload_identiti', did you mean 'workload_identity'?",
        "got 'pubic', did you mean 'public'?",
        "unknown key 'credentials.default.tenant', did you mean 'tenant_id'?",
        "workspaces.prod.slice: expected a duration such as 15m, 1h or 28d, got 5",
        "no such source, did you mean 'vault'?",
        "unknown key 'workspaces.prod.sources.vault.intervall', did you mean 'interval'?",
        "workspaces.prod.sources.vault.enabled: expected true or false, got 'yes please'",
    ):
        assert expected in "\n".join(said)


@pytest.mark.parametrize(
    ("added", "line", "message"),
    [
        ("    credential: defualt\n", 4, "no credential 'defualt', did you mean 'default'?"),
        (f"  also:\n    id: {ID}\n", 5, "the same workspace as 'prod': its rows would count twice"),
        ("    catch_up: 40d\n", 4, "expected slice <= catch_up <= history"),
        ("    slice: 7m\n", 4, "expected a multiple of 5m that divides a day"),
        ("    issuer: Entra ID\n", 4, "issuer: expected a name of lower-case letters and digits"),
        (f"  Also:\n    id: {OTHER}\n", 4, "workspaces.Also: expected a name of lower-case letters and digits"),
        ("  eu:\n    id: central\n", 5, "workspaces.eu.id: expected the workspace's id, a GUID"),
        ("    sources: {vault: {overlap: 3d}}\n", 4, "expected overlap < bound"),
        ("    sources: {vault: {settle: 4h, bound: 4h}}\n", 4, "expected settle < bound"),
        ("    sources: {vault: {step: 7d}}\n", 4, "expected at most a day, such as 1h, 6h or 1d"),
        ("    resource_id: /subscriptions/x\n", 4, "workspace show --query id says"),
        ("    id: 1\n", 4, "not YAML: found duplicate key"),
        ("credentials: {default: {kind: azure_cli, client_id: x}}\n", 4, "'azure_cli' makes no use of the key"),
        ("  \tx: [", 4, "not YAML"),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path: Path, added: str, line: int, message: str) -> None:
    (said,) = wrong(tmp_path, LEAST + added)
    assert said.startswith(f"mintwatch.yml:{line}: ")
    assert message in said


def test_a_mistake_in_a_variable_names_the_variable(tmp_path: Path) -> None:
    environment = {
        "MINTWATCH__WORKSPACE__PROD__ID": ID,
        "MINTWATCH__WORKSPACES__PROD__ISSUER": "[",
        "MINTWATCH__WORKSPACES__PROD__HISTORY": "long",
    }
    said = "\n".join(wrong(tmp_path, LEAST, environment))
    assert "MINTWATCH__WORKSPACES__PROD__HISTORY: workspaces.prod.history: expected a duration" in said
    assert "unknown key 'workspace', did you mean 'workspaces'?" in said
    assert "MINTWATCH__WORKSPACES__PROD__ISSUER: not YAML" in said


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file of settings; mintwatch init writes one"):
        load(tmp_path / "mintwatch.yml", {})


# --- secrets ----------------------------------------------------------------------------------------------------------

SECRET = "credentials:\n  default: {{kind: client_secret, client_id: c, tenant_id: t, secret: {}}}\n" + LEAST


@pytest.mark.parametrize("clear", ["hunter2", "[hunter2]", "{value: hunter2}", "{env: A, file: hunter2}"])
def test_a_secret_in_clear_is_refused_and_not_repeated(tmp_path: Path, clear: str) -> None:
    said = wrong(tmp_path, SECRET.format(clear))
    assert said[0].startswith("mintwatch.yml:2: ")
    assert "hunter2" not in "\n".join(said)
    named = {"MINTWATCH__CREDENTIALS__DEFAULT__SECRET": clear}
    said = wrong(tmp_path, SECRET.format("{env: A}"), named)
    assert said[0].startswith("MINTWATCH__CREDENTIALS__DEFAULT__SECRET: ")
    assert "hunter2" not in "\n".join(said)


def test_a_secret_is_read_when_it_is_needed_and_not_before(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    logins = Logins(read(tmp_path, SECRET.format("{env: LATER}")), environment)
    asked = logins.login("default").secret
    assert asked is not None
    with pytest.raises(InputError, match="LATER: not set"):
        asked()
    environment["LATER"] = "hunter2"
    assert asked() == "hunter2"
    assert "hunter2" not in repr(logins.login("default"))


def test_a_secret_file_ends_before_its_newline(tmp_path: Path) -> None:
    logins = Logins(read(tmp_path, SECRET.format("{file: secret}")), {})
    (tmp_path / "secret").write_text("hunter2\n")
    asked = logins.login("default").secret
    assert asked is not None
    assert asked() == "hunter2"


def test_a_login_cannot_need_a_login(tmp_path: Path) -> None:
    (said,) = wrong(tmp_path, SECRET.format("{key_vault: 'https://x.vault.azure.net/secrets/y'}"))
    assert "expected env or file" in said


# --- logins -----------------------------------------------------------------------------------------------------------


def test_what_the_webhook_of_aks_sets_need_not_be_written(tmp_path: Path) -> None:
    settings = read(tmp_path, LEAST)
    login = Logins(settings, ENTRA | {"AZURE_FEDERATED_TOKEN_FILE": "/var/run/token"}).login("default")
    assert (login.tenant_id, login.client_id) == tuple(ENTRA.values())
    assert login.token_file == Path("/var/run/token")
    with pytest.raises(InputError, match=r"credentials.default: .* needs token_file \(or AZURE_FEDERATED_TOKEN_FILE\)"):
        Logins(settings, ENTRA).login("default")


def test_a_cloud_is_a_name_or_all_of_its_addresses(tmp_path: Path) -> None:
    cli = "credentials:\n  default: {{kind: azure_cli, {}}}\n" + LEAST
    assert Logins(read(tmp_path, cli.format("cloud: china")), {}).login("default").cloud == CHINA
    own = "addresses: {authority: https://a, query: https://q/, audience: https://u, arm: https://r}"
    assert Logins(read(tmp_path, cli.format(own)), {}).login("default").cloud == Cloud(
        "https://a", "https://q", "https://u", "https://r"
    )
    assert wrong(tmp_path, cli.format("addresses: {authority: https://a}"))
    assert "expected https://" in wrong(tmp_path, cli.format(own.replace("https://q/", "https://q/v1")))[0]
