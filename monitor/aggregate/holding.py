"""The facts of many rules, read once: which rules' predicates each satisfies, and the columns they look at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
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
from monitor.errors import QueryError
from monitor.frames import FACTS
from monitor.model import Window
from monitor.ports import Engine, Tables

MOST: Final = 4_000_000
"""Facts that are held at most: about 400 MB."""
CHUNK: Final = 200_000
"""Facts that predicates are asked of at a time, about."""

Bits = npt.NDArray[np.uint8]
Days = tuple[tuple[str, ...], Window, datetime]


@dataclass(frozen=True, slots=True)
class Held:
    """Facts in memory, about a hundred bytes each; a `Reading` that answers every question it was made for.

    `met` has a bit for every fact and predicate, `places` says which. Days of subjects are of all facts, held or not:
    they are asked of the engine, once for all rules that want the same.
    """

    facts: Coded
    met: Bits
    places: Mapping[str, int]
    straight: Straight
    _days: dict[Days, pd.DataFrame] = field(default_factory=dict)
    _asking: Lock = field(default_factory=Lock)

    @classmethod
    def of(cls, engine: Engine, tables: Tables, asks: Sequence[Ask], most: int = MOST) -> Held | None:
        """All facts of `tables` that any of the questions is about; None if these are more than `most`.

        They are read a chunk at a time. Text stays numbered, as it lies on disk, and the engine says of each chunk
        which predicates hold: text is never spelled out but where a predicate looks at it.

        Raises
        ------
        QueryError
            If any predicate fails on any fact, or a file cannot be read.
        """
        columns = tuple(dict.fromkeys(name for ask in asks for name in ask.columns))
        places = {predicate: place for place, predicate in enumerate(dict.fromkeys(ask.predicate for ask in asks))}
        flags = [f"m{place} = ({predicate})" for predicate, place in places.items()]
        query = f"facts\n| project row, {', '.join(flags)}"
        looked_at = {*columns, *NUMBERS, *re.findall(r"\w+", query)}
        kept, met, total = [], [], 0
        for chunk in _chunks(tables["facts"], looked_at):
            bits = _met(engine.run(query, {**tables, "facts": _numbered(chunk)}), len(places))
            some = bits.any(axis=1)
            total += int(np.count_nonzero(some))
            if total > most:
                return None
            kept.append(chunk.select([*columns, *NUMBERS]).filter(pa.array(some)))
            met.append(bits[some])
        facts = Coded.of(pa.concat_tables(kept), columns)
        return cls(facts, np.concatenate(met), places, Straight(engine, tables))

    def pick(self, ask: Ask, window: Window, as_of: datetime) -> Picked:
        """The facts asked for in a window of `at`, as seen before `as_of`."""
        byte, bit = divmod(self.places[ask.predicate], 8)
        meant = (self.met[:, byte] & np.uint8(0x80 >> bit)) != 0
        return self.facts.picked(ask, meant & inside(self.facts, window, as_of))

    def days(self, about: tuple[str, ...], window: Window, as_of: datetime) -> pd.DataFrame:
        """The UTC days of the window on which each subject did anything at all, as seen before `as_of`."""
        with self._asking:
            if (about, window, as_of) not in self._days:
                self._days[about, window, as_of] = self.straight.days(about, window, as_of)
            return self._days[about, window, as_of]


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


def _chunks(source: pa.Table | Sequence[Path], columns: set[str]) -> Iterator[pa.Table]:
    """These columns of the facts, text numbered, in about equal portions; at least one, be it empty."""
    if isinstance(source, pa.Table):
        yield source
        return
    held: list[pa.Table] = []
    for group in _groups(source, columns):
        held.append(group)
        if sum(one.num_rows for one in held) >= CHUNK:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)


def _groups(paths: Sequence[Path], columns: set[str]) -> Iterator[pa.Table]:
    """Row group by row group of the files."""
    wanted = [one for one in FACTS if one.name in columns]
    text = [one.name for one in wanted if one.type == pa.string()]
    try:
        for path in paths:
            with pq.ParquetFile(path, read_dictionary=text) as file:
                for number in range(file.num_row_groups):
                    yield file.read_row_group(number, [one.name for one in wanted])
    except (pa.ArrowException, OSError, KeyError) as error:
        raise QueryError(f"cannot read facts: {error}") from error
