"""What Entra ID is asked for, and what it means by a refusal, in words that say what to do.

Its own words are not repeated: they hold claims of the assertion, the subject above all.
"""

from __future__ import annotations

import json
import re
from typing import Final

from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.identity import CredentialUnavailableError

from monitor.errors import MintwatchError, PermanentError, TransientError

CODES: Final = {
    "AADSTS70021": "none of the application's federated credentials fits the token: compare issuer, subject, audience",
    "AADSTS700211": "no federated credential of the application has the token's issuer",
    "AADSTS700212": "the token is made out to another audience, expected api://AzureADTokenExchange",
    "AADSTS700213": "no federated credential of the application has the token's subject; they must match to the letter",
    "AADSTS700024": "the token has expired or is not yet valid: it is not rotated, or a clock is wrong",
    "AADSTS700027": "the token's signature is not one of the issuer's, or the certificate is not on the application",
    "AADSTS50027": "what the token file holds is no valid token",
    "AADSTS700016": "no application of that client_id in that tenant",
    "AADSTS7000112": "the application is disabled",
    "AADSTS90002": "no such tenant in this cloud: compare tenant_id and cloud",
    "AADSTS900023": "tenant_id is no tenant: expected its id or one of its domains",
    "AADSTS500011": "nobody of that audience in this tenant: compare cloud, query endpoint and audience",
    "AADSTS7000215": "the client secret is wrong (it is the secret's value, not its id)",
    "AADSTS7000222": "the client secret has expired; kind: workload_identity has none that could",
    "AADSTS53003": "a Conditional Access policy for workload identities blocks this application from here",
    "AADSTS90055": "Entra throttles this tenant",
    "AADSTS50196": "Entra throttles this client: it asks for too many tokens",
}
"""What its refusals mean, and what to do (Entra, "Microsoft Entra authentication and authorization error codes")."""

PASSING: Final = frozenset({"AADSTS700024", "AADSTS90055", "AADSTS50196", "AADSTS90033"})
"""Refusals that may be gone next time: a token file is rotated, a throttle ends, Entra recovers."""


def scope(audience: str) -> str:
    """The scope of everything we may do at `audience`.

    >>> scope("https://vault.azure.net/")
    'https://vault.azure.net/.default'
    """
    return audience.rstrip("/") + "/.default"


def refusal(error: Exception, *, who: str, authority: str, unavailable: str) -> MintwatchError:
    """What a failed login of `who` is in our terms; `unavailable` says what to do where there is nobody to log in as.

    `TransientError` where it may work next time, else `PermanentError`.
    """
    if isinstance(error, CredentialUnavailableError):
        return PermanentError(f"{who}: {unavailable}")
    code = re.search(r"\bAADSTS\d+\b", str(error))
    if code:
        kind = TransientError if code[0] in PASSING else PermanentError
        return kind(f"{who}: Entra refused with {code[0]}: {CODES.get(code[0], 'see login.microsoftonline.com/error')}")
    status = error.status_code if isinstance(error, HttpResponseError) else None
    if isinstance(error, ClientAuthenticationError) and status in {400, 401, 403}:
        return PermanentError(f"{who}: Entra refused without saying why (HTTP {status})")
    if status is not None and status >= 400:
        return TransientError(f"{who}: {authority} answered HTTP {status}")
    return TransientError(f"{who}: {authority} cannot be reached or understood: {_plain(error)}")


def _plain(error: Exception) -> str:
    """What went wrong on the way, in a few words; a certificate nobody vouches for is named as such."""
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "its certificate is signed by nobody we trust; behind a proxy that inspects, give its CA as ca_bundle"
    return json.dumps(text.splitlines()[0][:200]) if text else error.__class__.__name__
