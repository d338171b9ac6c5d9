"""Well-known application ids, clients and operations that occur in real logs.

Ids: learn.microsoft.com "Verify first-party Microsoft applications in sign-in reports" and the merill/microsoft-info
list; operations: learn.microsoft.com "Azure Key Vault logging".
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Resource(IntEnum):
    """What a token is for: an index into RESOURCES."""

    ARM = 0
    GRAPH = 1
    VAULT = 2
    STORAGE = 3
    SQL = 4
    LOGS = 5
    OFFICE = 6
    MAIL = 7
    TEAMS = 8
    BUS = 9


RESOURCES: Final[tuple[tuple[str, str, str], ...]] = (
    ("Windows Azure Service Management API", "797f4846-ba00-4fd7-ba43-dac1f8f63013", "arm"),
    ("Microsoft Graph", "00000003-0000-0000-c000-000000000000", "graph"),
    ("Azure Key Vault", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093", "vault"),
    ("Azure Storage", "e406a681-f3d4-42a8-90b6-c2b029497af1", "storage"),
    ("Azure SQL Database", "022907d3-0f1b-48f7-badc-1ba6abab6d66", "sql"),
    ("Log Analytics API", "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5", "logs"),
    ("Office365 Shell WCSS-Server", "5f09333a-842c-47da-a157-57da27fcbca5", "office"),
    ("Office 365 Exchange Online", "00000002-0000-0ff1-ce00-000000000000", "mail"),
    ("Microsoft Teams Services", "cc15fd57-2c6c-4117-a88c-83b1d56b4bbe", "teams"),
    ("Microsoft.ServiceBus", "80a10ef9-8168-493d-abf9-3297c4ef6e3c", "bus"),
)
"""(display name, application id, short name) by Resource; the principal's object id is the tenant's own."""


@dataclass(frozen=True, slots=True)
class Client:
    """What a person signs in with, or what a workload says it is."""

    name: str
    app_id: str
    used: str
    system: str
    browser: str
    agent: str


_EDGE: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/137.0.0.0 Safari/537.36 Edg/137.0.3296.52"
)
_PHONE: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
)

CLIENTS: Final = (
    Client("", "", "", "", "", ""),
    Client("Azure Portal", "c44b4083-3bb0-49c1-b47d-974e53cbdf3c", "Browser", "Windows10", "Edge 137.0.3296", _EDGE),
    Client("OfficeHome", "4765445b-32c6-49b0-83e6-1d93765276ca", "Browser", "Windows10", "Edge 137.0.3296", _EDGE),
    Client(
        "Microsoft Teams",
        "1fec8e78-bce4-4aaf-ab1b-5451cc387264",
        "Mobile Apps and Desktop clients",
        "Windows10",
        "Rich Client 5.8.1.0",
        "Mozilla/5.0 (Windows NT 10.0) Teams/25153.1010",
    ),
    Client(
        "Microsoft Office",
        "d3590ed6-52b3-4102-aeff-aad2292ab01c",
        "Mobile Apps and Desktop clients",
        "Windows10",
        "Rich Client 4.74.0.0",
        "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.18827; Pro)",
    ),
    Client(
        "Outlook Mobile",
        "27922004-5251-4030-b22d-91ecd9a37ea4",
        "Mobile Apps and Desktop clients",
        "Ios 18.5",
        "Mobile Safari",
        _PHONE,
    ),
    Client(
        "Microsoft Azure CLI",
        "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
        "Mobile Apps and Desktop clients",
        "Linux",
        "Python Requests 2.32",
        "python-requests/2.32.3",
    ),
    Client(
        "Microsoft Azure PowerShell",
        "1950a258-227b-4e31-a9cf-717495945fc2",
        "Mobile Apps and Desktop clients",
        "Windows10",
        "Rich Client 4.65.0.0",
        "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.26100",
    ),
    Client("Unknown", "1b730954-1685-4b74-9bfd-dac224a7b894", "Browser", "", "Firefox 12.0", "python-httpx/0.27.0"),
)
PORTAL, OFFICE_HOME, TEAMS_APP, OFFICE_APP, PHONE, CLI, POWERSHELL, STRANGE = range(1, 9)
"""Indexes into CLIENTS; 0 is a workload that says nothing."""

SDKS: Final = (
    "azsdk-net-Security.KeyVault.Secrets/4.7.0 (.NET 8.0.16; Microsoft Windows 10.0.20348)",
    "azsdk-python-keyvault-secrets/4.9.0 Python/3.11.7 (Linux-5.15.0-1089-azure-x86_64-with-glibc2.31)",
    "azsdk-java-security-keyvault-secrets/4.9.4 (17.0.15; Linux; 5.15.0-1089-azure)",
    "Go/go1.23.8 (amd64-linux) go-autorest/v14.2.1 hashicorp/terraform-provider-azurerm/4.31.0",
    _EDGE,
    "AzureResourceGraph.IngestionWorkerService.global/1.24.1.640",
    "Microsoft-Azure-Policy-Insights/2.0",
    "python-requests/2.31.0 <!channel> `id`",
    "",
)
NET, PYTHON, JAVA, TERRAFORM, BROWSER, RESOURCE_GRAPH, POLICY, HOSTILE_SDK, NO_SDK = range(9)
"""Indexes into SDKS."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A vault caller who is no resident of the tenant: Microsoft's own services, or nobody at all."""

    name: str
    app_id: str
    oid: str


CALLERS: Final = (
    Caller("", "", ""),
    Caller("Azure Resource Graph", "509e4652-da8d-478d-a730-e9d4a1996ca4", "5b534afd-fdc0-4b38-a77f-af25442e3149"),
    Caller("Azure Policy Insights", "8cae6e77-e04e-42ce-b5cb-50d82bce26b1", "0e2f6f60-6d67-4e35-9c4d-70d6a4e5ab7c"),
)
NOBODY, GRAPH_CALLER, POLICY_CALLER = -1, -2, -3
"""Values of the column `who` for callers without a persona: -1 - index into CALLERS."""

OPERATIONS: Final = (
    "Authentication",
    "SecretGet",
    "SecretList",
    "SecretListVersions",
    "SecretSet",
    "SecretBackup",
    "SecretDelete",
    "SecretPurge",
    "SecretNearExpiryEventGridNotification",
    "KeyGet",
    "KeySign",
    "KeyUnwrap",
    "KeyList",
    "KeyBackup",
    "KeyRotate",
    "KeyRotateIfDue",
    "KeyDelete",
    "CertificateGet",
    "CertificateList",
    "VaultGet",
    "VaultPatch",
    "VaultDelete",
    "VaultAccessPolicyChangedEventGridNotification",
    "SecretRecover",
    "SecretGetDeleted",
    "DatabaseWaitStatisticsEvent",
)
"""Key Vault operations the world knows; the column `operation` is an index into it."""

FOREIGN: Final = len(OPERATIONS) - 1
"""No vault operation: a database's row, which only AzureDiagnostics holds, the table of all kinds of resources."""

OPERATION: Final = {name: index for index, name in enumerate(OPERATIONS)}
"""Index of each operation."""
