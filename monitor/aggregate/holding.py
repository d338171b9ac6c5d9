"""The facts of many rules, read once: which rules' predicates each satisfies, and the columns they look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitor.aggregate.asking import Ask
from monitor.aggregate.picking import NUMBERS, Coded, Picked, inside
from monitor.model import Window
from monitor.ports import Engine, Tables

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Held:
    """Facts in memory, about a hundred bytes each; a `Reading` that answers every question it was made for."""

    facts: Coded
    flags: Mapping[str, Flags]

    @classmethod
    def of(cls, engine: Engine, tables: Tables, asks: Sequence[Ask]) -> Held:
        """All facts of `tables` that any of the questions is about.

        Raises
        ------
        QueryError
            If any predicate fails on any fact.
        """
        columns = tuple(dict.fromkeys(name for ask in asks for name in ask.columns))
        predicates = tuple(dict.fromkeys(ask.predicate for ask in asks))
        flags = [f"m{place} = ({predicate})" for place, predicate in enumerate(predicates)]
        table = engine.run(f"facts\n| project {', '.join((*columns, *NUMBERS, *flags))}", tables)
        met = {predicate: table[f"m{place}"].to_numpy().astype(bool) for place, predicate in enumerate(predicates)}
        some = reduce(or_, met.values())
        if not some.all():
            table, met = table.filter(pa.array(some)), {name: one[some] for name, one in met.items()}
        return cls(Coded.of(table, columns), met)

    def pick(self, ask: Ask, window: Window, as_of: datetime) -> Picked:
        """The facts asked for in a window of `at`, as seen before `as_of`."""
        return self.facts.picked(ask, self.flags[ask.predicate] & inside(self.facts, window, as_of))
