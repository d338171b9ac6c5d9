"""One rule, judged over a window: aggregate, detect, calibrate, findings. The same call serves a tick and a replay."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pandas as pd

from monitor import aggregate
from monitor.aggregate import Reading, Straight
from monitor.calibrate import calibrate
from monitor.clock import BIN, DAY, ceil
from monitor.coverage import Hearing
from monitor.detect import detect, findings, ordered
from monitor.frames import ACTIVITY, HISTORY, SPANS, empty
from monitor.model import Finding, Gap, Window
from monitor.ports import Engine, LogSource, Past, Tables
from monitor.rules import AFTER, HEALTH, Rule
from monitor.worker.overhearing import Spoken, overhear, surging

MEMBERS = 50


@dataclass(frozen=True, slots=True)
class Judged:
    """What one rule said of a window, and how many groups it could and could not judge."""

    rule: Rule
    findings: tuple[Finding, ...]
    sources: tuple[str, ...]
    judged: int
    unjudged: int


def hear(
    engine: Engine,
    tables: Tables,
    sources: Sequence[LogSource],
    gaps: Sequence[Gap] = (),
    bins: pd.DataFrame | None = None,
) -> dict[str, Hearing]:
    """What each source was heard to say, from facts; `gaps` are what is known not to have been seen.

    `bins` are `aggregate.bins` of the tables, where these are known.
    """
    bins = aggregate.bins(engine, tables) if bins is None else bins
    return {
        one.name: Hearing.of(
            one.name,
            one.settle,
            one.overlap,
            bins[bins["source"] == one.name],
            [gap for gap in gaps if gap.source == one.name],
            ours=one.stream == HEALTH,
            stream=one.stream,
        )
        for one in sources
    }


def judge(
    rule: Rule,
    engine: Engine,
    tables: Tables,
    hearing: Mapping[str, Hearing],
    window: Window,
    as_of: datetime,
    others: Sequence[Judged] = (),
    reading: Reading | None = None,
    before: Sequence[Spoken] = (),
) -> Judged:
    """The rule's findings in the buckets that start in `window`, from facts seen before `as_of`.

    A pure function of those facts: a later `as_of` adds findings and changes none. For a rule that judges scores,
    `others` is what the other rules said in the window and `before` what they said before it; `reading` is where facts
    were read for several rules at once.
    """
    over = "scores" in rule.judge.needs
    if over:
        said = [one for each in others for one in each.findings if not one.experimental]
        past = overhear(rule, said, before, hearing, as_of)
        sources = tuple(sorted({source for other in others for source in other.sources}))
    else:
        past = remember(rule, engine, reading or Straight(engine, tables), hearing, window, as_of)
        sources = tuple(sorted(past.home["source"].unique()))
    calibrated = calibrate(detect(rule, past, window), rule.by, rule.bucket)
    waits = [] if rule.prompt else [hearing[name].overlap for name in sources if name in hearing]
    overlap = max(waits, default=timedelta(0))
    found = [
        replace(one, judged_at=ceil(one.time + overlap, BIN), sources=sources)
        for one in findings(rule, calibrated.scores)
    ]
    found = [one for one in found if one.judged_at <= as_of]
    if over:
        found = [surging(one, past.scores) for one in found]
    else:
        found = _with_members(found, rule, engine, tables, window, as_of, reading)
    return Judged(rule, tuple(ordered(found)), sources, calibrated.judged, calibrated.unjudged)


def remember(
    rule: Rule, engine: Engine, reading: Reading, hearing: Mapping[str, Hearing], window: Window, as_of: datetime
) -> Past:
    """The past the rule's detector asks for."""
    needs = rule.judge.needs
    back = HISTORY if "spans" in needs else rule.judge.lookback + DAY
    reach = Window(window.start - back, window.end)
    picked = reading.pick(aggregate.counted(rule), reach, as_of)
    after = empty({})
    if rule.after:
        memory = Window(window.start - AFTER, window.end)
        after = aggregate.spans(engine, reading.pick(aggregate.earlier(rule), memory, as_of))
    days = empty({}, rule.about)
    if "days" in needs:
        days = reading.days(rule.about, reach, as_of)
    return Past(
        by=rule.by,
        about=rule.about,
        bucket=rule.bucket,
        settle=_settle(rule, hearing),
        as_of=as_of,
        activity=aggregate.activity(engine, picked, rule) if "activity" in needs else empty(ACTIVITY, rule.by),
        spans=aggregate.spans(engine, picked) if "spans" in needs else empty(SPANS, rule.by),
        after=after,
        days=days,
        scores=empty({}, rule.about),
        home=aggregate.home(engine, picked),
        hearing=hearing,
    )


def _settle(rule: Rule, hearing: Mapping[str, Hearing]) -> timedelta:
    """That of the slowest source of the rule's stream: a slow table of another makes nobody wait."""
    mine = [one.settle for one in hearing.values() if one.stream in {"", rule.stream}]
    return max(mine or [one.settle for one in hearing.values()], default=timedelta(0))


def _with_members(
    found: Sequence[Finding],
    rule: Rule,
    engine: Engine,
    tables: Tables,
    window: Window,
    as_of: datetime,
    reading: Reading | None,
) -> list[Finding]:
    """Where the subject is no identity: the identities behind each finding, busiest first, as seen at its time."""
    if not found or found[0].identity:
        return list(found)
    groups = sorted({tuple(value for _, value in one.group) for one in found})
    reach = Window(window.start, window.end + rule.bucket)
    tables = reading.near(reach) if reading else tables
    behind = dict(list(aggregate.members(engine, tables, rule, groups, reach, as_of).groupby(list(rule.by))))
    return [replace(one, members=_members(one, behind)) for one in found]


def _members(finding: Finding, behind: Mapping[tuple[Hashable, ...], pd.DataFrame]) -> tuple[str, ...]:
    rows = behind.get(tuple(value for _, value in finding.group))
    if rows is None:  # guesses at names that do not exist come from nobody
        return ()
    rows = rows[(rows["at"] >= finding.bucket) & (rows["at"] < finding.bucket_end) & (rows["seen_at"] < finding.time)]
    busiest = rows.groupby("identity")["events"].sum().reset_index()
    return tuple(busiest.sort_values(["events", "identity"], ascending=[False, True])["identity"][:MEMBERS])
