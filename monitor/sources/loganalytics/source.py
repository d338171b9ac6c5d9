"""Tables of a Log Analytics workspace as a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import pandas as pd
import pyarrow as pa

from monitor import clock
from monitor.clock import DAY
from monitor.errors import QueryError, TooLargeError, TransientError
from monitor.kql import Value
from monitor.model import Window
from monitor.ports import Counts, Fetched
from monitor.sources import arrivals, fold
from monitor.sources.loganalytics import schema
from monitor.sources.loganalytics.client import Workspace
from monitor.sources.loganalytics.faults import RefusedError, TimedOutError, UnresolvedError
from monitor.sources.loganalytics.presence import LOOKED, Presence, Shape

ARRIVAL: Final = arrivals.arrival("ingestion_time()")

HISTORY: Final = timedelta(days=35)
"""How far back a source is read that was never read before."""

OVERLAP: Final = timedelta(minutes=15)
"""How far back arrivals are looked at again: `ingestion_time()` is approximate, and rows show later than it says."""

LANES: Final = 3
"""Windows fetched at once: fewer than a gate lets through, so that one source that catches up does not hold up all."""

SHORTEST: Final = timedelta(minutes=1)
"""A window no longer than this is split by identity, a longer one in halves."""

FEWEST: Final = timedelta(hours=1)
"""A question about the arrivals of no more than this is not split."""

SLOWEST: Final = 3
"""How often a window is halved because the service did not finish it in time, before it is the service that is slow:
each time costs minutes, and what does not fit is another matter."""

RETAINED: Final = timedelta(days=30)
"""How far back rows that arrived too late are counted."""

_HEX: Final = "0123456789abcdef"
_LONGEST_PREFIX: Final = 2
_TRIES: Final = 5

_Question: TypeAlias = Callable[[Shape], tuple[str, Mapping[str, Value]]]
"""The text about the tables that are there, and its values."""


class LogAnalyticsSource:
    """One stream source in a workspace; implements `ports.LogSource`."""

    def __init__(
        self,
        query: fold.Query,
        workspace: Workspace,
        *,
        name: str,
        issuer: str = "entra",
        settle: timedelta | None = None,
        overlap: timedelta = OVERLAP,
        bound: timedelta = fold.BOUND,
        step: timedelta = timedelta(hours=1),
        history: timedelta = HISTORY,
        lanes: int = LANES,
    ) -> None:
        if DAY % step:
            raise ValueError(f"{name}: expected a step that divides a day, got {step}")
        self.name = name
        self.stream = query.stream
        self.settle = query.settle if settle is None else settle
        self.overlap = overlap
        self.bound = bound
        self.step = step
        self.lanes = lanes
        self._query = query
        self._workspace = workspace
        self._issuer = issuer
        self._history = history
        self._reach = bound + DAY
        named = fold.text(query.name) + arrivals.changed(query.tables, ARRIVAL)
        self._presence = Presence(query.tables, named, self._columns)

    @property
    def seen_tables(self) -> frozenset[str]:
        """Tables of it that ever answered. Set what an earlier process saw: one of them that is gone is a failure."""
        return self._presence.seen

    @seen_tables.setter
    def seen_tables(self, tables: frozenset[str]) -> None:
        self._presence.seen = frozenset(tables) & frozenset(self._query.tables)

    @property
    def absent(self) -> Mapping[str, tuple[str, ...] | None]:
        """Table -> columns the queries name and the table lacks, as far as is known; None: the table is not there."""
        return self._presence.absent

    def changed(self, since: datetime | None, now: datetime) -> Sequence[Window]:
        """Windows of width `step` with rows that arrived in [since, now), or near such rows, by one question.

        Of a source never read before, those with rows of the last `history`. A question that is too large is asked
        for halves of the arrivals. Rows later than `bound` by more than a day are not looked for; `strays` counts them.

        Raises
        ------
        AbsentError
            If no table of the source is there.
        TransientError, PermanentError
            If the question was not answered.
        """
        earliest = now - self._history if since is None else min(since, now) - self._reach
        spans = self._arrivals(since or clock.EPOCH, now, earliest)
        return arrivals.touched(spans, fold.MARGIN, self.step)

    def strays(self, since: datetime, now: datetime) -> int:
        """How many rows arrived in [since, now) too late for `changed`, of those that happened in the last 30 days.

        Raises
        ------
        AbsentError
            If no table of the source is there.
        TransientError, PermanentError
            If the question was not answered.
        """
        values: dict[str, Value] = {"after": since, "as_of": now, "settle": self.settle, "reach": self._reach}
        span = Window(now - RETAINED, now)
        values |= {"earliest_possible": span.start, "latest_possible": span.end}
        answer = self._ask(lambda shape: (arrivals.strays(shape.tables, ARRIVAL), values), span, now, "strays")
        (count,) = answer["strays"].to_pylist()
        return int(count)

    def _arrivals(
        self, after: datetime, until: datetime, earliest: datetime, slow: int = 0
    ) -> list[tuple[datetime, datetime]]:
        """First and last row of each hour since `earliest` with rows that arrived in [after, until)."""
        span = Window(earliest, until + 2 * DAY)  # nothing is generated more than a day ahead
        values: dict[str, Value] = {"as_of": until, "settle": self.settle}
        values |= {"earliest_possible": span.start, "latest_possible": span.end}

        def question(shape: Shape) -> tuple[str, Mapping[str, Value]]:
            # what arrived in a new table after it was last looked for, and before the watermark, counts as well
            first = after - LOOKED if self._presence.newcomers(shape) else after
            return arrivals.changed(shape.tables, ARRIVAL), values | {"after": first}

        try:
            rows = self._ask(question, span, until, "changed").to_pylist()
        except TooLargeError as error:
            start, late = max(after, earliest), isinstance(error, TimedOutError)
            if until - start <= FEWEST or slow == SLOWEST:
                raise TransientError(f"{error}; nor about fewer arrivals") from error
            middle = _halves(Window(start, until), FEWEST)[0].end
            halves = ((after, middle, earliest), (middle, until, max(earliest, middle - self._reach)))
            return [one for half in halves for one in self._arrivals(*half, slow + late)]
        return [(row["earliest"], row["latest"]) for row in rows]

    def fetch(self, window: Window, now: datetime) -> Fetched:
        """All of the window that had arrived before `now`.

        An answer that is too large is asked for in halves, and a minute of one by identity; one that is not finished
        in time, too, a few times.

        Raises
        ------
        TooLargeError
            If even the smallest part did not fit; it is named.
        TransientError, PermanentError
            If any part of it could not be read.
        """
        return fold.unpacked(self._query, self._whole(window, now), source=self.name)

    def rows(self, window: Window, where: str, limit: int) -> pd.DataFrame:
        """Raw rows of the window's tables that satisfy `where`, oldest first; at most `limit`.

        Raises
        ------
        QueryError
            If `where` fits none of the tables.
        TransientError, PermanentError
            If a question was not answered.
        """
        frames: list[pd.DataFrame] = []
        failures: list[QueryError] = []
        values: dict[str, Value] = {"window_start": window.start, "window_end": window.end}
        for table in self._query.tables:
            kql = (
                f"{table} | where TimeGenerated >= window_start and TimeGenerated < window_end\n"
                f"| where {where}\n| sort by TimeGenerated asc | take {int(limit)}"
            )
            try:
                answer = self._workspace.ask(fold.lets(values) + kql, window, source=self.name, purpose="rows")
                frames.append(answer.to_pandas())
            except UnresolvedError as error:
                if error.unresolved != table:
                    failures.append(QueryError(str(error)))
            except RefusedError as error:
                failures.append(QueryError(str(error)))
        if failures and not frames:
            raise failures[0]
        return pd.concat(frames, ignore_index=True).head(limit) if frames else pd.DataFrame()

    def counted(self, window: Window, now: datetime) -> Mapping[datetime, Counts]:
        """What `fetch` would count in each `step` of the window, by the step's start, without fetching it.

        Raises
        ------
        TransientError, PermanentError
            If any part of it could not be read.
        """

        def question(shape: Shape) -> tuple[str, Mapping[str, Value]]:
            kql = fold.counting(self._query.name, self.step, shape.tables)
            return fold.filled(kql, ARRIVAL, _optional), self._values(window, now)

        try:
            return fold.counts([self._ask(question, window, now, "counted")])
        except TooLargeError:
            if window.length <= self.step:
                raise
            return {start: one for part in _halves(window, self.step) for start, one in self.counted(part, now).items()}

    def _whole(self, window: Window, now: datetime, slow: int = 0) -> Iterator[pa.Table]:
        """The answers that together are the window's; it is part of one that was `slow` so many times."""
        small = window.length <= SHORTEST
        try:
            parts = iter([self._folded(window, now)])
        except TimedOutError as error:
            if small or slow == SLOWEST:
                raise TransientError(f"{error}; nor did it finish a smaller part: it is slow") from error
            parts = self._halved(window, now, slow + 1)
        except TooLargeError:
            parts = self._sharded(window, now, "") if small else self._halved(window, now, slow)
        yield from parts

    def _halved(self, window: Window, now: datetime, slow: int) -> Iterator[pa.Table]:
        for half in _halves(window, SHORTEST):
            yield from self._whole(half, now, slow)

    def _sharded(self, window: Window, now: datetime, prefix: str) -> Iterator[pa.Table]:
        """The same of identities whose hash begins with `prefix`, by its next digit."""
        for digit in _HEX:
            try:
                parts = iter([self._folded(window, now, prefix + digit)])
            except TimedOutError as error:
                raise TransientError(f"{error}; it is slow") from error
            except TooLargeError as error:
                if len(prefix) + 1 == _LONGEST_PREFIX:
                    part = f"{clock.iso(window.start)} to {clock.iso(window.end)}, identities {prefix}{digit}..."
                    raise TooLargeError(f"{self.name}: {part}: cannot be split further: {error}") from error
                parts = self._sharded(window, now, prefix + digit)
            yield from parts

    def _folded(self, window: Window, now: datetime, prefix: str = "") -> pa.Table:
        shard, values = "", self._values(window, now)
        if prefix:
            shard, values = "| where hash_sha256(identity) startswith shard", values | {"shard": prefix}

        def question(shape: Shape) -> tuple[str, Mapping[str, Value]]:
            return fold.filled(fold.text(self._query.name, shape.tables), ARRIVAL, _optional, shard), values

        return self._ask(question, window, now, "fetch")

    def _values(self, window: Window, now: datetime) -> dict[str, Value]:
        given = fold.values(self._query, window, now, self._issuer)
        return given | {"settle": self.settle, "bound": self.bound}

    def _ask(self, question: _Question, window: Window, now: datetime, purpose: str) -> pa.Table:
        """The answer about the window and its margins, of all the tables that are there and what columns they have."""
        shape = self._presence.known(now)
        for _ in range(_TRIES):
            try:
                answer = self._asked(question, shape, window, purpose)
            except UnresolvedError as error:
                shape = self._presence.learned(shape, error, now)
            else:
                self._presence.answered(shape)
                return answer
        raise TransientError(f"{self.name}: {purpose}: tables and columns come and go")

    def _asked(self, question: _Question, shape: Shape, window: Window, purpose: str) -> pa.Table:
        kql, values = question(shape)
        text = fold.lets(values) + schema.completed(kql, shape.lacking)
        span = Window(window.start - fold.MARGIN, window.end + fold.MARGIN)
        answer = self._workspace.ask(text, span, source=self.name, purpose=purpose)
        if nulls := [name for name in answer.column_names if answer[name].null_count]:
            raise TransientError(f"{self.name}: {purpose}: expected a value in each row of {', '.join(nulls)}")
        return answer

    def _columns(self, table: str, now: datetime) -> frozenset[str]:
        found = self._workspace.ask(f"{table} | getschema", Window(now - DAY, now), source=self.name, purpose="schema")
        return frozenset(found["ColumnName"].to_pylist())


def _optional(column: str) -> str:
    """Every optional column is one that AzureDiagnostics has only once some row needed it."""
    return schema.optional("AzureDiagnostics", column)


def _halves(window: Window, step: timedelta) -> tuple[Window, Window]:
    """The window cut near its middle, at a multiple of `step`, which is shorter than the window."""
    middle = clock.floor(window.start + window.length / 2, step)
    middle = middle if middle > window.start else middle + step
    return Window(window.start, middle), Window(middle, window.end)
