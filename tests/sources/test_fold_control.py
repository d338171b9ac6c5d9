"""What each row of the resource manager's log and of Identity Protection becomes, and that each counts once."""

from pathlib import Path

import pytest

from monitor.kql import DuckEngine
from tests.sources.rows import PRINCIPAL, SOMEONE, TENANT, Row, activity, facts, fetched, risk

WHO = f"entra:{SOMEONE.lower()}"


def texts(row: dict[str, object]) -> dict[str, str]:
    return {name: value for name, value in row.items() if isinstance(value, str) and value}


def one(folder: Path, engine: DuckEngine, **columns: object) -> dict[str, str]:
    (fact,) = facts(fetched(folder, {"AzureActivity": [activity("1", 0, **columns)]}, engine).facts)
    return texts(fact)


def test_a_row_of_the_resource_manager_is_a_fact_with_every_column_in_its_place(
    tmp_path: Path, engine: DuckEngine
) -> None:
    assert one(tmp_path, engine) == {
        "stream": "control",
        "source": "control",
        "tenant": TENANT.lower(),
        "identity": WHO,
        "kind": "service_principal",
        "app_id": "cccc",
        "action": "microsoft.authorization/roleassignments/write",
        "resource": "microsoft.authorization",
        "target": f"entra:{PRINCIPAL.lower()}",
        "object": "/subscriptions/s/resourcegroups/g",
        "ip": "20.1.2.3",
        "prefix": "20.1.2.0/24",
        "credential": "clientSecret",
        "outcome": "success",
        "code": "Created",
        "detail": f'[["body",null,{{"Properties":{{"PrincipalId":"{PRINCIPAL}"}}}}]]',
    }


@pytest.mark.parametrize(
    ("columns", "identity", "kind"),
    [
        ({"Claims": ""}, WHO, "service_principal"),  # then Claims_d says it
        ({"Claims": "", "Claims_d": None}, WHO, "service_principal"),  # then Caller does
        ({"Claims": "", "Claims_d": None, "Caller": "Ann@contoso.com"}, "entra:ann@contoso.com", "user"),
        ({"Claims": "not json", "Claims_d": None, "Caller": ""}, "", ""),
        ({"Claims": '{"oid": "X", "xms_mirid": "/subscriptions/s"}'}, "entra:x", "managed_identity"),
        ({"Claims": '{"appid": "ONLY"}', "Caller": ""}, "entra:only", "service_principal"),
    ],
)
def test_who_called_is_found_wherever_it_is_written(
    tmp_path: Path, engine: DuckEngine, columns: Row, identity: str, kind: str
) -> None:
    fact = one(tmp_path, engine, **columns)
    assert (fact.get("identity", ""), fact.get("kind", "")) == (identity, kind)


def test_older_rows_say_what_was_done_in_other_columns(tmp_path: Path, engine: DuckEngine) -> None:
    older = {"OperationNameValue": "", "ActivityStatusValue": "", "ActivityStatus": "Succeeded", "_ResourceId": ""}
    permission = '{"action": "Microsoft.KeyVault/vaults/delete", "scope": "/Subscriptions/S"}'
    fact = one(tmp_path, engine, **older, Authorization=permission, OperationName="Delete Key Vault", Properties="")
    assert (fact["action"], fact["outcome"], fact["object"]) == (
        "microsoft.keyvault/vaults/delete",
        "success",
        "/subscriptions/s",
    )
    assert not {"detail", "target"} & set(fact)


def test_bodies_of_other_services_are_left_where_they_are(tmp_path: Path, engine: DuckEngine) -> None:
    fact = one(tmp_path, engine, OperationNameValue="MICROSOFT.RESOURCES/DEPLOYMENTS/WRITE")
    assert not {"detail", "target"} & set(fact)


def test_each_step_of_a_request_counts_once_and_a_row_without_key_is_malformed(
    tmp_path: Path, engine: DuckEngine
) -> None:
    rows = [activity("a", ActivityStatusValue="Start"), activity("b"), activity("b"), activity("")]
    done = fetched(tmp_path, {"AzureActivity": rows}, engine)
    assert [fact["outcome"] for fact in facts(done.facts)] == ["started", "success"]
    assert (done.counts.read, done.counts.kept, done.counts.doubled) == (3, 2, 1)


def test_a_risk_is_a_fact_each_time_its_state_changes(tmp_path: Path, engine: DuckEngine) -> None:
    rows = [risk(), risk(), risk("1", 5, RiskState="dismissed", RiskDetail="adminDismissed")]
    done = fetched(tmp_path, {"AADServicePrincipalRiskEvents": rows}, engine)
    said, taken_back = (texts(fact) for fact in facts(done.facts))
    assert (done.counts.kept, done.counts.doubled) == (2, 1)
    assert (taken_back["outcome"], taken_back["detail"]) == ("dismissed", "adminDismissed")
    assert said == {
        "stream": "risk",
        "source": "risk",
        "identity": WHO,
        "kind": "service_principal",
        "app_id": "cccc",
        "action": "leakedCredentials",
        "resource": "IdentityProtection",
        "object": "servicePrincipal",
        "ip": "20.1.2.3",
        "prefix": "20.1.2.0/24",
        "country": "SE",
        "credential_id": "k",
        "outcome": "atRisk",
        "code": "high",
    }
