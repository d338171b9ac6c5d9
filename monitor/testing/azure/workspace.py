"""A Log Analytics workspace: its tables, and who may read which of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from monitor.testing.azure.tables import Moments, Row, Table, micros, tabled

Plan: TypeAlias = Literal["Analytics", "Basic", "Auxiliary"]

RECEIVED: Final = "_TimeReceived"
"""The column of an export that says when a row arrived."""

GROWING: Final = frozenset({"AzureDiagnostics"})
"""Tables whose columns exist only once some row needed them."""


@dataclass(frozen=True, slots=True)
class Question:
    """One query as it was asked."""

    kql: str
    timespan: str | None


class Workspace:
    """One workspace. Whoever has a token may read all of it, until `grant` names somebody.

    Attributes
    ----------
    resource_id
        Its name in Resource Manager; a test may give it another.
    plans
        Table -> plan, where it is not Analytics.
    without_arm
        Client ids that Resource Manager tells nothing.
    before
        Called with each question before it is answered: here a test lets tables grow or time pass, so that two queries
        of one tick see different rows.
    asked
        Every query that reached it, oldest first; one that met a fault on the way may not have.
    """

    def __init__(self, id: str, schemas: Mapping[str, Mapping[str, str]]) -> None:  # noqa: A002
        self.id = id
        self.resource_id = (
            "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/logs"
            f"/providers/Microsoft.OperationalInsights/workspaces/{id}"
        )
        self.schemas = schemas
        self.plans: dict[str, Plan] = {}
        self.without_arm: set[str] = set()
        self.before: Callable[[Question], object] = lambda _: None
        self.asked: list[Question] = []
        self._tables: dict[str, Table] = {}
        self._granted: dict[str, frozenset[str] | None] | None = None
        self._lock = threading.RLock()

    def heard(self, question: Question) -> None:
        """Take note of a question that is about to be answered."""
        self.asked.append(question)
        self.before(question)

    def declare(self, table: str, columns: Collection[str] | None = None) -> None:
        """Let a table have these columns of its schema only, as an older workspace has."""
        schema = self._schema(table)
        names = schema.keys() if columns is None else columns
        with self._lock:
            self._tables[table] = Table(table, {name: schema[name] for name in names}, grows=table in GROWING)

    def append(
        self,
        table: str,
        rows: Sequence[Row] | pa.Table,
        arrived: datetime | Sequence[datetime],
        visible: datetime | Sequence[datetime] | None = None,
    ) -> None:
        """Add rows that `arrived` then, as `ingestion_time()` will say, and that queries find once it is `visible`.

        One moment for all of them or one for each; None: visible as they arrive.
        """
        with self._lock:
            if table not in self._tables:
                self.declare(table)
            held = self._tables[table]
            given = rows if isinstance(rows, pa.Table) else tabled(table, held.columns, rows)
            reached = _moments(arrived, given.num_rows)
            held.append(given, reached, reached if visible is None else _moments(visible, given.num_rows))

    def load(
        self,
        directory: Path,
        *,
        tables: Collection[str] | None = None,
        delay: Callable[[Moments], Moments] | None = None,
    ) -> int:
        """Add what ``<Table>.parquet`` files in `directory` hold, as `mintwatch simulate` writes them; the rows added.

        A row arrived at its `_TimeReceived` (without one, at its TimeGenerated); `delay` says from those moments how
        many microseconds later each becomes visible, None: none.
        """
        added = 0
        for path in sorted(Path(directory).glob("*.parquet")):
            if path.stem not in self.schemas or (tables is not None and path.stem not in tables):
                continue
            rows = pq.read_table(path)
            received = rows[RECEIVED if RECEIVED in rows.column_names else "TimeGenerated"]
            arrived: Moments = received.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
            with self._lock:
                if path.stem not in self._tables:
                    self.declare(path.stem)
                held = self._tables[path.stem]
                known = [name for name in rows.column_names if name in held.columns]
                held.append(rows.select(known), arrived, arrived if delay is None else arrived + delay(arrived))
            added += rows.num_rows
        return added

    def grant(self, client_id: str, tables: Collection[str] | None = None) -> None:
        """Let an app read these tables, None: all of them; whoever is not granted anything may read nothing."""
        with self._lock:
            granted = self._granted or {}
            self._granted = {**granted, client_id.lower(): None if tables is None else frozenset(tables)}

    def revoke(self, client_id: str) -> None:
        """Take an app's rights away, as if its role had never been assigned."""
        with self._lock:
            self._granted = {name: kept for name, kept in (self._granted or {}).items() if name != client_id.lower()}

    def at(self, resource_id: str) -> bool:
        """Whether this is its resource id."""
        return self.resource_id.lower() == resource_id.lower()

    def readable(self, client_id: str) -> bool:
        """Whether the app may read anything here."""
        return self._granted is None or client_id.lower() in self._granted

    def catalogue(self, client_id: str, now: datetime) -> dict[str, frozenset[str]]:
        """Tables that exist for this app, with the columns they have."""
        allowed = self._granted.get(client_id.lower(), frozenset()) if self._granted is not None else None
        with self._lock:
            return {
                name: table.present(now)
                for name, table in self._tables.items()
                if table.exists(now) and (allowed is None or name in allowed)
            }

    def shown(self, table: str, now: datetime, start: datetime | None, end: datetime | None) -> pa.Table:
        """The rows of a table a query of that time span finds."""
        with self._lock:
            return self._tables[table].shown(now, start, end)

    def _schema(self, table: str) -> Mapping[str, str]:
        if table not in self.schemas:
            raise ValueError(f"unknown table {table!r}; give its columns to LocalAzure(schemas=...)")
        return self.schemas[table]


def _moments(at: datetime | Sequence[datetime], count: int) -> Moments:
    if isinstance(at, datetime):
        return np.full(count, micros(at), np.int64)
    if len(at) != count:
        raise ValueError(f"expected one moment for each of {count} rows, got {len(at)}")
    return np.array([micros(each) for each in at], np.int64)
