"""SQL that shapes stored columns as Log Analytics would: text never null, times in UTC, `dynamic` parsed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

import pyarrow as pa

Columns: TypeAlias = Mapping[str, str]
"""Column -> Kusto type."""

DUCK_TYPES: Final[Mapping[str, str]] = {
    "bool": "BOOLEAN",
    "datetime": "TIMESTAMP",
    "dynamic": "JSON",
    "guid": "VARCHAR",
    "int": "BIGINT",
    "long": "BIGINT",
    "real": "DOUBLE",
    "string": "VARCHAR",
}
_IDS: Final = re.compile(  # text, but a guid all the same
    r"(?:UserId|ServicePrincipalId|AppId|FederatedCredentialId|ServicePrincipalCredentialKeyId|identity_claim_\w+)$"
)
"""Columns in which "None" is how Azure's SDK and command line print a guid that is null, and names nobody."""


def presented(present: Mapping[str, str], declared: Columns | None) -> tuple[str, dict[str, str]]:
    """Select list that shapes the columns found as Log Analytics would, and their types."""
    if declared is None:
        declared = {name: _kusto(kind) for name, kind in present.items()}
    parts, shown = [], {}
    for name, kind in unfolded(declared).items():
        shown[name] = DUCK_TYPES[kind]
        value = shaped(quoted(name), present.get(name), kind)
        if name in present and (kind == "guid" or _IDS.match(name)) and shown[name] == "VARCHAR":
            value = f"coalesce(nullif({value}, 'None'), '')"
        parts.append(f"{value} AS {quoted(name)}")
    return ", ".join(parts), shown


def unfolded(columns: Columns) -> dict[str, str]:
    """`columns` without those that an earlier one equals but for case, which DuckDB cannot tell apart.

    AzureDiagnostics has both clientIP_s and clientIp_s; the first stands for both.
    """
    kept: dict[str, str] = {}
    for name in columns:
        kept.setdefault(name.lower(), name)
    return {name: columns[name] for name in kept.values()}


def _kusto(duck: str) -> str:
    if duck.startswith("TIMESTAMP") or duck == "DATE":
        return "datetime"
    if duck.startswith(("STRUCT", "MAP", "UNION", "JSON")) or duck.endswith("]"):
        return "dynamic"
    if duck == "BOOLEAN":
        return "bool"
    if duck in {"DOUBLE", "FLOAT"} or duck.startswith("DECIMAL"):
        return "real"
    return "long" if "INT" in duck else "string"


def shaped(column: str, found: str | None, kind: str, *, null_text: bool = False) -> str:
    """SQL for one column: found as DuckDB type `found` (None: absent), wanted as Kusto type `kind`; never raises.

    Text that is null becomes '', as in Kusto, unless `null_text`.
    """
    if found is None:
        return "''" if kind in {"string", "guid"} else f"CAST(NULL AS {DUCK_TYPES[kind]})"
    if kind in {"string", "guid"}:
        text = _text(column, found)
        return text if null_text else f"coalesce({text}, '')"
    if kind == "datetime":
        return _moment(column, found)
    if kind == "dynamic":
        return _dynamic(column, found)
    if kind in {"int", "long"} and found in {"VARCHAR", "DOUBLE", "FLOAT"}:
        return f"TRY_CAST(TRY_CAST({column} AS DOUBLE) AS BIGINT)"
    return column if found == DUCK_TYPES[kind] else f"TRY_CAST({column} AS {DUCK_TYPES[kind]})"


def _text(column: str, found: str) -> str:
    if found == "VARCHAR":
        return column
    if found in {"DOUBLE", "FLOAT"}:  # a code such as ResultType that some exporter wrote as a number
        whole = f"{column} = trunc({column}) AND abs({column}) < 1e15"
        return (
            f"CASE WHEN {whole} THEN CAST(TRY_CAST({column} AS BIGINT) AS VARCHAR) ELSE CAST({column} AS VARCHAR) END"
        )
    if found.startswith(("STRUCT", "MAP", "UNION")) or found.endswith("]"):
        return f"CAST(to_json({column}) AS VARCHAR)"
    if found == "BLOB":
        return f"TRY(decode({column}))"
    return f"CAST({column} AS VARCHAR)"


def _moment(column: str, found: str) -> str:
    if found == "TIMESTAMP":
        return column
    if found.startswith("TIMESTAMPTZ_") or (found.endswith("TIME ZONE") and found != "TIMESTAMP WITH TIME ZONE"):
        return f"make_timestamp(epoch_us(CAST({column} AS TIMESTAMPTZ)))"
    if found == "TIMESTAMP WITH TIME ZONE":
        return f"make_timestamp(epoch_us({column}))"  # ten times faster than AT TIME ZONE
    if found.startswith("TIMESTAMP") or found == "DATE":
        return f"CAST({column} AS TIMESTAMP)"
    if found == "VARCHAR":
        return f"TRY(make_timestamp(epoch_us(TRY_CAST({column} AS TIMESTAMPTZ))))"  # infinity is text, too
    return "CAST(NULL AS TIMESTAMP)"


def _dynamic(column: str, found: str) -> str:
    if found in {"VARCHAR", "JSON"}:
        parsed = f"TRY_CAST({column} AS JSON)"  # text that itself holds quoted JSON is unwrapped once
        return f"CASE WHEN {column} LIKE '\"%' THEN TRY_CAST({parsed} ->> '$' AS JSON) ELSE {parsed} END"
    return f"to_json({column})"


def sample(columns: Columns) -> pa.Table:
    """One row of a table with these columns."""
    values: dict[str, pa.Array] = {}
    for name, kind in columns.items():
        values[name] = {
            "bool": pa.array([True]),
            "datetime": pa.array([0], pa.timestamp("us")),
            "dynamic": pa.array(["{}"]),
            "int": pa.array([1]),
            "long": pa.array([1]),
            "real": pa.array([1.5]),
        }.get(kind, pa.array(["text"]))
    return pa.table(values)


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"
