"""Notes as rows of the tables of few rows: AuditLogs, AzureActivity, AADServicePrincipalRiskEvents.

Shapes follow the public sample rows: changed properties are JSON inside JSON, old values are null or "[]", key
credentials read "[KeyIdentifier=...,KeyType=Password,KeyUsage=Verify,DisplayName=...]".
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitor.testing.simulate import control
from monitor.testing.simulate.calendar import MINUTE
from monitor.testing.simulate.columns import Column, constant, guids, stamps
from monitor.testing.simulate.diary import Note
from monitor.testing.simulate.world import TENANT, WORKSPACE, Persona, World

Json = dict[str, object]
GITHUB: Final = "https://token.actions.githubusercontent.com"


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of note: its table, operation, category, type of change, and what changed."""

    table: str
    operation: str
    category: str
    change: str
    properties: Callable[[Note, Persona], list[Json]]


def _changed(name: str, new: object, old: object = None) -> Json:
    return {"displayName": name, "oldValue": None if old is None else json.dumps(old), "newValue": json.dumps(new)}


def _credential(note: Note, target: Persona) -> list[Json]:
    key = note.extra[0] if note.extra else "00000000"
    text = f"[KeyIdentifier={key},KeyType=Password,KeyUsage=Verify,DisplayName={target.behaviour}]"
    return [_changed("KeyDescription", [text], []), _changed("Included Updated Properties", "KeyDescription")]


def _federation(note: Note, target: Persona) -> list[Json]:
    """`extra` is key, issuer, subject; a changed credential keeps its name and shows what it was."""
    usual = {
        "Name": f"federation-{note.key % 1000}",
        "Issuer": GITHUB,
        "Subject": f"repo:contoso/{target.behaviour}:ref:refs/heads/main",
        "Audiences": ["api://AzureADTokenExchange"],
    }
    new = usual | dict(zip(("Issuer", "Subject"), note.extra[1:], strict=False))
    return [
        _changed("FederatedIdentityCredentials", [new], [usual] if note.what == "federation_changed" else []),
        _changed("Included Updated Properties", "FederatedIdentityCredentials"),
    ]


def _role(note: Note, target: Persona) -> list[Json]:
    return [
        _changed("AppRole.Value", note.extra[0] if note.extra else "User.Read.All"),
        _changed("ServicePrincipal.ObjectID", target.oid),
        _changed("ServicePrincipal.DisplayName", target.name),
    ]


def _member(note: Note, _target: Persona) -> list[Json]:
    return [_changed("Group.ObjectID", note.extra[0] if note.extra else ""), _changed("Group.DisplayName", "readers")]


def _consent(note: Note, _target: Persona) -> list[Json]:
    scope = note.extra[1] if len(note.extra) > 1 else "User.Read"
    return [
        _changed("ConsentContext.IsAdminConsent", "False"),
        _changed("ConsentAction.Permissions", f"[] => [[Id: x, ClientId: {note.extra[0]}, Scope: {scope}]]"),
    ]


def _plain(_note: Note, target: Persona) -> list[Json]:
    return [_changed("DisplayName", [target.name], [])]


_APP: Final = "ApplicationManagement"
ENTRIES: Final[Mapping[str, Entry]] = {
    "secret": Entry(
        "AuditLogs", "Update application \u2013 Certificates and secrets management ", _APP, "Update", _credential
    ),
    "principal_secret": Entry("AuditLogs", "Add service principal credentials", _APP, "Update", _credential),
    "federation": Entry("AuditLogs", "Update application", _APP, "Update", _federation),
    "federation_changed": Entry("AuditLogs", "Update application", _APP, "Update", _federation),
    "principal": Entry("AuditLogs", "Add service principal", _APP, "Add", _plain),
    "principal_gone": Entry("AuditLogs", "Remove service principal", _APP, "Delete", _plain),
    "owner": Entry("AuditLogs", "Add owner to service principal", _APP, "Assign", _plain),
    "app_role": Entry("AuditLogs", "Add app role assignment to service principal", _APP, "Assign", _role),
    "directory_role": Entry("AuditLogs", "Add member to role", "RoleManagement", "Assign", _role),
    "consent": Entry("AuditLogs", "Consent to application", _APP, "Assign", _consent),
    "member": Entry("AuditLogs", "Add member to group", "GroupManagement", "Assign", _member),
    "user": Entry("AuditLogs", "Update user", "UserManagement", "Update", _plain),
    **{what: Entry("AzureActivity", operation, "", "", _plain) for what, operation in control.OPERATIONS.items()},
    "risk": Entry("AADServicePrincipalRiskEvents", "Service principal risk detection", "", "", _plain),
}
"""What a note may say."""

TABLES: Final = ("AuditLogs", "AzureActivity", "AADServicePrincipalRiskEvents")


def _initiator(world: World, note: Note) -> Json:
    if note.actor < 0:
        return {"app": {"appId": None, "displayName": "Identity Automation", "servicePrincipalId": TENANT}}
    one = world.personas[note.actor]
    if one.kind != "user":
        return {"app": {"appId": one.app_id, "displayName": one.name, "servicePrincipalId": one.oid}}
    ip = world.addresses[note.ip].text if note.ip >= 0 else None
    user: Json = {"id": one.oid, "displayName": None, "userPrincipalName": one.upn, "ipAddress": ip, "roles": []}
    return {"user": user}


def _target(entry: Entry, note: Note, target: Persona) -> list[Json]:
    kinds = {"user": "User"}
    application = entry.operation.startswith("Update application")
    kind = "Application" if application else kinds.get(target.kind, "ServicePrincipal")
    main: Json = {
        "id": target.app_id if application else target.oid,
        "displayName": target.name,
        "type": kind,
        "modifiedProperties": entry.properties(note, target),
        "administrativeUnits": [],
    }
    if application:
        return [main]
    return [main, {"id": target.oid, "displayName": target.name, "type": kind, "modifiedProperties": []}]


def _texts(values: Sequence[str | None]) -> Column:
    return pa.array(values, type=pa.string())


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _shared(
    notes: Sequence[Note], received: NDArray[np.int64], generated: NDArray[np.int64], table: str
) -> dict[str, Column]:
    key = np.array([note.key for note in notes], dtype=np.uint64)
    count = len(notes)
    return {
        "TenantId": constant(WORKSPACE, count),
        "TimeGenerated": stamps(generated),
        "_TimeReceived": stamps(received),
        "CorrelationId": guids(key, 3),
        "Type": constant(table, count),
        "_IsBillable": constant("True", count),
        "_ItemId": guids(key + np.unique(received, return_inverse=True)[1].astype(np.uint64), 160),
    }


def audit_columns(world: World, notes: Sequence[Note]) -> dict[str, Column]:
    """Rows of AuditLogs."""
    count = len(notes)
    entries = [ENTRIES[note.what] for note in notes]
    operations = _texts([entry.operation for entry in entries])
    targets = [_target(entry, note, world.personas[note.target]) for entry, note in zip(entries, notes, strict=True)]
    return {
        "SourceSystem": constant("Azure AD", count),
        "ResourceId": constant(f"/tenants/{TENANT}/providers/Microsoft.aadiam", count),
        "OperationName": operations,
        "OperationVersion": constant("1.0", count),
        "Category": _texts([entry.category for entry in entries]),
        "ResultSignature": constant("None", count),
        "DurationMs": constant(0, count),
        "Resource": constant("Microsoft.aadiam", count),
        "ResourceGroup": constant("Microsoft.aadiam", count),
        "Identity": constant("", count),
        "Level": constant("4", count),
        "AdditionalDetails": constant('[{"key":"User-Agent","value":"Mozilla/5.0"}]', count),
        "Id": _texts([f"Directory_{note.key:016x}_{note.key % 99991:05d}" for note in notes]),
        "InitiatedBy": _texts([_compact(_initiator(world, note)) for note in notes]),
        "LoggedByService": constant("Core Directory", count),
        "Result": constant("success", count),
        "ResultReason": constant("", count),
        "TargetResources": _texts([_compact(target) for target in targets]),
        "AADTenantId": constant(TENANT, count),
        "ActivityDisplayName": operations,
        "ActivityDateTime": stamps(np.array([note.at for note in notes], dtype=np.int64)),
        "AADOperationType": _texts([entry.change for entry in entries]),
    }


def risk_columns(world: World, notes: Sequence[Note]) -> dict[str, Column]:
    """Rows of AADServicePrincipalRiskEvents."""
    count = len(notes)
    targets = [world.personas[note.target] for note in notes]
    key = np.array([note.key for note in notes], dtype=np.uint64)
    at = np.array([note.at for note in notes], dtype=np.int64)
    return {
        "SourceSystem": constant("Azure AD", count),
        "Activity": constant("servicePrincipal", count),
        "ActivityDateTime": stamps(at),
        "DetectedDateTime": stamps(at + 30 * MINUTE),
        "LastUpdatedDateTime": stamps(at + 30 * MINUTE),
        "AppId": _texts([one.app_id for one in targets]),
        "DetectionTimingType": constant("offline", count),
        "Id": guids(key, 1),
        "IpAddress": _texts([world.addresses[note.ip].text if note.ip >= 0 else "" for note in notes]),
        "OperationName": constant("Service principal risk detection", count),
        "RiskDetail": constant("none", count),
        "RiskEventType": constant("anomalousServicePrincipalActivity", count),
        "RiskLevel": constant("medium", count),
        "RiskState": constant("atRisk", count),
        "ServicePrincipalDisplayName": _texts([one.name for one in targets]),
        "ServicePrincipalId": _texts([one.oid for one in targets]),
        "Source": constant("IdentityProtection", count),
        "TokenIssuerType": constant("AzureAD", count),
    }


_COLUMNS: Final[Mapping[str, Callable[[World, Sequence[Note]], dict[str, Column]]]] = {
    "AuditLogs": audit_columns,
    "AzureActivity": control.columns,
    "AADServicePrincipalRiskEvents": risk_columns,
}


def columns(
    world: World, table: str, notes: Sequence[Note], generated: NDArray[np.int64], received: NDArray[np.int64]
) -> dict[str, Column]:
    """All columns that have something to say, of delivered notes of one table."""
    return _shared(notes, received, generated, table) | _COLUMNS[table](world, notes)
