"""`mintwatch init` and `mintwatch settings`: a file to start from, and what may be in it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from monitor import settings
from monitor.cli.opening import writable
from monitor.cli.screen import dump, say
from monitor.errors import InputError

app = typer.Typer(help="What may be configured.", add_completion=False)


def init(
    output: Annotated[
        Path, typer.Option("--output", metavar="FILE", help="Where to write it; nothing is overwritten.")
    ] = Path("mintwatch.yml"),
) -> None:
    """Write a commented file of settings to start from; it holds no secret and needs none."""
    path = writable(output)
    if path.exists():
        raise InputError(f"{path}: is there already, and stays as it is")
    path.write_text((files("monitor.settings") / "starter.yml").read_text("utf-8"), "utf-8")
    say(f"{path}: put the id of your workspace in, then: mintwatch check --config {path}")


@app.command()
def schema(
    identities: Annotated[bool, typer.Option("--identities", help="That of identities.yml instead.")] = False,
) -> None:
    """Print the JSON Schema of the settings, for editors."""
    dump(settings.identities_schema() if identities else settings.schema())
