"""What judging needs of fact files, kept from one judgement to the next: a file never changes, so it is read once."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from monitor.aggregate.asking import Ask
from monitor.aggregate.picking import NUMBERS
from monitor.clock import DAY
from monitor.coverage import stamp
from monitor.frames import TIME

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Column: TypeAlias = "npt.NDArray[Any]"
Columns: TypeAlias = "dict[str, Column]"

MET: Final = "met"
"""The column of rows of bits, one for each predicate."""
_DAY: Final = DAY // timedelta(microseconds=1)
SLACK: Final = 1_000
"""Words nobody uses that are kept at least before they are looked for."""


class Lexicon:
    """The words of one column of text, each with a number that it keeps until `prune`."""

    def __init__(self) -> None:
        self.words: pa.Array = pa.array([], pa.string())
        self._used = 0

    def numbers(self, column: pa.ChunkedArray) -> Codes:
        """The numbers of the words of a column; words that are new get the next ones."""
        column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        column = column.unify_dictionaries().combine_chunks()
        column = column if isinstance(column, pa.DictionaryArray) else pa.concat_arrays(column.chunks)
        known = pc.index_in(column.dictionary, value_set=self.words)
        fresh = column.dictionary.filter(known.is_null())
        self.words = pa.concat_arrays([self.words, fresh])
        places = pc.index_in(column.dictionary, value_set=self.words).to_numpy().astype(np.int32)
        indices: Codes = column.indices.to_numpy()
        return places[indices] if len(places) else indices.astype(np.int32)

    def prune(self, codes: Sequence[Codes]) -> Codes | None:
        """The new number of each word, if more than half of the words are used by none of `codes`; else None."""
        if len(self.words) <= 2 * self._used + SLACK:
            return None
        used = np.zeros(len(self.words), dtype=bool)
        for one in codes:
            used[one] = True
        self._used = int(np.count_nonzero(used))
        self.words = self.words.filter(pa.array(used))
        return (np.cumsum(used) - 1).astype(np.int32)


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked of each fact: predicates by their places, and columns of text."""

    columns: tuple[str, ...]
    places: Mapping[str, int]
    about: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, asks: Sequence[Ask], about: Collection[tuple[str, ...]]) -> Questions:
        """Of all these."""
        columns = tuple(dict.fromkeys(name for ask in asks for name in ask.columns))
        places = {predicate: place for place, predicate in enumerate(dict.fromkeys(ask.predicate for ask in asks))}
        return cls(columns, places, tuple(sorted(set(about))))

    @property
    def width(self) -> int:
        """Bytes that hold a bit for every predicate."""
        return -(-len(self.places) // 8)

    @property
    def query(self) -> str:
        """Which predicates hold of each row."""
        return f"facts\n| project row, {', '.join(f'm{place} = ({one})' for one, place in self.places.items())}"

    @property
    def looked_at(self) -> set[str]:
        """Every column that is read."""
        subjects = {name for one in self.about for name in one}
        return {"source", *self.columns, *NUMBERS, *subjects, *re.findall(r"\w+", self.query)}


@dataclass(slots=True)
class Rows:
    """Rows in columns, and the number of the file each came from."""

    columns: Columns = field(default_factory=dict)
    of: Codes = field(default_factory=lambda: np.zeros(0, dtype=np.int32))

    def add(self, parts: Sequence[tuple[Columns, Codes]], gone: Collection[int]) -> None:
        """Add rows in place of those of the files that are gone; a column at a time, so that few are there twice."""
        stay = ~np.isin(self.of, list(gone)) if gone else None
        if stay is not None and stay.all():
            stay = None
        if stay is None and not parts:
            return
        names = list(parts[0][0]) if parts else list(self.columns)
        for name in names:
            mine = [self.columns[name]] if name in self.columns else []
            mine = [one[stay] for one in mine] if stay is not None else mine
            self.columns[name] = np.concatenate([*mine, *(part[name] for part, _ in parts)])
        kept = self.of[stay] if stay is not None else self.of
        self.of = np.concatenate([kept, *(of for _, of in parts)])

    def size(self, gone: Collection[int] = ()) -> int:
        """Bytes they take, less those of the files that are gone."""
        stay = 1 - np.count_nonzero(np.isin(self.of, list(gone))) / max(len(self.of), 1)
        return int(stay * _bytes(self.columns, self.of))


@dataclass(frozen=True, slots=True)
class Extent:
    """From when to when the facts of a file are, in microseconds: `at` (both ends are facts), and the last seen."""

    first: int
    last: int
    seen: int


NOTHING: Final = Extent(0, -1, -1)
"""That of a file without facts."""


@dataclass(slots=True)
class Shelf:
    """The facts of a state that rules ask for, from one judgement to the next; one judgement at a time.

    Besides these, for each file: the bins that held a fact, and the days on which subjects did anything. Whatever is
    asked by other questions than before, or does not fit, empties it. `files` are numbered as they were read.
    """

    asked: Questions | None = None
    files: dict[Path, int] = field(default_factory=dict)
    extents: dict[int, Extent] = field(default_factory=dict)
    lexicons: dict[str, Lexicon] = field(default_factory=dict)
    facts: Rows = field(default_factory=Rows)
    bins: Rows = field(default_factory=Rows)
    days: dict[tuple[str, ...], Rows] = field(default_factory=dict)
    vain: tuple[Questions, int] | None = None
    """What did not fit the last time: the questions, and the bytes of the files; None if all of it did."""
    read: int = 0
    """How many files were ever read."""
    alone: Lock = field(default_factory=Lock)
    """Held while it is brought up to date."""

    def clear(self, asked: Questions | None = None, about: Collection[tuple[str, ...]] = ()) -> None:
        """Forget everything, and begin anew for these questions."""
        self.asked = asked
        self.files, self.extents, self.lexicons = {}, {}, {}
        self.facts, self.bins, self.days = Rows(), Rows(), {one: Rows() for one in about}

    @property
    def rows(self) -> list[Rows]:
        """All there are."""
        return [self.facts, self.bins, *self.days.values()]

    @property
    def spelled(self) -> int:
        """Bytes of all words."""
        return sum(one.words.nbytes for one in self.lexicons.values())

    def leave(self, live: Collection[Path]) -> list[int]:
        """The numbers of the files that are live no more, which are forgotten; their rows are still there."""
        gone = [path for path in self.files if path not in live]
        numbers = [self.files.pop(path) for path in gone]
        for number in numbers:
            del self.extents[number]
        return numbers

    def enter(self, path: Path, extent: Extent) -> int:
        """A number for a file that was not there."""
        self.files[path] = number = self.read
        self.read += 1
        self.extents[number] = extent
        return number

    def numbered(self, table: pa.Table, columns: Collection[str]) -> dict[str, Codes]:
        """Columns of text of a table by the numbers of their words."""
        return {name: self.lexicons.setdefault(name, Lexicon()).numbers(table[name]) for name in columns}

    def prune(self) -> None:
        """Forget words that no row uses any more, once these are many."""
        for name, lexicon in self.lexicons.items():
            using = [rows for rows in self.rows if name in rows.columns]
            renumbered = lexicon.prune([rows.columns[name] for rows in using])
            if renumbered is not None:
                for rows in using:
                    rows.columns[name] = renumbered[rows.columns[name]]


@dataclass(slots=True)
class Added:
    """What comes to a shelf, chunk by chunk, and is put there at once."""

    shelf: Shelf
    questions: Questions
    facts: list[tuple[Columns, Codes]] = field(default_factory=list)
    bins: list[tuple[Columns, Codes]] = field(default_factory=list)
    days: dict[tuple[str, ...], list[tuple[Columns, Codes]]] = field(default_factory=dict)
    extents: dict[int, Extent] = field(default_factory=dict)
    held: int = 0
    """Bytes of all of it, but for words."""

    def add(self, chunk: pa.Table, of: Codes, met: npt.NDArray[np.uint8]) -> None:
        """The rows of a chunk, the files they are of, and which predicates they satisfy."""
        subjects = {name for one in self.questions.about for name in one}
        codes = self.shelf.numbered(chunk, {"source", *self.questions.columns, *subjects})
        numbers = {name: chunk[name].cast(pa.int64()).to_numpy() for name in NUMBERS}
        some = met.any(axis=1)
        rows: Columns = {name: codes[name][some] for name in self.questions.columns}
        rows |= {name: one[some] for name, one in numbers.items()}
        self.facts.append((rows | {MET: met[some]}, of[some]))
        at, seen = numbers["at"], numbers["seen_at"]
        self.bins.append(_least({"source": codes["source"], "at": at}, of, seen))
        day = at - at % _DAY
        for about in self.questions.about:
            named = np.ones(len(of), dtype=bool)
            for name in about:
                void = pc.index(self.shelf.lexicons[name].words, "").as_py()
                named &= codes[name] != void
            keys: Columns = {name: codes[name][named] for name in about}
            self.days.setdefault(about, []).append(_least({**keys, "day": day[named]}, of[named], seen[named]))
        for number in np.unique(of).tolist():
            self._extend(number, at[of == number], seen[of == number])
        every = [self.facts, self.bins, *self.days.values()]
        self.held += sum(_bytes(*parts[-1]) for parts in every)

    def _extend(self, number: int, at: Ints, seen: Ints) -> None:
        was = self.extents.get(number)
        first, last, newest = int(at.min()), int(at.max()), int(seen.max())
        if was is not None:
            first, last, newest = min(first, was.first), max(last, was.last), max(newest, was.seen)
        self.extents[number] = Extent(first, last, newest)

    def apply(self, gone: Collection[int]) -> None:
        """Put it on the shelf, in place of what came of files that are gone."""
        self.shelf.facts.add(self.facts, gone)
        self.shelf.bins.add(self.bins, gone)
        for about, rows in self.shelf.days.items():
            rows.add(self.days.get(about, []), gone)


@dataclass(frozen=True, slots=True)
class Days:
    """Moments of keys, each with when it was first seen in each file; `words` are those of the keys."""

    columns: Mapping[str, Column]
    of: Codes
    keys: tuple[str, ...]
    words: Mapping[str, pa.Array]

    @classmethod
    def of_rows(cls, rows: Rows, keys: tuple[str, ...], words: Mapping[str, pa.Array]) -> Days:
        """As the rows are now."""
        return cls(dict(rows.columns), rows.of, keys, {name: words[name] for name in keys if name in words})

    def least(self, moment: str, since: int | None = None, without: Collection[int] = ()) -> pd.DataFrame:
        """When each moment of each key was first seen: from `since` on, in files other than those."""
        names = [*self.keys, moment]
        if not self.columns:
            return _empty(names)
        wanted = np.ones(len(self.of), dtype=bool)
        if since is not None:
            wanted &= self.columns[moment] >= since
        if without:
            wanted &= ~np.isin(self.of, list(without))
        frame = pd.DataFrame({name: one[wanted] for name, one in self.columns.items()}, copy=False)
        found = frame.groupby(names, sort=False, as_index=False)["seen_at"].min()
        made = {name: self.words[name].take(pa.array(found[name].to_numpy())) for name in self.keys}
        made |= {name: pa.array(found[name].to_numpy().view("M8[us]")).cast(TIME) for name in (moment, "seen_at")}
        answer: pd.DataFrame = pa.table(made).to_pandas()
        return answer


def micros(at: datetime) -> int:
    """Microseconds since 1970 of an aware time."""
    return int(stamp(at).astype(np.int64))


def _bytes(columns: Columns, of: Codes) -> int:
    return sum(one.nbytes for one in columns.values()) + of.nbytes


def _empty(names: Sequence[str]) -> pd.DataFrame:
    kinds = [(name, pa.string() if place < len(names) - 1 else TIME) for place, name in enumerate(names)]
    frame: pd.DataFrame = pa.schema([*kinds, ("seen_at", TIME)]).empty_table().to_pandas()
    return frame


def _least(columns: Columns, of: Codes, seen: Ints) -> tuple[Columns, Codes]:
    """The least `seen_at` of each combination of the columns within each file."""
    frame = pd.DataFrame({**columns, "of": of, "seen_at": seen}, copy=False)
    found = frame.groupby([*columns, "of"], sort=False)["seen_at"].min().reset_index()
    made: Columns = {name: found[name].to_numpy(one.dtype) for name, one in columns.items()}
    return {**made, "seen_at": found["seen_at"].to_numpy(np.int64)}, found["of"].to_numpy(np.int32)
