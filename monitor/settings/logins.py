"""From settings to credentials: each made once, when it is first needed, and each secret fetched then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock

from monitor import bearer, clock
from monitor.errors import InputError, PermanentError
from monitor.login import CLOUDS, Cloud, Credential, Kind, Login, credential
from monitor.secrecy import hide
from monitor.settings.model import CredentialSettings, Settings
from monitor.settings.parts import Reference

KEY_VAULT = "7.4"
"""Version of Key Vault's interface that is spoken."""
HELD = timedelta(minutes=10)
"""How long a secret of a Key Vault that is needed at every call is held."""


class Logins:
    """The configured credentials. `environment` is what `tenant_id` and the like are found in where left out."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._environment = environment
        self._made: dict[str, Credential] = {}
        self._alone = Lock()

    def login(self, name: str) -> Login:
        """What the credential `name` is made of.

        Raises
        ------
        InputError
            If its kind needs something that neither the settings nor the environment say.
        """
        chosen = self._settings.credentials[name]
        tenant, client, token = self._ids(chosen)
        secret = chosen.secret
        made = Login(
            name=name,
            kind=chosen.kind,
            cloud=cloud(chosen),
            tenant_id=tenant,
            client_id=client,
            token_file=Path(token) if token else None,
            certificate=chosen.certificate,
            secret=(lambda: self.reveal(secret)) if secret is not None else None,
            ca_bundle=chosen.ca_bundle,
        )
        lacking = [f"{key}{_OR_ELSE.get(key, '')}" for key in made.lacking]
        if lacking:
            raise InputError(f"credentials.{name}: kind {made.kind.value} needs {', '.join(lacking)}")
        return made

    def credential(self, name: str) -> Credential:
        """The credential `name`, the same object every time; errors as `monitor.login.credential`."""
        with self._alone:
            if name not in self._made:
                self._made[name] = credential(self.login(name))
            return self._made[name]

    def own(self) -> frozenset[str]:
        """The ids of the applications that we log in as, as far as they are known by now."""
        with self._alone:
            made = list(self._made.values())
        return frozenset(one.application for one in made if one.application)

    def reveal(self, reference: Reference) -> str:
        """The secret itself. Keep it no longer than needed, and print it nowhere.

        Raises
        ------
        InputError
            If the variable is not set, or the file cannot be read, or either is empty.
        TransientError, PermanentError
            If Key Vault did not give it.
        """
        if reference.key_vault:
            return hide(self._from_vault(reference))
        if reference.file is not None:
            return hide(_from_file(reference.file))
        if not self._environment.get(reference.env):
            raise InputError(f"{reference.env}: not set, expected a secret in this variable")
        return hide(self._environment[reference.env])

    def revealing(self, reference: Reference) -> Callable[[], str]:
        """A function that reveals the secret, for who needs it at every call; errors as `reveal`.

        Variables and files are read each time, a Key Vault every ten minutes, so that a renewed secret is noticed.
        """
        alone, kept = Lock(), dict[str, tuple[str, datetime]]()

        def revealed() -> str:
            with alone:
                secret, until = kept.get("", ("", clock.EPOCH))
                now = clock.now()
                if now >= until:
                    secret = self.reveal(reference)
                    kept.update({"": (secret, now + HELD)} if reference.key_vault else {})
                return secret

        return revealed

    def close(self) -> None:
        """Close every connection."""
        for made in self._made.values():
            made.close()

    def _ids(self, chosen: CredentialSettings) -> tuple[str, str, str]:
        """Tenant, client and token file: as configured, else as the environment says, as the webhook of AKS sets it."""
        if chosen.kind in {Kind.MANAGED_IDENTITY, Kind.AZURE_CLI}:  # the variables are another credential's
            return chosen.tenant_id, chosen.client_id, ""
        given = (chosen.tenant_id, chosen.client_id, str(chosen.token_file or ""))
        tenant, client, token = (
            value or self._environment.get(name, "") for value, name in zip(given, _VARIABLES, strict=True)
        )
        return tenant, client, token

    def _from_vault(self, reference: Reference) -> str:
        made = self.credential(reference.credential)
        address = f"{reference.key_vault}?api-version={KEY_VAULT}"
        try:
            found = bearer.ask(address, made, made.login.cloud.vault, made.login.ca_bundle).get("value")
        except PermanentError as error:
            raise PermanentError(f"{reference.key_vault}: {error}; {_vault_advice(str(error), made.login)}") from error
        if not isinstance(found, str) or not found:
            raise PermanentError(f"{reference.key_vault}: expected a secret, found none")
        return found


_VARIABLES = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE")
_OR_ELSE = {
    key: f" (or {name})" for key, name in zip(("tenant_id", "client_id", "token_file"), _VARIABLES, strict=True)
}


def cloud(chosen: CredentialSettings) -> Cloud:
    """The addresses that the credential's cloud has."""
    return Cloud(**chosen.addresses.model_dump()) if chosen.addresses else CLOUDS[chosen.cloud]


def _from_file(path: Path) -> str:
    try:
        found = path.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a secret: {error.__class__.__name__}") from error
    if not found:
        raise InputError(f"{path}: expected a secret, the file is empty")
    return found


def _vault_advice(refused: str, login: Login) -> str:
    if refused.startswith("HTTP 404"):
        return "no such secret, or it is disabled or deleted"
    client = login.client_id or "OBJECT-ID"
    return f"az role assignment create --role 'Key Vault Secrets User' --assignee {client} --scope SECRET-RESOURCE-ID"
