"""The named schemas of the frames that pass between stages, and `conform`, which holds a frame to one.

FACTS travel as Arrow tables, because a window may be a month of a tenant and is only ever written to or scanned by the
columnar engine; every other frame is pandas. Times are UTC: Arrow columns carry the zone, pandas columns are aware.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from monitor.errors import FrameError

TIME = pa.timestamp("us", tz="UTC")

FACTS = pa.schema(
    [
        *((name, TIME) for name in ("seen_at", "at")),
        *(
            (name, pa.string())
            for name in (
                "stream",
                "source",
                "tenant",
                "identity",
                "kind",
                "app_id",
                "action",
                "resource",
                "target",
                "object",
                "ip",
                "prefix",
                "country",
                "asn",
                "credential",
                "credential_id",
                "outcome",
                "code",
                "detail",
                "marks",
            )
        ),
        ("events", pa.int64()),
        ("first_at", TIME),
        ("last_at", TIME),
    ]
)
"""One row: log rows alike in every key column in one 5-minute bin.

`at` is the bin of when it happened, `seen_at` the bin of its first copy's arrival; strings are '' and never null;
`prefix` is the IPv4 /24 or IPv6 /64 of `ip`; `events` >= 1; `first_at` and `last_at` are the earliest and latest moment
inside the bin.
"""

FACT_KEYS = tuple(name for name in FACTS.names if name not in {"events", "first_at", "last_at"})
"""The columns in which the log rows of one fact are alike."""

DIMENSIONS = tuple(name for name in FACT_KEYS if name not in {"seen_at", "at"})
"""The columns a rule may name in `by`, `new` and `measure: distinct`."""

ACTIVITY: Mapping[str, str] = {
    "bucket": "datetime64[us, UTC]",
    "seen_at": "datetime64[us, UTC]",
    "value": "float64",
}
"""What a rule counts, beside its `by` columns: one row per (group, bucket) for each `seen_at` at which the value
changed, cumulative; an absent bucket is 0 only inside covered intervals."""

SPANS: Mapping[str, str] = {
    "key": "str",
    "day": "datetime64[us, UTC]",
    "first_at": "datetime64[us, UTC]",
    "last_at": "datetime64[us, UTC]",
    "seen_at": "datetime64[us, UTC]",
    "events": "int64",
}
"""Memory, beside the `by` columns: one UTC day of a key (a new value, or '' for the group itself) under a predicate.
`seen_at` is the bin in which the day's first event arrived."""

SCORES: Mapping[str, str] = {
    "bucket": "datetime64[us, UTC]",
    "seen_at": "datetime64[us, UTC]",
    "term": "str",
    "observed": "float64",
    "expected": "float64",
    "low": "float64",
    "high": "float64",
    "log_p": "float64",
    "said": "float64",
    "judged": "float64",
    "said_all": "float64",
    "judged_all": "float64",
    "surprise": "float64",
    "because": "str",
}
"""One judgement, beside the `by` columns. A detector fills either `log_p` (log10 of the chance of the bucket) or the
four counts (`said`: the days on which this subject said at least this, of the `judged` days it was known on;
`said_all`: how many subjects ever did, of the `judged_all` days of all of them; beyond the record of all, `said_all`
falls from 0 towards -1); `calibrate` fills `surprise`. NaN in all of them means "cannot say"."""


JOINED = "\x1f"
"""Between the values of several `new` columns in a SPANS key and a SCORES term."""

HISTORY = timedelta(days=400)
"""How far back memory (SPANS) goes; as far as facts do, in practice."""


def conform(frame: pd.DataFrame, schema: Mapping[str, str], by: tuple[str, ...] = ()) -> pd.DataFrame:
    """`frame` with exactly the columns `by` (text) and then those of `schema`, in that order and of those types.

    Raises
    ------
    FrameError
        Naming the column that is missing or cannot be of its type.
    """
    wanted = dict.fromkeys(by, "str") | dict(schema)
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise FrameError(f"frame lacks {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}")
    try:
        return frame[list(wanted)].astype(wanted)
    except (TypeError, ValueError) as error:
        raise FrameError(f"frame does not fit its schema: {error}") from error


def empty(schema: Mapping[str, str], by: tuple[str, ...] = ()) -> pd.DataFrame:
    """A frame of that schema without rows."""
    wanted = dict.fromkeys(by, "str") | dict(schema)
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in wanted.items()})


def conform_facts(table: pa.Table) -> pa.Table:
    """`table` with exactly the columns and types of FACTS; nulls in text become ''.

    Raises
    ------
    FrameError
        Naming the column that is missing, null where it may not be, or of another type.
    """
    missing = [name for name in FACTS.names if name not in table.column_names]
    if missing:
        raise FrameError(f"facts lack {', '.join(missing)}")
    table = table.select(FACTS.names)
    columns = []
    for field in FACTS:
        column = table.column(field.name)
        if field.type == pa.string():
            column = pc.fill_null(column.cast(pa.string()), "")
        elif column.null_count:
            raise FrameError(f"facts: {column.null_count} nulls in {field.name}, expected none")
        try:
            columns.append(column.cast(field.type))
        except pa.ArrowInvalid as error:
            raise FrameError(f"facts: {field.name}: {error}") from error
    return pa.table(columns, schema=FACTS)
