"""Collect: which windows of a source changed, and each of them whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeAlias, TypeVar

from monitor.clock import DAY, floor, iso
from monitor.during import during
from monitor.errors import TooLargeError
from monitor.model import Window
from monitor.ports import Counts, Fetched, LogSource

T = TypeVar("T")
Found: TypeAlias = "tuple[Window, Fetched | TooLargeError]"


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much of the past is collected, and in what portions; all in arrival time, and None for no limit.

    `history` is how far back the first collection goes, `cap` the longest downtime that is made up for, `slice` the
    stretch of arrivals after which the watermark moves, so that a stop costs no more than a slice. `compare` is how
    often what was counted is compared with what the source would count now.
    """

    history: timedelta | None = None
    cap: timedelta | None = None
    slice: timedelta | None = None
    compare: timedelta | None = DAY


@dataclass(frozen=True, slots=True)
class Slice:
    """Arrivals from `since` (None: from the first on) up to `until`, collected in one go."""

    since: datetime | None
    until: datetime


def slices(
    watermark: datetime | None, now: datetime, backlog: Backlog, begun: datetime | None = None
) -> tuple[list[Slice], Window | None]:
    """What is to be collected, oldest first, and the stretch that the cap leaves out for good, if it does.

    A source whose watermark is still before `begun`, when it was first collected, was stopped in the middle of its
    history: that is gone on with, as far as history goes.

    >>> from datetime import datetime, UTC, timedelta
    >>> noon, hour = datetime(2026, 5, 1, 12, tzinfo=UTC), timedelta(hours=1)
    >>> made, gap = slices(noon - 9 * hour, noon, Backlog(cap=5 * hour, slice=3 * hour))
    >>> [one.until.hour for one in made], gap.end.hour
    ([10, 12], 7)
    """
    since, gap = watermark, None
    if watermark is None and backlog.history is not None:
        since = now - backlog.history
    elif watermark is not None and begun is not None and watermark < begun:
        since = watermark if backlog.history is None else max(watermark, now - backlog.history)
        gap = Window(watermark, since) if since > watermark else None
    elif watermark is not None and backlog.cap is not None and now - watermark > backlog.cap:
        since = now - backlog.cap
        gap = Window(watermark, since)
    if since is None or backlog.slice is None or now - since <= backlog.slice:
        return [Slice(since, now)], gap
    return [Slice(one.start, one.end) for one in Window(since, now).pieces(backlog.slice)], gap


def collect(
    source: LogSource, part: Slice, live: Mapping[Window, datetime], now: datetime, *, whole: bool = False
) -> Iterator[Found]:
    """Every window of `source` in which rows arrived within the slice, fetched whole as of `now`, oldest first.

    Arrivals of the `overlap` before it are looked at again, because rows may show later than they arrived. A changed
    window inside a longer live one is widened to it, because a window is replaced whole. `live` says as of when each
    was fetched: one that was fetched an overlap after the end of the slice, or later, has it all and is left alone.
    Instead of a window that does not fit, however it is cut, there is the error; any other error passes through, and
    the caller stores nothing. With `whole`, one window spans them all: a replay folds each table once.
    """
    since = part.since - source.overlap if part.since is not None else None
    windows = widen(source.changed(since, part.until), live)
    windows = [one for one in windows if one not in live or live[one] < part.until + source.overlap]
    if whole and windows:
        windows = [Window(windows[0].start, windows[-1].end)]
    return fetched(source, windows, now)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison came to: the windows to be fetched again, and the stretches of which all was counted."""

    differ: tuple[Window, ...] = ()
    counted: tuple[Window, ...] = ()


def compare(source: LogSource, live: Mapping[Window, Counts], gaps: Sequence[Window], now: datetime) -> Comparison:
    """Compare the counts of `live` windows inside the lateness bound with what the source would count now.

    Windows differ whose counts do, and steps of which it has rows while nothing is live, as in a gap. It is asked a day
    at a time, from the bound on, or from the first window that was live or a gap. Of a day too large to be counted
    nothing is said.
    """
    if not (starts := [one.start for one in (*live, *gaps)]):
        return Comparison()
    since = floor(max(min(starts), now - source.bound), source.step)
    recent = sorted(one for one in live if one.end > since)
    asked = Window(min([since, *(one.start for one in recent)]), max([now, *(one.end for one in recent)]))
    found: dict[datetime, Counts] = {}
    unknown: list[Window] = []
    for day in asked.pieces(DAY):
        try:
            found |= source.counted(day, now)
        except TooLargeError:
            unknown.append(day)
    known = [one for one in recent if not any(one.overlaps(day) for day in unknown)]
    differ = [one for one in known if rows(live[one]) != rows(_total(found, one))]
    missing = [
        Window(start, start + source.step)
        for start, counts in found.items()
        if counts.read and not any(start in one for one in live)
    ]
    return Comparison(tuple(sorted([*differ, *missing])), tuple(asked.without(unknown)))


def fetched(source: LogSource, windows: Iterable[Window], now: datetime) -> Iterator[Found]:
    """Each of the windows, in their order; as many at once as the source has `lanes`."""

    def one(window: Window) -> Found:
        with during({"window": f"{iso(window.start)}/{iso(window.end)}"}):
            try:
                return window, source.fetch(window, now)
            except TooLargeError as error:
                return window, error

    return at_once(one, windows, source.lanes)


def at_once(work: Callable[[Window], T], windows: Iterable[Window], lanes: int) -> Iterator[T]:
    """`map` with so many at once, in order; no more is begun than is soon taken, and nothing once it is closed."""
    queue = iter(windows)
    if lanes == 1:
        yield from map(work, queue)
        return
    with ThreadPoolExecutor(lanes, thread_name_prefix="fetch") as pool:
        begun: list[Future[T]] = [pool.submit(copy_context().run, work, one) for one in islice(queue, lanes)]
        try:
            while begun:
                yield begun.pop(0).result()
                begun += [pool.submit(copy_context().run, work, one) for one in islice(queue, 1)]
        finally:
            for left in begun:
                left.cancel()


def widen(changed: Iterable[Window], live: Iterable[Window]) -> list[Window]:
    """`changed`, each grown over the live windows it touches, and merged where they then overlap; oldest first.

    >>> from datetime import datetime, UTC, timedelta
    >>> hour = lambda h, n=1: Window(datetime(2026, 5, 1, h, tzinfo=UTC), datetime(2026, 5, 1, h + n, tzinfo=UTC))
    >>> [w.length // timedelta(hours=1) for w in widen([hour(3), hour(9)], [hour(0, 6)])]
    [6, 1]
    """
    held = sorted(live)
    grown = []
    for window in changed:
        touched = [window, *(one for one in held if one.overlaps(window))]
        grown.append(Window(min(one.start for one in touched), max(one.end for one in touched)))
    merged: list[Window] = []
    for window in sorted(grown):
        if merged and window.overlaps(merged[-1]):
            merged[-1] = Window(merged[-1].start, max(merged[-1].end, window.end))
        else:
            merged.append(window)
    return merged


def _total(counted: Mapping[datetime, Counts], window: Window) -> Counts:
    return sum((counts for start, counts in counted.items() if start in window), Counts())


def rows(counts: Counts) -> tuple[int, int, int]:
    """What of two counts must agree: the rows of the source itself, and what became of them."""
    return counts.read - counts.ignored, counts.kept, counts.late
