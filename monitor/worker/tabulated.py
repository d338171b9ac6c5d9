"""What a state holds, as frames for a person."""

from __future__ import annotations

from typing import Final

import pandas as pd
import pyarrow as pa

from monitor.frames import TIME
from monitor.notify import who
from monitor.store import Store
from monitor.worker.lines import line

FINDING: Final = (
    "key",
    "time",
    "bucket",
    "bucket_end",
    "subject",
    "identity",
    "name",
    "kind",
    "rule",
    "detector",
    "level",
    "score",
    "surprise",
    "observed",
    "expected",
    "low",
    "high",
    "term",
    "because",
    "members",
    "incident",
    "told",
    "reason",
)
INCIDENT: Final = (
    "id",
    "subject",
    "who",
    "level",
    "state",
    "score",
    "surprise",
    "rules",
    "findings",
    "first_at",
    "last_at",
    "told",
    "experimental",
)
TIMES: Final = frozenset({"time", "bucket", "bucket_end", "first_at", "last_at"})
NAMES: Final = pa.schema(
    [
        *((column, pa.string()) for column in ("identity", "name", "kind", "app_id")),
        ("first_at", TIME),
        ("last_at", TIME),
    ]
)


def findings(store: Store) -> pd.DataFrame:
    """One row per finding in order of time: its key, and what `lines.line` says of it with times as times."""
    named = store.names()
    rows = [{"key": one.key, **line(one, incident, reason, named)} for one, incident, reason in store.findings()]
    return _timed(pd.DataFrame(rows, columns=list(FINDING))).set_index("key")


def incidents(store: Store) -> pd.DataFrame:
    """One row per incident, the most surprising first."""
    named, kept = store.names(), store.incidents()
    told = {incident for incident, _ in store.told(one.id for one in kept)}
    rows = [
        (
            one.id,
            one.subject,
            who(one.subject, named),
            one.level.value,
            one.state.value,
            one.score,
            one.surprise,
            list(one.rules),
            one.findings,
            one.first_at,
            one.last_at,
            one.id in told,
            one.experimental,
        )
        for one in sorted(kept, key=lambda one: (-one.surprise, one.id))
    ]
    return _timed(pd.DataFrame(rows, columns=list(INCIDENT))).set_index("id")


def names(store: Store) -> pa.Table:
    """The newest name of every identity."""
    rows = [{column: getattr(one, column) for column in NAMES.names} for one in store.names().values()]
    return pa.Table.from_pylist(rows, schema=NAMES)


def _timed(frame: pd.DataFrame) -> pd.DataFrame:
    """The same with text that is a time as UTC times of microseconds."""
    made = {
        name: pd.to_datetime(frame[name], utc=True, format="ISO8601").astype("datetime64[us, UTC]")
        for name in frame.columns
        if name in TIMES
    }
    return frame.assign(**made)
