"""Collect: which windows of a source changed, and each of them whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from monitor.model import Window
from monitor.ports import Fetched, LogSource


def collect(
    source: LogSource, watermark: datetime | None, live: Sequence[Window], now: datetime, *, whole: bool = False
) -> Iterator[tuple[Window, Fetched]]:
    """Every window of `source` in which rows arrived since the watermark, fetched whole, oldest first.

    Arrivals of the `overlap` before the watermark are looked at again, because rows may show later than they arrived.
    A changed window inside a longer live one is widened to it, because a window is replaced whole. Nothing is yielded
    for a window that could not be fetched: the error passes through, and the caller stores nothing. With `whole`, one
    window spans them all: a replay folds each table once.
    """
    since = watermark - source.overlap if watermark is not None else None
    windows = widen(source.changed(since, now), live)
    if whole and windows:
        windows = [Window(windows[0].start, windows[-1].end)]
    for window in windows:
        yield window, source.fetch(window, now)


def widen(changed: Sequence[Window], live: Sequence[Window]) -> list[Window]:
    """`changed`, each grown over the live windows it touches, and merged where they then overlap; oldest first.

    >>> from datetime import datetime, UTC, timedelta
    >>> hour = lambda h, n=1: Window(datetime(2026, 5, 1, h, tzinfo=UTC), datetime(2026, 5, 1, h + n, tzinfo=UTC))
    >>> [w.length // timedelta(hours=1) for w in widen([hour(3), hour(9)], [hour(0, 6)])]
    [6, 1]
    """
    grown = []
    for window in changed:
        touched = [window, *(one for one in live if one.overlaps(window))]
        grown.append(Window(min(one.start for one in touched), max(one.end for one in touched)))
    merged: list[Window] = []
    for window in sorted(grown):
        if merged and window.overlaps(merged[-1]):
            merged[-1] = Window(merged[-1].start, max(merged[-1].end, window.end))
        else:
            merged.append(window)
    return merged
