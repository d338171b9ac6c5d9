"""Text from logs made fit to show.

Names in logs are chosen by whoever acts, so they may try to reorder a line, hide in it, or flood it. What is left after
`clean` is one line of visible characters; escaping for a medium is that medium's renderer's work.
"""

from __future__ import annotations

import unicodedata

DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Unicode categories never shown: control, format (bidi, zero width, tags), surrogate, private use, unassigned."""

BLANK = frozenset(
    map(
        chr,
        (
            0x034F,  # combining grapheme joiner
            *(0x115F, 0x1160, 0x3164, 0xFFA0),  # Hangul fillers
            *(0x17B4, 0x17B5),  # Khmer inherent vowels
            *(0x180B, 0x180C, 0x180D, 0x180F),  # Mongolian variation selectors
            0x2800,  # Braille pattern blank; not ignorable, but nothing to see either
            *range(0xFE00, 0xFE10),  # variation selectors
            *range(0xE0100, 0xE01F0),
        ),
    )
)
"""What else shows nothing: default-ignorable code points (Unicode, DerivedCoreProperties.txt) outside `DROPPED`."""

STACKED = 2
"""How many combining marks one character may carry before it climbs over its neighbours."""


def clean(text: str) -> str:
    r"""`text` on one line, without characters that are invisible or move others; idempotent.

    A combining mark with nothing to stand on is dropped, so what has nothing visible becomes empty.

    >>> clean("pay\u202eroll\x1b[31m\n  \u200bagent ")
    'payroll[31m agent'
    >>> clean("\u3164\ufe0f \u0301")
    ''
    """
    kept, room = [], 0
    for char in text:
        category = unicodedata.category(char)
        if char.isspace():
            kept.append(" ")
            room = 0
        elif category in DROPPED or char in BLANK:
            continue  # and what follows stands on what came before
        elif category not in {"Mn", "Me"}:
            kept.append(char)
            room = STACKED
        elif room:
            kept.append(char)
            room -= 1
    return " ".join("".join(kept).split())


def clip(text: str, limit: int) -> str:
    """At most `limit` characters of `text`, ending in an ellipsis where some are missing.

    >>> clip("sp-build-agent", 9)
    'sp-build…'
    """
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
