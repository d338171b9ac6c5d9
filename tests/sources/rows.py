"""Small hand-made rows: what a test does not name has a value that takes part in nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from monitor.clock import iso
from monitor.kql import DuckEngine
from monitor.model import Window
from monitor.ports import Fetched
from monitor.sources.export import Exports, open_exports

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = Window(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 2, tzinfo=UTC))
LATER = datetime(2026, 6, 1, tzinfo=UTC)

TENANT = "AAAAAAAA-0000-4000-8000-000000000001"
SOMEONE = "BBBBBBBB-0000-4000-8000-000000000002"
PRINCIPAL = "CCCCCCCC-0000-4000-8000-000000000003"

_CLAIMS = "http://schemas.microsoft.com/identity/claims"

Row = Mapping[str, object]


def at(minutes: float) -> str:
    """So many minutes after noon, as Log Analytics writes it."""
    return iso(NOON + timedelta(minutes=minutes))


def service_principal(key: str = "1", minutes: float = 0, **columns: object) -> Row:
    return {
        "TimeGenerated": at(minutes),
        "CreatedDateTime": at(minutes),
        "_TimeReceived": at(minutes + 3),
        "Id": key,
        "ServicePrincipalId": SOMEONE,
        "AppId": "CCCC",
        "AADTenantId": TENANT,
        "ResultType": "0",
        "ResourceIdentity": "DDDD",
        "IPAddress": "20.1.2.3",
        "Location": "SE",
    } | columns


def user(key: str = "1", minutes: float = 0, **columns: object) -> Row:
    row = dict(service_principal(key, minutes), UserId=SOMEONE, UserDisplayName="Ann", UserPrincipalName="ann@x")
    del row["ServicePrincipalId"]
    return row | columns


def vault(minutes: float = 0, **columns: object) -> Row:
    return {
        "TimeGenerated": at(minutes),
        "_TimeReceived": at(minutes + 5),
        "CorrelationId": "c",
        "OperationName": "SecretGet",
        "Id": "https://kv.vault.azure.net/secrets/Db/0123456789abcdef0123456789abcdef",
        "RequestUri": "https://kv.vault.azure.net/secrets/Db/?api-version=7.4",
        "_ResourceId": "/subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/KV",
        "CallerIpAddress": "20.1.2.3",
        "HttpStatusCode": 200,
        "ResultType": "Success",
        "Identity": {"claim": {"oid": SOMEONE, "appid": "CCCC", "idtyp": "app"}},
    } | columns


def diagnostics(minutes: float = 0, **columns: object) -> Row:
    return {
        "TimeGenerated": at(minutes),
        "_TimeReceived": at(minutes + 5),
        "CorrelationId": "c",
        "OperationName": "SecretGet",
        "ResourceProvider": "MICROSOFT.KEYVAULT",
        "Category": "AuditEvent",
        "Resource": "KV",
        "_ResourceId": "/subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/kv",
        "id_s": "https://KV.vault.azure.net/secrets/Db/0123456789abcdef0123456789abcdef",
        "requestUri_s": "https://kv.vault.azure.net/secrets/Db/?api-version=7.4",
        "CallerIPAddress": "20.1.2.3",
        "httpStatusCode_d": 200.0,
        "identity_claim_oid_g": SOMEONE.lower(),
        "identity_claim_appid_g": "CCCC",
        "identity_claim_idtyp_s": "app",
    } | columns


def audit(key: str = "1", minutes: float = 0, **columns: object) -> Row:
    return {
        "TimeGenerated": at(minutes),
        "ActivityDateTime": at(minutes),
        "_TimeReceived": at(minutes + 3),
        "Id": key,
        "OperationName": "Add service principal credentials",
        "AADTenantId": TENANT,
        "LoggedByService": "Core Directory",
        "Result": "success",
        "InitiatedBy": {"user": {"id": SOMEONE, "displayName": "Ann", "ipAddress": "20.1.2.3"}},
        "TargetResources": [{"id": "EEEE", "type": "ServicePrincipal", "modifiedProperties": []}],
    } | columns


def activity(key: str = "1", minutes: float = 0, **columns: object) -> Row:
    claims = {"appid": "CCCC", "appidacr": "1", f"{_CLAIMS}/objectidentifier": SOMEONE, f"{_CLAIMS}/tenantid": TENANT}
    return {
        "TimeGenerated": at(minutes),
        "_TimeReceived": at(minutes + 6),
        "EventDataId": key,
        "OperationNameValue": "MICROSOFT.AUTHORIZATION/ROLEASSIGNMENTS/WRITE",
        "ActivityStatusValue": "Success",
        "ActivitySubstatusValue": "Created",
        "Caller": SOMEONE,
        "CallerIpAddress": "20.1.2.3",
        "Claims": json.dumps(claims),
        "Claims_d": claims,
        "Properties": json.dumps({"requestbody": json.dumps({"Properties": {"PrincipalId": PRINCIPAL}})}),
        "_ResourceId": "/Subscriptions/s/resourceGroups/g",
    } | columns


def risk(key: str = "1", minutes: float = 0, **columns: object) -> Row:
    return {
        "TimeGenerated": at(minutes),
        "LastUpdatedDateTime": at(minutes),
        "_TimeReceived": at(minutes + 60),
        "Id": key,
        "ServicePrincipalId": SOMEONE,
        "ServicePrincipalDisplayName": "shop",
        "AppId": "CCCC",
        "RiskEventType": "leakedCredentials",
        "RiskState": "atRisk",
        "RiskLevel": "High",
        "RiskDetail": "none",
        "Source": "IdentityProtection",
        "Activity": "servicePrincipal",
        "IpAddress": "20.1.2.3",
        "Location": {"countryOrRegion": "se"},
        "KeyIds": ["K"],
    } | columns


def export(folder: Path, tables: Mapping[str, Sequence[Row]], engine: DuckEngine) -> Exports:
    """The rows written as NDJSON and opened."""
    folder.mkdir(parents=True, exist_ok=True)
    for table, rows in tables.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{table}.ndjson").write_text(text, encoding="utf-8")
    return open_exports(folder, engine=engine)


def fetched(
    folder: Path,
    tables: Mapping[str, Sequence[Row]],
    engine: DuckEngine,
    window: Window = DAY,
    now: datetime = LATER,
) -> Fetched:
    """What the one source of these tables makes of a window."""
    with export(folder, tables, engine) as exports:
        (source,) = exports.sources
        return source.fetch(window, now)


def facts(table: pa.Table) -> list[dict[str, object]]:
    """Facts as rows in an order of their own."""
    return sorted(table.to_pylist(), key=lambda row: [str(value) for value in row.values()])


def arrow(listed: Sequence[Row]) -> pa.Table:
    """The rows as a table of text and times, as an engine finds them in a file; what is nested is JSON."""
    names = dict.fromkeys(name for row in listed for name in row)
    return pa.table({name: [_cell(row.get(name)) for row in listed] for name in names})


def _cell(value: object) -> object:
    return json.dumps(value) if isinstance(value, dict | list) else value
