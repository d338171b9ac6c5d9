"""The nouns of mintwatch: frozen values, no behaviour beyond what their fields already say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, TypeAlias

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


class State(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    RESOLVED = "resolved"


class Reason(StrEnum):
    """Why an incident was, or was not, told to a notifier."""

    OPENED = "opened"
    REOPENED = "reopened"
    WORSENED = "worsened"
    RESOLVED = "resolved"
    WEAK = "weak"
    UNCHANGED = "unchanged"
    EXPERIMENTAL = "experimental"
    STORM = "storm"

    @property
    def told(self) -> bool:
        """Whether a message goes out for this reason."""
        return self in {Reason.OPENED, Reason.REOPENED, Reason.WORSENED, Reason.RESOLVED}


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open stretch of time, `start <= t < end`, aware UTC.

    Raises
    ------
    ValueError
        If it is empty or reversed.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise ValueError(f"window: expected start < end, got {self.start} .. {self.end}")

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at < self.end

    @property
    def length(self) -> timedelta:
        """End minus start."""
        return self.end - self.start

    def overlaps(self, other: Window) -> bool:
        """Whether some moment lies in both."""
        return self.start < other.end and other.start < self.end

    def without(self, others: Iterable[Window]) -> Iterator[Window]:
        """What is left of it between the others, oldest first."""
        start = self.start
        for other in sorted(others):
            if start < min(other.start, self.end):
                yield Window(start, min(other.start, self.end))
            start = max(start, other.end)
        if start < self.end:
            yield Window(start, self.end)

    def pieces(self, step: timedelta) -> Iterator[Window]:
        """The window cut at every multiple of `step` from its start, oldest first."""
        start = self.start
        while start < self.end:
            end = min(start + step, self.end)
            yield Window(start, end)
            start = end


GapKind: TypeAlias = Literal["left out", "too large", "shrunk"]


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of a source's time of which mintwatch knows that it did not see everything, and why; noted when.

    `kind` is what happened: it was left out (down for too long), too large to be answered, or rows of it are gone.
    """

    source: str
    window: Window
    reason: str
    noted_at: datetime
    kind: GapKind = "left out"


@dataclass(frozen=True, slots=True)
class Change:
    """A window of facts that came to say something else: where it starts, and as of when it was fetched; in order."""

    seq: int
    start: datetime
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Trouble:
    """A source that cannot be read: since which tick, and what it said last."""

    source: str
    since: datetime
    error: str


@dataclass(frozen=True, slots=True)
class HealthEvent:
    """Something that happened to mintwatch itself: to which of its sources, doing what, how it ended, and why."""

    at: datetime
    action: str
    source: str
    outcome: str
    code: str


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


@dataclass(frozen=True, slots=True)
class Incident:
    """Findings about one subject that belong together, first to last.

    `first_at` is the start of the earliest bucket, `last_at` the end of the latest; `surprise` sums the strongest
    surprise of each distinct evidence (see `together`). Findings of experimental rules make incidents of their own,
    `experimental`, that are kept and never told. Once `reopened`, evidence and what was told are those since then.
    `loud`: some finding reached what its own rule tells from.
    """

    id: str
    subject: str
    state: State
    level: Level
    surprise: float
    evidence: tuple[tuple[str, str, float], ...]
    rules: tuple[str, ...]
    findings: int
    first_at: datetime
    last_at: datetime
    opened_at: datetime
    updated_at: datetime
    told_surprise: float = 0.0
    told_level: Level = Level.INFORMATIONAL
    experimental: bool = False
    reopened: bool = False
    loud: bool = False

    @property
    def told(self) -> bool:
        """Whether it was ever decided to tell people of it; that a notifier took the message is a `Notice`."""
        return self.told_surprise > 0

    @property
    def score(self) -> float:
        """As `Finding.score`, of the incident's surprise."""
        return self.surprise / (self.surprise + SURPRISE_HALF)


@dataclass(frozen=True, slots=True)
class Decision:
    """Triage's answer for one incident and one notifier at one tick."""

    incident: str
    notifier: str
    at: datetime
    reason: Reason

    @property
    def told(self) -> bool:
        """Whether people are to be told; that a notifier took the message is a `Notice`."""
        return self.reason.told


@dataclass(frozen=True, slots=True)
class Notice:
    """Proof that a notifier took the message of the decision made `at` that time; `ref` lets the next one update it."""

    incident: str
    notifier: str
    at: datetime
    ref: str


def digest(*parts: str) -> str:
    """16 hex digits that name these parts; JSON keeps ('a', 'bc') and ('ab', 'c') apart."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Band:
    """What a chart shows: the observed values of one group, bucket by bucket, against its expected band."""

    title: str
    unit: str
    at: tuple[datetime, ...]
    observed: tuple[float, ...]
    expected: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    marked: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """What a person is told of an incident; plain data, rendered by each notifier in its own way.

    Text comes from logs and is hostile: a renderer escapes it. `headline` has under ten words; `because` is one to two
    sentences with the number against its range; `facts` are label and value, most useful first.
    """

    incident: str
    reason: Reason
    state: State
    level: Level
    headline: str
    because: str
    facts: tuple[tuple[str, str], ...]
    findings: tuple[str, ...]
    rules: tuple[str, ...]
    runbook: str
    since: datetime
    until: datetime
    at: datetime
    score: float
    surprise: float
