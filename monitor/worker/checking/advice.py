"""What to do about what a check finds: the commands an administrator would type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from monitor.login import Kind, Login

ROLE: Final = "Mintwatch Reader"
"""The custom role that docs/azure.md makes."""

ENTRA: Final[Mapping[str, str]] = MappingProxyType(
    {
        "SigninLogs": "SignInLogs",
        "AADNonInteractiveUserSignInLogs": "NonInteractiveUserSignInLogs",
        "AADServicePrincipalSignInLogs": "ServicePrincipalSignInLogs",
        "AADManagedIdentitySignInLogs": "ManagedIdentitySignInLogs",
        "AuditLogs": "AuditLogs",
        "AADServicePrincipalRiskEvents": "ServicePrincipalRiskEvents",
    }
)
"""Table -> the category of Entra's diagnostic setting that fills it."""

VAULTS: Final = frozenset({"AZKVAuditLogs", "AzureDiagnostics"})


@dataclass(frozen=True, slots=True)
class Place:
    """One workspace as one credential meets it: what a command has to name.

    Every command speaks of the workspace as `$WORKSPACE`; `workspace` sets it.
    """

    id: str
    resource_id: str
    login: Login

    @property
    def workspace(self) -> str:
        """The shell variable with the workspace's resource id, which is looked up where it is not configured."""
        found = f"$(az monitor log-analytics workspace list --query \"[?customerId=='{self.id}'].id\" -o tsv)"
        return f'WORKSPACE="{self.resource_id or found}"'

    @property
    def assignee(self) -> str:
        """The shell variable with the object id of who logs in."""
        if self.login.client_id:
            return f'PRINCIPAL="$(az ad sp show --id {self.login.client_id} --query id -o tsv)"'
        if self.login.kind is Kind.AZURE_CLI:
            return 'PRINCIPAL="$(az ad signed-in-user show --query id -o tsv)"'
        return 'PRINCIPAL="$(az identity show --resource-group GROUP --name NAME --query principalId -o tsv)"'

    def role(self) -> tuple[str, ...]:
        """Give the credential the least it needs."""
        create = f'az role assignment create --role "{ROLE}" --assignee-object-id "$PRINCIPAL"'
        return self.workspace, self.assignee, f'{create} {_kind(self.login)} --scope "$WORKSPACE"'

    def roles(self) -> tuple[str, ...]:
        """Show which roles it has, inherited ones too."""
        listing = 'az role assignment list --assignee "$PRINCIPAL" --include-inherited --scope "$WORKSPACE" -o table'
        return self.workspace, self.assignee, listing

    def setting(self, table: str) -> tuple[str, ...]:
        """Send what fills the table to the workspace."""
        if table in VAULTS:
            vault = 'VAULT="$(az keyvault show --name NAME --query id -o tsv)"  # and so for each vault'
            create = 'az monitor diagnostic-settings create --name mintwatch --resource "$VAULT"'
            logs = json.dumps([{"category": "AuditEvent", "enabled": True}])
            return (
                self.workspace,
                vault,
                f"{create} --workspace \"$WORKSPACE\" --export-to-resource-specific true --logs '{logs}'",
            )
        if table in ENTRA:
            return self.workspace, self._entra()
        logs = json.dumps([{"category": "Administrative", "enabled": True}])
        create = "az monitor diagnostic-settings subscription create --name mintwatch --location global"
        return self.workspace, f"{create} --workspace \"$WORKSPACE\" --logs '{logs}'"

    def show_plans(self) -> tuple[str, ...]:
        """Show the plan of every table."""
        named = '--resource-group "$(cut -d/ -f5 <<<"$WORKSPACE")" --workspace-name "${WORKSPACE##*/}"'
        return self.workspace, f'az monitor log-analytics workspace table list {named} --query "[].[name, plan]" -o tsv'

    def analytics_plan(self, table: str) -> tuple[str, ...]:
        """Put a table on the plan that can be queried."""
        update = f'az monitor log-analytics workspace table update --ids "$WORKSPACE/tables/{table}"'
        return self.workspace, f"{update} --plan Analytics"

    def _entra(self) -> str:
        """All of Entra's categories at once: the setting of that name is replaced whole."""
        logs = json.dumps([{"category": one, "enabled": True} for one in ENTRA.values()])
        body = f'{{"properties": {{"workspaceId": "\'"$WORKSPACE"\'", "logs": {logs}}}}}'
        address = f"{self.login.cloud.arm}/providers/microsoft.aadiam/diagnosticSettings/mintwatch"
        return f"az rest --method put --url '{address}?api-version=2017-04-01' --body '{body}'"


IDS: Final = 'az monitor log-analytics workspace list --query "[].{name:name, id:customerId}" -o table'
"""Show the ids of all workspaces."""

CLOUD: Final = "az cloud show --query name -o tsv"
"""Show which cloud `az` is in."""


def _kind(login: Login) -> str:
    return "--assignee-principal-type " + ("User" if login.kind is Kind.AZURE_CLI else "ServicePrincipal")
