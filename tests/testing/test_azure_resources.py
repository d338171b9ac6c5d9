"""Resource Manager tells a table's plan and the vault a secret, each to whoever has a token for it."""

import pytest
import requests

from monitor.testing.azure import LocalAzure
from monitor.testing.azure.authority import Trusted
from tests.testing.clients import app, workspace


def asked(azure: LocalAzure, who: Trusted, path: str, audience: str) -> requests.Response:
    token = azure.authority.token(who, audience)
    return requests.get(azure.url + path, headers={"Authorization": f"Bearer {token}"}, verify=str(azure.ca), timeout=5)


def test_a_table_has_the_plan_it_was_given(azure: LocalAzure) -> None:
    held, who = workspace(azure), app(azure)
    held.plans["AADManagedIdentitySignInLogs"] = "Basic"
    for table, plan in (("AADManagedIdentitySignInLogs", "Basic"), ("SigninLogs", "Analytics")):
        path = f"{held.resource_id}/tables/{table}?api-version=2025-02-01"
        answer = asked(azure, who, path, azure.arm_audience)
        assert answer.json()["properties"]["plan"] == plan


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("{}/tables/SigninLogs", 400, "MissingApiVersionParameter"),
        ("{}x/tables/SigninLogs?api-version=1", 404, "ResourceNotFound"),
        ("{}/tables/Nope?api-version=1", 404, "TableNotFound"),
    ],
)
def test_what_resource_manager_does_not_have_it_says(azure: LocalAzure, path: str, status: int, code: str) -> None:
    answer = asked(azure, app(azure), path.format(workspace(azure).resource_id), azure.arm_audience)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_rights_on_rows_are_no_rights_on_resources(azure: LocalAzure) -> None:
    held, who = workspace(azure), app(azure)
    held.without_arm.add(who.client_id)
    path = f"{held.resource_id}/tables/SigninLogs?api-version=1"
    assert asked(azure, who, path, azure.arm_audience).json()["error"]["code"] == "AuthorizationFailed"
    answer = asked(azure, who, path, azure.audience)
    assert answer.json()["error"]["code"] == "InvalidAuthenticationTokenAudience"


def test_a_secret_is_told_after_the_challenge(azure: LocalAzure) -> None:
    who = app(azure)
    azure.secrets.values["slack"] = "xoxb"
    challenge = requests.get(f"{azure.url}/secrets/slack?api-version=7.5", verify=str(azure.ca), timeout=5)
    assert challenge.status_code == 401
    assert f'resource="{azure.vault_audience}"' in challenge.headers["WWW-Authenticate"]
    assert asked(azure, who, "/secrets/slack", azure.vault_audience).json()["value"] == "xoxb"
    assert asked(azure, who, "/secrets/other", azure.vault_audience).json()["error"]["code"] == "SecretNotFound"
    azure.secrets.denied.add(who.client_id)
    assert asked(azure, who, "/secrets/slack", azure.vault_audience).status_code == 403
