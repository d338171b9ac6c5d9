"""What facts are remembered for: days of keys and sources; and who stood behind a group."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
import pyarrow as pa

from monitor.aggregate.picking import FACTS_SEEN, Picked
from monitor.frames import SPANS, conform
from monitor.model import Window
from monitor.ports import Engine, Tables
from monitor.rules import Rule


def spans(engine: Engine, picked: Picked) -> pd.DataFrame:
    """SPANS: each UTC day of each key (the picked term) of each group.

    Where a day's events arrived on several UTC days, each of these has a row of its own, so that what was known at a
    midnight can be told; `first_at` is that of the first to arrive, `last_at` and `events` are of all of them.
    """
    by = ", ".join(picked.groups)
    query = (
        "picked\n| summarize first_at = min(first_at), last_at = max(last_at), events = sum(events)"
        f" by {by}, key = term, day = bin(at, 1d), seen_on = bin(seen_at, 1d), seen_at\n"
        "| summarize arg_min(seen_at, first_at), last_at = max(last_at), events = sum(events)"
        f" by {by}, key, day, seen_on"
    )
    frame = engine.run(query, {"picked": picked.table}).to_pandas()
    return conform(picked.named(frame, key="term"), SPANS, picked.by)


def home(engine: Engine, picked: Picked) -> pd.DataFrame:
    """Which sources feed each group, day by day: its columns, `source`, `day`, `seen_at` (of its first fact)."""
    by = ", ".join(picked.groups)
    query = f"picked\n| summarize seen_at = min(seen_at) by {by}, source, day = bin(at, 1d)"
    return picked.named(engine.run(query, {"picked": picked.table}).to_pandas(), source="source")


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
