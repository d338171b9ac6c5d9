"""Watchdog: which sources have fallen silent, and which tell of long ago only; from what was heard, as of one moment.

A source that cannot be read fails, and that is known at once. These two answer every question: a silent one has no new
rows, for longer than it ever pauses; a stale one has, but only old ones. Both are judged by the source's own past, the
four weeks up to its last word, so that a long silence does not become a habit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from monitor.clock import BIN, DAY, iso
from monitor.coverage import HOUR, Hearing, Times, aware, stamp
from monitor.model import HealthEvent

LEAST: Final = timedelta(minutes=30)
"""The shortest silence, and the smallest lateness, that is ever told."""
WEEKS: Final = 4
"""How many weeks before its last word say what a source's habits are."""
LATER: Final = 3
"""How many times its usual lateness, or the longest pause of a source without any rhythm, is out of the ordinary."""
LONGER: Final = 2
"""How many times as long as its usual pauses a silence is that is none."""
SOME: Final = 3
"""Hours in which it always speaks that must have passed; and arrivals that must all have been old."""
OFF: Final = 2
"""Days that everybody may have off: more patience with a silence that did not begin while it usually speaks."""
PAUSES: Final = 20
"""From how many pauses on a source without any rhythm has a longest one."""
HOURS: Final = 7 * 24

Flags = npt.NDArray[np.bool_]


def blindness(
    hearing: Mapping[str, Hearing], watermarks: Mapping[str, datetime], as_of: datetime
) -> Iterator[HealthEvent]:
    """What is to be written down: a `silent` or `stale` for each source that is, with since when as `code`.

    Nothing is said of a source whose habits are not known: of one that never had a row, of one that had its first less
    than a week ago (two weeks, if it does not speak all the time), and of our own journal.
    """
    for name, one in sorted(hearing.items()):
        if one.ours or not one.at.size:
            continue
        listened = min(as_of, watermarks.get(name, as_of))
        if since := silent(one, listened, as_of):
            yield HealthEvent(as_of - BIN, "collect", name, "silent", iso(since))
        elif since := stale(one, listened):
            yield HealthEvent(as_of - BIN, "collect", name, "stale", iso(since))


def silent(one: Hearing, listened: datetime, as_of: datetime) -> datetime | None:
    """Since when the source has been silent, if that is longer than it ever pauses; somebody `listened` up to then.

    A source that speaks all the time (`Hearing.dense`) is silent after twice the longest pause that it makes every
    week. One that does not has hours in which it usually speaks, of each week the same. It is silent after twice the
    longest run of those that it misses every week, and three: if the silence began while it usually speaks and no
    other hours came in between; else after two of its busiest days more, which may have been days off. At the latest
    after three times its longest pause and a day. Time that was left out is no silence.
    """
    arrived = np.unique(one.seen_at[one.seen_at < stamp(listened)])
    if not arrived.size:
        return None
    last = aware(arrived[-1]) + BIN
    since = max([last, *(gap.window.end for gap in one.gaps if gap.noted_at <= as_of)])
    quiet, weeks = listened - since, _weeks(arrived)
    if quiet < LEAST or not weeks:
        return None
    pauses = np.diff(arrived[arrived >= arrived[-1] - weeks * np.timedelta64(HOURS, "h")]) - np.timedelta64(BIN)
    if one.dense(as_of):
        bar = max(LEAST, LATER * (_lateness(one, last) or timedelta(0)), LONGER * _usual(pauses, weeks))
        return since if quiet >= bar else None
    if weeks < 2:
        return None
    if pauses.size >= PAUSES and quiet >= max(DAY, LATER * _longest(pauses)):
        return since
    return since if _missing(arrived, weeks, since, listened) else None


def stale(one: Hearing, listened: datetime) -> datetime | None:
    """Up to when the source has told, if its newest arrivals are all older than three times its usual lateness.

    The usual lateness is the median, over the days of four weeks, of the day's 99th percentile.
    """
    known = one.seen_at < stamp(listened)
    at, seen_at = one.at[known], one.seen_at[known]
    newest = np.unique(seen_at)[-SOME:]
    if newest.size < SOME or stamp(listened) - newest[0] > np.timedelta64(HOUR):
        return None
    usual = _lateness(one, aware(newest[0]))
    told = aware(at.max()) + BIN
    if usual is None or not _weeks(seen_at):
        return None
    bar = max(LEAST, LATER * usual)
    freshest = max(at[seen_at == moment].max() - moment for moment in newest)
    return told if -freshest > np.timedelta64(bar) and listened - told > bar else None


def _weeks(arrived: Times) -> int:
    """How many whole weeks a source is known for, at most four."""
    return int(min(WEEKS, (arrived.max() - arrived.min()) // np.timedelta64(HOURS, "h")))


def _lateness(one: Hearing, before: datetime) -> timedelta | None:
    """The usual lateness on the days before that day; None if fewer than a week are known."""
    end = stamp(before).astype("datetime64[D]")
    days = one.seen_at.astype("datetime64[D]")
    mine = (days < end) & (days >= end - WEEKS * 7)
    if not mine.any():
        return None
    late, days = (one.seen_at[mine] - one.at[mine]).astype(np.int64), days[mine]
    order = np.lexsort((late, days))
    _, first, many = np.unique(days[order], return_index=True, return_counts=True)
    if first.size < 7:
        return None
    worst = late[order][first + np.ceil(0.99 * many).astype(np.int64) - 1]
    return timedelta(microseconds=float(np.median(worst)))


def _usual(pauses: Times, weeks: int) -> timedelta:
    """The longest pause that may come every week: the longest once per week but for one are left out, as outages."""
    ordered = np.sort(pauses.astype(np.int64))
    return timedelta(microseconds=int(ordered[-weeks])) if ordered.size >= weeks else timedelta(0)


def _longest(pauses: Times) -> timedelta:
    return timedelta(microseconds=int(pauses.astype(np.int64).max()))


def _missing(arrived: Times, weeks: int, since: datetime, listened: datetime) -> bool:
    """Whether a source is silent in the hours of the week in which it usually speaks."""
    spoke = np.unique(arrived.astype("datetime64[h]").astype(np.int64))
    begin = spoke[-1] + 1 - weeks * HOURS
    past = np.zeros(weeks * HOURS, dtype=np.bool_)
    past[spoke[spoke >= begin] - begin] = True
    week = past.reshape(weeks, HOURS).sum(axis=0)  # begins at hour `begin`
    usually: Flags = week >= max(2, weeks - 1)
    runs = np.sort(_runs(~past[np.tile(usually, weeks)]))
    missed = int(runs[-weeks]) if runs.size >= weeks else 0
    first, upto = (int(stamp(one).astype("datetime64[h]").astype(np.int64)) for one in (since, listened))
    hours = usually[(np.arange(first + 1, upto) - begin) % HOURS]  # whole ones
    unbroken = hours.size if hours.all() else int(np.argmin(hours))
    busiest = int(max(np.roll(usually, int(begin) % 24).reshape(7, 24).sum(axis=1)))
    bar = LONGER * missed + SOME
    return unbroken >= bar or int(hours.sum()) >= bar + OFF * busiest


def _runs(flags: Flags) -> npt.NDArray[np.int64]:
    """How long each run of true flags is.

    >>> _runs(np.array([True, True, False, True])).tolist()
    [2, 1]
    """
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False].astype(np.int8)))
    return edges[1::2] - edges[::2]
