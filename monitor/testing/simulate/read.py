"""A written tenant, read back: for tests, scoreboards and notebooks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from monitor.testing.simulate.label import Label, Resident


@dataclass(frozen=True, slots=True)
class Written:
    """What `simulate` wrote in Parquet: tables as frames (columns nobody filled left out), labels, identities."""

    tables: Mapping[str, pd.DataFrame]
    labels: tuple[Label, ...]
    identities: tuple[Resident, ...]

    def __getitem__(self, table: str) -> pd.DataFrame:
        return self.tables[table]


def read(out: Path) -> Written:
    """Read what `simulate` wrote to `out` and beside it."""
    found = {path.stem: pd.read_parquet(path) for path in sorted(out.glob("*.parquet"))}
    tables = {name: frame.dropna(axis="columns", how="all") for name, frame in found.items()}
    identities = tuple(Resident(**row) for row in _beside(out, "identities"))
    return Written(tables, read_labels(out), identities)


def read_labels(out: Path) -> tuple[Label, ...]:
    """Only the labels beside `out`.

    Raises
    ------
    ValueError
        A row is no label.
    """
    return tuple(Label.parse(row) for row in _beside(out, "labels"))


def _beside(out: Path, what: str) -> list[dict[str, str]]:
    lines = out.with_name(f"{out.name}.{what}.ndjson").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
