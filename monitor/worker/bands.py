"""What a chart of a finding shows: its group's counts up to it, against what was expected of them then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from monitor.aggregate import FACTS_SEEN, Straight
from monitor.clock import DAY, length, midnight
from monitor.coverage import Hearing, aware, naive, stamp
from monitor.frames import HISTORY
from monitor.model import Band, Finding, Name, Window
from monitor.notify import headline, unit
from monitor.ports import Engine, Past, Tables
from monitor.rules import Rule
from monitor.worker.judging import remember

Floats = npt.NDArray[np.float64]

LONG, SHORT, WEEKS = 7 * DAY, 3 * DAY, 35 * DAY
"""How much a chart shows: a week, three days where buckets are narrower than an hour, five weeks of a silence."""


@runtime_checkable
class Foretells(Protocol):
    """A detector that can say what it expected of a bucket, whether or not it spoke."""

    def expect(self, past: Past, window: Window) -> pd.DataFrame:
        """`by` columns, `bucket`, `expected`, `low`, `high`, of every group and bucket that starts in the window."""
        ...


def foretold(rule: Rule) -> bool:
    """Whether the rule's detector says what it expects of every bucket."""
    return isinstance(rule.judge, Foretells)


def counts(rule: Rule) -> bool:
    """Whether the rule counts facts, which can be drawn; one over other rules' scores has none of its own."""
    return "scores" not in rule.judge.needs


def band(
    finding: Finding,
    rule: Rule,
    engine: Engine,
    tables: Tables,
    hearing: Mapping[str, Hearing],
    names: Mapping[str, Name],
    others: Sequence[Finding] = (),
) -> Band:
    """The counts of the finding's group in the days up to the end of its bucket, as known at its time.

    A bucket without facts is 0 where a source of the group was heard, and left out where none was. `expected`, `low`
    and `high` are the detector's own where it can foretell; of a limit, `high` alone; else NaN.

    Parameters
    ----------
    rule
        The finding's, one that `counts`.
    tables
        Holds `facts`.
    others
        More findings; those of the same group and rule are marked, too.
    """
    starts, width = _grid(finding, rule)
    window = Window(aware(starts[0]), finding.bucket_end)
    mine = _mine(finding, rule, engine, tables, window.end)
    covered = [hearing[name].mask(starts, width, finding.judged_at) for name in finding.sources if name in hearing]
    shown = np.logical_or.reduce(covered) if covered else np.ones(starts.size, dtype=bool)
    shown[-1] = True
    observed = _observed(mine, rule, starts, width)[shown]
    expected, low, high = (one[shown] for one in _expected(finding, rule, engine, mine, hearing, starts))
    marked = {one.bucket for one in others if one.fingerprint == finding.fingerprint} | {finding.bucket}
    places = {(at - window.start) // width for at in marked}
    return Band(
        title=headline(finding, rule, names),
        unit=f"{unit(rule)} in {length(width)}",
        at=tuple(map(aware, starts[shown])),
        observed=tuple(observed.tolist()),
        expected=tuple(expected.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        marked=tuple(aware(starts[place]) for place in sorted(places) if 0 <= place < starts.size),
    )


def _grid(finding: Finding, rule: Rule) -> tuple[npt.NDArray[np.datetime64], timedelta]:
    """The buckets shown, the finding's last, and their width; of a long silence that ends, weeks of whole days."""
    width, reach = rule.bucket, LONG if rule.bucket >= timedelta(hours=1) else SHORT
    woke = not (rule.new or finding.high > 0 or isinstance(rule.judge, Foretells))
    if woke:
        width, reach = DAY, WEEKS
    last = midnight(finding.bucket) if woke else finding.bucket
    return stamp(last) - np.arange(reach // width - 1, -1, -1) * np.timedelta64(width), width


def _mine(finding: Finding, rule: Rule, engine: Engine, tables: Tables, end: datetime) -> pa.Table:
    """The facts of the finding's group under its rule, all that were seen by its time."""
    wanted = pa.table({column: [value] for column, value in finding.group})
    window = Window(end - HISTORY, end)
    query = (
        f"{FACTS_SEEN} and {rule.predicate}\n"
        f"| join kind=leftsemi wanted on {', '.join(column for column, _ in finding.group)}"
    )
    values = {"since": window.start, "until": window.end, "as_of": finding.time}
    return engine.run(query, {**tables, "wanted": wanted}, values)


def _observed(mine: pa.Table, rule: Rule, starts: npt.NDArray[np.datetime64], width: timedelta) -> Floats:
    """What the rule counts in each bucket, whatever grid the buckets start on."""
    column = rule.measure.column
    frame = mine.select(["at", "events", *([column] if column else [])]).to_pandas()
    if column:
        frame = frame[frame[column] != ""]  # no value is none of the distinct ones
    place = (naive(frame["at"]) - starts[0]) // np.timedelta64(width)
    frame = frame.assign(place=place)[(place >= 0) & (place < starts.size)]
    seen = np.zeros(starts.size)
    groups = frame.groupby("place")
    value = groups[column].nunique() if column else groups["events"].sum()
    seen[value.index.to_numpy(dtype=np.int64)] = value.to_numpy(dtype=np.float64)
    return seen


def _expected(
    finding: Finding,
    rule: Rule,
    engine: Engine,
    mine: pa.Table,
    hearing: Mapping[str, Hearing],
    starts: npt.NDArray[np.datetime64],
) -> tuple[Floats, Floats, Floats]:
    """Expected, low and high of each bucket."""
    nothing = np.full(starts.size, np.nan)
    if isinstance(rule.judge, Foretells) and mine.num_rows:
        window = Window(aware(starts[0]), finding.bucket_end)
        past = remember(rule, engine, Straight(engine, {"facts": mine}), hearing, window, finding.judged_at)
        foretold = rule.judge.expect(past, window)
        foretold = foretold.set_index(naive(foretold["bucket"])).reindex(starts)
        expected, low, high = (foretold[name].to_numpy(dtype=np.float64) for name in ("expected", "low", "high"))
        return expected, low, high
    limit = np.full(starts.size, finding.high) if finding.high > 0 else nothing
    return nothing, nothing, limit
