"""What each row becomes, and that each counts once. One fetch holds many rows, because a query takes a while."""

from datetime import timedelta
from pathlib import Path

import pytest

from monitor.kql import DuckEngine
from monitor.model import Window
from monitor.sources import fold
from tests.sources.rows import (
    DAY,
    NOON,
    SOMEONE,
    at,
    audit,
    diagnostics,
    facts,
    fetched,
    service_principal,
    user,
    vault,
)

SP = "AADServicePrincipalSignInLogs"


def test_a_service_principal_row_is_a_fact_with_every_column_in_its_place(tmp_path: Path, engine: DuckEngine) -> None:
    done = fetched(
        tmp_path, {SP: [service_principal(ServicePrincipalCredentialKeyId="K", LocationDetails="{}")]}, engine
    )
    (fact,) = facts(done.facts)
    assert {name: value for name, value in fact.items() if isinstance(value, str) and value} == {
        "stream": "sign_in",
        "source": "service_principal",
        "tenant": "aaaaaaaa-0000-4000-8000-000000000001",
        "identity": f"entra:{SOMEONE.lower()}",
        "kind": "service_principal",
        "app_id": "cccc",
        "action": "client_credentials",
        "resource": "dddd",
        "ip": "20.1.2.3",
        "prefix": "20.1.2.0/24",
        "country": "SE",
        "credential": "clientSecret",
        "credential_id": "k",
        "outcome": "issued",
        "code": "0",
    }
    assert (fact["seen_at"], fact["at"], fact["events"]) == (NOON, NOON, 1)
    assert (fact["first_at"], fact["last_at"]) == (NOON, NOON)


def test_of_copies_the_fullest_counts_among_those_that_came_with_the_first(tmp_path: Path, engine: DuckEngine) -> None:
    rows = [
        service_principal("poor", AppId="", Location=""),
        service_principal("poor", AppId="rich", Location=""),
        service_principal("poor", AppId="late", Location="NO", AutonomousSystemNumber="1", _TimeReceived=at(30)),
        service_principal("tie", 60, AppId="a"),
        service_principal("tie", 60, AppId="b"),
        service_principal("same", 120),
        service_principal("same", 120),
    ]
    done = fetched(tmp_path, {SP: rows}, engine)
    assert [(fact["app_id"], fact["country"], fact["seen_at"]) for fact in facts(done.facts)] == [
        ("rich", "", NOON),
        ("b", "SE", NOON + timedelta(hours=1)),
        ("cccc", "SE", NOON + timedelta(hours=2)),
    ]
    counts = done.counts
    assert (counts.read, counts.kept, counts.doubled, counts.late, counts.strayed) == (7, 3, 4, 0, 0)


def test_late_and_strayed_rows_are_counted_and_not_folded(tmp_path: Path, engine: DuckEngine) -> None:
    rows = [
        service_principal("late", _TimeReceived=at(4 * 24 * 60)),
        service_principal("just in time", _TimeReceived=at(3 * 24 * 60 - 1)),
        service_principal("far", 0),
        service_principal("far", 90, _TimeReceived=at(93)),
        service_principal("not yet", _TimeReceived=at(60 * 24 * 60)),
    ]
    done = fetched(tmp_path, {SP: rows}, engine)
    counts = done.counts
    assert (counts.read, counts.kept, counts.doubled, counts.late, counts.strayed) == (4, 2, 0, 1, 1)
    assert sum(int(str(fact["events"])) for fact in facts(done.facts)) == 2


def test_time_generated_replaced_on_arrival_does_not_move_the_event(tmp_path: Path, engine: DuckEngine) -> None:
    rows = [
        service_principal("moved", 0, TimeGenerated=at(50)),
        service_principal("no creation", 200, CreatedDateTime=None),
        service_principal("absurd", 300, CreatedDateTime="9999-12-31T23:59:59Z"),
    ]
    done = fetched(tmp_path, {SP: rows}, engine)
    assert [fact["at"] for fact in facts(done.facts)] == [NOON + timedelta(minutes=m) for m in (0, 200, 300)]


def test_a_row_that_happened_after_it_arrived_arrived_when_it_happened(tmp_path: Path, engine: DuckEngine) -> None:
    rows = [
        service_principal("skewed", 20, _TimeReceived=at(0)),
        service_principal("absurd", 60, _TimeReceived=at(60 - 49 * 60)),
    ]
    done = fetched(tmp_path, {SP: rows}, engine)
    (fact,) = facts(done.facts)
    assert fact["at"] == fact["seen_at"] == NOON + timedelta(minutes=20)
    assert (done.counts.read, done.counts.kept, done.counts.late) == (2, 1, 1)
    assert not fetched(tmp_path / "early", {SP: rows[:1]}, engine, now=NOON + timedelta(minutes=10)).counts.read


def test_the_word_none_names_nobody(tmp_path: Path, engine: DuckEngine) -> None:
    printed = dict.fromkeys(("identity_claim_oid_g", "identity_claim_appid_g", "identity_claim_upn_s"), "None")
    challenge = {"OperationName": "Authentication", "httpStatusCode_d": 401.0, "identity_claim_idtyp_s": ""}
    row = {**diagnostics(), **challenge, **printed}
    (fact,) = facts(fetched(tmp_path / "vault", {"AzureDiagnostics": [row]}, engine).facts)
    assert (fact["identity"], fact["app_id"], fact["outcome"]) == ("", "", "challenge")
    claims = {"claim": dict.fromkeys(("oid", "appid", "upn"), "None")}
    rows = [vault(OperationName="Authentication", HttpStatusCode=401, Identity=claims)]
    (fact,) = facts(fetched(tmp_path / "resource", {"AZKVAuditLogs": rows}, engine).facts)
    assert (fact["identity"], fact["app_id"], fact["outcome"]) == ("", "", "challenge")
    rows = [service_principal(ServicePrincipalId="None", AppId="None", FederatedCredentialId="None")]
    (fact,) = facts(fetched(tmp_path / "sp", {SP: rows}, engine).facts)
    assert (fact["identity"], fact["app_id"], fact["credential"], fact["credential_id"]) == ("", "", "", "")


def test_a_sign_in_without_a_result_is_no_failure(tmp_path: Path, engine: DuckEngine) -> None:
    (fact,) = facts(fetched(tmp_path, {SP: [service_principal(ResultType=None)]}, engine).facts)
    assert (fact["outcome"], fact["code"]) == ("", "")


def test_sign_ins_say_who_how_and_with_what(tmp_path: Path, engine: DuckEngine) -> None:
    rows = [
        service_principal("01", 1, ResultType="7000215", ClientCredentialType="none"),
        service_principal("02", 2, ResultType=50058),
        service_principal("03", 3, FederatedCredentialId="FED", ServicePrincipalCredentialKeyId="K"),
        service_principal("04", 4, ServicePrincipalCredentialThumbprint="T", ServicePrincipalCredentialKeyId="K"),
        service_principal("05", 5, ClientCredentialType="clientAssertion"),
        service_principal("06", 6, Agent='{"agentType":"agenticApp"}'),
        service_principal("07", 7, Agent='{"agentType":"notAgentic"}'),
        service_principal("08", 8, Agent="{}"),
        service_principal("09", 9, ServicePrincipalId=""),
        service_principal("10", 10, Location="", LocationDetails='{"countryOrRegion":"no"}'),
        service_principal("11", 11, IPAddress="2001:0DB8::00ff"),
        service_principal("12", 12, IPAddress="20.1.2.3:443"),
        service_principal("13", 13, IPAddress="<Redacted>"),
    ]
    for row in rows:
        row["AppId"] = row["Id"]  # type: ignore[index]
    done = {str(fact["app_id"]): fact for fact in facts(fetched(tmp_path, {SP: rows}, engine).facts)}
    assert (done["01"]["outcome"], done["01"]["code"], done["01"]["credential"]) == ("failed", "7000215", "none")
    assert done["02"]["outcome"] == "interrupted"
    assert (done["03"]["credential"], done["03"]["credential_id"]) == ("federatedIdentityCredential", "fed")
    assert (done["04"]["credential"], done["04"]["credential_id"]) == ("certificate", "k")
    assert done["05"]["credential"] == "clientAssertion"
    assert [done[key]["kind"] for key in ("06", "07", "08")] == ["agent", "service_principal", "service_principal"]
    assert done["09"]["identity"] == ""
    assert done["10"]["country"] == "NO"
    assert [(done[key]["ip"], done[key]["prefix"]) for key in ("11", "12", "13")] == [
        ("2001:db8::ff", "2001:db8::/64"),
        ("20.1.2.3", "20.1.2.0/24"),
        ("<Redacted>", ""),
    ]


def test_spellings_of_one_thing_are_one_fact(tmp_path: Path, engine: DuckEngine) -> None:
    rows = [
        service_principal("1", ServicePrincipalId=SOMEONE, IPAddress="2001:db8::1", ServicePrincipalName="old"),
        service_principal(
            "2", ServicePrincipalId=SOMEONE.lower(), IPAddress="2001:DB8:0:0::1", ServicePrincipalName=""
        ),
        service_principal("3", 1, IPAddress="2001:db8::1", AADTenantId="aaaaaaaa-0000-4000-8000-000000000001"),
        service_principal("4", 1, IPAddress="2001:db8::1", ServicePrincipalName="new"),
    ]
    done = fetched(tmp_path, {SP: rows}, engine)
    (fact,) = facts(done.facts)
    assert (fact["events"], fact["last_at"]) == (4, NOON + timedelta(minutes=1))
    (name,) = done.names
    assert (name.name, name.first_at, name.last_at) == ("new", NOON, NOON + timedelta(minutes=1))


@pytest.mark.parametrize("table", ["SigninLogs", "AADNonInteractiveUserSignInLogs"])
def test_the_agent_column_is_read_whether_object_or_text(tmp_path: Path, engine: DuckEngine, table: str) -> None:
    rows = [
        user("1", AppId="1", Agent={"agentType": "agenticAppInstance"}),
        user("2", AppId="2", Agent='{"agentType":"agenticAppInstance"}'),
        user("3", AppId="3", Agent=None),
        user("4", AppId="4", Agent={"agentType": "notAgentic"}),
        user("5", AppId="5", Agent="null"),
    ]
    done = fetched(tmp_path, {table: rows}, engine)
    assert [fact["kind"] for fact in facts(done.facts)] == ["agent", "agent", "user", "user", "user"]
    assert [name.name for name in done.names] == ["Ann"]


def test_a_managed_identity_has_no_place(tmp_path: Path, engine: DuckEngine) -> None:
    row = service_principal(IPAddress="", Location=None, LocationDetails='{"countryOrRegion":""}')
    (fact,) = facts(fetched(tmp_path, {"AADManagedIdentitySignInLogs": [row]}, engine).facts)
    assert (fact["kind"], fact["credential"], fact["ip"], fact["prefix"], fact["country"]) == (
        "managed_identity", "managedIdentity", "", "", "",
    )  # fmt: skip


def test_a_vault_that_writes_both_shapes_counts_once(tmp_path: Path, engine: DuckEngine) -> None:
    other = "https://kv.vault.azure.net/secrets/Other"
    tables = {
        "AZKVAuditLogs": [vault(), vault(1, Id=other), vault(1, Id=other, CorrelationId="d")],
        "AzureDiagnostics": [diagnostics(), diagnostics(2), diagnostics(3, Category="Metrics")],
    }
    done = fetched(tmp_path, tables, engine)
    counts = done.counts
    assert (counts.read, counts.kept, counts.doubled, counts.ignored) == (6, 4, 1, 1)
    assert {(fact["resource"], fact["object"], fact["events"]) for fact in facts(done.facts)} == {
        ("kv", "secrets/db", 2),
        ("kv", "secrets/other", 2),
    }


def test_vault_rows_say_who_what_and_how_it_ended(tmp_path: Path, engine: DuckEngine) -> None:
    long_oid = "http://schemas.microsoft.com/identity/claims/objectidentifier"
    long_upn = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
    rows = [
        vault(1, CallerIpAddress="1", OperationName="Authentication", HttpStatusCode=401, Identity={}, Id=""),
        vault(2, CallerIpAddress="2", HttpStatusCode=401, Identity={}),
        vault(3, CallerIpAddress="3", HttpStatusCode=403),
        vault(4, CallerIpAddress="4", HttpStatusCode=429),
        vault(5, CallerIpAddress="5", HttpStatusCode=404, ResultType="Success"),
        vault(6, CallerIpAddress="6", Identity={"claim": {long_oid: "LONG", long_upn: "Ann@x", "appid": "P"}}),
        vault(7, CallerIpAddress="7", Identity={"claim": {"oid": "M", "xms_mirid": "/sub", "appidacr": "2"}}),
        vault(
            8,
            CallerIpAddress="8",
            OperationName="SecretList",
            Id=None,
            RequestUri="https://kv.vault.azure.net/secrets?x=1",
        ),
        vault(9, CallerIpAddress="9", Id=None, _ResourceId="", RequestUri="https://kv2.vault.azure.net/keys/K/create"),
        vault(
            10,
            CallerIpAddress="10",
            OperationName="VaultAccessPolicyChangedEventGridNotification",
            Identity={},
            VaultProperties={"addedAccessPolicy": {"ObjectId": "G"}},
        ),
    ]
    done = {str(fact["ip"]): fact for fact in facts(fetched(tmp_path, {"AZKVAuditLogs": rows}, engine).facts)}
    outcomes = [done[str(key)]["outcome"] for key in range(1, 6)]
    assert outcomes == ["challenge", "denied", "denied", "throttled", "failed"]
    assert (done["6"]["identity"], done["6"]["kind"], done["6"]["app_id"]) == ("entra:long", "user", "p")
    assert (done["7"]["kind"], done["7"]["credential"]) == ("managed_identity", "managedIdentity")
    assert (done["8"]["object"], done["8"]["outcome"], done["8"]["code"]) == ("", "ok", "200")
    assert (done["9"]["resource"], done["9"]["object"]) == ("kv2", "keys/k")
    assert (done["10"]["target"], done["10"]["identity"]) == ("entra:g", "")


def test_directory_rows_say_what_changed(tmp_path: Path, engine: DuckEngine) -> None:
    change = {"displayName": "KeyDescription", "oldValue": "[]", "newValue": '["[KeyIdentifier=1]"]'}
    rows = [
        audit("1", TargetResources=[{"id": "T", "type": "Application", "modifiedProperties": [change]}]),
        audit("2", 10, InitiatedBy={"app": {"servicePrincipalId": "S", "appId": "A", "displayName": "robot"}}),
        audit("3", 20, InitiatedBy='{"app": {"appId": "A"}}', Result="Failure"),
        audit("4", 30, InitiatedBy=None, TargetResources=None),
    ]
    done = fetched(tmp_path, {"AuditLogs": rows}, engine)
    first, second, third, fourth = sorted(facts(done.facts), key=lambda fact: str(fact["at"]))
    assert first["detail"] == '[["KeyDescription",[],["[KeyIdentifier=1]"]]]'
    assert (first["target"], first["object"], first["ip"]) == ("entra:t", "Application", "20.1.2.3")
    assert (second["identity"], second["kind"], second["app_id"]) == ("entra:s", "service_principal", "a")
    assert (third["identity"], third["outcome"]) == ("entra:a", "failure")
    assert (fourth["identity"], fourth["kind"], fourth["detail"]) == ("", "", "")


def test_lets_give_what_binding_gives(tmp_path: Path, engine: DuckEngine) -> None:
    """Log Analytics has no parameters: its text carries the values, and must mean the same."""
    query = fold.QUERIES["managed_identity"]
    text = fold.filled(fold.text(query.name), "coalesce(_TimeReceived, happened + settle)", str)
    given = fold.values(query, DAY, NOON + timedelta(hours=1), issuer='a"b\\')
    from tests.sources.rows import export

    with export(tmp_path, {"AADManagedIdentitySignInLogs": [service_principal()]}, engine) as exports:
        tables = {name: table.paths for name, table in exports.sources[0].tables.items()}
        (by_let,) = engine.run(fold.lets(given) + text, tables).to_pylist()
        (by_value,) = engine.run(text, tables, given).to_pylist()
    assert by_let == by_value
    assert by_let["identity"] == f'a"b\\:{SOMEONE.lower()}'


def test_a_window_shows_its_own_rows_and_nobody_elses(tmp_path: Path, engine: DuckEngine) -> None:
    rows = [service_principal("in"), service_principal("edge", 60), service_principal("out", -1)]
    window = Window(NOON, NOON + timedelta(hours=1))
    assert fetched(tmp_path, {SP: rows}, engine, window).counts.kept == 1
