"""The rows that are measured on: simulated, grown to a number of rows, and kept between runs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from monitor.testing.simulate import Format, simulate

SEED = 7
TABLE = "AADServicePrincipalSignInLogs"
SAMPLE = 0.1
"""Of how many of the identities a world is made first, twice, to learn what rate gives how many rows."""


@dataclass(frozen=True, slots=True)
class World:
    """A folder of exported tables, and the rows in each of them."""

    folder: Path
    rows: Mapping[str, int]

    @property
    def total(self) -> int:
        """Rows in all tables."""
        return sum(self.rows.values())


def world(cache: Path, rows: int, identities: int, days: int) -> World:
    """A tenant of `identities` over `days` in about `rows` rows of Parquet; load-driven ones do what that takes."""
    folder = cache / f"world-{rows}-{identities}-{days}"
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(prefix="mintwatch-bench-") as place:
            few = max(1, round(identities * SAMPLE))
            calm, busy = (_rows(Path(place) / str(rate), few, days, rate) * identities / few for rate in (1.0, 2.0))
        _simulated(folder, identities, days, max(0.05, 1.0 + (rows - calm) / max(busy - calm, 1.0)), "parquet")
    return World(folder, {path.stem: pq.read_metadata(path).num_rows for path in sorted(folder.glob("*.parquet"))})


def as_ndjson(made: World, identities: int, days: int) -> World:
    """The same rows as gzipped NDJSON: the same seed at the same rate, which `world` noted beside its folder."""
    folder = made.folder.with_name(f"{made.folder.name}-ndjson")
    if not folder.is_dir():
        rate = float(_noted(made.folder).read_text(encoding="utf-8"))
        _simulated(folder, identities, days, rate, "ndjson.gz")
    return World(folder, made.rows)


def table(cache: Path, made: World, rows: int) -> Path:
    """At least `rows` rows of the service principal table: that of `made`, copied under other ids.

    Five copies at a time share identities: a tenant with so many rows has busy ones. In order of TimeGenerated.
    """
    folder = cache / f"table-{rows}"
    path = folder / f"{TABLE}.parquet"
    if not path.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        copies = -(-rows // made.rows[TABLE])
        with duckdb.connect(config={"memory_limit": "3GB", "temp_directory": str(folder / "spill")}) as connection:
            sql = _COPIED.format(source=made.folder / path.name, target=path.with_suffix(".part"))
            connection.execute(sql, [copies])
        shutil.rmtree(folder / "spill", ignore_errors=True)
        path.with_suffix(".part").rename(path)
    return path


_COPIED = """
copy (
    select * replace (
        substr(Id, 1, 8) || lpad(to_hex(copy), 4, '0') || substr(Id, 13) as Id,
        lpad(to_hex(copy // 5), 4, '0') || substr(ServicePrincipalId, 5) as ServicePrincipalId
    )
    from read_parquet('{source}'), (select unnest(range($1)) as copy)
    order by TimeGenerated
) to '{target}' (format parquet, compression zstd)
"""


def _rows(folder: Path, identities: int, days: int, rate: float) -> int:
    return sum(simulate(folder, days=days, identities=identities, seed=SEED, rate=rate).rows.values())


def _simulated(folder: Path, identities: int, days: int, rate: float, form: Format) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    simulate(folder, days=days, identities=identities, seed=SEED, rate=rate, format=form)
    _noted(folder).write_text(str(rate), encoding="utf-8")


def _noted(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.rate")
