"""One rule, judged over a window: aggregate, detect, calibrate, findings. The same call serves a tick and a replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor import aggregate
from monitor.calibrate import calibrate
from monitor.clock import BIN, DAY, ceil
from monitor.coverage import Hearing
from monitor.detect import detect, findings, ordered
from monitor.frames import ACTIVITY, SPANS, empty
from monitor.model import Finding, Window
from monitor.ports import Engine, LogSource, Past, Tables
from monitor.rules import Rule

HISTORY = timedelta(days=400)
"""How far back facts are read for memory; as far as they go, in practice."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What one rule said of a window, and how many groups it could and could not judge."""

    rule: Rule
    findings: tuple[Finding, ...]
    sources: tuple[str, ...]
    judged: int
    unjudged: int


def hear(engine: Engine, tables: Tables, sources: Sequence[LogSource]) -> dict[str, Hearing]:
    """What each source was heard to say, from facts."""
    bins = aggregate.bins(engine, tables)
    return {
        one.name: Hearing.of(one.name, one.settle, one.overlap, bins[bins["source"] == one.name]) for one in sources
    }


def judge(
    rule: Rule, engine: Engine, tables: Tables, hearing: Mapping[str, Hearing], window: Window, as_of: datetime
) -> Judged:
    """The rule's findings in the buckets that start in `window`, from facts seen before `as_of`.

    A pure function of those facts: a later `as_of` adds findings and changes none.
    """
    past = remember(rule, engine, tables, hearing, window, as_of)
    sources = tuple(sorted(past.home["source"].unique()))
    calibrated = calibrate(detect(rule, past, window), rule.by, rule.bucket)
    overlap = max((hearing[name].overlap for name in sources if name in hearing), default=timedelta(0))
    found = [
        replace(one, judged_at=ceil(one.time + overlap, BIN), sources=sources)
        for one in findings(rule, calibrated.scores)
    ]
    found = [_with_members(one, rule, engine, tables) for one in found if one.judged_at <= as_of]
    return Judged(rule, tuple(ordered(found)), sources, calibrated.judged, calibrated.unjudged)


def remember(
    rule: Rule, engine: Engine, tables: Tables, hearing: Mapping[str, Hearing], window: Window, as_of: datetime
) -> Past:
    """The past the rule's detector asks for."""
    needs = rule.judge.needs
    reach = Window(window.start - getattr(rule.judge, "lookback", HISTORY) - DAY, window.end)
    memory = Window(window.start - HISTORY, window.end)
    settle = max((one.settle for one in hearing.values()), default=timedelta(0))
    return Past(
        by=rule.by,
        bucket=rule.bucket,
        settle=settle,
        as_of=as_of,
        activity=aggregate.activity(engine, tables, rule, reach, as_of)
        if "activity" in needs
        else empty(ACTIVITY, rule.by),
        spans=aggregate.spans(engine, tables, rule, memory, as_of) if "spans" in needs else empty(SPANS, rule.by),
        after=aggregate.spans(engine, tables, rule, memory, as_of, rule.after) if rule.after else empty({}),
        days=aggregate.days(engine, tables, rule, reach, as_of) if "days" in needs else empty({}, rule.by),
        home=aggregate.home(engine, tables, rule, reach, as_of),
        hearing=hearing,
    )


def _with_members(finding: Finding, rule: Rule, engine: Engine, tables: Tables) -> Finding:
    """Where the subject is no identity: the identities behind the finding, as far as they were seen at its time."""
    if finding.identity:
        return finding
    window = Window(finding.bucket, finding.bucket_end)
    seen = aggregate.members(engine, tables, rule, dict(finding.group), window, finding.time)
    return replace(finding, members=tuple(seen))
