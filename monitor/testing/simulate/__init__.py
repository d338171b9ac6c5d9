"""A seeded generator of a tenant's logs: exact schemas, realistic lives, hostile weather, labelled attacks."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from monitor.errors import InputError
from monitor.tables import SCHEMAS, TABLES
from monitor.testing.simulate.attacks import plot
from monitor.testing.simulate.calendar import DAY, Period, micros
from monitor.testing.simulate.deck import deal, live
from monitor.testing.simulate.delivery import forecast
from monitor.testing.simulate.label import Label, Resident
from monitor.testing.simulate.tenant import Tenant
from monitor.testing.simulate.world import World
from monitor.testing.simulate.write import Format, write

__all__ = ["ENDS", "Format", "Label", "Summary", "simulate"]

ENDS: Final = (
    datetime(2026, 6, 15, tzinfo=UTC),  # no clock change in the 35 days before
    datetime(2026, 4, 13, tzinfo=UTC),  # Europe springs forward on 29 March
    datetime(2026, 11, 16, tzinfo=UTC),  # Europe falls back on 25 October, the United States on 1 November
)
"""Where the period ends unless told, by seed: two worlds of three change their clocks. All are Mondays."""

MOST_DAYS: Final = 3_660
"""Ten years; the lives of identities are not made for more."""

OPTIONAL: Final = frozenset({"AzureActivity", "AADServicePrincipalRiskEvents", "MicrosoftGraphActivityLogs"})
"""Tables that are left out when nothing happened: a table that never received a row does not exist."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written."""

    rows: Mapping[str, int]
    labels: tuple[Label, ...]
    start: datetime
    end: datetime
    identities: int


def simulate(
    out: Path,
    *,
    days: int = 35,
    identities: int = 300,
    seed: int = 7,
    format: Format = "parquet",  # noqa: A002
    end: datetime | None = None,
    attacks: bool = True,
    rate: float = 1.0,
    progress: Callable[[str, float], None] | None = None,
) -> Summary:
    """Write a tenant's logs to `out`, the labels and the truth about identities beside it.

    Files are ``<Table>.parquet`` or ``<Table>.ndjson.gz``, in order of arrival; beside them ``<out>.labels.ndjson``
    (one attack a line) and ``<out>.identities.ndjson`` (one identity a line). The same arguments give the same bytes.
    Files are finished aside and moved in place at the end: nothing half-written stays. An earlier simulation, known by
    both files beside it, is replaced: every file of a table, parts and other formats too.

    Parameters
    ----------
    days
        Length of the period; attacks start after 14 days, or after two fifths of a period too short for that.
    end
        Aware end of the period, by default one of `ENDS`.
    rate
        Multiplies how much load-driven identities do; timers keep their time.
    progress
        Called with what is being done and the share done, 0 ... 1.

    Raises
    ------
    InputError
        An argument is out of range, `out` cannot be written, or something is there that no simulation wrote.
    """
    tell = progress or (lambda _what, _share: None)
    until = ENDS[seed % len(ENDS)] if end is None else end
    _check(days, identities, seed, until, format)
    _check_place(out)
    world = World(seed, Period(micros(until) - days * DAY, micros(until)), rate)
    tell("people and machines", 0.0)
    world.settle(identities, deal)
    diaries = [live(world, persona) for persona in world.personas]
    weather = forecast(seed, world.period)
    tell("attacks", 0.1)
    labels = plot(world, diaries, weather) if attacks else ()
    tenant = Tenant.of(world, diaries, weather)
    aside = _aside(out)
    try:
        rows = {}
        for number, table in enumerate(TABLES):
            tell(table, 0.15 + 0.85 * number / len(TABLES))
            path = aside / f"{table}.{format}"
            rows[table] = write(path, format, SCHEMAS[table], tenant.parts(table))
            if not rows[table] and table in OPTIONAL:
                path.unlink()
        _beside(aside, "labels", [label.row() for label in labels])
        _beside(aside, "identities", _truth(world))
        _publish(aside, out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    tell("done", 1.0)
    return Summary(rows, labels, until - timedelta(days=days), until, identities)


def _check(days: int, identities: int, seed: int, end: datetime, form: str) -> None:
    if days < 1 or identities < 1 or seed < 0:
        raise InputError(
            f"simulate: days and identities must be at least 1, seed at least 0; got {days}, {identities}, {seed}"
        )
    if days > MOST_DAYS:
        raise InputError(f"simulate: days must be at most {MOST_DAYS:,}; got {days}")
    if end.tzinfo is None:
        raise InputError(f"simulate: end must be aware (with a time zone), got {end.isoformat()}")
    if form not in {"parquet", "ndjson.gz"}:
        raise InputError(f"simulate: format must be 'parquet' or 'ndjson.gz', got {form!r}")


def _check_place(out: Path) -> None:
    """`InputError` unless there is nothing, or an earlier simulation: real exports are not ours to replace."""
    if out.name in {"", ".."}:
        raise InputError(f"{out}: expected a folder of its own, by name; labels are written beside it")
    try:
        if out.exists() and not out.is_dir():
            raise InputError(f"{out}: expected a folder, found a file")
        ours = [path.is_file() for path in _besides(out)]
        held = next(out.iterdir(), None) if out.is_dir() else None
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror or error}") from error
    if all(ours):
        return
    if held is not None:
        raise InputError(f"{out}: already holds {held.name}, which no simulation wrote; expected a new or empty folder")
    for path in (path for path, there in zip(_besides(out), ours, strict=True) if there):
        raise InputError(f"{path}: would be replaced, and no simulation wrote it")


def _besides(out: Path) -> tuple[Path, Path]:
    """The files beside the folder: labels, and the truth about identities."""
    return out.with_name(f"{out.name}.labels.ndjson"), out.with_name(f"{out.name}.identities.ndjson")


def _aside(out: Path) -> Path:
    """A new folder to finish files in."""
    aside = out.with_name(f".{out.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror or error}") from error
    return aside


def _truth(world: World) -> list[dict[str, object]]:
    return [asdict(Resident(one.oid, one.name, one.kind, one.behaviour)) for one in world.personas]


def _beside(aside: Path, what: str, rows: list[dict[str, object]]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (aside / f"{what}.ndjson").write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def _publish(aside: Path, out: Path) -> None:
    """Move what is finished into place: first what lies beside, then the tables; no older table stays between them."""
    for path in _besides(out):
        (aside / path.name.removeprefix(f"{out.name}.")).replace(path)
    out.mkdir(parents=True, exist_ok=True)
    ours = {path.name for path in aside.iterdir()}
    for path in [*aside.iterdir()]:
        path.replace(out / path.name)
    for path in [*out.iterdir()]:
        older = path.name.partition(".")[0] in TABLES and path.name.endswith((".parquet", ".ndjson", ".ndjson.gz"))
        if older and path.name not in ours:
            path.unlink()
