"""KQL cut into words: enough to see where names stand, not what they mean."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from monitor.kql import Value

_TOKEN: Final = re.compile(
    r"""(?P<skip>\s+|//[^\n]*)
    |(?P<string>[hH]?(?:@"(?:[^"]|"")*"|@'(?:[^']|'')*'|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|```.*?```))
    |(?P<name>[A-Za-z_]\w*)
    |(?P<number>\d[\w.]*)
    |(?P<mark>==|!=|<=|>=|=~|!~|\.\.|.)""",
    re.VERBOSE | re.DOTALL,
)
_GIVEN: Final = re.compile(
    r"""\s*let\s+(?P<name>\w+)\s*=\s*(?:
        datetime\((?P<moment>[^()]*)\)
        |(?P<length>\d+)(?P<unit>ms|[dhms])
        |(?P<text>"(?:[^"\\\n]|\\.)*")
    )\s*;""",
    re.VERBOSE,
)
_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds", "ms": "milliseconds"}


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a query: `kind` is string, name, number or mark."""

    kind: str
    text: str
    start: int
    end: int


@lru_cache(maxsize=512)
def tokens(kql: str) -> tuple[Token, ...]:
    """The words of a query, without white space and comments."""
    return tuple(
        Token(found.lastgroup or "", found[0], found.start(), found.end())
        for found in _TOKEN.finditer(kql)
        if found.lastgroup != "skip"
    )


def string(token: Token) -> str:
    """What a plain string literal says."""
    return token.text.lstrip("hH@")[1:-1]


def closing(words: Sequence[Token], opening: int) -> int:
    """Index of the bracket that closes the one at `opening`; the end if none does."""
    depth = 0
    for at in range(opening, len(words)):
        if words[at].text in "([{" and words[at].kind == "mark":
            depth += 1
        elif words[at].text in ")]}" and words[at].kind == "mark":
            depth -= 1
            if depth == 0:
                return at
    return len(words) - 1


def spliced(kql: str, changes: Sequence[tuple[int, int, str]]) -> str:
    """The text with each [start, end) replaced; a change inside another is lost with it."""
    parts, at = [], 0
    for start, end, text in sorted(changes, key=lambda change: (change[0], -change[1])):
        if start >= at:
            parts += [kql[at:start], text]
            at = end
    return "".join([*parts, kql[at:]])


def prelude(kql: str) -> tuple[dict[str, Value], str]:
    r"""The literals that stand in front of a query as `let` statements, and the query itself.

    The same query over other windows is then the same text.

    >>> prelude('let who = "a"; let margin = 1h; T | count')
    ({'who': 'a', 'margin': datetime.timedelta(seconds=3600)}, ' T | count')
    """
    values: dict[str, Value] = {}
    at = 0
    while (found := _GIVEN.match(kql, at)) and (value := _literal(found)) is not None:
        values[found["name"]] = value
        at = found.end()
    return values, kql[at:]


def _literal(found: re.Match[str]) -> Value | None:
    try:
        if found["moment"] is not None:
            moment = datetime.fromisoformat(found["moment"].strip())
            return moment if moment.tzinfo else None
        if found["length"] is not None:
            return timedelta(**{_UNITS[found["unit"]]: int(found["length"])})
        text: str = json.loads(found["text"])
    except ValueError:
        return None
    return text
