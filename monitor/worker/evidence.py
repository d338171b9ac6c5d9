"""The facts behind a finding, for a person who asks why."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from monitor.aggregate import FACTS_SEEN
from monitor.frames import JOINED
from monitor.model import Finding
from monitor.ports import Engine, Tables
from monitor.rules import Rule, bracketed

SHOWN = (
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
)
"""The columns by which facts are told apart."""


def evidence(finding: Finding, rule: Rule, engine: Engine, tables: Tables, limit: int) -> pd.DataFrame:
    """The facts of the finding's group in its bucket, as known at its time; of a new value, those that show it.

    Returns
    -------
    DataFrame
        `SHOWN`, `events`, `first_at`, `last_at`; most events first, at most `limit` rows. Empty if the facts are gone.
    """
    alike = dict(finding.group)
    if rule.new and finding.term:
        alike |= dict(zip(rule.new, finding.term.split(JOINED), strict=True))
    query = (
        f"{FACTS_SEEN} and {rule.predicate}\n"
        f"| join kind=leftsemi wanted on {', '.join(alike)}\n"
        "| summarize events = sum(events), first_at = min(first_at), last_at = max(last_at)"
        f" by {bracketed(', '.join(SHOWN))}\n"
        f"| sort by events desc, first_at asc\n| take {int(limit)}"
    )
    wanted = pa.table({column: [value] for column, value in alike.items()})
    values = {"since": finding.bucket, "until": finding.bucket_end, "as_of": finding.time}
    frame: pd.DataFrame = engine.run(query, {**tables, "wanted": wanted}, values).to_pandas()
    return frame
