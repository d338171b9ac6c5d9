"""The commands a check prints are commands: a shell takes them, and what they send is JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from monitor.login import Kind, Login
from monitor.sources.fold import QUERIES
from monitor.worker.checking.advice import ENTRA, Place

RESOURCE = "/subscriptions/5/resourceGroups/logs/providers/Microsoft.OperationalInsights/workspaces/central"
LOGIN = Login(name="main", client_id="22222222-0000-4000-8000-000000000002")
PLACE = Place("33333333-0000-4000-8000-000000000003", RESOURCE, LOGIN)
AZ = 'az() { printf "%s\\0" "$@" >> "$SEEN"; printf "\\0" >> "$SEEN"; echo found; }\n'
TABLES = sorted({table for query in QUERIES.values() for table in query.tables})


def sent(lines: Sequence[str], folder: Path) -> list[list[str]]:
    """The words of each call of `az` that these lines make."""
    seen = folder / "seen"
    seen.touch()
    done = subprocess.run(
        ["bash", "-euc", AZ + "\n".join(lines)], env={"SEEN": str(seen)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [call.split("\0") for call in seen.read_text().split("\0\0") if call]


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_a_setting_that_fills_it(table: str, tmp_path: Path) -> None:
    call = sent(PLACE.setting(table), tmp_path)[-1]
    if table in ENTRA:
        body = json.loads(call[call.index("--body") + 1])["properties"]
        assert body["workspaceId"] == RESOURCE
        assert {"category": ENTRA[table], "enabled": True} in body["logs"]
    else:
        assert call[call.index("--workspace") + 1] == RESOURCE
        assert json.loads(call[call.index("--logs") + 1])[0]["enabled"] is True


@pytest.mark.parametrize("kind", [Kind.WORKLOAD_IDENTITY, Kind.AZURE_CLI, Kind.MANAGED_IDENTITY])
def test_roles_are_given_to_who_logs_in(kind: Kind, tmp_path: Path) -> None:
    login = Login(name="main", kind=kind, client_id=LOGIN.client_id if kind is Kind.WORKLOAD_IDENTITY else "")
    looked, given = sent(Place(PLACE.id, RESOURCE, login).role(), tmp_path)
    asked = {Kind.WORKLOAD_IDENTITY: "sp", Kind.AZURE_CLI: "signed-in-user", Kind.MANAGED_IDENTITY: "show"}
    assert asked[kind] in looked
    assert given[given.index("--assignee-object-id") + 1] == "found"
    assert given[given.index("--scope") + 1] == RESOURCE


def test_a_resource_id_that_is_not_configured_is_looked_up(tmp_path: Path) -> None:
    looked, _, given = sent(Place(PLACE.id, "", LOGIN).role(), tmp_path)
    assert f"[?customerId=='{PLACE.id}'].id" in looked
    assert given[given.index("--scope") + 1] == "found"


def test_plans_are_shown_and_set_by_resource(tmp_path: Path) -> None:
    (shown,) = sent(PLACE.show_plans(), tmp_path)
    assert [shown[shown.index(option) + 1] for option in ("--resource-group", "--workspace-name")] == [
        "logs",
        "central",
    ]
    (*_, put) = sent(PLACE.analytics_plan("AuditLogs"), tmp_path)
    assert put[put.index("--ids") + 1] == f"{RESOURCE}/tables/AuditLogs"
