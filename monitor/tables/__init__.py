"""The log tables mintwatch reads, with the columns and Kusto types Azure gives them.

Each table is a text file beside this module, named after the table, one ``Column type`` pair a line, in the order
Log Analytics shows them. Source: learn.microsoft.com, "Azure Monitor Logs reference", the page of each table.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib.resources import files
from types import MappingProxyType
from typing import Final

TABLES: Final = (
    "SigninLogs",
    "AADNonInteractiveUserSignInLogs",
    "AADServicePrincipalSignInLogs",
    "AADManagedIdentitySignInLogs",
    "AuditLogs",
    "AZKVAuditLogs",
    "AzureDiagnostics",
    "AzureActivity",
    "AADServicePrincipalRiskEvents",
    "MicrosoftGraphActivityLogs",
)
"""Every table the project knows, streams of many rows first."""

TYPES: Final = frozenset({"bool", "datetime", "dynamic", "guid", "int", "long", "real", "string"})
"""The Kusto types that occur in the schemas."""


def _read(table: str) -> Mapping[str, str]:
    columns: dict[str, str] = {}
    text = files(__name__).joinpath(f"{table}.txt").read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), start=1):
        column, _, kind = line.partition(" ")
        if kind not in TYPES or column in columns:
            raise ValueError(f"tables/{table}.txt:{number}: expected 'Column type', each column once, got {line!r}")
        columns[column] = kind
    return MappingProxyType(columns)


SCHEMAS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({table: _read(table) for table in TABLES})
"""Table -> column -> Kusto type, in the tables' own column order."""


def schema(table: str) -> dict[str, str]:
    """Columns of a table with their Kusto types, in order.

    Raises
    ------
    KeyError
        No such table; the message names the nearest one.
    """
    if table not in SCHEMAS:
        close = near(table)
        hint = f", did you mean {close!r}?" if close else f"; known: {', '.join(TABLES)}"
        raise KeyError(f"unknown table {table!r}{hint}")
    return dict(SCHEMAS[table])


def near(name: str) -> str | None:
    """The known table whose spelling is closest to `name`, or None if none is close.

    >>> near("SignInLog")
    'SigninLogs'
    >>> near("Heartbeat") is None
    True
    """
    lowered = {table.lower(): table for table in TABLES}
    found = get_close_matches(name.lower(), lowered, n=1, cutoff=0.75)
    return lowered[found[0]] if found else None
