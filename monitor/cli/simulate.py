"""`mintwatch simulate`: a tenant's logs, labelled attacks and all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.opening import JsonOption
from monitor.cli.screen import OUT, cell, dump, progress, say, table
from monitor.clock import iso
from monitor.testing.simulate import MOST_DAYS, Format
from monitor.testing.simulate import simulate as write

Days = Annotated[int, typer.Option("--days", min=1, max=MOST_DAYS, help="How many days of logs.")]
Identities = Annotated[int, typer.Option("--identities", min=1, help="How many people and machines.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="The same seed writes the same bytes.")]


def simulate(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder to write to; a simulation there is replaced.")
    ],
    days: Days = 35,
    identities: Identities = 300,
    seed: Seed = 7,
    format: Annotated[Format, typer.Option("--format", help="How to write the tables.")] = "parquet",  # noqa: A002
    json: JsonOption = False,
) -> None:
    """Write a simulated tenant's logs; labels and the truth about identities go beside the folder, not into it."""
    with progress() as tell:
        done = write(out, days=days, identities=identities, seed=seed, format=format, progress=tell)
    if json:
        span = {"start": iso(done.start), "end": iso(done.end)}
        dump({"rows": dict(done.rows), "attacks": len(done.labels), "identities": done.identities, **span})
        return
    shown = table("table", "rows", numbers=("rows",))
    for name, rows in done.rows.items():
        if rows:
            shown.add_row(cell(name), cell(rows))
    OUT.print(shown)
    say()
    say(f"{done.identities:,} identities and {len(done.labels)} attacks, {done.start:%Y-%m-%d} to {done.end:%Y-%m-%d}")
    say(f"logs in {out}, labels in {out.with_name(out.name + '.labels.ndjson')}")
