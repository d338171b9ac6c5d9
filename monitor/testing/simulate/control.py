"""Calls of the resource manager: how teams run their infrastructure, and the rows of AzureActivity it leaves.

Shapes follow the public sample rows: upper-case operations, claims as text and as dynamic, a row when a request starts
and one when it is done, bodies as JSON inside JSON.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa

from monitor.testing.simulate import chance
from monitor.testing.simulate.calendar import DAY, MINUTE, SECOND
from monitor.testing.simulate.columns import Column, constant, guids, stamps
from monitor.testing.simulate.diary import Diary, Note
from monitor.testing.simulate.vaults import LONG_OID
from monitor.testing.simulate.world import TEAM_SIZE, TENANT, Persona, Vault, World

OPERATIONS: Final[Mapping[str, str]] = {
    "vault_write": "MICROSOFT.KEYVAULT/VAULTS/WRITE",
    "vault_opened": "MICROSOFT.KEYVAULT/VAULTS/WRITE",
    "vault_policy": "MICROSOFT.KEYVAULT/VAULTS/ACCESSPOLICIES/WRITE",
    "vault_delete": "MICROSOFT.KEYVAULT/VAULTS/DELETE",
    "role_assignment": "MICROSOFT.AUTHORIZATION/ROLEASSIGNMENTS/WRITE",
    "role_removed": "MICROSOFT.AUTHORIZATION/ROLEASSIGNMENTS/DELETE",
    "arm_federation": "MICROSOFT.MANAGEDIDENTITY/USERASSIGNEDIDENTITIES/FEDERATEDIDENTITYCREDENTIALS/WRITE",
    "diagnostics_written": "MICROSOFT.INSIGHTS/DIAGNOSTICSETTINGS/WRITE",
    "diagnostics_removed": "MICROSOFT.INSIGHTS/DIAGNOSTICSETTINGS/DELETE",
    "deployment": "MICROSOFT.RESOURCES/DEPLOYMENTS/WRITE",
}
"""What a note of the resource manager may say."""

START: Final = "Start"
DEPLOYED: Final = {"deployment": 0.74, "vault_write": 0.14, "diagnostics_written": 0.06, "role_assignment": 0.05}
BY_HAND: Final = {"deployment": 0.4, "role_assignment": 0.22, "vault_write": 0.14, "role_removed": 0.1}
RARE: Final = {"vault_policy": 0.03, "vault_opened": 0.02, "arm_federation": 0.02, "diagnostics_removed": 0.02}
_CLAIM: Final = "http://schemas.microsoft.com/identity/claims"
_UPN: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"


def infrastructure(world: World, diaries: Sequence[Diary]) -> list[Note]:
    """Pipelines that deploy, and administrators who lend a hand: nearly all there is of the resource manager's log."""
    found: list[Note] = []
    for diary in diaries:
        one = diary.persona
        rate, turns = {
            "pipeline": (0.8, DEPLOYED | {"arm_federation": 0.004}),
            "admin": (0.25, BY_HAND | RARE),
        }.get(one.behaviour, (0.0, {}))
        if not rate:
            continue
        rng = chance.stream(world.seed, chance.CONTROL, one.index)
        at = np.sort(rng.integers(world.period.start, world.period.end, size=rng.poisson(rate * world.period.days)))
        at = at - at % DAY + (7 * 60 + rng.integers(0, 660, size=len(at))) * MINUTE  # by day, as people merge and click
        where = diary.egress.draw(rng, at)
        first = one.team.number * TEAM_SIZE
        for when, ip, what in zip(at, where, rng.choice([*turns], size=len(at), p=_shares(turns)), strict=True):
            target = first + int(rng.integers(one.index - first + 1))
            found.append(Note(int(when), str(what), one.index, target, int(ip), int(chance.keys(rng, 1)[0])))
    return found


def _shares(turns: Mapping[str, float]) -> list[float]:
    return [share / sum(turns.values()) for share in turns.values()]


def steps(notes: Sequence[Note]) -> list[Note]:
    """Each request as the log has it: a row when it starts, a row when it is done."""
    begun = [replace(one, at=one.at - 2 * SECOND, key=one.key ^ 1, extra=(*one.extra, START)) for one in notes]
    return [*notes, *begun]


def columns(world: World, notes: Sequence[Note]) -> dict[str, Column]:
    """Rows of AzureActivity."""
    count = len(notes)
    actors = [world.personas[note.actor if note.actor >= 0 else note.target] for note in notes]
    operations = [OPERATIONS[note.what] for note in notes]
    vaults = [_scope(world, note, actor) for note, actor in zip(notes, actors, strict=True)]
    paths = [_path(note, world.personas[note.target], one) for note, one in zip(notes, vaults, strict=True)]
    ips = [world.addresses[note.ip].text if note.ip >= 0 else "" for note in notes]
    claims = [_compact(_claims(one)) for one in actors]
    bodies = [_compact(_body(note, world.personas[note.target])) for note in notes]
    details = [_compact({"entity": path, "requestbody": body}) for path, body in zip(paths, bodies, strict=True)]
    granted = [
        _compact({"scope": path, "action": operation.lower()})
        for path, operation in zip(paths, operations, strict=True)
    ]
    key = np.array([note.key for note in notes], dtype=np.uint64)
    begun = [note.extra[-1:] == (START,) for note in notes]
    return {
        "SourceSystem": constant("Azure", count),
        "ActivityStatusValue": _texts([START if one else "Success" for one in begun]),
        "ActivitySubstatusValue": _texts(["" if one else "OK" for one in begun]),
        "Authorization": _texts(granted),
        "Authorization_d": _texts(granted),
        "Caller": _texts([one.upn or one.oid for one in actors]),
        "CallerIpAddress": _texts(ips),
        "CategoryValue": constant("Administrative", count),
        "Claims": _texts(claims),
        "Claims_d": _texts(claims),
        "CorrelationId": guids(key >> np.uint64(1), 3),  # the two rows of a request share it
        "EventDataId": guids(key, 1),
        "EventSubmissionTimestamp": stamps(np.array([note.at + 69 * SECOND for note in notes], dtype=np.int64)),
        "HTTPRequest": _texts([_compact({"clientIpAddress": ip}) for ip in ips]),
        "OperationNameValue": _texts(operations),
        "Properties": _texts(details),
        "Properties_d": _texts(details),
        "ResourceGroup": _texts([one.group.upper() for one in vaults]),
        "ResourceProviderValue": _texts([operation.partition("/")[0] for operation in operations]),
        "SubscriptionId": _texts([one.subscription for one in vaults]),
        "_ResourceId": _texts(paths),
    }


def _scope(world: World, note: Note, actor: Persona) -> Vault:
    """The vault a call is about: the one it names, else the first of the caller's team."""
    named = [one for one in world.vaults if one.name in note.extra[:1]]
    return named[0] if named else world.vaults[actor.team.vaults[0]]


def _path(note: Note, target: Persona, vault: Vault) -> str:
    """The ARM id of what is written, lower case as in `_ResourceId`."""
    group = f"/subscriptions/{vault.subscription}/resourcegroups/{vault.group}/providers"
    path = f"{group}/microsoft.keyvault/vaults/{vault.name}"
    part = f"{note.key >> 1:015x}"
    if note.what.startswith("role_"):
        path += f"/providers/microsoft.authorization/roleassignments/{part}"
    elif note.what.startswith("diagnostics_"):
        path += f"/providers/microsoft.insights/diagnosticsettings/{part[:4]}"
    elif note.what == "arm_federation":
        path = f"{group}/microsoft.managedidentity/userassignedidentities/{target.name}"
        path += f"/federatedidentitycredentials/{part}"
    elif note.what == "deployment":
        path = f"{group}/microsoft.resources/deployments/{part}"
    return path.lower()


def _claims(actor: Persona) -> dict[str, str]:
    claims = {"appid": actor.app_id, LONG_OID: actor.oid, "name": actor.name, f"{_CLAIM}/tenantid": TENANT}
    if actor.kind == "user":
        return claims | {_UPN: actor.upn, f"{_CLAIM}/scope": "user_impersonation"}
    if actor.kind == "managed_identity":
        return claims | {"idtyp": "app", "xms_mirid": f"/subscriptions/s/resourcegroups/g/{actor.name}"}
    return claims | {"idtyp": "app"}


def _body(note: Note, target: Persona) -> dict[str, object]:
    """What was sent; of every kind of request, as much as matters here."""
    if note.what in {"vault_write", "vault_opened"}:
        acls = {"bypass": "AzureServices", "defaultAction": "Allow" if note.what == "vault_opened" else "Deny"}
        return {"properties": {"networkAcls": acls, "enableSoftDelete": True}}
    if note.what == "vault_policy":
        entry = {"objectId": target.oid, "permissions": {"secrets": ["get", "list"]}}
        return {"properties": {"accessPolicies": [entry]}}
    return {"Properties": {"PrincipalId": target.oid}}


def _texts(values: Sequence[str]) -> Column:
    return pa.array(values, type=pa.string())


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
