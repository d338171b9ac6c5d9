"""Whether matchers name something, or hold for whatever comes.

`rule=~.*`, `team!=payments` and `level=high` fit what nobody has thought of: a mute of those is one of everything, or
nearly. A pattern is tried on made-up values of the shapes that labels have; one that fits most of a shape names none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from monitor.model.matching import fits
from monitor.model.people import Matcher

NARROWING: Final = frozenset({"level", "stream", "detector", "kind"})
"""Labels of few values, which between them are everything: a matcher about one of them narrows, and names nothing."""
UNNAMED: Final = (
    "it would mute whatever comes: expected a matcher that names something, such as rule=..., subject=... or team=..."
)

_WORDS: Final = ("qzvkhe", "blmuwa", "xoctyr", "fjidng", "wpsahu", "mekbol")
_UUIDS: Final = (
    "5b1e7c90-3a42-4d0f-9e6b-87c2d1f40a35",
    "e09a4f12-c7d8-4b63-8215-3f6bd07e91ac",
    "27d3b8f6-914c-4ea5-b07d-c85f1e62039b",
    "c4680ad7-5f2b-4391-a6ce-0d97b3e51f28",
)
_ADDRESSES: Final = ("20.83.112.7", "104.21.9.240", "51.145.3.66", "193.0.6.139", "8.219.77.14")
_SHAPES: Final[Sequence[Sequence[str]]] = (
    _WORDS,
    tuple(word.upper() for word in _WORDS),
    tuple(f"{one}-{other}" for one, other in zip(_WORDS, reversed(_WORDS), strict=True)),
    tuple(f"{one}-{other}-{one[:3]}" for one, other in zip(_WORDS, reversed(_WORDS), strict=True)),
    tuple(f"{one.capitalize()} {other}" for one, other in zip(_WORDS, reversed(_WORDS), strict=True)),
    ("QV", "ZK", "HB", "XE", "JW"),
    ("70482", "50126", "16", "933", "2148071"),
    _UUIDS,
    _ADDRESSES,
    ("2a01:4f8:c17:e2d::1", "2603:1020:206:9::3c", "fd7c:99a:1::42"),
    tuple(f"entra:{one}" for one in _UUIDS),
    *(tuple(f"{kind}:{one}" for one in _UUIDS) for kind in ("identity:entra", "credential", "tenant")),
    tuple(f"ip:{one}" for one in _ADDRESSES),
    *(tuple(f"{kind}:{one}" for one in _WORDS) for kind in ("vault", "source")),
)


def names_something(matchers: Iterable[Matcher]) -> bool:
    """Whether one of the matchers, all of which have to fit, asks for something in particular.

    >>> names_something([Matcher("rule", "=", "sp-new-ip")]), names_something([Matcher("rule", "=~", "sp-.*")])
    (True, True)
    >>> names_something([Matcher("rule", "=~", ".*")]), names_something([Matcher("team", "!=", "payments")])
    (False, False)
    """
    return any(_names(one) for one in matchers)


@lru_cache(maxsize=1_000)
def _names(one: Matcher) -> bool:
    if one.label in NARROWING or one.op in {"!=", "!~"}:
        return False
    if one.op == "=":
        return bool(one.value)
    return not fits(one, "") and not any(_most(one, shape) for shape in _SHAPES)


def _most(one: Matcher, shape: Sequence[str]) -> bool:
    return 2 * sum(fits(one, value) for value in shape) > len(shape)
