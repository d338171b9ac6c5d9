"""From one query per window to FACTS, names and counts; the path every engine that answers our queries shares."""

from __future__ import annotations

import re
from collections import Counter
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
from monitor.frames import FACT_KEYS, FACTS, TIME, conform_facts
from monitor.kql import Value
from monitor.model import Name, Window
from monitor.ports import Counts, Fetched
from monitor.sources import addresses, details

MARGIN: Final = timedelta(hours=1)
"""How far apart in TimeGenerated two copies of a row may be and still be recognised by every window."""

BOUND: Final = timedelta(days=3)
"""How late a row may arrive and still be folded: the first routing of Entra logs takes up to three days."""

LONGEST_NAME: Final = 256
"""Characters kept of a display name."""


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
    )
}
"""The stream sources, in the order they are collected."""


@cache
def text(name: str) -> str:
    """The query of that source as shipped, placeholders and all: its projection, then the fold."""
    folder = files("monitor") / "queries"
    return "\n".join((folder / f"{part}.kql").read_text(encoding="utf-8") for part in (name, "fold"))


def filled(template: str, arrival: str, column: Callable[[str], str]) -> str:
    """`template` with `$arrival` and each optional column `$name` replaced; nothing else in it ever is."""
    return re.sub(r"\$(\w+)", lambda found: arrival if found[1] == "arrival" else column(found[1]), template)


def lets(values: Mapping[str, Value]) -> str:
    r"""`let` statements that give a query its values, on one line; quoting is safe for any text.

    >>> lets({"issuer": 'a"b', "margin": timedelta(hours=1)})
    'let issuer = "a\\"b"; let margin = 3600s; '
    """
    return "".join(f"let {name} = {_literal(value)}; " for name, value in values.items())


def _literal(value: Value) -> str:
    if isinstance(value, datetime):
        return f"datetime({iso(value)})"
    if isinstance(value, timedelta):
        return f"{value // timedelta(seconds=1)}s"
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


def unpacked(query: Query, answers: Iterable[pa.Table]) -> Fetched:
    """What the query's answers say, together: one answer per piece of the window, taken one at a time.

    Spellings are made one (addresses, details), and facts that became alike are added up.
    """
    facts, alike, names, counts = [], [], [], Counts()
    for answer in answers:
        kept = answer
        if late := pc.sum(answer["late"]).as_py():
            kept = answer.filter(pc.invert(answer["late"]))
        piece, mask = _facts(query, kept)
        facts.append(piece)
        alike.append(mask)
        names.append(_named(answer))
        counts += _counts(answer, _sum(answer.filter(answer["late"]), "events") if late else 0)
    shared = _shared(facts)
    for place, piece in enumerate(facts):
        alike[place] = alike[place] | pc.is_in(piece["at"], shared).to_numpy()
    return Fetched(_merged(facts, alike), _names(pa.concat_tables(names)), counts)


def _shared(pieces: Sequence[pa.Table]) -> pa.Array:
    """The bins that more than one piece of a window has rows of."""
    bins = np.concatenate([np.unique(piece["at"].cast(pa.int64()).to_numpy()) for piece in pieces])
    found, times = np.unique(bins, return_counts=True)
    return pa.array(found[times > 1]).cast(TIME)


def _counts(answer: pa.Table, late: int) -> Counts:
    read, folded, strayed = (_sum(answer, column) for column in ("copies", "events", "strayed"))
    return Counts(read=read, kept=folded - late, late=late, strayed=strayed, doubled=read - folded - strayed)


def _sum(table: pa.Table, column: str) -> int:
    return int(pc.sum(table[column]).as_py() or 0)


def _facts(query: Query, kept: pa.Table) -> tuple[pa.Table, npt.NDArray[np.bool_]]:
    """FACTS of an answer, and which of its rows may now be alike."""
    ips, prefixes, same_ip = _respelled(kept["ip"], addresses.canonical)
    texts, _, same_detail = _respelled(kept["detail"], lambda text: (details.canonical(text), ""))
    given = {"stream": query.stream, "source": query.name, "marks": ""}
    columns = {name: pa.repeat(pa.scalar(value), kept.num_rows) for name, value in given.items()}
    columns |= {"ip": ips, "prefix": prefixes, "detail": texts, "kind": kept["caller_kind"]}
    facts = pa.table({name: columns[name] if name in columns else kept[name] for name in FACTS.names})
    return conform_facts(facts), same_ip | same_detail | _renamed(kept)


def _respelled(
    column: pa.ChunkedArray, spell: Callable[[str], tuple[str, str]]
) -> tuple[pa.Array, pa.Array, npt.NDArray[np.bool_]]:
    """Both parts of `spell` of each value, computed once per distinct value; and whose value others now share."""
    encoded = _encoded(column)
    spelled = [spell(value or "") for value in encoded.dictionary.to_pylist()]
    first, second = (pa.array([pair[part] for pair in spelled], pa.string()) for part in (0, 1))
    times = Counter(pair[0] for pair in spelled)
    shared = np.array([times[pair[0]] > 1 for pair in spelled], bool)
    return first.take(encoded.indices), second.take(encoded.indices), shared[_numbers(encoded)]


def _renamed(kept: pa.Table) -> npt.NDArray[np.bool_]:
    """Whose identity goes by two names here; facts do not hold names, so such rows may be alike."""
    identity, name = _numbers(_encoded(kept["identity"])), _numbers(_encoded(kept["name"]))
    pairs = np.unique(identity.astype(np.int64) << 32 | name)
    names: npt.NDArray[np.int64] = np.bincount(pairs >> 32, minlength=int(identity.max(initial=0)) + 1)
    renamed: npt.NDArray[np.bool_] = (names > 1)[identity]
    return renamed


def _merged(pieces: Sequence[pa.Table], alike: Sequence[npt.NDArray[np.bool_]]) -> pa.Table:
    """The pieces as one table, in which those of the marked rows that are alike have become one."""
    marked = pa.concat_tables([piece.take(np.flatnonzero(mask)) for piece, mask in zip(pieces, alike, strict=True)])
    summed = marked.group_by(list(FACT_KEYS)).aggregate([("events", "sum"), ("first_at", "min"), ("last_at", "max")])
    if summed.num_rows == marked.num_rows:  # copying what needs no change would cost more than the fold
        return pa.concat_tables(pieces)
    single = [piece.filter(pa.array(~mask)) if mask.any() else piece for piece, mask in zip(pieces, alike, strict=True)]
    return pa.concat_tables([*single, conform_facts(summed.rename_columns([*FACT_KEYS, *_SUMMED]))])


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


def _encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    return column.combine_chunks().dictionary_encode()


def _numbers(encoded: pa.DictionaryArray) -> npt.NDArray[np.int32]:
    numbers: npt.NDArray[np.int32] = encoded.indices.to_numpy(zero_copy_only=False)
    return numbers
