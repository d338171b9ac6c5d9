"""A Key Vault, as far as anybody asks it: the value of a secret, after the challenge every client gets first."""

from __future__ import annotations

from monitor.testing.azure.authority import Authority
from monitor.testing.azure.bearer import caller
from monitor.testing.azure.http import Reply, Request, reply


class Secrets:
    """``GET /secrets/{name}[/{version}]``.

    Attributes
    ----------
    values
        Name -> value.
    denied
        Client ids that have no role on the vault.
    """

    def __init__(self, authority: Authority, audience: str) -> None:
        self.values: dict[str, str] = {}
        self.denied: set[str] = set()
        self.requests = 0
        self._authority = authority
        self._audience = audience

    def answer(self, request: Request) -> Reply:
        """The secret, or why not: 401 with where to get a token, 403 without a role, 404."""
        self.requests += 1
        asking = caller(self._authority, request, {self._audience, self._authority.url})
        if isinstance(asking, Reply):
            return self._challenge()
        name = request.path.split("/")[2]
        if asking.client_id in self.denied:
            message = (
                f"Caller is not authorized to perform action on resource. Caller: appid={asking.client_id};"
                f"oid={asking.object_id} Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'"
            )
            return _refused(403, "Forbidden", message)
        if name not in self.values:
            message = f"A secret with (name/id) {name} was not found in this key vault."
            return _refused(404, "SecretNotFound", message)
        url = f"{self._authority.url}/secrets/{name}/{'0' * 32}"
        return reply(200, {"value": self.values[name], "id": url, "attributes": {"enabled": True}})

    def _challenge(self) -> Reply:
        where = f'Bearer authorization="{self._authority.url}/common", resource="{self._audience}"'
        message = "AKV10000: Request is missing a Bearer or PoP token."
        return _refused(401, "Unauthorized", message, {"WWW-Authenticate": where})


def _refused(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Reply:
    return reply(status, {"error": {"code": code, "message": message}}, headers)
