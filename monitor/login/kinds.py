"""What a person configures of a login: which kind it is, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from monitor.login.clouds import PUBLIC, Cloud


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

    @property
    def lacking(self) -> tuple[str, ...]:
        """What its kind cannot do without, and is not given."""
        return tuple(name for name in NEEDS[self.kind] if not getattr(self, name))

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
