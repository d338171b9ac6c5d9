"""Token requests as rows of the four sign-in tables, whole columns at a time."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Final

import numpy as np
import pyarrow.compute as pc

from monitor.testing.simulate.apps import CLIENTS, RESOURCES
from monitor.testing.simulate.chance import Keys, uniform
from monitor.testing.simulate.columns import (
    Column,
    blanked,
    constant,
    guids,
    labelled,
    stamps,
    taken,
    token_ids,
)
from monitor.testing.simulate.delivery import Parcels
from monitor.testing.simulate.events import Events
from monitor.testing.simulate.places import Address
from monitor.testing.simulate.world import TENANT, WORKSPACE, Persona, World

DESCRIPTIONS: Final[Mapping[int, str | None]] = {
    0: "",
    16000: "Either multiple user identities are available for the request or the selected account is not supported.",
    50034: "The user account does not exist in the directory.",
    50053: "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.",
    50058: "Session information is not sufficient for single-sign-on.",
    50074: "Strong Authentication is required.",
    50126: "Error validating credentials due to invalid username or password.",
    50140: "This error occurred due to 'Keep me signed in' interrupt when the user was signing-in.",
    50158: "External security challenge was not satisfied.",
    53003: "Access has been blocked by Conditional Access policies.",
    65001: "The user or administrator has not consented to use the application.",
    90055: "The tenant is throttled due to too many requests.",
    700016: "Application was not found in the directory.",
    700024: "Client assertion is not within its valid time range.",
    700211: "No matching federated identity record found for presented assertion issuer.",
    700213: "No matching federated identity record found for presented assertion subject.",
    7000112: "Application is disabled.",
    7000215: "Invalid client secret is provided.",
    7000222: "The provided client secret keys are expired.",
}
CATEGORY: Final[Mapping[str, str]] = {
    "SigninLogs": "SignInLogs",
    "AADNonInteractiveUserSignInLogs": "NonInteractiveUserSignInLogs",
    "AADServicePrincipalSignInLogs": "ServicePrincipalSignInLogs",
    "AADManagedIdentitySignInLogs": "ManagedIdentitySignInLogs",
}
SALT: Final[Mapping[str, int]] = {table: 100 + 5 * number for number, table in enumerate(CATEGORY)}


class Batch:
    """Delivered token requests of one table, with what every sign-in table says about them."""

    def __init__(self, world: World, table: str, events: Events, part: Parcels) -> None:
        self.world, self.table, self.part = world, table, part
        self.rows = rows = events[part.index]
        self.sparse = part.sparse
        self.key: Keys = np.ascontiguousarray(rows["key"])
        self.count = len(rows)

    def persona(self, value: str) -> Column:
        """An attribute of the persona of each row."""
        return taken([str(getattr(persona, value)) for persona in self.world.personas], self.rows["who"])

    def shared(self) -> dict[str, Column]:
        """Columns that all four tables have."""
        rows, count, salt = self.rows, self.count, SALT[self.table]
        return {
            "TenantId": constant(WORKSPACE, count),
            "SourceSystem": constant("Azure AD", count),
            "TimeGenerated": stamps(self.part.generated),
            "CreatedDateTime": stamps(rows["at"]),
            "_TimeReceived": stamps(self.part.received),
            "OperationName": constant("Sign-in activity", count),
            "OperationVersion": constant("1.0", count),
            "Category": constant(CATEGORY[self.table], count),
            "ResultType": labelled({int(code): str(code) for code in np.unique(rows["code"])}, rows["code"]),
            "ResultSignature": constant("None", count),
            "ResultDescription": labelled(DESCRIPTIONS, rows["code"]),
            "DurationMs": constant(0, count),
            "CorrelationId": guids(np.ascontiguousarray(rows["thread"]), 3),
            "ResourceGroup": constant("Microsoft.aadiam", count),
            "Level": constant("4", count),
            "Id": guids(self.key, 1),
            "UniqueTokenIdentifier": token_ids(self.key, 5),
            "ResourceDisplayName": taken([name for name, _, _ in RESOURCES], rows["resource"]),
            "ResourceIdentity": taken([app_id for _, app_id, _ in RESOURCES], rows["resource"]),
            "ResourceServicePrincipalId": guids(rows["resource"].astype(np.uint64), 7),
            "ResourceOwnerTenantId": constant("f8cdef31-a31e-4b4a-93e4-5f571e91255a", count),
            "AADTenantId": constant(TENANT, count),
            "ConditionalAccessStatus": blanked(constant("notApplied", count), self.sparse),
            "Type": constant(self.table, count),
            "_IsBillable": constant("True", count),
            "_ItemId": guids(self.key + self.part.copy.astype(np.uint64), salt),
        }


def workload_columns(batch: Batch) -> dict[str, Column]:
    """Rows of AADServicePrincipalSignInLogs and AADManagedIdentitySignInLogs."""
    rows, count, columns = batch.rows, batch.count, batch.shared()
    columns |= {
        "AppId": batch.persona("app_id"),
        "AppOwnerTenantId": constant(TENANT, count),
        "AuthenticationProcessingDetails": constant(
            '[{"key":"Azure AD App Authentication Library","value":""}]', count
        ),
        "ConditionalAccessPolicies": constant("[]", count),
        "NetworkLocationDetails": constant("[]", count),
        "ServicePrincipalId": batch.persona("oid"),
        "ServicePrincipalName": blanked(batch.persona("name"), batch.sparse),
        "Agent": _agents(batch),
    }
    if batch.table == "AADManagedIdentitySignInLogs":
        return columns | {
            "IPAddress": constant("", count),
            "LocationDetails": constant(_NOWHERE, count),
        }
    credentials = batch.world.credentials
    columns |= _where(batch)
    return columns | {
        "AutonomousSystemNumber": _networks(batch),
        "ClientCredentialType": pc.fill_null(taken([one.type for one in credentials], rows["credential"]), "none"),
        "ServicePrincipalCredentialKeyId": taken([one.key for one in credentials], rows["credential"]),
        "ServicePrincipalCredentialThumbprint": taken([one.thumbprint for one in credentials], rows["credential"]),
        "FederatedCredentialId": taken([one.federation for one in credentials], rows["credential"]),
        "UserAgent": taken([client.agent or None for client in CLIENTS], rows["client"]),
    }


def person_columns(batch: Batch) -> dict[str, Column]:
    """Columns that SigninLogs and AADNonInteractiveUserSignInLogs share."""
    rows, count = batch.rows, batch.count
    interactive = batch.table == "SigninLogs"
    names = [persona.name for persona in batch.world.personas]
    columns = batch.shared() | _where(batch)
    return columns | {
        "Identity": taken(names, rows["who"]),
        "UserDisplayName": taken(names, rows["who"]),
        "UserId": batch.persona("oid"),
        "UserPrincipalName": _upns(batch),
        "UserType": constant("Member", count),
        "AppDisplayName": taken([client.name for client in CLIENTS], rows["client"]),
        "AppId": taken([client.app_id for client in CLIENTS], rows["client"]),
        "ClientAppUsed": taken([client.used for client in CLIENTS], rows["client"]),
        "UserAgent": taken([client.agent for client in CLIENTS], rows["client"]),
        "DeviceDetail": taken([_device(client.system, client.browser) for client in CLIENTS], rows["client"]),
        "AuthenticationDetails": constant("[]", count),
        "AuthenticationProcessingDetails": constant('[{"key":"Is CAE Token","value":"False"}]', count),
        "AuthenticationProtocol": constant("none", count),
        "AuthenticationRequirement": blanked(constant("singleFactorAuthentication", count), batch.sparse),
        "AuthenticationRequirementPolicies": constant("[]", count),
        "AutonomousSystemNumber": _networks(batch),
        "ConditionalAccessPolicies": constant("[]", count),
        "CrossTenantAccessType": constant("none", count),
        "HomeTenantId": constant(TENANT, count),
        "ResourceTenantId": constant(TENANT, count),
        "IncomingTokenType": constant("none" if interactive else "primaryRefreshToken", count),
        "IsInteractive": constant(interactive, count),
        "IsTenantRestricted": constant(False, count),
        "NetworkLocationDetails": constant("[]", count),
        "OriginalRequestId": guids(np.ascontiguousarray(rows["thread"]), 1),
        "RiskDetail": constant("none", count),
        "RiskEventTypes": constant("[]", count),
        "RiskEventTypes_V2": blanked(constant("[]", count), batch.sparse),
        "RiskLevelAggregated": constant("none", count),
        "RiskLevelDuringSignIn": constant("none", count),
        "RiskState": constant("none", count),
        "ServicePrincipalId": constant("", count),
        "Status": labelled({int(code): _status(int(code)) for code in np.unique(rows["code"])}, rows["code"]),
        "TokenIssuerName": constant("", count),
        "TokenIssuerType": constant("AzureAD", count),
        "Agent": _agents(batch),
    }


def columns(batch: Batch) -> dict[str, Column]:
    """All columns that have something to say, of one batch of one table."""
    if batch.table in {"AADServicePrincipalSignInLogs", "AADManagedIdentitySignInLogs"}:
        return workload_columns(batch)
    made = person_columns(batch)
    took = constant("", batch.count) if not batch.count else _milliseconds(batch)
    if batch.table == "AADNonInteractiveUserSignInLogs":
        return made | {"ProcessingTimeInMs": took}
    return made | {
        "ProcessingTimeInMilliseconds": took,
        "ResourceId": constant(f"/tenants/{TENANT}/providers/Microsoft.aadiam", batch.count),
        "Resource": constant("Microsoft.aadiam", batch.count),
        "ResourceProvider": constant("", batch.count),
        "AlternateSignInName": constant("", batch.count),
        "ServicePrincipalName": constant("", batch.count),
        "FlaggedForReview": constant(False, batch.count),
    }


_NOWHERE: Final = '{"city":"","state":"","countryOrRegion":"","geoCoordinates":{"latitude":0.0,"longitude":0.0}}'


@cache
def _location(city: str, state: str, country: str, latitude: float, longitude: float) -> str:
    place = {
        "city": city,
        "state": state,
        "countryOrRegion": country,
        "geoCoordinates": {"latitude": latitude, "longitude": longitude},
    }
    return json.dumps(place, separators=(",", ":"))


def _details(address: Address) -> str:
    place = address.place
    return _location(place.city, place.state, place.country, place.latitude, place.longitude)


def _where(batch: Batch) -> dict[str, Column]:
    addresses, ip = batch.world.addresses, batch.rows["ip"]
    used, inverse = np.unique(ip, return_inverse=True)
    found = [addresses[number] if number >= 0 else None for number in used]
    return {
        "IPAddress": taken([one.text if one else "" for one in found], inverse),
        "Location": taken([one.place.country if one else "" for one in found], inverse),
        "LocationDetails": blanked(
            taken([_details(one) if one else _NOWHERE for one in found], inverse), batch.sparse, "{}"
        ),
    }


def _networks(batch: Batch) -> Column:
    used, inverse = np.unique(batch.rows["ip"], return_inverse=True)
    return taken([str(batch.world.addresses[n].network) if n >= 0 else None for n in used], inverse)


def _agent(persona: Persona) -> str | None:
    """The Agent column: filled for agents, says "notAgentic" for half of the others and nothing for the rest."""
    if persona.blueprint:
        return f'{{"agentType":"agenticAppInstance","parentAppId":"{persona.blueprint}"}}'
    return '{"agentType":"notAgentic","parentAppId":""}' if persona.index % 2 else None


def _agents(batch: Batch) -> Column:
    return taken([_agent(persona) for persona in batch.world.personas], batch.rows["who"])


def _upns(batch: Batch) -> Column:
    """User principal names in wavering case."""
    draw = uniform(batch.key, 31)
    form = np.where(draw < 0.25, 1, np.where(draw < 0.28, 2, 0))
    names = [form(one.upn) for one in batch.world.personas for form in (str, str.lower, str.upper)]
    return taken(names, batch.rows["who"].astype(np.int64) * 3 + form)


def _device(system: str, browser: str) -> str:
    return json.dumps({"deviceId": "", "operatingSystem": system, "browser": browser}, separators=(",", ":"))


def _status(code: int) -> str:
    details = {0: "MFA requirement satisfied by claim in the token"}.get(code)
    body: dict[str, object] = {"errorCode": code}
    if code:
        body["failureReason"] = DESCRIPTIONS.get(code)
    if details:
        body["additionalDetails"] = details
    return json.dumps(body, separators=(",", ":"))


def _milliseconds(batch: Batch) -> Column:
    took = (30 + 400 * uniform(batch.key, 32) ** 3).astype(np.int64)
    return labelled({int(n): str(n) for n in np.unique(took)}, took)
