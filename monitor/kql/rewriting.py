"""The same SQL, cheaper to bind and to run: what duckdb-kql writes for every case, cut down to the case at hand."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Final

import duckdb_kql

LET: Final = re.compile(r'"_l(?P<number>\d+)_(?P<name>\w+)" AS (?:(?:NOT )?MATERIALIZED )?\(')
_GIVEN: Final = re.compile(r' AS "([^"]+)"')
_KEPT: Final = re.compile(r"""(?<=[\s.])"([^"]+)" AS "\1"|\{'v': "([^"]+)"\}\)\)\['v'\] AS "\2\"""")
_FULLEST: Final = re.compile(  # the columns of `summarize arg_max(rank, *) by key`
    r"""(?P<head>SELECT (?:"\w+" AS "\w+", )+)(?P<first>(?:max|min)\("(?P<rank>\w+)"\) AS "(?P=rank)"), """
    r"""(?P<rest>COALESCE\((?P<by>arg_m\w+)\(\{'v': "\w+"\}, "(?P=rank)"\)"""
    r"""(?:(?!\bFROM\b).)*\['v'\] AS "\w+") (?P<tail>FROM _s\d+ GROUP BY [^()]+)\)"""
)
_FULLEST_COLUMN: Final = re.compile(
    r"""COALESCE\((?P<by>arg_m\w+)\(\{'v': (?P<x>"\w+")\}, (?P<rank>"\w+")\), """
    r"""any_value\(\{'v': (?P=x)\}\)\)\['v'\] AS (?P<as>"\w+")(?:, |$)"""
)
_BIN: Final = re.compile(
    r"to_timestamp\(floor\(epoch\((?P<x>\"\w+\"|_l\.\"\w+\")\) / epoch\((?P<width>INTERVAL '\w+')\)\)"
    r" \* epoch\((?P=width)\)\) AT TIME ZONE 'UTC'"
)


def first_let(sql: str) -> tuple[str, str] | None:
    """The SQL up to the end of the first `let` of rows, and the name it has there; None if none is followed by more."""
    found = LET.search(sql)
    end = re.search(r',\n     "?_(?:l1_|s0\b)', sql[found.end() :]) if found else None
    if found is None or end is None:
        return None
    return sql[: found.end() + end.start()], f"_l{found['number']}_{found['name']}"


def together(sql: str) -> str:
    """The same SQL, where the row with the greatest rank is found once and not once for each of its columns."""
    return _FULLEST.sub(_as_one, sql)


def _as_one(match: re.Match[str]) -> str:
    columns = list(_FULLEST_COLUMN.finditer(match["rest"]))
    if "".join(column[0] for column in columns) != match["rest"]:
        return match[0]
    row = "{" + ", ".join(f"'c{place}': {column['x']}" for place, column in enumerate(columns)) + "}"
    picked = ", ".join(f"_row['c{place}'] AS {column['as']}" for place, column in enumerate(columns))
    kept = ", ".join(re.findall(r'AS ("\w+")', match["head"] + match["first"]))
    rank = f'"{match["rank"]}"'
    found = f"coalesce({match['by']}({row}, {rank}), any_value({row}) FILTER ({rank} IS NULL)) AS _row"
    return f"SELECT {kept}, {picked} FROM ({match['head']}{match['first']}, {found} {match['tail']}))"  # noqa: S608


def materialized(let: re.Match[str], kql: str) -> str:
    """A `let` of rows is computed once where its author said materialize(), else once per use, as in Kusto."""
    number, name = let["number"], let["name"]
    hint = "" if re.search(rf"\blet\s+{name}\s*=\s*materialize\s*\(", kql) else "NOT "
    return f'"_l{number}_{name}" AS {hint}MATERIALIZED ('


@cache
def _text_template() -> re.Pattern[str]:
    """What duckdb-kql writes for tostring(x) of unknown type, taken from itself: three lines of CASE for each use."""
    probe = str(duckdb_kql.to_sql("T | project r = tolower(x)", {"T": ["x"]}))
    found = re.search(r'lower\((?P<text>.*)\) AS "r"', probe)
    text = re.escape(found["text"] if found else "\0")
    name = re.escape('"x"')
    text = text.replace(name, r"(?P<x>\"\w+\"|'(?:[^']|'')*')", 1).replace(name, "(?P=x)")
    return re.compile(text)


def specialised(sql: str, texts: set[str]) -> str:
    """The same SQL, cheaper to bind and to run: known text is not turned into text, bins are integer arithmetic."""
    assigned = assignments(sql)
    sql = without_casts(sql, {name for name in texts if assigned[name] == 0})
    return _BIN.sub(r"time_bucket(\g<width>, \g<x>, TIMESTAMP '1970-01-01')", sql)


def without_casts(sql: str, texts: set[str]) -> str:
    """The same SQL without turning these columns, which are text, into text."""

    def text(match: re.Match[str]) -> str:
        x = match["x"]
        return x if x.startswith("'") or x.strip('"') in texts else match[0]

    return _text_template().sub(text, sql)


def assignments(sql: str) -> Counter[str]:
    """For each column's name, how many steps give it another value than it had."""
    given = Counter(_GIVEN.findall(sql))
    given.subtract(one or other for one, other in _KEPT.findall(sql))
    return given
