"""Cutting a large window into pieces that fit in memory, without reading anything twice that need not be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from monitor.model import Window

ROWS: Final = 80_000
"""Rows a piece may hold, about: what the fold handles within a few hundred MB."""

WASTE: Final = 2.0
"""A window is not cut if that would read more than so many times its rows, as from a file that is in no order."""


class Group(NamedTuple):
    """A stretch of a file that is read as one: the times it spans, and its rows."""

    first: datetime
    last: datetime
    rows: int


def pieces(window: Window, margin: timedelta, groups: Sequence[Group]) -> list[Window]:
    """`window` cut so that each piece, with `margin` around it, reads about ROWS rows; whole if that does not pay.

    Splitting a window changes no fact, so this is only a matter of memory.
    """
    held = sorted(group for group in groups if group.last >= window.start and group.first < window.end)
    total = sum(group.rows for group in held)
    if total <= 1.5 * ROWS:
        return [window]
    cuts, rows = [window.start], 0
    for group in held:
        if rows >= ROWS and group.first - cuts[-1] > 2 * margin and group.first < window.end:
            cuts.append(group.first)
            rows = 0
        rows += group.rows
    cut = [Window(start, end) for start, end in zip(cuts, [*cuts[1:], window.end], strict=True)]
    read = sum(
        group.rows
        for piece in cut
        for group in held
        if group.last >= piece.start - margin and group.first < piece.end + margin
    )
    return cut if read <= WASTE * total else [window]
