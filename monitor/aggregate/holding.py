"""The facts of many rules, read once: which rules' predicates each satisfies, and the columns they look at."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from monitor.aggregate.asking import Ask
from monitor.aggregate.picking import NUMBERS, Coded, Picked, Straight, inside
from monitor.aggregate.shelf import MET, NOTHING, Added, Days, Extent, Questions, Shelf, micros
from monitor.clock import midnight
from monitor.errors import QueryError
from monitor.frames import FACTS
from monitor.model import Window
from monitor.ports import Engine, Tables

MOST: Final = 500_000_000
"""Bytes that are held at most: four million facts of a hundred, and a fifth more for bins, days and words."""
SHRUNK: Final = 0.95
"""To which share of what did not fit the files must have shrunk before it is tried again: some always come and go."""

log = logging.getLogger("mintwatch.aggregate")
CHUNK: Final = 200_000
"""Facts that predicates are asked of at a time, about."""

Bits = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Held:
    """Facts in memory, about a hundred bytes each; a `Reading` that answers every question it was made for.

    `met` has a bit for every fact and predicate, `places` says which. Days of subjects are of all facts, held or not.
    """

    facts: Coded
    met: Bits
    places: Mapping[str, int]
    straight: Straight
    _bins: Days
    _known: Mapping[tuple[str, ...], Days]
    _extents: Mapping[Path, tuple[int, Extent]]
    _days: dict[tuple[tuple[str, ...], Window, datetime], pd.DataFrame] = field(default_factory=dict)
    _asking: Lock = field(default_factory=Lock)

    @classmethod
    def of(
        cls,
        engine: Engine,
        tables: Tables,
        asks: Sequence[Ask],
        most: int = MOST,
        *,
        about: Collection[tuple[str, ...]] = (),
        shelf: Shelf | None = None,
    ) -> Held | None:
        """All facts of `tables` that any of the questions is about; None if they take more than `most` bytes.

        Files that are on the `shelf` are not read again, and it has all of them afterwards. Others are read a chunk at
        a time; a table, which may be another each time, comes to no shelf. Text stays numbered, as it lies on disk, and
        the engine says of each chunk which predicates hold: text is never spelled out but where a predicate looks at
        it. `about` are subjects whose days will be asked for.

        Raises
        ------
        QueryError
            If any predicate fails on any fact, or a file cannot be read.
        """
        shelf = Shelf() if shelf is None or isinstance(tables["facts"], pa.Table) else shelf
        questions = Questions.of(asks, about)
        with shelf.alone:
            size = _size(tables)
            if shelf.vain is not None and shelf.vain[0] == questions and size > SHRUNK * shelf.vain[1]:
                return None
            try:
                fits = _brought(shelf, engine, tables, questions, most)
            except BaseException:
                shelf.clear()
                raise
            if not fits:
                shelf.clear()
                if shelf.vain is None:
                    why = (
                        f"facts do not fit into memory, {most // 1_000_000} MB; each rule reads alone, which is slower"
                    )
                    log.warning("facts not held", extra={"part": "facts", "error": why})
                shelf.vain = (questions, size)
                return None
            shelf.vain = None
            rows, words = shelf.facts.columns, {name: one.words for name, one in shelf.lexicons.items()}
            codes = {name: rows[name] for name in questions.columns}
            numbers = {name: rows[name] for name in NUMBERS}
            return cls(
                Coded(codes, {name: words[name] for name in questions.columns}, numbers),
                rows[MET].reshape(-1, questions.width),
                questions.places,
                Straight(engine, tables),
                Days.of_rows(shelf.bins, ("source",), words),
                {one: Days.of_rows(held, one, words) for one, held in shelf.days.items()},
                {path: (number, shelf.extents[number]) for path, number in shelf.files.items()},
            )

    def pick(self, ask: Ask, window: Window, as_of: datetime) -> Picked:
        """The facts asked for in a window of `at`, as seen before `as_of`."""
        byte, bit = divmod(self.places[ask.predicate], 8)
        meant = (self.met[:, byte] & np.uint8(0x80 >> bit)) != 0
        return self.facts.picked(ask, meant & inside(self.facts, window, as_of))

    def bins(self) -> pd.DataFrame:
        """As `aggregate.bins`."""
        return self._bins.least("at")

    def days(self, about: tuple[str, ...], window: Window, as_of: datetime) -> pd.DataFrame:
        """The UTC days of the window on which each subject did anything at all, as seen before `as_of`."""
        with self._asking:
            if (about, window, as_of) not in self._days:
                self._days[about, window, as_of] = self._found(about, window, as_of)
            return self._days[about, window, as_of]

    def _found(self, about: tuple[str, ...], window: Window, as_of: datetime) -> pd.DataFrame:
        """From what is known of whole files; those that are partly outside, of which there are few, are read."""
        if about not in self._known or window.start != midnight(window.start):
            return self.straight.days(about, window, as_of)
        until, seen = micros(window.end), micros(as_of)
        partly = {path: one for path, (one, each) in self._extents.items() if each.last >= until or each.seen >= seen}
        days = self._known[about].least("day", micros(window.start), set(partly.values()))
        if not partly:
            return days
        more = Straight(self.straight.engine, {**self.straight.tables, "facts": sorted(partly)})
        both = pd.concat([days, more.days(about, window, as_of)])
        return both.groupby([*about, "day"], sort=False)["seen_at"].min().reset_index()

    def near(self, window: Window) -> Tables:
        """The tables, less fact files that hold nothing in that window of `at`."""
        since, until = micros(window.start), micros(window.end)
        some = [path for path, (_, one) in self._extents.items() if one.first < until and one.last >= since]
        given = self.straight.tables["facts"]
        return {**self.straight.tables, "facts": given if isinstance(given, pa.Table) or not some else some}


def _brought(shelf: Shelf, engine: Engine, tables: Tables, questions: Questions, most: int) -> bool:
    """Whether the shelf, brought up to the live files, takes no more than `most` bytes."""
    if shelf.asked != questions:
        shelf.clear(questions, questions.about)
    source = tables["facts"]
    live = [Path()] if isinstance(source, pa.Table) else list(source)
    gone = shelf.leave(set(live))
    new = [path for path in live if path not in shelf.files]
    left = sum(rows.size(gone) for rows in shelf.rows)
    added = Added(shelf, questions)
    for chunk, of in _chunks(source if isinstance(source, pa.Table) else new, questions.looked_at, shelf.read):
        met = _met(engine.run(questions.query, {**tables, "facts": _numbered(chunk)}), len(questions.places))
        added.add(chunk, of, met)
        if left + added.held + shelf.spelled > most:
            return False
    for path in new:
        shelf.enter(path, added.extents.get(shelf.read, NOTHING))
    added.apply(gone)
    shelf.prune()
    return True


def _size(tables: Tables) -> int:
    """Bytes of the files on the disk; 0 of a table, or if one is not there, which reading it will say."""
    source = tables["facts"]
    try:
        return 0 if isinstance(source, pa.Table) else sum(one.stat().st_size for one in source)
    except OSError:
        return 0


def _met(answer: pa.Table, predicates: int) -> Bits:
    """Which predicates each row of a chunk satisfies, in the order of the chunk: a bit for each."""
    flags = np.zeros((answer.num_rows, predicates), dtype=bool)
    rows = answer["row"].to_numpy()
    for place in range(predicates):
        flags[rows, place] = answer[f"m{place}"].to_numpy().astype(bool)
    return np.packbits(flags, axis=1)


def _numbered(chunk: pa.Table) -> pa.Table:
    """The chunk with the number of each row: an engine answers in any order."""
    return chunk.append_column("row", pa.array(np.arange(chunk.num_rows)))


def _chunks(
    source: pa.Table | Sequence[Path], columns: set[str], first: int
) -> Iterator[tuple[pa.Table, npt.NDArray[np.int32]]]:
    """These columns of the facts, text numbered, in about equal portions, and the number of each row's file.

    Files are numbered from `first` on. Portions may be empty; of a table there is one.
    """
    if isinstance(source, pa.Table):
        yield source, np.full(source.num_rows, first, dtype=np.int32)
        return
    held: list[pa.Table] = []
    of: list[npt.NDArray[np.int32]] = []
    for number, group in _groups(source, columns):
        held.append(group)
        of.append(np.full(group.num_rows, first + number, dtype=np.int32))
        if sum(one.num_rows for one in held) >= CHUNK:
            yield pa.concat_tables(held), np.concatenate(of)
            held, of = [], []
    if held:
        yield pa.concat_tables(held), np.concatenate(of)


def _groups(paths: Sequence[Path], columns: set[str]) -> Iterator[tuple[int, pa.Table]]:
    """Row group by row group of the files, and the place of the file."""
    wanted = [one for one in FACTS if one.name in columns]
    text = [one.name for one in wanted if one.type == pa.string()]
    try:
        for place, path in enumerate(paths):
            with pq.ParquetFile(path, read_dictionary=text) as file:
                for number in range(file.num_row_groups):
                    yield place, file.read_row_group(number, [one.name for one in wanted])
    except (pa.ArrowException, OSError, KeyError) as error:
        raise QueryError(f"cannot read facts: {error}") from error
