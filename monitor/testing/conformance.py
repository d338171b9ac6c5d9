"""What every detector, source and notifier promises, as checks that a plugin's own tests can call.

Each check answers with the promises that were broken, a line each; none means it conforms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from monitor.clock import DAY, floor, midnight
from monitor.errors import FrameError, MintwatchError
from monitor.frames import FACTS, SCORES, conform, conform_facts
from monitor.model import Delivery, Message, Part, Window, digest
from monitor.ports import Counts, Detector, LogSource, Notifier, Past

FRAMES: Final = ("activity", "spans", "after", "days")
NUMBERS: Final = ("observed", "expected", "low", "high", "log_p", "said", "judged", "said_all", "judged_all")


def detector(judge: Detector, past: Past, window: Window, *, seed: int = 0) -> tuple[str, ...]:
    """What a detector breaks of its promises on this past: the more happens in it, the more is checked."""
    return tuple(_detector(judge, past, window, np.random.default_rng(seed)))


def _detector(judge: Detector, past: Past, window: Window, dice: np.random.Generator) -> Iterator[str]:
    before = {name: getattr(past, name).copy(deep=True) for name in FRAMES}
    try:
        scores = conform(judge.score(past, window), SCORES, past.by)
    except FrameError as error:
        yield f"score: expected a frame of SCORES: {error}"
        return
    if any(not getattr(past, name).equals(frame) for name, frame in before.items()):
        yield "score: expected the frames it was given unchanged"
    if ((scores["bucket"] < window.start) | (scores["bucket"] >= window.end)).any():
        yield "score: expected only buckets that start in the window"
    counts = scores[["said", "judged", "said_all", "judged_all"]].notna()
    if (scores["log_p"].notna() & counts.any(axis=1)).any() or (counts.any(axis=1) & ~counts.all(axis=1)).any():
        yield "score: expected log_p or all four counts of days in a row, not both and not a part"
    if (scores["log_p"] > 0).any():
        yield "score: expected log_p to be the logarithm of a chance, at most 0"
    shuffled = {name: frame.iloc[dice.permutation(len(frame))] for name, frame in before.items()}
    if not _same(judge.score(replace(past, **shuffled), window), scores, past.by):
        yield "score: expected the same from rows in another order"
    pieces = [judge.score(past, day) for day in _days(window)]
    if not _same(pd.concat(pieces), scores, past.by):
        yield "score: expected the same day by day as over the whole window"
    for cut in _cuts(window, dice):
        earlier = {name: frame[frame["seen_at"] < cut] for name, frame in before.items() if "seen_at" in frame}
        known = judge.score(replace(past, as_of=cut, **earlier), window)
        if not _same(known[known["seen_at"] < cut], scores[scores["seen_at"] < cut], past.by):
            yield f"score: expected what was seen before {cut} to be judged without what came later"


def _days(window: Window) -> list[Window]:
    """The window cut at every midnight."""
    edges = [window.start, *(one.end for one in Window(midnight(window.start), window.end).pieces(DAY))]
    return [Window(start, end) for start, end in pairwise(edges)]


def _cuts(window: Window, dice: np.random.Generator) -> list[datetime]:
    return [floor(window.start + share * window.length) for share in dice.uniform(0.2, 1.0, size=3)]


def _same(one: pd.DataFrame, other: pd.DataFrame, by: tuple[str, ...]) -> bool:
    keys = [*by, "bucket", "seen_at", "term"]
    left, right = (conform(frame, SCORES, by).sort_values(keys, ignore_index=True) for frame in (one, other))
    if len(left) != len(right) or not left[[*keys, "because"]].equals(right[[*keys, "because"]]):
        return False
    return all(np.allclose(left[name], right[name], rtol=1e-6, equal_nan=True) for name in NUMBERS)


def source(logs: LogSource, now: datetime) -> tuple[str, ...]:
    """What a source breaks of its promises, asked as of `now`; the more it holds by then, the more is checked."""
    return tuple(_source(logs, now))


def _source(logs: LogSource, now: datetime) -> Iterator[str]:
    windows = list(logs.changed(None, now))
    if windows != sorted(windows) or any(a.overlaps(b) for a, b in pairwise(windows)):
        yield "changed: expected windows apart from each other, oldest first"
    if any(floor(one.start, logs.step) != one.start or one.length != logs.step for one in windows):
        yield f"changed: expected windows of {logs.step}, aligned to the epoch"
    if list(logs.changed(now, now)):
        yield "changed: expected nothing to have arrived in no time"
    if not windows:
        return
    whole = Window(min(windows).start, max(one.end for one in windows))
    yield from _fetched(logs, whole, now)
    yield from _counted(logs, whole, now)


def _fetched(logs: LogSource, whole: Window, now: datetime) -> Iterator[str]:
    try:
        pieces = [conform_facts(logs.fetch(one, now).facts) for one in whole.pieces(logs.step)]
        together = conform_facts(logs.fetch(whole, now).facts)
    except FrameError as error:
        yield f"fetch: expected FACTS: {error}"
        return
    if _bag([together]) != _bag(pieces):
        yield "fetch: expected the same facts however the window is cut"
    if _bag([conform_facts(logs.fetch(whole, now).facts)]) != _bag([together]):
        yield "fetch: expected the same answer to the same question"
    if any(fact["seen_at"] >= now for fact in together.to_pylist()):
        yield "fetch: expected nothing that arrived at `now` or later"
    if any(fact["events"] < 1 or fact["source"] != logs.name for fact in together.to_pylist()):
        yield "fetch: expected at least one event in each fact, and the source's name"
    counts = logs.fetch(whole, now).counts
    if counts.read != counts.kept + counts.doubled + counts.late + counts.strayed + counts.ignored:
        yield "fetch: expected every row read to be accounted for"


def _counted(logs: LogSource, whole: Window, now: datetime) -> Iterator[str]:
    counted = logs.counted(whole, now)
    steps = list(whole.pieces(logs.step))
    if not set(counted) <= {one.start for one in steps}:
        yield "counted: expected only starts of steps in the window"
    fetched = {one.start: _heeded(logs.fetch(one, now).counts) for one in steps}
    if any(_heeded(counted.get(start, Counts())) != counts for start, counts in fetched.items()):
        yield "counted: expected in each step what fetch counts in it"


def _heeded(counts: Counts) -> Counts:
    return replace(counts, read=counts.read - counts.ignored, ignored=0)


def _bag(tables: Sequence[pa.Table]) -> list[str]:
    return sorted(repr([fact[name] for name in FACTS.names]) for table in tables for fact in table.to_pylist())


def notifier(sends: Notifier, message: Message) -> tuple[str, ...]:
    """What a notifier breaks of its promises with this message, a hostile and an empty one made from it."""
    hostile = "<!channel> `*_~|>&\"'\\\r\n\u202e\x00" * 40
    variants = [
        message,
        replace(message, headline=hostile, because=hostile, runbook=hostile),
        replace(message, facts=()),
    ]
    return tuple(wrong for one in [*variants, message] for wrong in _sent(sends, one))


def _sent(sends: Notifier, message: Message) -> Iterator[str]:
    try:
        ref = sends.send(Delivery(digest(message.headline), Part.NEWS, message))
    except MintwatchError as error:
        yield f"send: expected it to be delivered: {error}"
        return
    if not isinstance(ref, str):
        yield f"send: expected a reference as text, got {type(ref).__name__}"
