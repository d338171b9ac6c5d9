"""The embedded query engine: KQL over Arrow tables and Parquet files, run by DuckDB.

The one module that knows duckdb-kql (docs/decisions/0002-duckdb-kql.md). What reaches a query here is shaped as Log
Analytics would shape it: text is never null, times are UTC, `dynamic` is parsed, and a table with a declared schema has
all of its columns, absent ones as typed nulls.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

import duckdb
import duckdb_kql
import pyarrow as pa

from monitor.errors import QueryError
from monitor.frames import TIME

Columns: TypeAlias = Mapping[str, str]
"""Column -> Kusto type."""

_DUCK_TYPES: Final[Mapping[str, str]] = {
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

_SETTINGS: Final = {
    # No extension is fetched and none is loaded behind our back, so nothing here can reach a network.
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "preserve_insertion_order": "false",
}
_EXPECTING: Final = re.compile(r" expecting \{(?:[^}]*,){8}.*\}$")  # the whole language is no help
_READERS: Final = re.compile(r"(?i)\b(?:read_\w+|glob|sniff_csv|parquet_\w+|query|query_table|getenv)\s*\(")
_LITERALS: Final = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_KIND: Final = re.compile(  # left alone: literals, comments, and the option of an operator
    r"""(?P<other>//[^\n]*|@?"(?:[^"\\\n]|\\.)*"|@?'(?:[^'\\\n]|\\.)*'"""
    r"""|\b(?:join|lookup|union|parse|parse-where|parse-kv|mv-expand|reduce|sample)(?:\s+[\w.]+\s*=\s*\w+)*\s+kind\s*=)"""
    r"""|(?<![\w.$])kind(?!\w)"""
)
_FROM: Final = re.compile(r'(?i)\b(?:FROM|JOIN)\s+"((?:[^"]|"")*)"')
_LET: Final = re.compile(r'"_l(?P<number>\d+)_(?P<name>\w+)" AS (?:(?:NOT )?MATERIALIZED )?\(')
_BOUND: Final = re.compile(r'"(_l\d+_\w+)" AS ')
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
_UNKNOWN_COLUMN: Final = re.compile(r'(?:Referenced column|Table "[^"]*" does not have a column named) "([^"]+)"')
_BIN: Final = re.compile(
    r"to_timestamp\(floor\(epoch\((?P<x>\"\w+\"|_l\.\"\w+\")\) / epoch\((?P<width>INTERVAL '\w+')\)\)"
    r" \* epoch\((?P=width)\)\) AT TIME ZONE 'UTC'"
)


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake in a query: 1-based line and column, and what was expected."""

    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


@dataclass(frozen=True, slots=True)
class Slice:
    """Parquet files, of which only rows with `start <= time < end` (aware UTC) are wanted.

    The engine hands the bounds to the Parquet reader, which skips the row groups outside of them.
    """

    paths: tuple[Path, ...]
    time: str
    start: datetime
    end: datetime


Source: TypeAlias = "pa.Table | Sequence[Path] | Slice"
Value: TypeAlias = "datetime | timedelta | str"

_PARAMETERS: Final[Mapping[type, str]] = {datetime: "datetime", timedelta: "timespan", str: "string"}


_REMEMBERED: Final = 256


@dataclass(frozen=True, slots=True)
class _Sql:
    """A translated query, and under which name DuckDB binds each value it reads."""

    text: str
    slots: tuple[tuple[str, str], ...]


class DuckEngine:
    """Runs KQL in this process; implements `ports.Engine`.

    Parameters
    ----------
    schemas
        Declared columns of tables. A table of one of these names is presented with exactly its declared columns and
        types, whatever its files hold; all others as they lie.
    threads, memory_limit, temp_directory
        As DuckDB takes them. What does not fit the limit spills to the directory (None: beside the process).
    """

    def __init__(
        self,
        schemas: Mapping[str, Columns] | None = None,
        *,
        threads: int = 2,
        memory_limit: str = "600MB",
        temp_directory: Path | None = None,
    ) -> None:
        self._schemas = schemas or {}
        settings = _SETTINGS | {"threads": str(threads), "memory_limit": memory_limit}
        if temp_directory is not None:
            settings["temp_directory"] = str(temp_directory)
        self._root = duckdb.connect(":memory:", config=dict(settings))
        self._cursors = threading.local()
        self._prepared: dict[tuple[object, ...], _Sql] = {}

    def run(self, kql: str, tables: Mapping[str, Source], values: Mapping[str, Value] | None = None) -> pa.Table:
        """The answer of `kql` over `tables`, whole; datetimes are timestamp[us, UTC], `dynamic` is JSON text.

        `values` are names the query may use, as if given by `let`; they are bound, so one translation serves them all.

        Raises
        ------
        QueryError
            If the query does not parse, names a table or column that is not there, or fails on a value; the message
            has the position in `kql` and the nearest right spelling.
        """
        cursor = self._cursor()
        given = dict(values or {})
        kinds = tuple((name, _PARAMETERS[type(value)]) for name, value in given.items())
        with _views(cursor, tables, self._schemas) as columns:
            key = (kql, kinds, tuple((name, tuple(types.items())) for name, types in columns.items()))
            if key not in self._prepared:
                self._prepared[key] = _lean(_sql(*key), cursor, given)
                if len(self._prepared) > _REMEMBERED:
                    self._prepared.pop(next(iter(self._prepared)), None)
            sql = self._prepared[key]
            bound = {slot: _bindable(given[name]) for name, slot in sql.slots}
            try:
                return _as_promised(cursor.sql(sql.text, params=bound or None).to_arrow_table())
            except duckdb.Error as error:
                raise QueryError(str(_diagnosed(kql, error, columns))) from error

    def validate(self, kql: str, schema: Mapping[str, Columns]) -> tuple[Problem, ...]:
        """The mistakes in `kql` over tables of `schema`; none if it translates, binds and runs on one row of text.

        One row, because `ResultType == 0` binds on any table and fails on the first value that is no number.
        """
        tables = {name: _sample(columns) for name, columns in schema.items()}
        cursor = self._cursor()
        with _views(cursor, tables, {**self._schemas, **schema}) as columns:
            try:
                sql = _sql(kql, (), tuple((name, tuple(types.items())) for name, types in columns.items()))
                cursor.sql(sql.text).fetchall()
            except duckdb.Error as error:
                return (_diagnosed(kql, error, columns),)
            except _MistakeError as error:
                return error.problems
        return ()

    def close(self) -> None:
        """Let go of memory and temporary files."""
        self._root.close()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = getattr(self._cursors, "cursor", None)
        if cursor is None:
            cursor = self._root.cursor()
            cursor.execute("SET TimeZone = 'UTC'")
            self._cursors.cursor = cursor
        return cursor


class _MistakeError(QueryError):
    """A QueryError that still knows its problems one by one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


# --- tables as views -------------------------------------------------------------------------------------------------


@contextmanager
def _views(
    cursor: duckdb.DuckDBPyConnection, tables: Mapping[str, Source], schemas: Mapping[str, Columns]
) -> Iterator[dict[str, Columns]]:
    """Temporary views of `tables` on this cursor; yields each one's columns with their DuckDB types."""
    made: list[str] = []
    shown: dict[str, Columns] = {}
    try:
        for name, source in tables.items():
            origin, present = _origin(cursor, name, source)
            if isinstance(source, pa.Table):
                made.append(f"__{name}")
            select, shown[name] = _presented(present, schemas.get(name))
            try:
                cursor.execute(f"CREATE OR REPLACE TEMP VIEW {_quoted(name)} AS SELECT {select} FROM {origin}")  # noqa: S608
            except duckdb.Error as error:
                raise QueryError(f"table {name} cannot be read: {error}") from error
        yield shown
    finally:
        for name in shown:
            cursor.execute(f"DROP VIEW IF EXISTS {_quoted(name)}")
        for name in made:
            cursor.unregister(name)


def _origin(cursor: duckdb.DuckDBPyConnection, name: str, source: Source) -> tuple[str, dict[str, str]]:
    """What a view selects from, and the columns it finds there."""
    if isinstance(source, pa.Table):
        cursor.register(f"__{name}", source)
        return _quoted(f"__{name}"), _described(cursor, _quoted(f"__{name}"))
    if isinstance(source, Slice):
        reader, present = _parquet(cursor, source.paths)
        return f"{reader}{_bounds(source, present)}", present
    return _parquet(cursor, tuple(source))


def _parquet(cursor: duckdb.DuckDBPyConnection, paths: tuple[Path, ...]) -> tuple[str, dict[str, str]]:
    if not paths:
        raise QueryError("expected at least one Parquet file, got none")
    listed = ", ".join(_literal(str(path)) for path in paths)
    reader = f"read_parquet([{listed}], union_by_name = true)"
    try:
        return reader, _described(cursor, reader)
    except duckdb.Error as error:
        raise QueryError(f"cannot read Parquet: {error}") from error


def _bounds(piece: Slice, present: Mapping[str, str]) -> str:
    """A filter on the column as the file stores it, which the reader can hold against row group statistics."""
    kind = present.get(piece.time, "")
    if not kind.startswith("TIMESTAMP"):
        return ""
    aware = kind.endswith("TIME ZONE") or kind.startswith("TIMESTAMPTZ")
    column, zone = _quoted(piece.time), "TIMESTAMPTZ" if aware else "TIMESTAMP"
    start, end = (
        f"CAST({zone} '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}' AS {kind})" for at in (piece.start, piece.end)
    )
    return f" WHERE {column} >= {start} AND {column} < {end}"


def _described(cursor: duckdb.DuckDBPyConnection, origin: str) -> dict[str, str]:
    return {row[0]: row[1] for row in cursor.execute(f"DESCRIBE SELECT * FROM {origin}").fetchall()}  # noqa: S608


def _presented(present: Mapping[str, str], declared: Columns | None) -> tuple[str, dict[str, str]]:
    """Select list that shapes the columns found as Log Analytics would, and their types."""
    if declared is None:
        declared = {name: _kusto(kind) for name, kind in present.items()}
    parts, shown = [], {}
    for name, kind in unfolded(declared).items():
        shown[name] = _DUCK_TYPES[kind]
        value = shaped(_quoted(name), present.get(name), kind)
        if name in present and (kind == "guid" or _IDS.match(name)) and shown[name] == "VARCHAR":
            value = f"coalesce(nullif({value}, 'None'), '')"
        parts.append(f"{value} AS {_quoted(name)}")
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
        return "''" if kind in {"string", "guid"} else f"CAST(NULL AS {_DUCK_TYPES[kind]})"
    if kind in {"string", "guid"}:
        text = _text(column, found)
        return text if null_text else f"coalesce({text}, '')"
    if kind == "datetime":
        return _moment(column, found)
    if kind == "dynamic":
        return _dynamic(column, found)
    if kind in {"int", "long"} and found in {"VARCHAR", "DOUBLE", "FLOAT"}:
        return f"TRY_CAST(TRY_CAST({column} AS DOUBLE) AS BIGINT)"
    return column if found == _DUCK_TYPES[kind] else f"TRY_CAST({column} AS {_DUCK_TYPES[kind]})"


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


def _sample(columns: Columns) -> pa.Table:
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


# --- KQL to SQL ------------------------------------------------------------------------------------------------------


def _lean(sql: _Sql, cursor: duckdb.DuckDBPyConnection, given: Mapping[str, Value]) -> _Sql:
    """The same SQL without turning into text what the first `let` already made text; planning is then twice as fast."""
    found = _LET.search(sql.text)
    end = re.search(r',\n     "?_(?:l1_|s0\b)', sql.text[found.end() :]) if found else None
    if found is None or end is None:
        return replace(sql, text=_together(sql.text))
    inner = sql.text[: found.end() + end.start()]
    bound = {slot: _bindable(given[name]) for name, slot in sql.slots if f"${slot}" in inner}
    name = f"_l{found['number']}_{found['name']}"
    try:
        rows = cursor.execute(f"DESCRIBE {inner} SELECT * FROM {_quoted(name)}", bound or None).fetchall()  # noqa: S608
    except duckdb.Error:  # whatever is wrong with it, running it says it better
        return sql
    assigned = _assignments(sql.text)
    texts = {name for name, kind, *_ in rows if kind == "VARCHAR" and assigned[name] == 1}
    return replace(sql, text=_together(_without_casts(sql.text, texts)))


def _together(sql: str) -> str:
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


def _sql(
    kql: str, kinds: tuple[tuple[str, str], ...], tables: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
) -> _Sql:
    """SQL for `kql` over tables of these DuckDB types, with values of these Kusto types; ANTLR takes up to 0.3 s."""
    columns = {name: dict(types) for name, types in tables}
    translated = _translated(kql, kinds, columns)
    text = _LET.sub(lambda let: _materialized(let, kql), str(translated))
    text = _specialised(text, _texts(columns))
    _check_tables(kql, text, columns)
    slots = ((given.name, given.slot) for given in translated.declarations)
    return _Sql(text, tuple((name, slot) for name, slot in slots if slot in translated.slots))


def _translated(
    kql: str, kinds: tuple[tuple[str, str], ...], columns: Mapping[str, Columns]
) -> duckdb_kql.TranslationResult:
    if kql.lstrip().startswith("."):
        raise _MistakeError([Problem(1, 1, "expected a query, got a control command")])
    declared = ", ".join(f"{name}:{kind}" for name, kind in kinds)
    front = f"declare query_parameters({declared});\n" if declared else ""
    try:
        sql = duckdb_kql.to_sql(
            front + _bracketed(kql), {name: list(types) for name, types in columns.items()}, allow_write=False
        )
    except duckdb_kql.KqlSyntaxError as error:
        found = [(at.span, _EXPECTING.sub("", at.message)) for at in error.diagnostics]
        raise _MistakeError([_problem(kql, span, message, front) for span, message in found]) from error
    except duckdb_kql.KqlUnsupportedError as error:
        message = f"{error.construct} is not supported here" + (f" ({error.hint})" if error.hint else "")
        at = (
            _problem(kql, error.span, message, front) if error.span else Problem(*_place(kql, error.construct), message)
        )
        raise _MistakeError([at]) from error
    except duckdb_kql.KqlSchemaError as error:
        if (error.hint or "").startswith("unknown table"):
            raise _MistakeError([_unknown(kql, error.name, list(columns), "table")]) from error
        raise _MistakeError([Problem(*_place(kql, error.name), error.hint or str(error))]) from error
    if missing := set(sql.unbound) - {name for name, _ in kinds}:
        raise _MistakeError([Problem(1, 1, f"parameters without a value: {', '.join(sorted(missing))}")])
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


def _bindable(value: Value) -> Value:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def _materialized(let: re.Match[str], kql: str) -> str:
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


def _specialised(sql: str, texts: set[str]) -> str:
    """The same SQL, cheaper to bind and to run: known text is not turned into text, bins are integer arithmetic."""
    assigned = _assignments(sql)
    sql = _without_casts(sql, {name for name in texts if assigned[name] == 0})
    return _BIN.sub(r"time_bucket(\g<width>, \g<x>, TIMESTAMP '1970-01-01')", sql)


def _without_casts(sql: str, texts: set[str]) -> str:
    def text(match: re.Match[str]) -> str:
        x = match["x"]
        return x if x.startswith("'") or x.strip('"') in texts else match[0]

    return _text_template().sub(text, sql)


def _assignments(sql: str) -> Counter[str]:
    """For each column's name, how many steps give it another value than it had."""
    given = Counter(_GIVEN.findall(sql))
    given.subtract(one or other for one, other in _KEPT.findall(sql))
    return given


def _texts(columns: Mapping[str, Columns]) -> set[str]:
    """Columns that are text in every table that has them."""
    texts = {name for types in columns.values() for name, kind in types.items() if kind == "VARCHAR"}
    return texts - {name for types in columns.values() for name, kind in types.items() if kind != "VARCHAR"}


def _check_tables(kql: str, sql: str, columns: Mapping[str, Columns]) -> None:
    """A name that is no table would be looked for in the file system; a reader function would open files."""
    if reader := _READERS.search(_LITERALS.sub("''", sql)):
        raise _MistakeError(
            [Problem(*_place(kql, "externaldata"), f"a query reads tables only, not by {reader[0]}...)")]
        )
    named = {name.replace('""', '"') for name in _FROM.findall(sql)} - set(_BOUND.findall(sql))
    problems = [_unknown(kql, name, list(columns), "table") for name in sorted(named - set(columns))]
    if problems:
        raise _MistakeError(problems)


# --- answers and mistakes --------------------------------------------------------------------------------------------


def _as_promised(table: pa.Table) -> pa.Table:
    return pa.table([_plain(column) for column in table.columns], names=table.column_names)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if isinstance(column.type, pa.BaseExtensionType):
        return column.cast(pa.string())
    if pa.types.is_timestamp(column.type):
        return column.cast(TIME)
    if pa.types.is_decimal(column.type):  # what DuckDB makes of the sum of longs
        return column.cast(pa.int64() if column.type.scale == 0 else pa.float64())
    return column


def _diagnosed(kql: str, error: duckdb.Error, columns: Mapping[str, Columns]) -> Problem:
    text = str(error)
    if found := _UNKNOWN_COLUMN.search(text):
        names = [name for types in columns.values() for name in types]
        return _unknown(kql, found[1], names, "column")
    first = text.splitlines()[0]
    if isinstance(error, duckdb.ConversionException):
        return Problem(1, 1, f'{first}; expected text compared with text, as in ResultType == "0"')
    return Problem(1, 1, first)


def _unknown(kql: str, name: str, names: Sequence[str], what: str) -> Problem:
    lowered = {known.lower(): known for known in names}
    close = get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    hint = f", did you mean {lowered[close[0]]!r}?" if close else f"; expected one of {', '.join(sorted(names)[:12])}"
    return Problem(*_place(kql, name), f"unknown {what} {name!r}{hint}")


def _place(kql: str, name: str) -> tuple[int, int]:
    """1-based line and column of the first use of `name` in `kql`; (1, 1) if it is not written there."""
    word = name.rpartition(":")[2]
    found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", kql)
    if not found:
        return 1, 1
    return kql.count("\n", 0, found.start()) + 1, found.start() - (kql.rfind("\n", 0, found.start()) + 1) + 1


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


__all__ = ["Columns", "DuckEngine", "Problem", "Slice", "Source", "Value"]
