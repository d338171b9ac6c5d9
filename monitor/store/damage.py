"""Whether a fact file is still as it was written."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from monitor.frames import FACTS


def amiss(path: Path, source: str, rows: int) -> str:
    """What is wrong with a fact file of that source and so many rows; '' if it can be read whole."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if not file.schema_arrow.equals(FACTS):
                return "has not the columns of facts"
            held = 0
            for batch in file.iter_batches():
                held += batch.num_rows
                whose = set(batch.column("source").unique().to_pylist()) - {source}
                if whose:
                    return f"has facts of {', '.join(sorted(map(repr, whose)))}, expected {source}"
    except FileNotFoundError:
        return "is not there"
    except (OSError, pa.ArrowException, ValueError) as error:
        return f"cannot be read: {str(error).splitlines()[0]}"
    return "" if held == rows else f"has {held:,} facts, expected {rows:,}"


def skimmed(path: Path, _source: str, rows: int) -> str:
    """What is wrong with a fact file by its end alone, which says where everything is; '' if nothing is."""
    try:
        held: int = pq.read_metadata(path).num_rows
    except FileNotFoundError:
        return "is not there"
    except (OSError, pa.ArrowException, ValueError) as error:
        return f"cannot be read: {str(error).splitlines()[0]}"
    return "" if held == rows else f"has {held:,} facts, expected {rows:,}"
