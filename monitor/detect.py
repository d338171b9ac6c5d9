"""Detect: a rule's detector over its past, and from its SCORES the findings worth a line."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from monitor.clock import BIN
from monitor.frames import SCORES, conform
from monitor.model import Finding, Window
from monitor.ports import Past
from monitor.rules import Rule

RAISED = 0.5
"""By how much surprise must grow for another line about what was already said of that group that day."""


def detect(rule: Rule, past: Past, window: Window) -> pd.DataFrame:
    """SCORES of the rule's detector for the buckets that start in `window`."""
    return conform(rule.judge.score(past, window), SCORES, rule.by)


def findings(rule: Rule, scores: pd.DataFrame) -> list[Finding]:
    """The scores as findings, in the order in which they could first be told.

    Of one group, term and day a finding is the first in its stretch of time, or more surprising than all before it: a
    burst that fills three overlapping buckets is said once, and again when it grows. What it says was known at its
    `time`; a later row makes another finding, never another past.
    """
    said: dict[tuple[tuple[str, ...], str, pd.Timestamp], _Said] = {}
    found = []
    ordered = scores.assign(day=scores["bucket"].dt.floor("D")).sort_values(["seen_at", "bucket", "term", *rule.by])
    for row in ordered.to_dict("records"):
        group = tuple(row[column] for column in rule.by)
        before = said.setdefault((group, row["term"], row["day"]), _Said())
        if before.news(row["bucket"], rule.bucket if not rule.new else timedelta(0), row["surprise"]):
            found.append(_finding(rule, group, row))
    return found


@dataclass(slots=True)
class _Said:
    """What was said of one group and term on one day."""

    most: float = 0.0
    buckets: list[datetime] = field(default_factory=list)

    def news(self, bucket: datetime, width: timedelta, surprise: float) -> bool:
        """Whether this adds to what was said; if so it is remembered."""
        apart = not width or all(abs(bucket - other) >= width for other in self.buckets)
        if not apart and surprise < self.most + RAISED:
            return False
        self.most = max(self.most, surprise)
        self.buckets.append(bucket)
        return True


def _finding(rule: Rule, group: tuple[str, ...], row: Mapping[Hashable, Any]) -> Finding:
    word, column = rule.subject
    values = dict(zip(rule.by, group, strict=True))
    bucket, seen_at = row["bucket"].to_pydatetime(), row["seen_at"].to_pydatetime()
    return Finding(
        rule=rule.id,
        detector=rule.detector,
        level=rule.level,
        stream=rule.stream,
        family=rule.family,
        experimental=rule.status == "experimental",
        subject=f"{word}:{values.get(column, '')}",
        group=tuple(values.items()),
        term=row["term"],
        bucket=bucket,
        bucket_end=bucket + rule.bucket,
        time=seen_at + BIN,
        judged_at=seen_at + BIN,
        surprise=row["surprise"],
        observed=row["observed"],
        expected=row["expected"],
        low=row["low"],
        high=row["high"],
        because=row["because"],
    )


def ordered(found: Sequence[Finding]) -> Iterator[Finding]:
    """In the order in which a tick would come upon them."""
    return iter(sorted(found, key=lambda one: (one.judged_at, one.time, one.rule, one.subject, one.bucket, one.term)))
