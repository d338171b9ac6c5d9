"""A workspace with logs in it, an app that may read them, and settings that say so, as a person would set them up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from monitor.sources.fold import QUERIES
from monitor.testing.azure.authority import Trusted
from monitor.testing.azure.service import LocalAzure
from monitor.testing.azure.tables import Moments
from monitor.testing.azure.workspace import Workspace

TENANT: Final = "contoso"
CLIENT: Final = "11111111-0000-4000-8000-000000000001"
WORKSPACE: Final = "33333333-0000-4000-8000-000000000003"

_SETTINGS: Final = Template("""\
state: state
credentials:
  default:
    kind: workload_identity
    tenant_id: $tenant
    client_id: $client
    token_file: token
    ca_bundle: $ca
    addresses: {authority: $url, query: $url, audience: $audience, arm: $url, vault: $url}
workspaces:
  $name:
    id: $id
    history: ${days}d
    catch_up: ${days}d
    slice: ${portion}d
    sources:
$sources
""")


@dataclass(frozen=True, slots=True)
class Ready:
    """What `mintwatch --config` needs: `settings` is a file of settings, `token` the file its login reads."""

    settings: Path
    token: Path
    app: Trusted
    workspace: Workspace


def ready(
    azure: LocalAzure,
    folder: Path,
    logs: Path,
    *,
    name: str = "local",
    days: int = 35,
    portion: int = 7,
) -> Ready:
    """A workspace that holds the exports in `logs`, and in `folder` all that is needed to watch it.

    Rows become visible up to ten minutes after they arrived, and not in that order. The app may read the tables that
    mintwatch reads and no other; it logs in by the token in its token file, which is good for ten minutes.

    Parameters
    ----------
    name
        What the settings call the workspace.
    days, portion
        How much of the past the first tick collects, and how much of it at once. Windows are whole days: a local
        service is not asked a thousand times.
    """
    app = azure.authority.trust(CLIENT, TENANT)
    workspace = azure.workspace(WORKSPACE)
    workspace.load(logs, delay=_unpunctual)
    workspace.grant(app.client_id, [table for query in QUERIES.values() for table in query.tables])
    token, settings = folder / "token", folder / "mintwatch.yml"
    token.write_text(azure.authority.assertion(subject=app.subject) + "\n", "utf-8")
    text = _SETTINGS.substitute(
        tenant=app.tenant,
        client=app.client_id,
        ca=azure.ca,
        url=azure.url,
        audience=azure.audience,
        name=name,
        id=workspace.id,
        days=days,
        portion=portion,
        sources="\n".join(f"      {one}: {{step: 1d}}" for one in QUERIES),
    )
    settings.write_text(text, "utf-8")
    return Ready(settings, token, app, workspace)


def _unpunctual(arrived: Moments) -> Moments:
    """Up to ten minutes, the same for the same moment, and without any order."""
    return arrived // 1_000_000 * 7_919 % 600 * 1_000_000
