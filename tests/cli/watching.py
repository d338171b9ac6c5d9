"""A workspace of the local Azure with a few sign-ins of the last hours, and settings that watch it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from monitor import clock
from monitor.sources.fold import QUERIES
from monitor.testing.azure import LocalAzure, Workspace
from tests.cli.conftest import OID, TABLE

CLIENT = "11111111-0000-4000-8000-000000000001"
ID = "44444444-0000-4000-8000-000000000004"
ROWS = 40
MINUTE = timedelta(minutes=1)

_CONFIG = """\
state: state
rules: rules
serve: {{address: "127.0.0.1:0"}}
logs: {{format: text}}
credentials:
  default:
    addresses: {{authority: {url}, query: {url}, audience: {audience}, arm: {url}, vault: {url}}}
    tenant_id: contoso
    client_id: {client}
    token_file: token
    ca_bundle: {ca}
workspaces:
  prod:
    id: {id}
    history: 1d
    catch_up: 1d
    sources: {{{sources}}}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder to watch from."""

    folder: Path
    config: Path
    workspace: Workspace

    @property
    def state(self) -> Path:
        """Where facts, findings and incidents are kept."""
        return self.folder / "state"


def place(azure: LocalAzure, folder: Path, *sources: str) -> Place:
    """Settings that watch these sources alone, of a workspace in which only one table is."""
    trusted = azure.authority.trust(CLIENT, "contoso")
    off = ", ".join(f"{name}: {{enabled: false}}" for name in QUERIES if name not in sources)
    text = _CONFIG.format(url=azure.url, audience=azure.audience, ca=azure.ca, client=CLIENT, id=ID, sources=off)
    (folder / "mintwatch.yml").write_text(text)
    (folder / "token").write_text(azure.authority.assertion() + "\n")
    azure.drop(ID)
    workspace = azure.workspace(ID)
    workspace.grant(trusted.client_id)
    fill(workspace)
    return Place(folder, folder / "mintwatch.yml", workspace)


def fill(workspace: Workspace) -> None:
    """Sign-ins of one identity: half a day of quiet, then twenty failures within the quarter of an hour before last."""
    now = clock.now()
    quiet = [now - (30 + 20 * number) * MINUTE for number in range(ROWS - 20)]
    failed = [now - 25 * MINUTE + number * timedelta(seconds=20) for number in range(20)]
    rows = [
        {
            "TimeGenerated": at,
            "CreatedDateTime": at,
            "Id": f"row-{number}",
            "ServicePrincipalId": OID,
            "ServicePrincipalName": "payroll",
            "ResultType": "0" if number < len(quiet) else "7000215",
            "IPAddress": "20.1.2.3",
        }
        for number, at in enumerate([*quiet, *failed])
    ]
    workspace.append(TABLE, rows, arrived=[row["TimeGenerated"] + 2 * MINUTE for row in rows])  # type: ignore[operator]
