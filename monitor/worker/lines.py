"""Findings as the NDJSON lines that `mintwatch backtest` writes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from monitor.clock import iso
from monitor.model import Finding, Name, Reason
from monitor.store import Store
from monitor.whole import put

Line: TypeAlias = dict[str, str | float | bool | list[str] | None]


def lines(store: Store) -> list[Line]:
    """One line per finding kept, told or not, in order of time."""
    names = store.names()
    return [line(finding, incident, reason, names) for finding, incident, reason in store.findings()]


def line(finding: Finding, incident: str, reason: str, names: Mapping[str, Name]) -> Line:
    """A finding as plain JSON values; numbers a detector cannot give are null."""
    name = names.get(finding.identity)
    return {
        "time": iso(finding.time),
        "bucket": iso(finding.bucket),
        "bucket_end": iso(finding.bucket_end),
        "subject": finding.subject,
        "identity": bare(finding.identity),
        "name": name.name if name else "",
        "kind": name.kind if name else "",
        "rule": finding.rule,
        "detector": finding.detector,
        "level": finding.level.value,
        "score": round(finding.score, 6),
        "surprise": round(finding.surprise, 4),
        "observed": _number(finding.observed),
        "expected": _number(finding.expected),
        "low": _number(finding.low),
        "high": _number(finding.high),
        "term": finding.term,
        "because": finding.because,
        "members": [bare(one) for one in finding.members],
        "incident": incident,
        "told": Reason(reason).told,
        "reason": reason,
    }


def bare(identity: str) -> str:
    """The object id alone, as a person would search for it."""
    return identity.partition(":")[2]


def write(path: Path, rows: Iterable[Line]) -> int:
    """Write the lines, all of them or none; returns how many. `PermanentError` if `path` cannot be written."""
    texts = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    put(path, "".join(texts).encode())
    return len(texts)


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
