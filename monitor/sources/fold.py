"""From one query per window to FACTS, names and counts; the path every engine that answers our queries shares."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitor.clock import iso
from monitor.frames import FACT_KEYS, FACTS, conform_facts
from monitor.kql import Value
from monitor.model import Name, Window
from monitor.ports import Counts, Fetched
from monitor.sources import addresses, arrivals, details

MARGIN: Final = timedelta(hours=1)
"""How far apart in TimeGenerated two copies of a row may be and still be recognised by every window."""

BOUND: Final = timedelta(days=3)
"""How late a row may arrive and still be folded: the first routing of Entra logs takes up to three days."""

LONGEST_NAME: Final = 256
"""Characters kept of a display name."""


_WORD: Final = re.compile(r"""@"[^"]*"|@'[^']*'|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\.?\b\w+""")
"""A piece of KQL that is a name, or that hides names: text, and what follows a point."""


@dataclass(frozen=True, slots=True)
class Query:
    """One stream source: what its query reads, and how patient to be with it."""

    name: str
    stream: str
    tables: tuple[str, ...]
    settle: timedelta


QUERIES: Final[Mapping[str, Query]] = {
    query.name: query
    for query in (
        # Settle: minutes after its end until a 5-minute bin is as good as complete. Entra says P95 2, P99 5 minutes
        # for sign-ins, "much later" for non-interactive; Key Vault says up to 10
        # (Azure Monitor, "Log data ingestion time").
        Query("interactive", "sign_in", ("SigninLogs",), timedelta(minutes=10)),
        Query("non_interactive", "sign_in", ("AADNonInteractiveUserSignInLogs",), timedelta(minutes=20)),
        Query("service_principal", "sign_in", ("AADServicePrincipalSignInLogs",), timedelta(minutes=10)),
        Query("managed_identity", "sign_in", ("AADManagedIdentitySignInLogs",), timedelta(minutes=10)),
        Query("vault", "vault", ("AZKVAuditLogs", "AzureDiagnostics"), timedelta(minutes=15)),
        Query("directory", "directory", ("AuditLogs",), timedelta(minutes=10)),
        # Activity 3 to 20 minutes (same page); risk 5 minutes to 2 hours (Entra, "Log latency").
        Query("control", "control", ("AzureActivity",), timedelta(minutes=20)),
        Query("risk", "risk", ("AADServicePrincipalRiskEvents",), timedelta(hours=2)),
    )
}
"""The stream sources, in the order they are collected."""


@cache
def text(name: str, tables: tuple[str, ...] | None = None) -> str:
    """The query of that source as shipped, placeholders and all: its projection, one copy of each row, the fold.

    It reads `tables`, which are some of the source's; None: all of them. It names no other, because a table that is
    not there would fail it, and `union isfuzzy=true` would leave one out in silence whatever the reason.
    """
    return "\n".join([_rows(name, tables), _shipped("deduplicate"), _shipped("fold")])


@cache
def counting(name: str, step: timedelta, tables: tuple[str, ...] | None = None) -> str:
    """The same without the fold: rows are only counted, for each `step` of the window."""
    count = _shipped("count").replace("$step", literal(step))
    return "\n".join([_rows(name, tables), _shipped("deduplicate"), count])


def _rows(name: str, tables: tuple[str, ...] | None) -> str:
    """The projection of the source's tables, or of some of them."""
    whole, chosen = _shipped(name), QUERIES[name].tables if tables is None else tables
    if "materialize($legs" not in whole:
        return whole
    legs = [_shipped(f"{name}.{table}").strip().replace("$ours", arrivals.OURS.get(table, "")) for table in chosen]
    return whole.replace("materialize($legs", f"materialize({arrivals.united(legs)}")


def _shipped(name: str) -> str:
    return (files("monitor") / "queries" / f"{name}.kql").read_text(encoding="utf-8")


def filled(template: str, arrival: str, column: Callable[[str], str], shard: str = "") -> str:
    """`template` with `$arrival`, `$shard` and each optional column `$name` replaced; nothing else in it ever is.

    `shard` is an operator that lets a part of the identities through; without it all are.
    """
    given = {"arrival": arrival, "shard": shard}
    return re.sub(r"\$(\w+)", lambda found: given[found[1]] if found[1] in given else column(found[1]), template)


def lets(values: Mapping[str, Value]) -> str:
    r"""`let` statements that give a query its values, on one line; quoting is safe for any text.

    >>> lets({"issuer": 'a"b', "margin": timedelta(hours=1)})
    'let issuer = "a\\"b"; let margin = 3600s; '
    """
    return "".join(f"let {name} = {literal(value)}; " for name, value in values.items())


def bound(predicate: str, values: Mapping[str, Value]) -> str:
    r"""`predicate` with its values in it, quoted; for where a `let` cannot stand before it.

    A name inside of quotes or after a point is not a value's.

    >>> bound('UserId =~ id and Detail.id != "id"', {"id": 'a" or true'})
    'UserId =~ "a\\" or true" and Detail.id != "id"'
    """
    return _WORD.sub(lambda found: literal(values[found[0]]) if found[0] in values else found[0], predicate)


def literal(value: Value) -> str:
    """The value as KQL writes it; no text gets out of its quotes."""
    if isinstance(value, datetime):
        return f"datetime({iso(value)})"
    if isinstance(value, timedelta):
        return f"{value // timedelta(seconds=1)}s"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{'long' if isinstance(value, int) else 'real'}({value!r})"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r") + '"'


def values(query: Query, window: Window, now: datetime, issuer: str) -> dict[str, Value]:
    """What the query's `let` statements hold for one window."""
    return {
        "window_start": window.start,
        "window_end": window.end,
        "margin": MARGIN,
        "bound": BOUND,
        "as_of": now,
        "settle": query.settle,
        "issuer": issuer,
    }


def unpacked(query: Query, answers: Iterable[pa.Table], source: str) -> Fetched:
    """What the query's answers say of `source`: one answer per piece of the window, taken one at a time.

    Spellings are made one (addresses, details), and facts that are alike are added up. Text is dictionary-encoded: a
    month of it is then small.
    """
    facts, names, counts = [], [], Counts()
    for answer in answers:
        kept = answer
        if late := pc.sum(answer["late"]).as_py():
            kept = answer.filter(pc.invert(answer["late"]))
        facts.append(_facts(query, kept, source))
        names.append(_named(answer))
        counts += _counts(answer, _sum(answer.filter(answer["late"]), "events") if late else 0)
    return Fetched(_merged(facts), _names(pa.concat_tables(names)), counts)


def counts(answers: Iterable[pa.Table]) -> dict[datetime, Counts]:
    """What the answers to `counting` say of each step, by its start."""
    found: dict[datetime, Counts] = {}
    for answer in answers:
        for row in answer.to_pylist():
            read, folded, strayed = int(row["copies"]), int(row["events"]), int(row["strayed"])
            late = folded if row["late"] else 0
            one = Counts(read, folded - late, read - folded - strayed, late, strayed)
            found[row["start"]] = found.get(row["start"], Counts()) + one
    return found


def _counts(answer: pa.Table, late: int) -> Counts:
    read, folded, strayed = (_sum(answer, column) for column in ("copies", "events", "strayed"))
    return Counts(read=read, kept=folded - late, late=late, strayed=strayed, doubled=read - folded - strayed)


def _sum(table: pa.Table, column: str) -> int:
    return int(pc.sum(table[column]).as_py() or 0)


def _facts(query: Query, kept: pa.Table, source: str) -> pa.Table:
    """FACTS of an answer, text encoded; some of its rows may now be alike."""
    ips, prefixes = _respelled(_encoded(kept["ip"]), addresses.canonical)
    texts, _ = _respelled(_encoded(kept["detail"]), lambda text: (details.canonical(text), ""))
    given = {"stream": query.stream, "source": source, "marks": ""}
    columns = {name: _repeated(value, kept.num_rows) for name, value in given.items()}
    columns |= {"ip": ips, "prefix": prefixes, "detail": texts, "kind": kept["caller_kind"]}
    return _packed({name: columns[name] if name in columns else kept[name] for name in FACTS.names})


def _respelled(
    encoded: pa.DictionaryArray, spell: Callable[[str], tuple[str, str]]
) -> tuple[pa.DictionaryArray, pa.DictionaryArray]:
    """Both parts of `spell` of each value, computed once per distinct value."""
    spelled = [spell(value or "") for value in encoded.dictionary.to_pylist()]
    first, second = (pa.array([pair[part] for pair in spelled], pa.string()).dictionary_encode() for part in (0, 1))
    return _through(encoded.indices, first), _through(encoded.indices, second)


def _through(indices: pa.Array, values: pa.DictionaryArray) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(values.indices.take(indices), values.dictionary)


def _repeated(text: str, times: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(np.zeros(times, np.int32), pa.array([text], pa.string()))


def _merged(pieces: Sequence[pa.Table]) -> pa.Table:
    """The pieces as one table, in which rows that are alike have become one.

    Few are: only those are copied and compared of which another has the same digest.
    """
    digests = [_digest(piece) for piece in pieces]
    ordered = np.sort(np.concatenate(digests))
    shared = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(shared):
        return pa.concat_tables(pieces)
    alike = [np.isin(digest, shared) for digest in digests]
    marked = pa.concat_tables(
        [conform_facts(piece.filter(pa.array(mask))) for piece, mask in zip(pieces, alike, strict=True)]
    )
    summed = marked.group_by(list(FACT_KEYS)).aggregate([("events", "sum"), ("first_at", "min"), ("last_at", "max")])
    single = [piece.filter(pa.array(~mask)) if mask.any() else piece for piece, mask in zip(pieces, alike, strict=True)]
    return pa.concat_tables([*single, _packed(dict(zip([*FACT_KEYS, *_SUMMED], summed.columns, strict=True)))])


def _digest(facts: pa.Table) -> npt.NDArray[np.uint64]:
    """One number per row, equal for rows that are alike, and for hardly any others."""
    digest = np.zeros(facts.num_rows, np.uint64)
    for name in FACT_KEYS:
        column = facts[name].combine_chunks()
        if isinstance(column, pa.DictionaryArray):
            known = np.array([hash(text) for text in column.dictionary.to_pylist()], np.int64).view(np.uint64)
            values = known[_numbers(column)]
        else:
            values = column.cast(pa.int64()).to_numpy().view(np.uint64)
        digest = digest * _PRIME + values
    return digest


_PRIME: Final = np.uint64(1099511628211)
_SUMMED: Final = ("events", "first_at", "last_at")
_NAMED: Final = ["identity", "name", "caller_kind", "app_id"]


def _named(answer: pa.Table) -> pa.Table:
    """Every name an identity went by, with when; few rows however many the answer has."""
    answer = answer.select([*_NAMED, "first_at", "last_at"])
    return answer.group_by(_NAMED).aggregate([("first_at", "min"), ("last_at", "max")])


def _names(named: pa.Table) -> tuple[Name, ...]:
    """The newest name of each identity; of two at one moment the greatest, so that row order does not matter."""
    newest: dict[str, tuple[tuple[bool, datetime, str, str, str], datetime, datetime]] = {}
    for row in named.to_pylist():
        first, last = row["first_at_min"], row["last_at_max"]
        claim = (row["name"] != "", last, row["name"], row["caller_kind"], row["app_id"])
        known = newest.get(row["identity"], (claim, first, last))
        newest[row["identity"]] = (max(claim, known[0]), min(first, known[1]), max(last, known[2]))
    newest.pop("", None)
    return tuple(
        Name(identity, claim[2][:LONGEST_NAME], claim[3], claim[4], first, last)
        for identity, (claim, first, last) in sorted(newest.items())
    )


def _packed(columns: Mapping[str, pa.Array | pa.ChunkedArray]) -> pa.Table:
    """FACTS of these columns, text encoded."""
    return pa.table(
        {
            field.name: _encoded(columns[field.name])
            if field.type == pa.string()
            else columns[field.name].cast(field.type)
            for field in FACTS
        }
    )


def _encoded(column: pa.Array | pa.ChunkedArray) -> pa.DictionaryArray:
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.DictionaryArray):
        return whole
    return (pc.fill_null(whole, "") if whole.null_count else whole).dictionary_encode()


def _numbers(encoded: pa.DictionaryArray) -> npt.NDArray[np.int32]:
    numbers: npt.NDArray[np.int32] = encoded.indices.to_numpy(zero_copy_only=False)
    return numbers
