"""Findings: what rules claim, on one scale."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

SURPRISE_HALF = 3.0
"""The surprise at which the score is 0.5: once in 1,000 group-days."""

OVER_FINDINGS = "scores"
"""The stream of rules that judge what other rules found: no evidence of their own."""
COMMON = 1.5
"""Surprise that one kind of evidence or another shows on many a day: what is above it corroborates."""
VOLUME = "events"
"""The family of how much was done. Whoever does more leaves more rows in every stream, so it is one kind over all."""


def together(surprises: Iterable[float]) -> float:
    """The surprise of distinct evidence about one subject: the strongest, and of the others what exceeds `COMMON`.

    Nothing, without evidence.

    >>> together([3.7, 2.5, 1.2])
    4.7
    """
    strongest, *others = sorted(surprises, reverse=True) or [0.0]
    return strongest + sum(max(other - COMMON, 0.0) for other in others)


def kind_of_evidence(stream: str, family: str) -> tuple[str, str]:
    """What findings have in common that count once: stream and measure family, and for a volume that alone.

    >>> kind_of_evidence("vault", "events"), kind_of_evidence("vault", "refusals")
    (('overall', 'volume'), ('vault', 'refusals'))
    """
    return ("overall", "volume") if family == VOLUME else (stream, family)


class Level(StrEnum):
    """How bad it would be if it were true; Sigma's words, in rising order."""

    INFORMATIONAL = "informational"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for informational to 4 for critical."""
        return list(Level).index(self)


@dataclass(frozen=True, slots=True)
class Name:
    """What is known of an identity for display; decoration, chosen by whoever named it, never a key."""

    identity: str
    name: str
    kind: str
    app_id: str
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's claim about one group in one bucket, as first reached or as later raised.

    `time` is the moment it could first be told (never a tick time), `judged_at` the tick that judged it. `group` holds
    the rule's `by` columns and their values; `surprise` is on the one scale (see `monitor.calibrate`).
    """

    rule: str
    detector: str
    level: Level
    stream: str
    family: str
    experimental: bool
    subject: str
    group: tuple[tuple[str, str], ...]
    term: str
    bucket: datetime
    bucket_end: datetime
    time: datetime
    judged_at: datetime
    surprise: float
    observed: float
    expected: float
    low: float
    high: float
    because: str
    members: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def score(self) -> float:
        """Surprise on 0 ... 1; 0.5 is once in 1,000 group-days.

        It is `surprise / (surprise + 3)`.
        """
        return self.surprise / (self.surprise + SURPRISE_HALF)

    @property
    def fingerprint(self) -> str:
        """Hash of (rule, group): what it is about, not when."""
        return digest(self.rule, *(f"{column}={value}" for column, value in self.group))

    @property
    def key(self) -> str:
        """Hash that names this very judgement: rule, group, term, bucket and the moment it could first be told."""
        return digest(self.fingerprint, self.term, self.bucket.isoformat(), self.time.isoformat())

    @property
    def evidence(self) -> tuple[str, str]:
        """(stream, measure family): findings that share it show the same tokens, and count once."""
        return kind_of_evidence(self.stream, self.family)

    @property
    def identity(self) -> str:
        """`issuer:object id` where the subject is an identity, else ''."""
        return self.subject.removeprefix("identity:") if self.subject.startswith("identity:") else ""


def digest(*parts: str) -> str:
    """16 hex digits that name these parts; JSON keeps ('a', 'bc') and ('ab', 'c') apart."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
