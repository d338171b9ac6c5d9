"""The ports: what a stage asks of the world, written for the caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final, Literal, Protocol, TypeAlias, runtime_checkable

import pandas as pd
import pyarrow as pa

from monitor.coverage import Hearing
from monitor.model import Delivery, Name, Part, Window

Tables: TypeAlias = "Mapping[str, pa.Table | Sequence[Path]]"
"""What a query may read: an Arrow table, or Parquet files scanned where they lie."""

Value: TypeAlias = "datetime | timedelta | str | int | float"
"""What a query can be given by name."""


class Engine(Protocol):
    """Runs KQL over named tables."""

    def run(self, kql: str, tables: Tables, values: Mapping[str, Value] | None = None) -> pa.Table:
        """The answer, whole; datetimes are UTC. `values` are bound to names the query uses, never spliced into it.

        Raises
        ------
        QueryError
            If the query does not parse, bind or run.
        """
        ...


@dataclass(frozen=True, slots=True)
class Skipped:
    """Input that could not be read: where it stood and why."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the rows a window held. `read` = `kept` + `doubled` + `late` + `strayed` + `ignored`."""

    read: int = 0
    kept: int = 0
    doubled: int = 0
    late: int = 0
    strayed: int = 0
    ignored: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.read + other.read,
            self.kept + other.kept,
            self.doubled + other.doubled,
            self.late + other.late,
            self.strayed + other.strayed,
            self.ignored + other.ignored,
        )


@dataclass(frozen=True, slots=True)
class Fetched:
    """One window of one source, whole: FACTS, the names seen in it, and what became of its rows.

    The text of `facts` may be dictionary-encoded; `frames.conform_facts` makes it plain.
    """

    facts: pa.Table
    names: tuple[Name, ...]
    counts: Counts


class LogSource(Protocol):
    """A table (or two shapes of one) that yields FACTS.

    `settle` is how long after its end a bucket counts as whole: before, it may be judged, but is no history and its
    silence resolves nothing; `overlap` how far back of the watermark arrivals are
    looked at again; `bound` the lateness beyond which a row is counted but not folded; `step` the length of the windows
    it is fetched and replaced in, aligned to the epoch; `lanes` how many windows may be fetched at once, in threads.
    """

    name: str
    stream: str
    settle: timedelta
    overlap: timedelta
    bound: timedelta
    step: timedelta
    lanes: int

    def changed(self, since: datetime | None, now: datetime) -> Sequence[Window]:
        """Windows with rows that arrived in [since, now), oldest first; all of them if `since` is None."""
        ...

    def fetch(self, window: Window, now: datetime) -> Fetched:
        """All of the window that had arrived before `now`, or raise.

        Raises
        ------
        TransientError, PermanentError
            If any part of it could not be read: half a log is not a quiet log.
        """
        ...

    def counted(self, window: Window, now: datetime) -> Mapping[datetime, Counts]:
        """What `fetch` would count in each `step` of the window, by the step's start, without fetching it.

        Steps without rows may be left out; `ignored` rows need not be counted.

        Raises
        ------
        TransientError, PermanentError
            If any part of it could not be read.
        """
        ...

    def rows(self, window: Window, where: str, limit: int) -> pd.DataFrame:
        """Raw rows of the table that satisfy the KQL predicate `where`, as evidence for a person; at most `limit`."""
        ...


@runtime_checkable
class Remote(LogSource, Protocol):
    """A source whose tables may come, go and answer for less than they hold.

    `seen_tables` are those that ever answered; it is told at its start what was seen before, so that one that is gone
    is a failure and no absence.
    """

    seen_tables: frozenset[str]

    def strays(self, since: datetime, now: datetime) -> int:
        """How many rows arrived in [since, now) later than `changed` looks for.

        Raises
        ------
        TransientError, PermanentError
            If that could not be found out.
        """
        ...


@dataclass(frozen=True, slots=True)
class Past:
    """All a detector may know: frames of rows seen before `as_of`, and what was looked at.

    `by` are the columns of a group, `about` those of its subject. `activity` is ACTIVITY, `spans` SPANS of the rule's
    predicate, `after` SPANS of its `after:` predicate, `days` the judged days (`about` columns, `day`, `seen_at`),
    `scores` the other rules' findings (`about` columns, `rule`, `stream`, `family`, `evidence`, which is both as one
    text, `subject`, `term`, `bucket`, `seen_at`, `surprise`: NaN before the window); frames a detector does not need
    are empty. `hearing` tells of each source what it covered, `home` (`by` columns, `source`, `day`, `seen_at`)
    which sources fed a group on a day.
    """

    by: tuple[str, ...]
    about: tuple[str, ...]
    bucket: timedelta
    settle: timedelta
    as_of: datetime
    activity: pd.DataFrame
    spans: pd.DataFrame
    after: pd.DataFrame
    days: pd.DataFrame
    scores: pd.DataFrame
    home: pd.DataFrame
    hearing: Mapping[str, Hearing]


Need: TypeAlias = Literal["activity", "spans", "days", "after", "scores"]


class Detector(Protocol):
    """Judges every group of a rule in every bucket of a window. Pure and vectorised.

    A pydantic model of the rule's `params`: it is made by `model_validate`, and its fields are what a misspelt key is
    compared with. `needs` are the frames of `Past` it looks at, `wants` the keys a rule must have for it, `least` the
    smallest count it can say anything about. Unless it needs spans or scores, it has a `lookback`, how far back facts
    are read for it; one that needs scores may have one, how far before the window it hears what others said. It may say
    `slides = True` (buckets start every 5 minutes unless the rule says otherwise) and `family`, the name of its
    evidence where the rule has neither `new` nor `evidence`.
    """

    needs: ClassVar[frozenset[Need]]
    wants: ClassVar[tuple[str, ...]]

    @property
    def least(self) -> float:
        """The smallest count it can say anything about."""
        ...

    def score(self, past: Past, window: Window) -> pd.DataFrame:
        """SCORES for the buckets that start in `window`, a row per change of what was seen of them.

        The history of a bucket is what the history contract allows (docs/explanation/clocks.md); NaN only where
        coverage or warm-up forbids judging.
        """
        ...


UNTOLD: Final[Mapping[Part, str]] = {Part.NEWS: "what came back or goes on", Part.DIGEST: "storms"}
"""The parts that no notifier does without, and what people would never hear of."""


class Notifier(Protocol):
    """Takes messages to people.

    `parts` are those it wants, news and digest among them. One without `Part.CARD` gets news of every decision that is
    told. One with it gets a card for each incident, to be changed whenever the truth changes, and news of what people
    should look up for.
    """

    name: str
    parts: frozenset[Part]

    def send(self, delivery: Delivery) -> str:
        """Deliver it, or change what was delivered under `delivery.ref`; returns the reference by which to change it.

        Raises
        ------
        TransientError, PermanentError
            If it was not delivered. `UnsureError` if nobody can say; `LaterError` if it is known when to come back.
        """
        ...

    def find(self, delivery: Delivery) -> str:
        """The reference under which a delivery of the same key arrived, '' if none did.

        Asked after a try of which nobody knows how it ended, before it is repeated. One that cannot find out answers
        '', and so delivers at least once.

        Raises
        ------
        TransientError, PermanentError
            If that could not be found out now.
        """
        ...
