"""Vault calls as rows of AZKVAuditLogs and of AzureDiagnostics, the two shapes in which one vault may log.

The truth about a call is in the HTTP status: ResultType says "Success" for all of them, as in every public sample row.
"""

import json
from collections.abc import Mapping
from typing import Final
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitor.testing.simulate.apps import CALLERS, CLIENTS, FOREIGN, OPERATIONS, PORTAL, SDKS
from monitor.testing.simulate.calendar import DAY
from monitor.testing.simulate.chance import Keys, mix, uniform
from monitor.testing.simulate.columns import Column, constant, digests, guids, joined, labelled, stamps, taken
from monitor.testing.simulate.delivery import Parcels
from monitor.testing.simulate.events import Events
from monitor.testing.simulate.world import TENANT, WORKSPACE, World

LONG_OID: Final = "http://schemas.microsoft.com/identity/claims/objectidentifier"
LONG_UPN: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
LONG_NAME: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"
SIGNATURES: Final[Mapping[int, str]] = {
    200: "OK",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    429: "Too Many Requests",
}
ITEM_SALT: Final[Mapping[str, int]] = {"AZKVAuditLogs": 150, "AzureDiagnostics": 155}
_CONTROL: Final = np.array([name in {"VaultGet", "VaultPatch", "VaultDelete"} for name in OPERATIONS])
_UNCALLED: Final = {"KeyRotateIfDue", "DatabaseWaitStatisticsEvent"}
_NOTICE: Final = np.array([name.endswith("EventGridNotification") or name in _UNCALLED for name in OPERATIONS])
_LISTS: Final = np.array(["List" in name and "Versions" not in name for name in OPERATIONS])
_VERSIONED: Final = np.array([name in {"SecretGet", "KeySign", "KeyUnwrap", "CertificateGet"} for name in OPERATIONS])
_COLLECTIONS: Final = [
    "secrets" if name.startswith(("Secret", "Auth")) else "keys" if name.startswith("Key") else "certificates"
    for name in OPERATIONS
]
_VERBS: Final = {"SecretBackup": "/backup", "KeyBackup": "/backup", "KeySign": "/sign", "KeyUnwrap": "/unwrapkey"}


class Batch:
    """Delivered vault calls of one table, with the texts both tables need."""

    def __init__(self, world: World, table: str, events: Events, part: Parcels) -> None:
        self.world, self.table, self.part = world, table, part
        self.rows = rows = events[part.index]
        self.key: Keys = np.ascontiguousarray(rows["key"])
        self.count = len(rows)
        self.operation = rows["operation"].astype(np.int64)
        self.control, self.notice = _CONTROL[self.operation], _NOTICE[self.operation]

    def vault(self, form: str) -> Column:
        """A text about the vault of each row; form holds {name}, {group}, {subscription}."""
        texts = [
            form.format(name=one.name, group=one.group, subscription=one.subscription) for one in self.world.vaults
        ]
        return taken(texts, self.rows["vault"])

    def ids(self) -> Column:
        """URL of the object, with its version where one was read; of the vault, for the control plane; else null."""
        vault, item = self.rows["vault"].astype(np.int64), self.rows["item"].astype(np.int64)
        pairs, inverse = np.unique(vault * 1_000_000 + item, return_inverse=True)
        bases = [
            self._url(int(pair // 1_000_000), int(pair % 1_000_000)) if pair % 1_000_000 < 999_999 else None
            for pair in pairs
        ]
        base = taken(bases, inverse)
        salts = np.array([one.salt for one in self.world.vaults], dtype=np.uint64)
        epoch = (self.rows["at"] // (30 * DAY)).astype(np.uint64)
        version = digests(mix(salts[vault] + item.astype(np.uint64), 1) + epoch, 9)
        versioned = _VERSIONED[self.operation] & (self.rows["status"] == 200)
        url = pc.if_else(pa.array(versioned), joined(base, "/", version), base)
        return pc.if_else(pa.array(self.control), self.vault("https://{name}.vault.azure.net/"), url)

    def _url(self, vault: int, item: int) -> str:
        place, found = self.world.vaults[vault], self.world.vaults[vault].items[item]
        return f"https://{place.name}.vault.azure.net/{found.collection}/{found.name}"

    def uris(self, ids: Column) -> Column:
        """Request URI: the object, the list, or for the control plane the resource manager."""
        host = self.vault("https://{name}.vault.azure.net/")
        collection = taken(_COLLECTIONS, self.operation)
        verb = taken([_VERBS.get(name, "") for name in OPERATIONS], self.operation)
        data = joined(pc.coalesce(ids, joined(host, collection)), verb, "?api-version=7.4")
        arm = self.vault(
            "https://management.azure.com/subscriptions/{subscription}/resourceGroups/{group}"
            "/providers/Microsoft.KeyVault/vaults/{name}?api-version=2023-07-01"
        )
        url = pc.if_else(pa.array(self.control), arm, data)
        return pc.if_else(pa.array(self.notice), pa.scalar(None, pa.string()), url)

    def addresses(self) -> Column:
        """Caller addresses; some with a port, as Key Vault writes them for some clients."""
        ip = self.rows["ip"].astype(np.int64)
        ported = (uniform(self.key, 33) < 0.05).astype(np.int64)
        pairs, inverse = np.unique(np.where(ip < 0, -1, ip * 2 + ported), return_inverse=True)
        return taken([self._address(int(pair)) for pair in pairs], inverse)

    def _address(self, pair: int) -> str | None:
        if pair < 0:
            return ""
        text = self.world.addresses[pair // 2].text
        if pair % 2 == 0:
            return text
        port = 1024 + crc32(text.encode()) % 60000
        return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"

    def shared(self) -> dict[str, Column]:
        """Columns that are called the same in both tables."""
        status = self.rows["status"].astype(np.int64)
        mixed = uniform(self.key, 34) < 0.03
        path = "/subscriptions/{subscription}/resourcegroups/{group}/providers/microsoft.keyvault/"
        usual, odd = self.vault(path + "vaults/{name}"), self.vault(path + "VAULTS/{name}")
        return {
            "TenantId": constant(WORKSPACE, self.count),
            "SourceSystem": constant("Azure", self.count),
            "TimeGenerated": stamps(self.part.generated),
            "_TimeReceived": stamps(self.part.received),
            "OperationName": taken(OPERATIONS, self.operation),
            "OperationVersion": labelled({0: "7.4", 1: "2023-07-01"}, self.control.astype(np.int64)),
            "ResultType": constant("Success", self.count),
            "ResultSignature": labelled(SIGNATURES, status),
            "ResultDescription": pc.if_else(pa.array(status == 403), self._denials(), pa.scalar("", pa.string())),
            "CorrelationId": guids(self.key, 3),
            "_ResourceId": pc.if_else(pa.array(mixed), odd, usual),
            "Type": constant(self.table, self.count),
            "_IsBillable": constant("True", self.count),
            "_ItemId": guids(
                self.key + self.part.copy.astype(np.uint64), 150 if self.table == "AZKVAuditLogs" else 155
            ),
        }

    def _denials(self) -> Column:
        caller = joined("Caller: appid=", self._caller("app_id"), ";oid=", self._caller("oid"))
        tail = f";iss=https://sts.windows.net/{TENANT}/\nAction: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'"
        return joined("Caller is not authorized to perform action on resource.\n", caller, tail)

    def _caller(self, value: str) -> Column:
        known = [str(getattr(one, value)) for one in reversed(CALLERS)]
        texts = known + [str(getattr(one, value)) for one in self.world.personas]
        return taken(texts, self.rows["who"].astype(np.int64) + len(known))

    def claims(self) -> tuple[list[dict[str, object]], NDArray[np.int64]]:
        """The distinct sets of claims and which one each row has; no claims for challenges and notices."""
        rows, nobody = self.rows, self.notice | (self.rows["who"] == -1)
        who, ip = rows["who"].astype(np.int64), rows["ip"].astype(np.int64)
        combined = ((who + 10) * 2 + self.control) * 10_000_000 + ip + 1
        found, inverse = np.unique(np.where(nobody, -1, combined), return_inverse=True)
        return [self._claim(int(code)) for code in found], np.asarray(inverse, dtype=np.int64)

    def _claim(self, code: int) -> dict[str, object]:
        if code < 0:
            return {}
        rest, ip = divmod(code, 10_000_000)
        who, control = divmod(rest, 2)
        who -= 10
        address = self.world.addresses[ip - 1].text if ip else ""
        if who < 0:
            caller = CALLERS[-1 - who]
            return {LONG_OID: caller.oid, "appid": caller.app_id}
        one = self.world.personas[who]
        if one.kind == "user":
            return _user_claims(one.oid, one.upn, address, control=bool(control))
        if control:
            return {LONG_OID: one.oid, "appid": one.app_id}
        managed = one.kind == "managed_identity"
        claim: dict[str, object] = {"oid": one.oid, "appid": one.app_id, "appidacr": "2" if managed else "1"}
        claim |= {"idtyp": "app", "xms_az_nwperimid": []}
        if managed:
            claim["xms_mirid"] = (
                f"/subscriptions/{one.team.subscription}/resourcegroups/rg-{one.team.number:03d}"
                f"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/mi-{one.index:04d}"
            )
        return claim


def _user_claims(oid: str, upn: str, address: str, *, control: bool) -> dict[str, object]:
    portal = CLIENTS[PORTAL].app_id
    if control:
        return {LONG_OID: oid, LONG_UPN: upn, LONG_NAME: upn, "appid": portal}
    return {
        "oid": oid,
        "appid": "3686488a-04fc-4d8a-b967-61f98ec41efe",
        "scp": "user_impersonation",
        "appidacr": "0",
        "xms_az_nwperimid": [],
        "upn": upn,
        "ipaddr": address,
        "unique_name": upn,
        "amr": "pwd",
    }


def new_columns(batch: Batch) -> dict[str, Column]:
    """Rows of AZKVAuditLogs."""
    claims, which = batch.claims()
    identities = [json.dumps({"claim": claim} if claim else {}, separators=(",", ":")) for claim in claims]
    ids, data = batch.ids(), ~(batch.control | batch.notice)
    allowed = pa.array(batch.rows["status"] == 200, mask=~data)
    return batch.shared() | {
        "CallerIpAddress": batch.addresses(),
        "ClientInfo": taken(SDKS, batch.rows["client"]),
        "DurationMs": pa.array(_took(batch)),
        "HttpStatusCode": pa.array(batch.rows["status"].astype(np.int32)),
        "Id": ids,
        "Identity": taken(identities, which),
        "IsRbacAuthorized": allowed,
        "RequestUri": batch.uris(ids),
        "_SubscriptionId": batch.vault("{subscription}"),
        "Tlsversion": labelled({0: "TLS1_3", 1: "TLS1_2"}, (uniform(batch.key, 35) < 0.2).astype(np.int64)),
    }


def old_columns(batch: Batch) -> dict[str, Column]:
    """Rows of AzureDiagnostics: claims flattened to columns, other case, status as a real number."""
    claims, which = batch.claims()
    ids, data = batch.ids(), ~(batch.control | batch.notice)

    def claim(name: str) -> Column:
        values = [
            None if name not in one else json.dumps(one[name]) if name == "xms_az_nwperimid" else str(one[name])
            for one in claims
        ]
        return taken(values, which)

    path = "/SUBSCRIPTIONS/{subscription}/RESOURCEGROUPS/{group}/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/{name}"
    made = batch.shared() | {
        "CallerIPAddress": batch.addresses(),
        "Category": constant("AuditEvent", batch.count),
        "clientInfo_s": taken(SDKS, batch.rows["client"]),
        "DurationMs": pa.array(_took(batch).astype(np.int64)),
        "httpStatusCode_d": pa.array(batch.rows["status"].astype(np.float64)),
        "id_s": ids,
        "identity_claim_oid_g": claim("oid"),
        "identity_claim_appid_g": claim("appid"),
        "identity_claim_appidacr_s": claim("appidacr"),
        "identity_claim_idtyp_s": claim("idtyp"),
        "identity_claim_scp_s": claim("scp"),
        "identity_claim_upn_s": claim("upn"),
        "identity_claim_ipaddr_s": claim("ipaddr"),
        "identity_claim_unique_name_s": claim("unique_name"),
        "identity_claim_amr_s": claim("amr"),
        "identity_claim_xms_mirid_s": claim("xms_mirid"),
        "identity_claim_xms_az_nwperimid_s": claim("xms_az_nwperimid"),
        "identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g": claim(LONG_OID),
        "identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_upn_s": claim(LONG_UPN),
        "identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_name_s": claim(LONG_NAME),
        "isRbacAuthorized_b": pa.array(batch.rows["status"] == 200, mask=~data),
        "requestUri_s": batch.uris(ids),
        "Resource": pc.utf8_upper(batch.vault("{name}")),
        "ResourceGroup": pc.utf8_upper(batch.vault("{group}")),
        "ResourceId": pc.utf8_upper(batch.vault(path)),
        "ResourceProvider": constant("MICROSOFT.KEYVAULT", batch.count),
        "ResourceType": constant("VAULTS", batch.count),
        "SubscriptionId": batch.vault("{subscription}"),
        "tlsVersion_s": constant("TLS1_3", batch.count),
    }
    return made | _of_databases(batch, made)


def _of_databases(batch: Batch, made: Mapping[str, Column]) -> dict[str, Column]:
    """What differs in the rows that are no vault's: AzureDiagnostics is the table of all kinds of resources."""
    foreign = pa.array(batch.operation == FOREIGN)
    path = "/subscriptions/{subscription}/resourcegroups/{group}/providers/microsoft.sql/servers/{name}/databases/main"
    theirs = {
        "Category": constant("DatabaseWaitStatistics", batch.count),
        "ResourceProvider": constant("MICROSOFT.SQL", batch.count),
        "ResourceType": constant("SERVERS/DATABASES", batch.count),
        "Resource": constant("MAIN", batch.count),
        "ResourceId": pc.utf8_upper(batch.vault(path)),
        "_ResourceId": batch.vault(path),
    }
    silent = (
        "id_s",
        "requestUri_s",
        "ResultType",
        "ResultSignature",
        "clientInfo_s",
        "tlsVersion_s",
        "httpStatusCode_d",
    )
    nothing = {name: pa.nulls(batch.count, made[name].type) for name in (*silent, "httpStatusCode_d")}
    return {name: pc.if_else(foreign, column, made[name]) for name, column in (theirs | nothing).items()}


def columns(batch: Batch) -> dict[str, Column]:
    """All columns that have something to say, of one batch of one table."""
    return new_columns(batch) if batch.table == "AZKVAuditLogs" else old_columns(batch)


def _took(batch: Batch) -> NDArray[np.int32]:
    return (12 + 180 * uniform(batch.key, 36) ** 4).astype(np.int32)
