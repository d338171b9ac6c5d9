"""Workspaces as credentials meet them: each made once, and closed with all the others."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Event

from monitor.login import Credential
from monitor.settings import Logins
from monitor.sources.loganalytics.client import Workspace
from monitor.sources.loganalytics.gate import Gate


class Places:
    """Workspaces as each credential meets them; the sources of one share it, and all of a credential its gate."""

    def __init__(self, logins: Logins, stop: Event, closing: ExitStack) -> None:
        self.workspaces: dict[tuple[str, str], Workspace] = {}
        self._logins, self._stop, self._closing = logins, stop, closing
        self._gates: dict[str, Gate] = {}

    def workspace(self, id: str, name: str) -> Workspace:  # noqa: A002 - it is the id
        """The workspace of that id, asked with the credential of that name."""
        if (id, name) not in self.workspaces:
            made = self._logins.credential(name)
            gate = self._gates.setdefault(name, Gate(self._stop))
            self.workspaces[id, name] = self._closing.enter_context(_opened(id, made, gate, self._stop))
        return self.workspaces[id, name]


def _opened(id: str, credential: Credential, gate: Gate, stop: Event) -> Workspace:  # noqa: A002
    login = credential.login
    return Workspace(
        id,
        credential,
        endpoint=login.cloud.query,
        audience=login.cloud.audience,
        gate=gate,
        stop=stop,
        connection_verify=str(login.ca_bundle) if login.ca_bundle else True,
    )
