"""Credentials: made once from what a person configured, never guessed from what lies around.

Each is shared by every client that logs in with it. No token, no assertion and no claim of either is logged or put
into a message.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
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

from monitor.entra import refusal, scope
from monitor.errors import InputError, MintwatchError, PermanentError, TransientError
from monitor.login.claims import application
from monitor.login.kinds import Kind, Login

log = logging.getLogger("mintwatch.login")

CONNECT, READ, PROCESS = 5, 15, 20
"""Seconds to wait for a connection to Entra, for its answer, and for `az`."""

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
        self._application = "" if login.kind is Kind.AZURE_CLI else login.client_id.lower()

    @property
    def application(self) -> str:
        """Id of the application that we are: by the token we got, else as configured; '' if neither says, or a person.

        Whoever is logged in with `az` shares the application of everybody who is.
        """
        return self._application

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
                if self.login.kind is not Kind.AZURE_CLI:
                    self._application = application(token.token) or self._application
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


def credential(login: Login) -> Credential:
    """The one credential of `login`; nothing is asked of anybody yet.

    Raises
    ------
    InputError
        If the kind needs something that is not given, or a certificate, token file or CA bundle cannot be read.
    """
    if login.lacking:
        raise InputError(f"{login}: needs {' and '.join(login.lacking)}")
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
