"""Writing fact files: in row groups of a size that is read well, and down to the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP: Final = 100_000
"""Facts in one row group of a fact file."""


def regrouped(paths: Sequence[Path]) -> Iterator[pa.Table]:
    """The rows of the files in order, in row groups of about `ROW_GROUP`."""
    held: list[pa.Table] = []
    for path in paths:
        held.append(pq.read_table(path))
        if sum(one.num_rows for one in held) >= ROW_GROUP:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)


def sync(path: Path) -> None:
    """Wait until what was written under that path, or its directory's entries, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
