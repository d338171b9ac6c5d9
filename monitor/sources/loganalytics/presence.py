"""Which tables of a source a workspace has and what they lack, learnt from what its questions are refused for.

A source asks all its tables that are there, by name, so that one that cannot be read fails the question. One that was
never there is left out and looked for again; one that was there once is never left out: its rows would be taken for
gone, and what is kept of them replaced by less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Final, TypeAlias

from monitor import clock
from monitor.clock import DAY
from monitor.errors import AbsentError, PermanentError
from monitor.sources.loganalytics import schema
from monitor.sources.loganalytics.faults import AbsentTableError, UnresolvedError

LOOKED: Final = timedelta(hours=1)
"""How often a table that is not there is looked for."""

_ADVICE: Final = (
    "no row ever arrived in it, or we may not read it: expected a diagnostic setting that sends it to this workspace,"
    " and a role that may query it"
)

Columns: TypeAlias = Callable[[str, datetime], frozenset[str]]
"""The columns a table has at a moment; raises `AbsentTableError`."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Tables that are there, as far as is known, and the columns that queries name and they lack."""

    tables: tuple[str, ...]
    lacking: Mapping[str, tuple[str, ...]]


class Presence:
    """What is known of a source's tables; any thread may ask and learn.

    Attributes
    ----------
    seen
        Tables that answered at some time. Only what it is set to survives this process.
    absent
        Table -> columns the queries name and the table lacks; None: the table itself is not there.
    """

    def __init__(self, tables: tuple[str, ...], named: str, columns: Columns) -> None:
        self.seen: frozenset[str] = frozenset()
        self.absent: Mapping[str, tuple[str, ...] | None] = {}
        self._tables = tables
        self._named = named
        self._columns = columns
        self._looked_at = clock.EPOCH
        self._lock = Lock()

    def known(self, now: datetime) -> Shape:
        """What may be asked, after looking again if that is due; all tables, if none is known to be there."""
        with self._lock:
            if None in self.absent.values() and not self._shape().tables:
                self.absent = {}
            often = LOOKED if None in self.absent.values() else DAY
            if self.absent and now - self._looked_at >= often:
                self._look(now)
            return self._shape()

    def learned(self, asked: Shape, error: UnresolvedError, now: datetime) -> Shape:
        """What may be asked instead, after a question about `asked` was refused with `error`.

        Raises
        ------
        AbsentError
            If no table is there.
        PermanentError
            If a table is gone that was there, or it is not known what else is wrong.
        """
        with self._lock:
            if self._shape() == asked:  # else another thread has learnt it meanwhile
                if error.unresolved in asked.tables:
                    self._miss(error.unresolved, error)
                    self._looked_at = now
                else:
                    self._look(now)
                    if self._shape() == asked:
                        raise error
            if not self._shape().tables:
                raise AbsentError(f"{error}; {_ADVICE}") from error
            return self._shape()

    def answered(self, asked: Shape) -> None:
        """A question about all these tables was answered."""
        if not self.seen.issuperset(asked.tables):
            with self._lock:
                self.seen |= frozenset(asked.tables)

    def newcomers(self, asked: Shape) -> bool:
        """Whether some of these tables answer for the first time, beside others that did before."""
        return bool(self.seen) and not self.seen.issuperset(asked.tables)

    def _shape(self) -> Shape:
        there = tuple(table for table in self._tables if self.absent.get(table, ()) is not None)
        return Shape(there, {table: columns for table, columns in self.absent.items() if columns})

    def _miss(self, table: str, error: UnresolvedError) -> None:
        if table in self.seen:
            what = f"{table} was there before, and what is kept of it stays; expected the right to read it, given back"
            raise PermanentError(f"{error}; {what}") from error
        self.absent = {**self.absent, table: None}

    def _look(self, now: datetime) -> None:
        """Find out which tables and which of the columns that the queries name are not there."""
        self.absent, before = {}, self.absent
        try:
            for table in self._tables:
                self._look_at(table, now)
        except BaseException:
            self.absent = before
            raise
        self._looked_at = now

    def _look_at(self, table: str, now: datetime) -> None:
        try:
            present = self._columns(table, now)
        except AbsentTableError as error:
            self._miss(table, error)
            return
        if columns := schema.lacking(self._named, table, present):
            self.absent = {**self.absent, table: columns}
