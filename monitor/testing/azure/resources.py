"""Azure Resource Manager, as far as anybody asks it: a workspace's tables and their plans."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from monitor.testing.azure.authority import Authority
from monitor.testing.azure.bearer import caller
from monitor.testing.azure.http import Json, Reply, Request, refused, reply
from monitor.testing.azure.workspace import Workspace

_TABLE: Final = re.compile(r"(?i)(/subscriptions/.+/workspaces/([^/]+))/tables/([^/]+)$")


class Resources:
    """``GET …/workspaces/{name}/tables/{table}``; a workspace is known by its `resource_id`."""

    def __init__(self, authority: Authority, audience: str, workspaces: Mapping[str, Workspace]) -> None:
        self._authority = authority
        self._audience = audience
        self._workspaces = workspaces

    def answer(self, request: Request) -> Reply:
        """A table's properties, or why not."""
        asking = caller(self._authority, request, {self._audience, f"{self._audience}/", self._authority.url})
        if isinstance(asking, Reply):
            return asking
        if "api-version" not in request.arguments:
            message = "The api-version query parameter (?api-version=) is required for all requests."
            return refused(400, "MissingApiVersionParameter", message)
        found = _TABLE.match(request.path)
        workspace = next((each for each in self._workspaces.values() if found and each.at(found[1])), None)
        if found is None or workspace is None:
            return refused(404, "ResourceNotFound", f"The Resource '{request.path}' was not found.")
        if asking.client_id.lower() in workspace.without_arm:
            message = (
                f"The client '{asking.object_id}' does not have authorization to perform action"
                f" 'Microsoft.OperationalInsights/workspaces/tables/read' over scope '{request.path}'"
                " or the scope is invalid."
            )
            return refused(403, "AuthorizationFailed", message)
        table = found[3]
        if table not in workspace.schemas:
            return refused(404, "TableNotFound", f"Table {table} was not found in workspace {workspace.id}")
        return reply(200, _described(request.path, workspace, table))


def _described(path: str, workspace: Workspace, table: str) -> Mapping[str, Json]:
    return {
        "id": path,
        "name": table,
        "type": "Microsoft.OperationalInsights/workspaces/tables",
        "properties": {
            "plan": workspace.plans.get(table, "Analytics"),
            "retentionInDays": 90,
            "totalRetentionInDays": 90,
            "provisioningState": "Succeeded",
            "schema": {"name": table, "tableType": "Microsoft"},
        },
    }
