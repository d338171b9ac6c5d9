"""KQL to SQL: the one module that knows duckdb-kql (docs/decisions/0002-duckdb-kql.md)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import duckdb_kql

from monitor.kql.mistakes import MistakeError, Problem, place, unknown
from monitor.kql.rewriting import LET, materialized, specialised
from monitor.kql.shaping import Columns

_EXPECTING: Final = re.compile(r" expecting \{(?:[^}]*,){8}.*\}$")  # the whole language is no help
_READERS: Final = re.compile(r"(?i)\b(?:read_\w+|glob|sniff_csv|parquet_\w+|query|query_table|getenv)\s*\(")
_LITERALS: Final = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_KIND: Final = re.compile(  # left alone: literals, comments, and the option of an operator
    r"""(?P<other>//[^\n]*|@?"(?:[^"\\\n]|\\.)*"|@?'(?:[^'\\\n]|\\.)*'"""
    r"""|\b(?:join|lookup|union|parse|parse-where|parse-kv|mv-expand|reduce|sample)(?:\s+[\w.]+\s*=\s*\w+)*\s+kind\s*=)"""
    r"""|(?<![\w.$])kind(?!\w)"""
)
_FROM: Final = re.compile(r'(?i)\b(?:FROM|JOIN)\s+"((?:[^"]|"")*)"')
_ODD: Final = re.compile(r"(?i);|\b(?:FROM|JOIN)\s+'")
_BOUND: Final = re.compile(r'"(_l\d+_\w+)" AS ')


@dataclass(frozen=True, slots=True)
class Sql:
    """A translated query, and under which name DuckDB binds each value it reads."""

    text: str
    slots: tuple[tuple[str, str], ...]


Asked: TypeAlias = "tuple[str, tuple[tuple[str, str], ...], tuple[tuple[str, tuple[tuple[str, str], ...]], ...]]"
"""What a translation is made of, as `translate` takes it."""


def translate(
    kql: str, kinds: tuple[tuple[str, str], ...], tables: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
) -> Sql:
    """SQL for `kql` over tables of these DuckDB types, with values of these Kusto types; ANTLR takes up to 0.3 s."""
    columns = {name: dict(types) for name, types in tables}
    translated = _translated(kql, kinds, columns)
    text = LET.sub(lambda let: materialized(let, kql), str(translated))
    text = specialised(text, _texts(columns))
    _check_tables(kql, text, columns)
    slots = ((given.name, given.slot) for given in translated.declarations)
    return Sql(text, tuple((name, slot) for name, slot in slots if slot in translated.slots))


def _translated(
    kql: str, kinds: tuple[tuple[str, str], ...], columns: Mapping[str, Columns]
) -> duckdb_kql.TranslationResult:
    if kql.lstrip().startswith("."):
        raise MistakeError([Problem(1, 1, "expected a query, got a control command")])
    declared = ", ".join(f"{name}:{kind}" for name, kind in kinds)
    front = f"declare query_parameters({declared});\n" if declared else ""
    try:
        sql = duckdb_kql.to_sql(
            front + _bracketed(kql), {name: list(types) for name, types in columns.items()}, allow_write=False
        )
    except duckdb_kql.KqlSyntaxError as error:
        found = [(at.span, _EXPECTING.sub("", at.message)) for at in error.diagnostics]
        raise MistakeError([_problem(kql, span, message, front) for span, message in found]) from error
    except duckdb_kql.KqlUnsupportedError as error:
        message = f"{error.construct} is not supported here" + (f" ({error.hint})" if error.hint else "")
        at = _problem(kql, error.span, message, front) if error.span else Problem(*place(kql, error.construct), message)
        raise MistakeError([at]) from error
    except duckdb_kql.KqlSchemaError as error:
        if (error.hint or "").startswith("unknown table"):
            raise MistakeError([unknown(kql, error.name, list(columns), "table")]) from error
        raise MistakeError([Problem(*place(kql, error.name), error.hint or str(error))]) from error
    if missing := set(sql.unbound) - {name for name, _ in kinds}:
        raise MistakeError([Problem(1, 1, f"parameters without a value: {', '.join(sorted(missing))}")])
    return sql


def _problem(kql: str, span: duckdb_kql.SourceSpan, message: str, front: str) -> Problem:
    """A problem where the author sees it: without the parameters put in front and the brackets put around words."""
    line = span.line - front.count("\n")
    lines = kql.splitlines()
    if not 1 <= line <= len(lines):
        return Problem(max(1, min(line, len(lines))), 1, message)
    column = next(
        (at for at in range(len(lines[line - 1]) + 1) if len(_bracketed(lines[line - 1][:at])) >= span.column), 0
    )
    return Problem(line, column + 1, message)


def _bracketed(kql: str) -> str:
    """`kql` with `kind` as a column's name in brackets: Kusto knows by its place which one is meant, duckdb-kql not."""
    return _KIND.sub(lambda found: found[0] if found["other"] else "['kind']", kql)


def _texts(columns: Mapping[str, Columns]) -> set[str]:
    """Columns that are text in every table that has them."""
    texts = {name for types in columns.values() for name, kind in types.items() if kind == "VARCHAR"}
    return texts - {name for types in columns.values() for name, kind in types.items() if kind != "VARCHAR"}


def reads_only(sql: str, tables: Collection[str]) -> bool:
    """Whether SQL that was a translation once is one still: a single SELECT that reads these tables and no file."""
    plain = _LITERALS.sub(lambda one: one[0][0] * 2, sql)
    selects = plain.lstrip().upper().startswith(("SELECT", "WITH"))
    return selects and not _READERS.search(plain) and not _ODD.search(plain) and _named(sql) <= set(tables)


def _check_tables(kql: str, sql: str, columns: Mapping[str, Columns]) -> None:
    """A name that is no table would be looked for in the file system; a reader function would open files."""
    if reader := _READERS.search(_LITERALS.sub("''", sql)):
        raise MistakeError([Problem(*place(kql, "externaldata"), f"a query reads tables only, not by {reader[0]}...)")])
    problems = [unknown(kql, name, list(columns), "table") for name in sorted(_named(sql) - set(columns))]
    if problems:
        raise MistakeError(problems)


def _named(sql: str) -> set[str]:
    """What the SQL reads from and does not make itself."""
    return {name.replace('""', '"') for name in _FROM.findall(sql)} - set(_BOUND.findall(sql))
