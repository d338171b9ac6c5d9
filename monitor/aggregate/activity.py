"""ACTIVITY: what a rule counts, per group and bucket, as it became known."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from monitor.aggregate.picking import Picked
from monitor.clock import BIN
from monitor.frames import ACTIVITY, conform, empty
from monitor.ports import Engine
from monitor.rules import Rule


def activity(engine: Engine, picked: Picked, rule: Rule) -> pd.DataFrame:
    """ACTIVITY of the groups that reach the least the rule's detector can speak of.

    Of buckets that stand side by side, all of a group's are there once one reaches it, so that its history is whole;
    of sliding ones, those near one that does.
    """
    groups = picked.groups
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
    frame = engine.run(query, {"picked": picked.table, "busy": busy}).to_pandas()
    if rule.sliding:
        frame = _slide(frame, rule, groups)
        frame = frame[frame.groupby([*groups, "bucket"], sort=False)["value"].transform("sum") >= rule.judge.least]
    return conform(picked.named(_cumulate(frame, groups)), ACTIVITY, rule.by)


def _busy(engine: Engine, picked: Picked, rule: Rule) -> pa.Table:
    """The groups of which some bucket reaches the detector's `least`; for sliding buckets the (group, `near`).

    `near` is a bucket that stands beside others in which a sliding one may reach it: that lies within two neighbours.
    """
    groups = ", ".join(picked.groups)
    events = rule.measure.name == "events"
    width, term = _span(rule.bucket), "" if events else ", term"
    query = f"picked\n| summarize value = sum(events) by {groups}, near = bin(at, {width}){term}\n"
    if rule.sliding:
        query += f"| mv-expand back = dynamic([0, 1]) to typeof(long)\n| extend near = near - back * {width}\n"
    query += (
        f"| summarize value = {'sum(value)' if events else 'dcount(term)'} by {groups}, near\n"
        f"| where value >= {rule.judge.least}\n| distinct {groups}{', near' if rule.sliding else ''}"
    )
    table = engine.run(query, {"picked": picked.table})
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


def _span(length: timedelta) -> str:
    return f"{int(length.total_seconds())}s"
