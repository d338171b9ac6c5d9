"""The word `own` in a rule's predicate: the facts of mintwatch's own identities.

Who they are is known only once mintwatch has logged in, so the word stands in the rule, and in its place the ids that
are known by the time it is judged. Nothing but an id is ever put there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

Own: TypeAlias = Callable[[], frozenset[str]]
"""The application ids of mintwatch's own identities, as far as they are known by now."""

HOLDS: Final = "1>0"
"""What `own` is where only the rest of a predicate is checked: a claim of the same length, so that places stay."""
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WORDS: Final = re.compile(r"""(@"[^"]*"|@'[^']*'|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|//[^\n]*)|(?<![\w.])own(?!\w)""")


def nobody() -> frozenset[str]:
    """Nobody knows who we are."""
    return frozenset()


def owns(predicate: str) -> bool:
    """Whether the predicate is about mintwatch's own identities.

    >>> owns('own and outcome == "issued"'), owns('action == "own"')
    (True, False)
    """
    return any(not word[1] for word in _WORDS.finditer(predicate))


def checked(predicate: str) -> str:
    """The predicate with a claim that holds in place of the word, nothing else moved."""
    return _WORDS.sub(lambda word: word[1] or HOLDS, predicate)


def owned(predicate: str, own: frozenset[str]) -> str:
    """The predicate over the applications `own`; what is no id is left out, and of nobody it is false.

    >>> print(owned('own and country != "own"', frozenset({"11111111-2222-3333-4444-555555555555"})))
    (app_id in ("11111111-2222-3333-4444-555555555555")) and country != "own"
    >>> print(owned("own", frozenset()))
    false
    """
    ids = sorted(one.lower() for one in own if _ID.fullmatch(one.lower()))
    listed = ", ".join(f'"{one}"' for one in ids)
    said = f"(app_id in ({listed}))" if ids else "false"
    return _WORDS.sub(lambda word: word[1] or said, predicate)
