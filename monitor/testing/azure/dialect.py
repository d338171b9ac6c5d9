"""From the KQL Log Analytics takes to the part of it that the embedded engine runs.

What differs is resolved here: which tables and columns exist at this moment, `column_ifexists`, legs of a fuzzy union
that do not, `ingestion_time()`, `now()`, `ago()` and `table("T")`. Names are told apart by where they stand, which is
right for queries as people write them; it is no binder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, TypeAlias

from monitor.testing.azure.lexing import Token, closing, spliced, string, tokens
from monitor.testing.azure.tables import ARRIVED

Catalogue: TypeAlias = "tuple[tuple[str, frozenset[str]], ...]"
"""Tables that exist, each with the columns that do."""

NOW: Final = "_now"
"""The value of `now()`, given to the engine by this name."""


class UnresolvedError(Exception):
    """A name that stands for nothing: SEM0100."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Plain:
    """A query the embedded engine runs: its text, the tables it reads, and columns that are not there to be shown."""

    kql: str
    tables: tuple[str, ...]
    hidden: frozenset[str]
    timed: bool


@dataclass(slots=True)
class _Scope:
    """What the names of a pipeline may stand for: columns there, columns that might be, and names given on the way."""

    table: str = ""
    there: frozenset[str] = frozenset()
    possible: frozenset[str] = frozenset()
    operator: str = "where"


@dataclass(slots=True)
class _Walk:
    """One pass over the words of a query."""

    kql: str
    words: tuple[Token, ...]
    existing: dict[str, frozenset[str]]
    schemas: Mapping[str, frozenset[str]]
    changes: list[tuple[int, int, str]] = field(default_factory=list)
    read: dict[str, None] = field(default_factory=dict)
    lets: dict[str, frozenset[str]] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    new: str = ""  # the name that the expression at hand gives for the first time
    timed: bool = False

    def text(self, at: int) -> str:
        return self.words[at].text if 0 <= at < len(self.words) else ""


def plain(kql: str, catalogue: Catalogue, schemas: Mapping[str, frozenset[str]]) -> Plain:
    """The query as the embedded engine takes it; `schemas` are the columns a table can ever have.

    Raises
    ------
    UnresolvedError
        If it names a table or a column that does not exist at this moment.
    """
    return _plain(kql, catalogue, tuple(sorted(schemas.items())))


@lru_cache(maxsize=512)
def _plain(kql: str, catalogue: Catalogue, schemas: Catalogue) -> Plain:
    kql = _without_calls(kql)
    known = dict(schemas)
    existing = dict(catalogue)
    kql = _without_absent_legs(kql, existing, known)
    walk = _Walk(kql, tokens(kql), existing, known)
    _walk(walk)
    hidden = {column for table in walk.read for column in known[table] - existing[table]} - walk.given
    return Plain(spliced(kql, walk.changes), tuple(walk.read), frozenset(hidden | {ARRIVED}), walk.timed)


def _without_calls(kql: str) -> str:
    """`table("T")` is T."""
    words = tokens(kql)
    changes = [
        (word.start, words[at + 3].end, string(words[at + 2]))
        for at, word in enumerate(words[:-3])
        if word.text == "table" and words[at + 1].text == "(" and words[at + 2].kind == "string"
    ]
    return spliced(kql, changes)


def _without_absent_legs(kql: str, existing: Mapping[str, object], known: Mapping[str, object]) -> str:
    """`union isfuzzy=true` over those of its legs that can be resolved."""
    words = tokens(kql)
    changes = []
    for at, word in enumerate(words):
        if word.text != "union" or word.kind != "name":
            continue
        start, fuzzy = _options(words, at + 1)
        legs = _legs(words, start) if fuzzy else []
        absent = [leg for leg in legs if _absent(words, leg, existing, known)]
        if absent and len(absent) < len(legs):
            whole = (words[legs[0][0]].start, words[legs[-1][1] - 1].end)
            kept = [kql[words[first].start : words[end - 1].end] for first, end in legs if (first, end) not in absent]
            changes.append((*whole, ", ".join(kept)))
    return spliced(kql, changes)


def _options(words: tuple[Token, ...], at: int) -> tuple[int, bool]:
    """Where the legs of a union start, and whether it is fuzzy."""
    fuzzy = False
    while at + 2 < len(words) and words[at + 1].text == "=":
        fuzzy |= words[at].text == "isfuzzy" and words[at + 2].text == "true"
        at += 3
    return at, fuzzy


def _legs(words: tuple[Token, ...], at: int) -> list[tuple[int, int]]:
    """[start, end) of each leg of a union, as indices of words."""
    legs, start = [], at
    while at < len(words) and words[at].text not in {"|", ";", ")"}:
        if words[at].text == ",":
            legs.append((start, at))
            start = at + 1
        at = closing(words, at) + 1 if words[at].text == "(" else at + 1
    return [*legs, (start, at)]


def _absent(
    words: tuple[Token, ...], leg: tuple[int, int], existing: Mapping[str, object], known: Mapping[str, object]
) -> bool:
    names = {word.text for word in words[leg[0] : leg[1]] if word.kind == "name"}
    return any(name in known and name not in existing for name in names)


def _walk(walk: _Walk) -> None:
    scopes = [_Scope()]
    let, at = "", 0
    while at < len(walk.words):
        word = walk.words[at]
        if word.text == "(":
            scopes.append(replace(scopes[-1]))
        elif word.text == ")" and len(scopes) > 1:
            scopes.pop()
        elif word.text == ";":
            if let:
                walk.lets[let] = scopes[0].there | walk.given
            scopes, let, walk.new = [_Scope()], "", ""
        elif word.text == "|" and walk.words[at + 1 : at + 2]:
            scopes[-1].operator, walk.new = walk.text(at + 1), ""
        elif word.text == "let" and walk.text(at + 2) == "=":
            let, at = walk.text(at + 1), at + 2
        elif word.kind == "name":
            at = _name(walk, scopes[-1], at)
        at += 1


def _name(walk: _Walk, scope: _Scope, at: int) -> int:
    """What a name at `at` changes; the index of the last word it used up."""
    word, following = walk.words[at], walk.text(at + 1)
    name = word.text
    if walk.text(at - 1) == "." or (name in walk.given and following != "("):
        return at
    if following == "=":
        walk.new = "" if name in walk.given else name
        walk.given.add(name)
    elif following == "(":
        return _call(walk, scope, at)
    elif name in walk.lets:
        scope.table, scope.there, scope.possible = "", walk.lets[name], frozenset()
    elif name in walk.schemas:
        _table(walk, scope, name)
    elif name in scope.possible and name not in scope.there:
        raise UnresolvedError(
            f"'{scope.operator}' operator: Failed to resolve column or scalar expression named '{name}'"
        )
    return at


def _table(walk: _Walk, scope: _Scope, name: str) -> None:
    if name not in walk.existing:
        raise UnresolvedError(f"'where' operator: Failed to resolve table or column expression named '{name}'")
    walk.read[name] = None
    scope.table, scope.there, scope.possible = name, walk.existing[name], walk.schemas[name]


def _call(walk: _Walk, scope: _Scope, at: int) -> int:
    """A function that Log Analytics has and the embedded engine has not."""
    word = walk.words[at]
    end = closing(walk.words, at + 1)
    last = walk.words[end].end
    inner = walk.kql[walk.words[at + 1].end : walk.words[end].start].strip()
    if word.text == "ingestion_time":
        walk.changes.append((word.start, last, ARRIVED))
    elif word.text in {"now", "ago"}:
        walk.timed = True
        sign = "-" if word.text == "ago" else "+"
        walk.changes.append((word.start, last, f"({NOW} {sign} ({inner}))" if inner else NOW))
    elif word.text == "column_ifexists" and walk.words[at + 2].kind == "string":
        column, default = string(walk.words[at + 2]), inner.partition(",")[2].strip()
        walk.changes.append((word.start, last, _chosen(walk, scope, column, default)))
    else:
        return at
    return end


def _chosen(walk: _Walk, scope: _Scope, column: str, default: str) -> str:
    """The column or the default; a column that is not there reads as its null, so that a default of null is the same.

    The text of the query then does not change with every column that appears.
    """
    null = default in {'""', "''"} or default.endswith("(null)")
    there = column in scope.there or (column in walk.given and column != walk.new)
    return column if there or (null and column in scope.possible) else f"({default})"
