"""Aggregate: facts into what a rule counts (ACTIVITY), what it remembers (SPANS) and which days were judged.

The engine counts; nothing here loops over identities. Every query reads facts as `facts(window, as_of)`: only those
with `seen_at < as_of`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from monitor.clock import BIN, iso
from monitor.frames import ACTIVITY, SPANS, conform, empty
from monitor.model import Window
from monitor.ports import Engine, Tables
from monitor.rules import Rule

JOINED = "\x1f"
"""Between the values of several `new` columns in a SPANS key."""


def facts(window: Window, as_of: datetime) -> str:
    """KQL for `facts(window, as_of)`: what happened in the window and was seen by then."""
    return (
        f"facts\n| where at >= datetime({iso(window.start)}) and at < datetime({iso(window.end)})"
        f" and seen_at < datetime({iso(as_of)})"
    )


def activity(engine: Engine, tables: Tables, rule: Rule, window: Window, as_of: datetime) -> pd.DataFrame:
    """ACTIVITY of the groups that reach the least the rule's detector can speak of.

    Of buckets that stand side by side, all of a group's are there once one reaches it, so that its history is whole;
    of sliding ones, those near one that does.
    """
    busy = _busy(engine, tables, rule, window, as_of)
    if not busy.num_rows:
        return empty(ACTIVITY, rule.by)
    by = ", ".join(rule.by)
    head = f"{facts(window, as_of)} and {rule.predicate}\n"
    if rule.sliding:
        head += f"| extend near = bin(at, {_span(rule.bucket)})\n"
    head += f"| join kind=leftsemi busy on {', '.join(busy.column_names)}\n"
    width = BIN if rule.sliding else rule.bucket
    if rule.measure.name == "events":
        query = head + _summary("value = sum(events)", by, width, "seen_at")
    else:
        query = head + _summary("seen_at = min(seen_at)", by, width, f"term = {rule.measure.column}")
        if not rule.sliding:
            query += (
                "| summarize value = count(), first_at = min(first_at), last_at = max(last_at)"
                f" by {by}, bucket, seen_at"
            )
    frame = _pandas(engine.run(query, {**tables, "busy": busy}))
    if rule.sliding:
        frame = _slide(frame, rule)
        frame = frame[frame.groupby([*rule.by, "bucket"], sort=False)["value"].transform("sum") >= rule.judge.least]
    return conform(_cumulate(frame, rule.by), ACTIVITY, rule.by)


def _summary(measure: str, by: str, width: timedelta, also: str) -> str:
    return (
        f"| summarize {measure}, first_at = min(first_at), last_at = max(last_at)"
        f" by {by}, bucket = bin(at, {_span(width)}), {also}\n"
    )


def _busy(engine: Engine, tables: Tables, rule: Rule, window: Window, as_of: datetime) -> pa.Table:
    """The groups of which some bucket reaches the detector's `least`; for sliding buckets the (group, `near`) in which
    one may, `near` being a bucket that stands beside others: a sliding one lies within two neighbours."""
    by = ", ".join(rule.by)
    filled = " and ".join(f"isnotempty({column})" for column in rule.by)
    events = rule.measure.name == "events"
    term = "" if events else f", term = {rule.measure.column}"
    width = _span(rule.bucket)
    query = (
        f"{facts(window, as_of)} and {rule.predicate} and {filled}\n"
        f"| summarize value = sum(events) by {by}, near = bin(at, {width}){term}\n"
    )
    if rule.sliding:
        query += f"| mv-expand back = dynamic([0, 1]) to typeof(long)\n| extend near = near - back * {width}\n"
    query += (
        f"| summarize value = {'sum(value)' if events else 'dcount(term)'} by {by}, near\n"
        f"| where value >= {rule.judge.least}\n| distinct {by}{', near' if rule.sliding else ''}"
    )
    table = engine.run(query, tables)
    if not rule.sliding:
        return table
    pairs = _pandas(table)
    pairs = pd.concat([pairs, pairs.assign(near=pairs["near"] + rule.bucket)]).drop_duplicates()
    return pa.Table.from_pandas(pairs, schema=table.schema, preserve_index=False)


def _slide(frame: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    """5-minute rows copied into each of the overlapping buckets that hold them; distinct values counted once in each."""
    starts = np.arange(rule.bucket // BIN)
    times = np.repeat(np.arange(len(frame)), starts.size)
    spread = frame.iloc[times].reset_index(drop=True)
    back = pd.to_timedelta(np.tile(starts, len(frame)) * BIN.total_seconds(), unit="s").as_unit("us")
    spread["bucket"] = spread["bucket"] - back
    keys = [*rule.by, "bucket"]
    if rule.measure.name == "distinct":
        spread = spread.groupby([*keys, "term"], sort=False, as_index=False).agg(
            seen_at=("seen_at", "min"), first_at=("first_at", "min"), last_at=("last_at", "max")
        )
        spread["value"] = 1.0
    return spread.groupby([*keys, "seen_at"], sort=False, as_index=False).agg(
        value=("value", "sum"), first_at=("first_at", "min"), last_at=("last_at", "max")
    )


def _cumulate(frame: pd.DataFrame, by: tuple[str, ...]) -> pd.DataFrame:
    """Counts per arrival bin made cumulative, so that each row says what was known of its bucket by then."""
    keys = [*by, "bucket"]
    frame = frame.sort_values([*keys, "seen_at"], ignore_index=True)
    groups = frame.groupby(keys, sort=False)
    return frame.assign(
        value=groups["value"].cumsum(),
        first_at=groups["first_at"].cummin(),
        last_at=groups["last_at"].cummax(),
        of=np.nan,
        term="",
    )


def spans(
    engine: Engine, tables: Tables, rule: Rule, window: Window, as_of: datetime, predicate: str = ""
) -> pd.DataFrame:
    """SPANS of the rule's predicate (or of another one): each UTC day of each key of each group.

    Where a day's events arrived on several UTC days, each of these has a row of its own, so that what was known at a
    midnight can be told; `first_at` is that of the first to arrive, `last_at` and `events` are of all of them.
    """
    by = ", ".join(rule.by)
    filled = " and ".join(f"isnotempty({column})" for column in (*rule.by, *rule.new))
    where = f'stream == "{rule.stream}" and (\n{predicate}\n)' if predicate else f"{rule.predicate} and {filled}"
    new = () if predicate else rule.new
    key = f'strcat_delim("{JOINED}", {", ".join(new)})' if len(new) > 1 else f"strcat({new[0]})" if new else '""'
    query = (
        f"{facts(window, as_of)} and {where}\n"
        f"| summarize first_at = min(first_at), last_at = max(last_at), events = sum(events)"
        f" by {by}, key = {key}, day = bin(at, 1d), seen_on = bin(seen_at, 1d), seen_at\n"
        f"| summarize arg_min(seen_at, first_at), last_at = max(last_at), events = sum(events)"
        f" by {by}, key, day, seen_on"
    )
    return conform(_pandas(engine.run(query, tables)), SPANS, rule.by)


def days(engine: Engine, tables: Tables, rule: Rule, window: Window, as_of: datetime) -> pd.DataFrame:
    """The judged days of a counting rule: the UTC days on which a group did anything at all in the rule's stream.

    Columns: the rule's `by`, `day`, `seen_at` (of the first fact of that day).
    """
    by = ", ".join(rule.by)
    filled = " and ".join(f"isnotempty({column})" for column in rule.by)
    query = (
        f'{facts(window, as_of)} and stream == "{rule.stream}" and {filled}\n'
        f"| summarize seen_at = min(seen_at) by {by}, day = bin(at, 1d)"
    )
    frame = _pandas(engine.run(query, tables))
    return frame[[*rule.by, "day", "seen_at"]]


def home(engine: Engine, tables: Tables, rule: Rule, window: Window, as_of: datetime) -> pd.DataFrame:
    """Which sources feed each group, the busiest first: the rule's `by`, `source`, `events`."""
    by = ", ".join(rule.by)
    query = f"{facts(window, as_of)} and {rule.predicate}\n| summarize events = sum(events) by {by}, source"
    frame = _pandas(engine.run(query, tables))
    return frame.sort_values([*rule.by, "events", "source"], ascending=[True] * len(rule.by) + [False, True])


def bins(engine: Engine, tables: Tables) -> pd.DataFrame:
    """For each source and 5-minute bin of `at` that held a fact, when it was first seen: `source`, `at`, `seen_at`."""
    return _pandas(engine.run("facts\n| summarize seen_at = min(seen_at) by source, at", tables))


def members(engine: Engine, tables: Tables, rule: Rule, group: dict[str, str], window: Window, as_of: datetime) -> list[str]:
    """Identities behind one group that is no identity, busiest first, at most 50."""
    wanted = pa.table({column: [value] for column, value in group.items()})
    query = (
        f"{facts(window, as_of)} and {rule.predicate} and isnotempty(identity)\n"
        f"| join kind=leftsemi wanted on {', '.join(group)}\n"
        "| summarize events = sum(events) by identity\n| sort by events desc, identity asc\n| take 50"
    )
    return list(_pandas(engine.run(query, {**tables, "wanted": wanted}))["identity"])


def _span(length: timedelta) -> str:
    return f"{int(length.total_seconds())}s"


def _pandas(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas()
