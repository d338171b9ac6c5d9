"""Who owns what, as a person wrote it down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.model.findings import Name
from monitor.model.people import Owner, Silence


@dataclass(frozen=True, slots=True)
class Federated:
    """Whom a federated credential trusts. No log row says it: rows only have the credential's id."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class Owners:
    """What identities.yml says. Keys are ids in lower case; what an entry leaves out is its team's already.

    `silences` are the exceptions in it.
    """

    identities: Mapping[str, Owner] = field(default_factory=dict)
    applications: Mapping[str, Owner] = field(default_factory=dict)
    vaults: Mapping[str, Owner] = field(default_factory=dict)
    teams: Mapping[str, Owner] = field(default_factory=dict)
    credentials: Mapping[str, Federated] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()

    def of(self, subject: str, name: Name | None = None) -> Owner | None:
        """Whose the subject is, or None: an identity's own entry, else that of its application.

        Parameters
        ----------
        subject
            Of a finding or an incident, such as `identity:entra:...` or `vault:...`.
        name
            What is known of the identity; of it the application counts, and never a display name.
        """
        word, _, key = subject.lower().partition(":")
        if word == "vault":
            return self.vaults.get(key)
        if word != "identity":
            return None
        return self.identities.get(key) or (self.applications.get(name.app_id.lower()) if name else None)

    def federated(self, credential: str) -> Federated | None:
        """Whom the credential of that id trusts, or None."""
        return self.credentials.get(credential.lower())
