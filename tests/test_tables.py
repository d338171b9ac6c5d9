import pytest

from monitor.tables import SCHEMAS, TABLES, TYPES, near, schema


def test_every_table_has_a_time_an_arrival_and_an_item_id() -> None:
    for table in TABLES:
        columns = schema(table)
        assert columns["TimeGenerated"] == columns["_TimeReceived"] == "datetime"
        assert columns["_ItemId"] == "string"
        assert set(columns.values()) <= TYPES


def test_the_same_column_has_the_type_its_own_table_gives_it() -> None:
    assert schema("SigninLogs")["LocationDetails"] == "dynamic"
    assert schema("AADServicePrincipalSignInLogs")["LocationDetails"] == "string"
    assert schema("AzureDiagnostics")["identity_claim_oid_g"] == "guid"
    assert schema("AzureDiagnostics")["httpStatusCode_d"] == "real"
    assert schema("AZKVAuditLogs")["HttpStatusCode"] == "int"


def test_a_result_code_is_text_in_every_sign_in_table() -> None:
    assert {SCHEMAS[table]["ResultType"] for table in TABLES if "ResultType" in SCHEMAS[table]} == {"string"}


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("SignInLogs", "SigninLogs"),
        ("AADServicePrincipalSigninLog", "AADServicePrincipalSignInLogs"),
        ("azkvauditlogs", "AZKVAuditLogs"),
        ("AuditLog", "AuditLogs"),
        ("Heartbeat", None),
    ],
)
def test_a_near_miss_of_a_name_is_told(wrong: str, right: str | None) -> None:
    assert near(wrong) == right


def test_an_unknown_table_names_the_nearest_one() -> None:
    with pytest.raises(KeyError, match="SigninLogs"):
        schema("SigninLog")
