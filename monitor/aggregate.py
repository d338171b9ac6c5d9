"""Aggregate: facts into what a rule counts (ACTIVITY), what it remembers (SPANS) and which days were judged.

The engine counts; nothing here loops over identities. A rule's facts are picked once, by its predicate, into a narrow
table; the questions asked of that are the same text for every rule, so that each is translated once. Facts are read as
`facts(window, as_of)`: only those with `seen_at < as_of`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from monitor.clock import BIN
from monitor.frames import ACTIVITY, JOINED, SPANS, conform, empty
from monitor.model import Window
from monitor.ports import Engine, Tables
from monitor.rules import Rule

FACTS_SEEN = "facts\n| where at >= since and at < until and seen_at < as_of"


def pick(engine: Engine, tables: Tables, rule: Rule, window: Window, as_of: datetime, predicate: str = "") -> pa.Table:
    """The rule's facts (or those of another predicate over its stream) in a window, as seen before `as_of`.

    Columns: `g0`, `g1` ... (the rule's `by`, never ''), `term` (the counted or new value, never ''), `source`, `at`,
    `seen_at`, `events`, `first_at`, `last_at`.
    """
    terms = () if predicate else rule.new or ((rule.measure.column,) if rule.measure.column else ())
    term = f'strcat_delim("{JOINED}", {", ".join(terms)})' if len(terms) > 1 else terms[0] if terms else '""'
    groups = _groups(rule)
    where = f'stream == "{rule.stream}" and (\n{predicate}\n)' if predicate else rule.predicate
    filled = " and ".join(f"isnotempty({column})" for column in (*rule.by, *terms))
    query = (
        f"{FACTS_SEEN} and {where} and {filled}\n"
        f"| project {', '.join(f'{group} = {column}' for group, column in zip(groups, rule.by, strict=True))},"
        f" term = {term}, source, at, seen_at, events, first_at, last_at"
    )
    return engine.run(query, tables, {"since": window.start, "until": window.end, "as_of": as_of})


def activity(engine: Engine, picked: pa.Table, rule: Rule) -> pd.DataFrame:
    """ACTIVITY of the groups that reach the least the rule's detector can speak of.

    Of buckets that stand side by side, all of a group's are there once one reaches it, so that its history is whole;
    of sliding ones, those near one that does.
    """
    groups = _groups(rule)
    busy = _busy(engine, picked, rule)
    if not busy.num_rows:
        return empty(ACTIVITY, rule.by)
    by = ", ".join(groups)
    near = f"| extend near = bin(at, {_span(rule.bucket)})\n" if rule.sliding else ""
    head = f"picked\n{near}| join kind=leftsemi busy on {', '.join(busy.column_names)}\n"
    step = _span(BIN if rule.sliding else rule.bucket)
    summary = f"by {by}, bucket = bin(at, {step})"
    if rule.measure.name == "events":
        query = f"{head}| summarize value = sum(events) {summary}, seen_at"
    else:
        query = f"{head}| summarize seen_at = min(seen_at) {summary}, term"
    if rule.measure.name == "distinct" and not rule.sliding:
        query += f"\n| summarize value = count() by {by}, bucket, seen_at"
    frame = engine.run(query, {"picked": picked, "busy": busy}).to_pandas()
    if rule.sliding:
        frame = _slide(frame, rule, groups)
        frame = frame[frame.groupby([*groups, "bucket"], sort=False)["value"].transform("sum") >= rule.judge.least]
    return conform(_named(_cumulate(frame, groups), rule), ACTIVITY, rule.by)


def _busy(engine: Engine, picked: pa.Table, rule: Rule) -> pa.Table:
    """The groups of which some bucket reaches the detector's `least`; for sliding buckets the (group, `near`).

    `near` is a bucket that stands beside others in which a sliding one may reach it: that lies within two neighbours.
    """
    groups = ", ".join(_groups(rule))
    events = rule.measure.name == "events"
    width, term = _span(rule.bucket), "" if events else ", term"
    query = f"picked\n| summarize value = sum(events) by {groups}, near = bin(at, {width}){term}\n"
    if rule.sliding:
        query += f"| mv-expand back = dynamic([0, 1]) to typeof(long)\n| extend near = near - back * {width}\n"
    query += (
        f"| summarize value = {'sum(value)' if events else 'dcount(term)'} by {groups}, near\n"
        f"| where value >= {rule.judge.least}\n| distinct {groups}{', near' if rule.sliding else ''}"
    )
    table = engine.run(query, {"picked": picked})
    if not rule.sliding:
        return table
    pairs = table.to_pandas()
    pairs = pd.concat([pairs, pairs.assign(near=pairs["near"] + rule.bucket)]).drop_duplicates()
    return pa.Table.from_pandas(pairs, schema=table.schema, preserve_index=False)


def _slide(frame: pd.DataFrame, rule: Rule, groups: list[str]) -> pd.DataFrame:
    """5-minute rows copied into each overlapping bucket that holds them; distinct values counted once in each."""
    starts = np.arange(rule.bucket // BIN)
    spread = frame.iloc[np.repeat(np.arange(len(frame)), starts.size)].reset_index(drop=True)
    back = pd.to_timedelta(np.tile(starts, len(frame)) * BIN.total_seconds(), unit="s").as_unit("us")
    spread["bucket"] = spread["bucket"] - back
    keys = [*groups, "bucket"]
    if rule.measure.name == "distinct":
        spread = spread.groupby([*keys, "term"], sort=False, as_index=False)["seen_at"].min().assign(value=1.0)
    return spread.groupby([*keys, "seen_at"], sort=False, as_index=False).agg(value=("value", "sum"))


def _cumulate(frame: pd.DataFrame, groups: list[str]) -> pd.DataFrame:
    """Counts per arrival bin made cumulative, so that each row says what was known of its bucket by then."""
    keys = [*groups, "bucket"]
    frame = frame.sort_values([*keys, "seen_at"], ignore_index=True)
    return frame.assign(value=frame.groupby(keys, sort=False)["value"].cumsum())


def spans(engine: Engine, picked: pa.Table, rule: Rule) -> pd.DataFrame:
    """SPANS: each UTC day of each key (the picked term) of each group.

    Where a day's events arrived on several UTC days, each of these has a row of its own, so that what was known at a
    midnight can be told; `first_at` is that of the first to arrive, `last_at` and `events` are of all of them.
    """
    by = ", ".join(_groups(rule))
    query = (
        "picked\n| summarize first_at = min(first_at), last_at = max(last_at), events = sum(events)"
        f" by {by}, key = term, day = bin(at, 1d), seen_on = bin(seen_at, 1d), seen_at\n"
        "| summarize arg_min(seen_at, first_at), last_at = max(last_at), events = sum(events)"
        f" by {by}, key, day, seen_on"
    )
    return conform(_named(engine.run(query, {"picked": picked}).to_pandas(), rule), SPANS, rule.by)


def home(engine: Engine, picked: pa.Table, rule: Rule) -> pd.DataFrame:
    """Which sources feed each group, day by day: the rule's `by`, `source`, `day`, `seen_at` (of its first fact)."""
    by = ", ".join(_groups(rule))
    query = f"picked\n| summarize seen_at = min(seen_at) by {by}, source, day = bin(at, 1d)"
    return _named(engine.run(query, {"picked": picked}).to_pandas(), rule)


def days(engine: Engine, tables: Tables, rule: Rule, window: Window, as_of: datetime) -> pd.DataFrame:
    """The UTC days on which a subject did anything at all in the rule's stream: from the first on, it is judged.

    Columns: the rule's `about`, `day`, `seen_at` (of the first fact of that day).
    """
    about = ", ".join(rule.about)
    filled = " and ".join(f"isnotempty({column})" for column in rule.about)
    query = (
        f'{FACTS_SEEN} and stream == "{rule.stream}" and {filled}\n'
        f"| summarize seen_at = min(seen_at) by {about}, day = bin(at, 1d)"
    )
    frame: pd.DataFrame = engine.run(
        query, tables, {"since": window.start, "until": window.end, "as_of": as_of}
    ).to_pandas()
    return frame[[*rule.about, "day", "seen_at"]]


def bins(engine: Engine, tables: Tables) -> pd.DataFrame:
    """For each source and 5-minute bin of `at` that held a fact, when it was first seen: `source`, `at`, `seen_at`."""
    frame: pd.DataFrame = engine.run("facts\n| summarize seen_at = min(seen_at) by source, at", tables).to_pandas()
    return frame


def members(
    engine: Engine, tables: Tables, rule: Rule, groups: Sequence[tuple[str, ...]], window: Window, as_of: datetime
) -> pd.DataFrame:
    """Which identities stand behind groups that are none.

    Columns: the rule's `by`, `identity`, `at`, `seen_at`, `events`.
    """
    wanted = pa.table({column: [group[place] for group in groups] for place, column in enumerate(rule.by)})
    by = ", ".join(rule.by)
    query = (
        f"{FACTS_SEEN} and {rule.predicate} and isnotempty(identity)\n| join kind=leftsemi wanted on {by}\n"
        f"| summarize events = sum(events) by {by}, identity, at, seen_at"
    )
    values = {"since": window.start, "until": window.end, "as_of": as_of}
    frame: pd.DataFrame = engine.run(query, {**tables, "wanted": wanted}, values).to_pandas()
    return frame


def _span(length: timedelta) -> str:
    return f"{int(length.total_seconds())}s"


def _groups(rule: Rule) -> list[str]:
    return [f"g{place}" for place in range(len(rule.by))]


def _named(frame: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    return frame.rename(columns=dict(zip(_groups(rule), rule.by, strict=True)))
