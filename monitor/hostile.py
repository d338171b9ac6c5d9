"""Text from logs made fit to show.

Names in logs are chosen by whoever acts, so they may try to reorder a line, hide in it, or flood it. What is left after
`clean` is one line of visible characters; escaping for a medium is that medium's renderer's work.
"""

from __future__ import annotations

import unicodedata

DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Unicode categories never shown: control, format (bidi, zero width, tags), surrogate, private use, unassigned."""

STACKED = 2
"""How many combining marks one character may carry before it climbs over its neighbours."""


def clean(text: str) -> str:
    r"""`text` on one line, without characters that are invisible or move others; idempotent.

    >>> clean("pay\u202eroll\x1b[31m\n  \u200bagent ")
    'payroll[31m agent'
    """
    kept, marks = [], 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if char.isspace():
            kept.append(" ")
        elif category not in DROPPED and marks <= STACKED:
            kept.append(char)
    return " ".join("".join(kept).split())


def clip(text: str, limit: int) -> str:
    """At most `limit` characters of `text`, ending in an ellipsis where some are missing.

    >>> clip("sp-build-agent", 9)
    'sp-build…'
    """
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
