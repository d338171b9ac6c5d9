"""What a table of a workspace has of the columns a query names; what it lacks is there as typed nulls.

A column that no row has ever needed does not exist, and a query that names it is refused. The queries name columns
plainly, as the declared schemas have them; in front of a query over a table that lacks some stands a `let` with them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from monitor.tables import SCHEMAS

_NULLS: Final[Mapping[str, str]] = {
    "string": '""',
    "guid": '""',
    "dynamic": "dynamic(null)",
    "datetime": "datetime(null)",
    "bool": "bool(null)",
    "int": "int(null)",
    "long": "long(null)",
    "real": "real(null)",
}


def optional(table: str, column: str) -> str:
    """A column that may or may not be there: text, as other columns of ids are, or a number."""
    kind = SCHEMAS[table][column]
    found = f'column_ifexists("{column}", {_NULLS[kind]})'
    return f"tostring({found})" if kind in {"string", "guid"} else found


def lacking(kql: str, table: str, present: frozenset[str]) -> tuple[str, ...]:
    """The declared columns of `table` that the query names and the table has not; those after a $ are optional."""
    named = set(re.findall(r"(?<!\$)\b\w+", kql))
    return tuple(name for name in SCHEMAS[table] if name in named and name not in present)


def completed(kql: str, absent: Mapping[str, tuple[str, ...]]) -> str:
    """The query over tables with the columns they lack (`absent`, by table).

    The value is `column_ifexists` again, so that a column that appears meanwhile is not hidden.

    >>> print(completed("AuditLogs | count", {"AuditLogs": ("Result",)}))
    let AuditLogs_ = AuditLogs | extend Result = column_ifexists("Result", "");
    AuditLogs_ | count
    """
    front = ""
    for table, columns in absent.items():
        if columns:
            added = ", ".join(f'{name} = column_ifexists("{name}", {_NULLS[SCHEMAS[table][name]]})' for name in columns)
            front += f"let {table}_ = {table} | extend {added};\n"
            kql = re.sub(rf"\b{table}\b", f"{table}_", kql)
    return front + kql
