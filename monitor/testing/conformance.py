"""What every detector, source and notifier promises, as checks that a plugin's own tests can call.

Each check answers with the promises that were broken, a line each; none means it conforms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from monitor.clock import DAY, floor, midnight
from monitor.errors import FrameError, MintwatchError
from monitor.frames import FACTS, SCORES, conform, conform_facts
from monitor.model import Daily, Delivery, Digest, DigestLine, Level, Message, Part, Reason, State, Window, digest
from monitor.ports import UNTOLD, Counts, Detector, LogSource, Notifier, Past

FRAMES: Final = ("activity", "spans", "after", "days")
PICTURE: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c63600000000200"
    "01e221bc330000000049454e44ae426082"
)
"""A PNG of one pixel."""
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


_TEN: Final = datetime(2026, 5, 1, 10, tzinfo=UTC)
EXAMPLE: Final = Message(
    incident="a1b2c3d4e5",
    reason=Reason.OPENED,
    state=State.OPEN,
    level=Level.HIGH,
    headline="sp-build-agent: 412 tokens in 15 min, expected 30",
    because="412 in 15 min, expected 30.2 (12 to 60). By chance alone, once in about 20,000 identity-days.",
    facts=(("Identity", "sp-build-agent · service principal · 0f3c9a51"), ("Owner", "Ada · team payments")),
    findings=("05-01 10:00 sp-issuance-spike: 412 in 15 min",),
    rules=("sp-issuance-spike",),
    runbook="1. Ask the owner what ran.\n2. Revoke what nobody can explain.",
    since=_TEN,
    until=_TEN + timedelta(minutes=15),
    at=_TEN + timedelta(minutes=20),
    score=0.59,
    surprise=4.3,
    status="Nobody has acknowledged it · 1 finding since 10:00 UTC",
)
"""An ordinary message."""


def notifier(sends: Notifier, message: Message = EXAMPLE) -> tuple[str, ...]:
    """What a notifier breaks of its promises with this message, a hostile and an empty one, a storm and a day of it.

    It is asked for every part it wants: to deliver it, to find it again, to change it.
    """
    return tuple(dict.fromkeys(_notifier(sends, message)))


def _notifier(sends: Notifier, message: Message) -> Iterator[str]:
    if not sends.name or not set(sends.parts) <= set(Part):
        yield "parts: expected a name, and a frozenset of Part"
        return
    for part, missed in UNTOLD.items():
        if part not in sends.parts:
            yield f"parts: expected {part}, else nobody is ever told of {missed}"
    if sends.parts & {Part.EVIDENCE, Part.LOG, Part.CHART} and Part.CARD not in sends.parts:
        yield "parts: expected card where evidence, log or chart are wanted, which hang from it"
    for place, one in enumerate(_variants(message)):
        thread = ""
        for part in sorted(sends.parts, key=lambda part: part.rank):
            about = _storm(one) if part is Part.DIGEST else _day(one) if part is Part.DAILY else one
            made = Delivery(digest(str(place), part), part, about, since=message.since)
            hung = replace(made, thread=thread if part not in {Part.CARD, Part.DIGEST, Part.DAILY} else "")
            sent = replace(hung, picture=PICTURE if part is Part.CHART else b"")
            try:
                yield from _sent(sends, sent)
                thread = sends.find(sent) if part is Part.CARD else thread
            except MintwatchError as error:
                yield f"{part}: expected it to be delivered: {error}"


def _variants(message: Message) -> list[Message]:
    hostile = "<!channel> `*_~|>&\"'\\\r\n\u202e\x00" * 40
    named = replace(message, headline=hostile, because=hostile, runbook=hostile, status=hostile, mention=hostile)
    told = replace(named, facts=((hostile, hostile),) * 20, evidence=(hostile,) * 99, log=(hostile,) * 99, link=hostile)
    return [message, told, replace(message, facts=(), evidence=(), log=(), related=(), runbook="", query="", link="")]


def _storm(message: Message) -> Digest:
    line = DigestLine(message.incident, message.level, message.headline, message.surprise)
    levels, rules = ((message.level, 1),), tuple((rule, 1) for rule in message.rules)
    since, until, at = message.since, message.until, message.at
    return Digest("storm", "", since, until, at, 1, 1, levels, rules, (line,))


def _day(message: Message) -> Daily:
    line = DigestLine(message.incident, message.level, message.headline, message.surprise)
    said, facts, notes = (message.headline,) if message.status else (), message.facts[:10], message.related
    return Daily(
        "daily-2026-05-01",
        "Friday",
        message.since,
        message.at,
        not said,
        message.headline,
        said,
        facts,
        (line,),
        1,
        notes,
    )


def _sent(sends: Notifier, delivery: Delivery) -> Iterator[str]:
    """Before it, after it, and once more as a change."""
    part = delivery.part
    if sends.find(delivery):
        yield f"{part}: expected find to say '' of what was never sent"
    ref = sends.send(delivery)
    if not isinstance(ref, str):
        yield f"{part}: expected a reference as text, got {type(ref).__name__}"
        return
    if sends.find(delivery) not in {ref, ""}:
        yield f"{part}: expected find to answer with the reference that send gave, or '' if it cannot look"
    if ref and part not in {Part.NEWS, Part.CHART} and sends.send(replace(delivery, ref=ref)) != ref:
        yield f"{part}: expected a change to keep the reference"
