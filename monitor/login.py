"""Logging in to Entra ID: which cloud, which credential, and what to do when it is refused.

A credential is made once from what a person configured, never guessed from what lies around, and shared by every client
that logs in with it. No token, no assertion and no claim of either is logged or put into a message.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self

from azure.core.credentials import AccessToken, AccessTokenInfo, SupportsTokenInfo, TokenRequestOptions
from azure.core.exceptions import AzureError
from azure.identity import (
    AzureCliCredential,
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    CredentialUnavailableError,
    ManagedIdentityCredential,
)

from monitor.entra import refusal
from monitor.errors import InputError, MintwatchError, PermanentError, TransientError

log = logging.getLogger("mintwatch.login")

CONNECT, READ, PROCESS = 5, 15, 20
"""Seconds to wait for a connection to Entra, for its answer, and for `az`."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """Addresses of one Azure cloud. They move together: a token of one is refused by every other.

    `authority` issues tokens, `query` answers KQL, `arm` knows workspaces and role assignments; `audience` and `vault`
    are whom tokens for Log Analytics and Key Vault are made out to.
    """

    authority: str
    query: str
    audience: str
    arm: str
    vault: str = "https://vault.azure.net"


PUBLIC: Final = Cloud(
    authority="https://login.microsoftonline.com",
    query="https://api.loganalytics.azure.com",
    audience="https://api.loganalytics.io",  # asked for by the current name of the endpoint, too
    arm="https://management.azure.com",
)
US_GOVERNMENT: Final = Cloud(
    authority="https://login.microsoftonline.us",
    query="https://api.loganalytics.us",
    audience="https://api.loganalytics.us",
    arm="https://management.usgovcloudapi.net",
    vault="https://vault.usgovcloudapi.net",
)
CHINA: Final = Cloud(
    authority="https://login.chinacloudapi.cn",
    query="https://api.loganalytics.azure.cn",
    audience="https://api.loganalytics.azure.cn",
    arm="https://management.chinacloudapi.cn",
    vault="https://vault.azure.cn",
)
CLOUDS: Final = {"public": PUBLIC, "us_government": US_GOVERNMENT, "china": CHINA}
"""The clouds by the name a configuration uses."""


class Kind(StrEnum):
    """How to prove who we are. Only the last needs a secret that somebody can steal and use elsewhere."""

    WORKLOAD_IDENTITY = "workload_identity"
    MANAGED_IDENTITY = "managed_identity"
    CLIENT_CERTIFICATE = "client_certificate"
    AZURE_CLI = "azure_cli"
    CLIENT_SECRET = "client_secret"  # noqa: S105 - the name of a kind


@dataclass(frozen=True, slots=True)
class Login:
    """What a configured credential is made of. What its kind has no use for is left out.

    `token_file` holds an OIDC token of a trusted issuer, read anew for each login; `certificate` a PEM file with its
    private key. `secret` fetches the client secret, or the certificate's password, when it is needed. `ca_bundle` is a
    PEM file of authorities to trust instead of the usual ones.
    """

    name: str
    kind: Kind = Kind.WORKLOAD_IDENTITY
    cloud: Cloud = PUBLIC
    tenant_id: str = ""
    client_id: str = ""
    token_file: Path | None = None
    certificate: Path | None = None
    secret: Callable[[], str] | None = field(default=None, repr=False)
    ca_bundle: Path | None = None

    def __str__(self) -> str:
        client = f", client {self.client_id}" if self.client_id else ""
        return f"credential {self.name!r} ({self.kind.value}{client})"


NEEDS: Final = {
    Kind.WORKLOAD_IDENTITY: ("tenant_id", "client_id", "token_file"),
    Kind.MANAGED_IDENTITY: (),
    Kind.CLIENT_CERTIFICATE: ("tenant_id", "client_id", "certificate"),
    Kind.AZURE_CLI: (),
    Kind.CLIENT_SECRET: ("tenant_id", "client_id", "secret"),
}
"""The fields of `Login` that a kind cannot do without."""

BY_WEBHOOK: Final = ("AZURE_AUTHORITY_HOST", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE")
"""Set together, as the webhook of AKS does, they turn the SDK's managed identity into workload identity."""

BY_HOST: Final = "IDENTITY_ENDPOINT"
"""Set where Azure runs containers and functions; the SDK then looks at nothing else."""


class Credential:
    """A credential as Azure's clients take it (`TokenCredential`), whose failures are errors of ours.

    However many threads ask an empty cache at once, one request is made. Nothing is retried here: whoever asks has a
    retry of his own, that a stop can interrupt.
    """

    def __init__(self, login: Login, made: SupportsTokenInfo) -> None:
        self.login = login
        self._made = made
        self._alone = Lock()
        self._worked = False

    def warm(self, audience: str) -> None:
        """Fetch a token for `audience` (such as `cloud.audience`), so that the first question need not.

        Raises
        ------
        TransientError
            If Entra or the network failed, or a token file is being rotated.
        PermanentError
            If we were refused; the message says what to change.
        """
        self.get_token_info(scope(audience))

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """A token for `scopes`, from the cache while it is fresh; errors as `warm`."""
        try:
            with self._alone:
                token = self._made.get_token_info(*scopes, options=options)
                self._worked = True
                return token
        except MintwatchError:
            raise
        except (AzureError, OSError) as error:
            raise _refusal(self.login, error, worked=self._worked) from error
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:  # no JSON, or not Entra's
            raise TransientError(f"{self.login}: {self.login.cloud.authority} did not answer as Entra does") from error

    def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **_: Any,  # the protocol has it
    ) -> AccessToken:
        """The same for clients that ask the older way."""
        options: TokenRequestOptions = {"enable_cae": enable_cae}
        if claims:
            options["claims"] = claims
        if tenant_id:
            options["tenant_id"] = tenant_id
        token = self.get_token_info(*scopes, options=options)
        return AccessToken(token.token, token.expires_on)

    def close(self) -> None:
        """Close the connections it holds."""
        self._made.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def scope(audience: str) -> str:
    """The scope of everything we may do at `audience`.

    >>> scope("https://vault.azure.net/")
    'https://vault.azure.net/.default'
    """
    return audience.rstrip("/") + "/.default"


def credential(login: Login) -> Credential:
    """The one credential of `login`; nothing is asked of anybody yet.

    Raises
    ------
    InputError
        If the kind needs something that is not given, or a certificate, token file or CA bundle cannot be read.
    """
    lacking = [name for name in NEEDS[login.kind] if not getattr(login, name)]
    if lacking:
        raise InputError(f"{login}: needs {' and '.join(lacking)}")
    for path in (login.ca_bundle, login.certificate if login.kind is Kind.CLIENT_CERTIFICATE else None):
        if path is not None:
            _readable(login, path)
    for name in ("azure.identity", "msal"):  # their warnings repeat what Entra said, claims of the assertion included
        logging.getLogger(name).setLevel(logging.ERROR)
    log.info("credential", extra={"part": login.name, "kind": login.kind.value, "client_id": login.client_id})
    return Credential(login, _MAKERS[login.kind](login))


def _workload_identity(login: Login) -> SupportsTokenInfo:
    """Not the SDK's class of that name: it reads the file every ten minutes only, and sends a final newline along."""
    return ClientAssertionCredential(
        tenant_id=login.tenant_id, client_id=login.client_id, func=lambda: _assertion(login), **_options(login)
    )


def _managed_identity(login: Login) -> SupportsTokenInfo:
    if all(os.environ.get(name) for name in BY_WEBHOOK) and not os.environ.get(BY_HOST):
        raise InputError(
            f"{login}: {', '.join(BY_WEBHOOK)} are set, with which Azure's SDK would log in by workload identity;"
            " expected kind: workload_identity, or a pod without the label azure.workload.identity/use"
        )
    # Asked on this very machine, and known to hesitate: two quick retries, instead of five that take 25 s.
    return ManagedIdentityCredential(client_id=login.client_id or None, retry_total=2, read_timeout=READ)


def _client_certificate(login: Login) -> SupportsTokenInfo:
    password = login.secret() if login.secret else None
    try:
        return CertificateCredential(
            login.tenant_id,
            login.client_id,
            str(login.certificate),
            password=password,
            disable_instance_discovery=True,
            **_options(login),
        )
    except ValueError as error:
        raise InputError(f"{login}: {login.certificate}: expected a certificate and its private key in PEM") from error


def _azure_cli(login: Login) -> SupportsTokenInfo:
    return AzureCliCredential(tenant_id=login.tenant_id, process_timeout=PROCESS)


def _client_secret(login: Login) -> SupportsTokenInfo:
    log.warning("static secret", extra={"part": login.name, "advice": "kind: workload_identity needs none"})
    secret = login.secret() if login.secret else ""
    return ClientSecretCredential(
        login.tenant_id, login.client_id, secret, disable_instance_discovery=True, **_options(login)
    )


_MAKERS: Final[dict[Kind, Callable[[Login], SupportsTokenInfo]]] = {
    Kind.WORKLOAD_IDENTITY: _workload_identity,
    Kind.MANAGED_IDENTITY: _managed_identity,
    Kind.CLIENT_CERTIFICATE: _client_certificate,
    Kind.AZURE_CLI: _azure_cli,
    Kind.CLIENT_SECRET: _client_secret,
}


def _options(login: Login) -> dict[str, Any]:
    """What every credential that speaks to Entra itself is told. Authorities are not looked up: they are configured."""
    options: dict[str, Any] = {
        "authority": login.cloud.authority,
        "retry_total": 0,
        "connection_timeout": CONNECT,
        "read_timeout": READ,
    }
    return options | ({"connection_verify": str(login.ca_bundle)} if login.ca_bundle else {})


def _readable(login: Login, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{login}: {path}: cannot be read: {error.strerror}") from error


def _assertion(login: Login) -> str:
    """The token in the file as it is now; it may have been rotated since it was last read."""
    path = login.token_file
    try:
        text = path.read_text("utf-8").strip() if path else ""
    except FileNotFoundError as error:
        raise PermanentError(
            f"{login}: {path}: no such token file; in AKS the pod needs the label azure.workload.identity/use: 'true'"
            " and its service account the annotation azure.workload.identity/client-id"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise PermanentError(f"{login}: {path}: cannot be read as a token: {error.__class__.__name__}") from error
    if text.count(".") != 2:
        raise TransientError(f"{login}: {path}: expected a signed token (three parts joined by '.'), found none yet")
    return text


_UNAVAILABLE: Final = {
    Kind.MANAGED_IDENTITY: "no managed identity here: expected to run in Azure with an identity assigned"
    " (az vm identity assign, az containerapp identity assign, ...), and client_id if there are several",
    Kind.AZURE_CLI: "az is not installed or not logged in: az login --tenant TENANT",
}


def _refusal(login: Login, error: Exception, *, worked: bool) -> MintwatchError:
    if worked and isinstance(error, CredentialUnavailableError):  # what was there a moment ago will be again
        return TransientError(f"{login}: no token for the moment, where there was one before")
    unavailable = _UNAVAILABLE.get(login.kind, "cannot be used here")
    return refusal(error, who=str(login), authority=login.cloud.authority, unavailable=unavailable)
