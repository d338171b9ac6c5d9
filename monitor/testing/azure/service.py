"""The local Azure: everything mintwatch asks the real one, on one port of this machine."""

from __future__ import annotations

import threading
import traceback
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

from monitor.tables import SCHEMAS
from monitor.testing.azure import faults as going_wrong
from monitor.testing.azure import loganalytics
from monitor.testing.azure.appointments import NOTHING, Faults
from monitor.testing.azure.authority import Authority
from monitor.testing.azure.faults import Fault
from monitor.testing.azure.http import NO_PATH, Json, Reply, Request, Service, refused
from monitor.testing.azure.limits import Limits, Meter
from monitor.testing.azure.loganalytics import LogAnalytics
from monitor.testing.azure.resources import Resources
from monitor.testing.azure.secrets import Secrets
from monitor.testing.azure.server import Sending, Server
from monitor.testing.azure.tls import Certificates
from monitor.testing.azure.workspace import Workspace
from monitor.testing.clocks import Clock

LOG_ANALYTICS: Final = "https://api.loganalytics.io"
RESOURCE_MANAGER: Final = "https://management.azure.com"
KEY_VAULT: Final = "https://vault.azure.net"


class LocalAzure:
    """Entra's token endpoint, Log Analytics, Resource Manager and a Key Vault; a context manager.

    Parameters
    ----------
    schemas
        Tables there can be besides those of `monitor.tables`: table -> column -> Kusto type.
    limits
        Of the query API; change `limits` while it runs to let a test meet them.

    Attributes
    ----------
    url
        Address of every service: the query endpoint, Resource Manager and the vault.
    ca
        PEM file of the authority that vouches for it: `connection_verify=` of a client, or `REQUESTS_CA_BUNDLE`.
    audience, arm_audience, vault_audience
        What a token must be for.
    authority
        Whom the token endpoint trusts, and the identity provider outside.
    clock
        The present of the data.
    faults
        What will go wrong.
    requests
        How many requests each service got, those that met a fault included.
    secrets
        What the vault holds.
    """

    def __init__(self, *, schemas: Mapping[str, Mapping[str, str]] | None = None, limits: Limits | None = None) -> None:
        self.audience, self.arm_audience, self.vault_audience = LOG_ANALYTICS, RESOURCE_MANAGER, KEY_VAULT
        self.clock, self.faults = Clock(), Faults()
        self.requests: Counter[Service] = Counter()
        self._lock = threading.Lock()
        self.schemas = {**SCHEMAS, **(schemas or {})}
        self._stopped = threading.Event()
        self._certificates = Certificates()
        self._server = Server(self._certificates.context(), self._sent)
        self.url = self._server.url
        self.authority = Authority(self.url, {self.audience, self.arm_audience, self.vault_audience, self.url})
        self._logs = LogAnalytics(self.authority, self.audience, self.clock, self.schemas)
        self._logs.limits = limits or Limits()
        self._resources = Resources(self.authority, self.arm_audience, self._logs.workspaces)
        self.secrets = Secrets(self.authority, self.vault_audience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def ca(self) -> Path:
        """PEM file of the certificate authority."""
        return self._certificates.ca

    @property
    def limits(self) -> Limits:
        """Limits of the query API."""
        return self._logs.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._logs.limits = limits

    @property
    def meter(self) -> Meter:
        """How many questions came at once, and how many were too many."""
        return self._logs.meter

    def workspace(self, id: str) -> Workspace:  # noqa: A002
        """The workspace of this id, made when first asked for."""
        return self._logs.workspaces.setdefault(id.lower(), Workspace(id, self.schemas))

    def drop(self, id: str) -> None:  # noqa: A002
        """Forget a workspace and its rows."""
        self._logs.workspaces.pop(id.lower(), None)

    def replay(self, exchange: Mapping[str, Json]) -> None:
        """Answer the next query, or token request, as the recorded exchange was answered, byte for byte."""
        request = exchange.get("request")
        path = str(request.get("path", "")) if isinstance(request, Mapping) else ""
        self.faults.add(going_wrong.recorded(exchange), service="token" if "/oauth2/" in path else "query")

    def close(self) -> None:
        """Stop serving and remove the certificate."""
        self._stopped.set()
        self._server.close()
        self._logs.close()
        self._certificates.close()

    def _sent(self, request: Request) -> Sending:
        service = _service(request.path)
        with self._lock:
            self.requests[service] += 1
        fault = self.faults.due(service, request) or NOTHING
        try:
            reply = fault.instead or self._held(request, service, fault)
        except Exception:  # noqa: BLE001  # the server's thread has nobody else to tell
            reply = refused(500, "LocalServiceError", traceback.format_exc())
        return Sending(fault.altered(reply) if fault.altered else reply, fault.cut)

    def _held(self, request: Request, service: Service, fault: Fault) -> Reply:
        """The true reply, after the delay of the fault; a query that is out of time is told so."""
        if fault.delay > timedelta(0):
            longest = loganalytics.patience(request)
            if self._stopped.wait(min(fault.delay, longest).total_seconds()):
                return going_wrong.gateway_timeout()  # the engine is being closed
            if service == "query" and fault.delay > longest:
                return going_wrong.gateway_timeout()
        if service == "token":
            return self.authority.answer(request)
        if service == "query":
            return self._logs.answer(request)
        if service == "arm":
            return self._resources.answer(request)
        return self.secrets.answer(request) if service == "secret" else refused(404, *NO_PATH)


def _service(path: str) -> Service:
    if path.startswith("/v1/workspaces/"):
        return "query"
    if path.startswith("/subscriptions/"):
        return "arm"
    if path.startswith("/secrets/"):
        return "secret"
    return "token" if path.endswith(("/oauth2/v2.0/token", "/.well-known/openid-configuration")) else "other"
