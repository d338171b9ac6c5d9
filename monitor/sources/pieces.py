"""Cutting a large window into pieces that fit in memory, without reading a file over and over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from monitor.model import Window

ROWS: Final = 100_000
"""Rows a piece may hold, about: two of them are folded at once, within a few hundred MB."""

WASTE: Final = 3.0
"""No more than so many times the rows of a window are read for all of its pieces; a file in no order is read whole for
each of them. Passing over a row costs about a tenth of folding it, so this is cheaper than running out of memory."""


class Group(NamedTuple):
    """A stretch of a file that is read as one: the times it spans, and its rows."""

    first: datetime
    last: datetime
    rows: int


def pieces(window: Window, margin: timedelta, groups: Sequence[Group], rows: int = ROWS) -> list[Window]:
    """`window` in as many pieces of about equally many rows as pay, each of about `rows` or more.

    Splitting a window changes no fact, so this is only a matter of memory: where the cuts fall is estimated as if the
    rows of a group were spread evenly over its span.
    """
    held = [group for group in groups if group.last >= window.start and group.first < window.end]
    clipped = [Group(max(group.first, window.start), min(group.last, window.end), group.rows) for group in held]
    total = sum(group.rows for group in held)
    for number in range(round(total / rows), 1, -1):
        cut = _cut(window, clipped, number)
        read = sum(
            group.rows
            for piece in cut
            for group in held
            if group.last >= piece.start - margin and group.first < piece.end + margin
        )
        if read <= WASTE * total and all(piece.length > 2 * margin for piece in cut):
            return cut
    return [window]


def _cut(window: Window, groups: Sequence[Group], number: int) -> list[Window]:
    """`window` in `number` pieces of about equally many rows."""
    edges = sorted({window.start, window.end, *(at for group in groups for at in (group.first, group.last))})
    share, held, cuts = sum(group.rows for group in groups) / number, 0.0, [window.start]
    for start, end in pairwise(edges):
        rows = sum(_within(group, start, end) for group in groups)
        while len(cuts) < number and rows and held + rows >= share * len(cuts):
            at = start + (end - start) * max(0.0, (share * len(cuts) - held) / rows)
            if not cuts[-1] < at < window.end:
                break
            cuts.append(at)
        held += rows
    return [Window(start, end) for start, end in zip(cuts, [*cuts[1:], window.end], strict=True)]


def _within(group: Group, start: datetime, end: datetime) -> float:
    """Rows of the group from `start` to `end`, two edges with none between them."""
    if not (group.first <= start and end <= group.last):
        return 0.0
    return group.rows * ((end - start) / (group.last - group.first))
