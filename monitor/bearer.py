"""One question to an Azure service other than Log Analytics: an address, a token, an answer in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from azure.core import PipelineClient
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from azure.core.rest import HttpRequest, HttpResponse

from monitor.entra import scope
from monitor.errors import PermanentError, TransientError

CONNECT, READ = 5, 15
"""Seconds to wait for a connection, and for an answer."""


def ask(address: str, credential: TokenCredential, audience: str, ca_bundle: Path | None = None) -> Mapping[str, Any]:
    """The JSON object at `address`, asked for with a token for `audience`.

    Redirects are not followed, and a host gets the token only if it is, or is below, that of `audience`: an address may
    have been written by somebody else.

    Raises
    ------
    TransientError
        If there was no answer, no whole one, or one that says later.
    PermanentError
        If we were refused or there is nothing; the message starts with the status, `HTTP 403` for example.
    """
    host, domain = urlsplit(address).hostname or "", urlsplit(audience).hostname or ""
    if urlsplit(address).scheme != "https" or not domain or not f".{host}".endswith(f".{domain}"):
        raise PermanentError(f"{address}: expected https and a host of {domain or audience}")
    policies = [BearerTokenCredentialPolicy(credential, scope(audience))]  # no retries, no redirects
    trusted: dict[str, Any] = {"connection_verify": str(ca_bundle)} if ca_bundle else {}
    client: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(address, policies=policies)
    with client:
        try:
            request = HttpRequest("GET", address, headers={"Accept": "application/json"})
            answer = client.send_request(request, connection_timeout=CONNECT, read_timeout=READ, **trusted)
            whole = answer.json() if answer.status_code == 200 else None
        except (AzureError, ValueError) as error:
            raise TransientError(f"{host}: did not answer in JSON: {error.__class__.__name__}") from error
    if answer.status_code == 429 or answer.status_code >= 500:
        raise TransientError(f"HTTP {answer.status_code} from {host}")
    if not isinstance(whole, dict):
        raise PermanentError(f"HTTP {answer.status_code} from {host}")
    return whole
