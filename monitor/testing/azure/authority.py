"""The token endpoint of Entra: an assertion of a federated identity for an access token, and nothing less."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl

from monitor import clock
from monitor.testing.azure import tokens
from monitor.testing.azure.http import Reply, Request, reply
from monitor.testing.azure.tokens import Claims, Signer

EXCHANGE: Final = "api://AzureADTokenExchange"
"""The audience Entra expects of an assertion."""

_ASSERTED: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Trusted:
    """An app registration and what it takes to be it: a federated credential, a certificate, or a secret."""

    client_id: str
    tenant: str
    issuer: str
    subject: str
    audience: str = EXCHANGE
    secret: str | None = None
    certificate: bytes | None = None

    @property
    def object_id(self) -> str:
        """Object id of the service principal: `oid` in its tokens and in the logs."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, self.client_id))


@dataclass(frozen=True, slots=True)
class _Refusal(Exception):  # noqa: N818  # an answer, not a failure
    status: int
    error: str
    code: int
    message: str


class Authority:
    """Entra for the apps it is told to trust, and the identity provider outside that vouches for them.

    Attributes
    ----------
    url
        For `authority=` of a credential, or `AZURE_AUTHORITY_HOST`.
    issuer
        Who signs assertions; apps trust it unless told otherwise.
    lifetime
        How long an access token is good for.
    requests, refused
        How often a token was asked for, and the AADSTS codes of those who got none.
    """

    def __init__(self, url: str, resources: set[str]) -> None:
        self.url = url
        self.issuer = f"{url}/issuer"
        self.lifetime = timedelta(minutes=75)
        self.requests = 0
        self.refused: list[int] = []
        self.resources = resources
        self._trusted: dict[tuple[str, str], Trusted] = {}
        self._lock = threading.Lock()

    def trust(
        self,
        client_id: str,
        tenant: str,
        *,
        subject: str = "system:serviceaccount:mintwatch:worker",
        issuer: str | None = None,
        audience: str = EXCHANGE,
        secret: str | None = None,
        certificate: bytes | None = None,
    ) -> Trusted:
        """Register an app with one federated credential; whoever shows an assertion for `subject` may be it.

        With a `certificate` (PEM), whoever signs with its private key; with a `secret`, also whoever knows that.
        """
        trusted = Trusted(client_id, tenant, issuer or self.issuer, subject, audience, secret, certificate)
        self._trusted[tenant.lower(), client_id.lower()] = trusted
        return trusted

    def assertion(
        self,
        *,
        subject: str = "system:serviceaccount:mintwatch:worker",
        audience: str = EXCHANGE,
        issuer: str | None = None,
        lifetime: timedelta = timedelta(minutes=10),
        starts: datetime | None = None,
        signer: Signer = "issuer",
    ) -> str:
        """What the identity provider would write into the token file.

        A `lifetime` below zero has expired, `starts` in the future is not valid yet, `signer="stranger"` is forged.
        """
        began = starts or clock.now() - max(-lifetime, timedelta(0)) - timedelta(seconds=5)
        times = tokens.lifetime(began, abs(lifetime) if lifetime > timedelta(0) else timedelta(0))
        return tokens.signed(
            signer, {"iss": issuer or self.issuer, "sub": subject, "aud": audience, "jti": str(uuid.uuid4()), **times}
        )

    def token(self, trusted: Trusted, resource: str, *, lifetime: timedelta | None = None) -> str:
        """An access token for `resource` as the endpoint would give it to `trusted`."""
        began = clock.now() - timedelta(seconds=5)
        return tokens.signed(
            "authority", self._claims(trusted, resource, began, self.lifetime if lifetime is None else lifetime)
        )

    def claims(self, token: str) -> Claims | None:
        """What an access token of this authority says; None if it is no such token or has expired."""
        said = tokens.unsigned(token)
        if said is None or not tokens.genuine(token, "authority"):
            return None
        return said if _moment(said, "exp") > clock.now() else None

    def answer(self, request: Request) -> Reply:
        """The answer of ``/{tenant}/oauth2/v2.0/token``, or of the tenant's discovery document."""
        tenant = request.path.strip("/").split("/")[0]
        if request.method == "GET":
            return reply(200, self._discovery(tenant))
        with self._lock:
            self.requests += 1
        try:
            return reply(200, self._exchanged(tenant, dict(parse_qsl(request.body.decode()))))
        except _Refusal as refusal:
            self.refused.append(refusal.code)
            return _worded(refusal)

    def _discovery(self, tenant: str) -> dict[str, str]:
        return {
            "issuer": f"{self.url}/{tenant}/v2.0",
            "token_endpoint": f"{self.url}/{tenant}/oauth2/v2.0/token",
            "authorization_endpoint": f"{self.url}/{tenant}/oauth2/v2.0/authorize",
        }

    def _exchanged(self, tenant: str, form: Mapping[str, str]) -> dict[str, str | int]:
        if form.get("grant_type") != "client_credentials":
            raise _Refusal(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        trusted = self._known(tenant, form.get("client_id", ""))
        resource = form.get("scope", "").removesuffix("/.default")
        if resource not in self.resources:
            raise _Refusal(
                400, "invalid_resource", 500011, f"The resource principal named {resource} was not found in the tenant."
            )
        self._prove(trusted, form)
        lasts = int(self.lifetime.total_seconds())
        access = self.token(trusted, resource)
        return {"token_type": "Bearer", "expires_in": lasts, "ext_expires_in": lasts, "access_token": access}

    def _known(self, tenant: str, client_id: str) -> Trusted:
        if tenant.lower() not in {known for known, _ in self._trusted}:
            raise _Refusal(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        trusted = self._trusted.get((tenant.lower(), client_id.lower()))
        if trusted is None:
            message = f"Application with identifier '{client_id}' was not found in the directory '{tenant}'."
            raise _Refusal(400, "unauthorized_client", 700016, message)
        return trusted

    def _prove(self, trusted: Trusted, form: Mapping[str, str]) -> None:
        """Raise unless the form holds what `trusted` must show."""
        if "client_secret" in form:
            if trusted.secret is None or form["client_secret"] != trusted.secret:
                message = (
                    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret"
                    f" value, not the client secret ID, for a secret added to app '{trusted.client_id}'."
                )
                raise _Refusal(401, "invalid_client", 7000215, message)
            return
        if form.get("client_assertion_type") != _ASSERTED or "client_assertion" not in form:
            message = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise _Refusal(401, "invalid_client", 7000218, message)
        assertion = form["client_assertion"]
        said = tokens.unsigned(assertion)
        if said is None or assertion != assertion.strip():
            raise _Refusal(400, "invalid_request", 50027, "JWT token is invalid or malformed.")
        if trusted.certificate is not None:
            own = f"{self.url}/{trusted.tenant}/oauth2/v2.0/token"
            believed = tokens.certified(assertion, trusted.certificate) and said.get("aud") == own
        else:
            _match(trusted, said)
            believed = tokens.genuine(assertion, "issuer")
        if not believed:
            raise _Refusal(401, "invalid_client", 700027, "Client assertion failed signature validation.")
        _timely(said)

    def _claims(self, trusted: Trusted, resource: str, began: datetime, length: timedelta) -> Claims:
        return {
            "aud": resource,
            "iss": f"{self.url}/{trusted.tenant}/v2.0",
            "tid": trusted.tenant,
            "appid": trusted.client_id,
            "oid": trusted.object_id,
            "sub": trusted.object_id,
            "idtyp": "app",
            "appidacr": "1" if trusted.secret else "2",
            "uti": uuid.uuid4().hex[:22],
            **tokens.lifetime(began, length),
        }


def _match(trusted: Trusted, said: Claims) -> None:
    """Raise unless issuer, subject and audience are, letter for letter, those of the federated credential."""
    for code, what, name, expected in (
        (700211, "issuer", "iss", trusted.issuer),
        (700213, "subject", "sub", trusted.subject),
        (700212, "audience", "aud", trusted.audience),
    ):
        if said.get(name) != expected:
            message = (
                f"No matching federated identity record found for presented assertion {what} '{said.get(name)}'."
                " Please check your federated identity credential Subject, Audience and Issuer against the presented"
                " assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
            )
            raise _Refusal(401, "invalid_client", code, message)


def _timely(said: Claims) -> None:
    now = clock.now()
    first, last = _moment(said, "nbf"), _moment(said, "exp")
    if not first <= now < last:
        message = (
            "Client assertion is not within its valid time range."
            f" Current time: {clock.iso(now)}, assertion valid from {clock.iso(first)},"
            f" expiry time of assertion {clock.iso(last)}."
        )
        raise _Refusal(401, "invalid_client", 700024, message)


def _moment(said: Claims, claim: str) -> datetime:
    seconds = said.get(claim)
    return clock.EPOCH + timedelta(seconds=seconds if isinstance(seconds, int | float) else 0)


def _worded(refusal: _Refusal) -> Reply:
    """The refusal in Entra's words."""
    now, trace, correlation = clock.iso(clock.now()), str(uuid.uuid4()), str(uuid.uuid4())
    text = f"AADSTS{refusal.code}: {refusal.message}"
    return reply(
        refusal.status,
        {
            "error": refusal.error,
            "error_description": f"{text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {now}",
            "error_codes": [refusal.code],
            "timestamp": now,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={refusal.code}",
        },
        {"x-ms-clitelem": f"1,{refusal.code},0,,"},
    )
