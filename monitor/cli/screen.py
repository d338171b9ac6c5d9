"""What the command line shows: one console for answers, one for complaints and progress; all text made safe first."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import TypeAlias

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from monitor.hostile import clean
from monitor.worker import app

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

PATIENCE = 2.0
"""Seconds of work before a progress bar appears."""
ALMOST = 0.999
"""The most a bar shows: one piece of work that is done is followed by another, and a full bar stops its clock."""
PIPE_WIDTH = 240
"""Columns of a table where no terminal says how wide it is."""


def _console(*, stderr: bool) -> Console:
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=None if terminal else PIPE_WIDTH)


OUT = _console(stderr=False)
ERR = _console(stderr=True)


def say(text: str = "", style: str = "") -> None:
    """One line on standard output, however long; nothing in it is read as markup or as a control sequence."""
    indent = text[: len(text) - len(text.lstrip(" "))]
    OUT.print(Text(indent + clean(text), style=style), soft_wrap=True)


def complain(error: object) -> None:
    """What is wrong, on standard error, one plain line per mistake."""
    for line in str(error).splitlines():
        ERR.print(Text.assemble(("error: ", "bold red"), clean(line)), soft_wrap=True)


def warn(text: str) -> None:
    """What a person should know and need not act on, on standard error."""
    ERR.print(Text.assemble(("note: ", "yellow"), clean(text)), soft_wrap=True)


def dump(value: Json) -> None:
    """The value as JSON on standard output, for a machine; control characters are escaped as JSON escapes them."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def table(*columns: str, numbers: tuple[str, ...] = (), prose: tuple[str, ...] = ()) -> Table:
    """An empty table with these headings; `numbers` are aligned to the right, and of any `prose` alone lines break."""
    made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        kept = bool(prose) and name not in prose
        made.add_column(name, justify="right" if name in numbers else "left", overflow="fold", no_wrap=kept)
    return made


def cell(value: object, style: str = "") -> Text:
    """A table cell: numbers with thousands apart, text made safe."""
    return Text(f"{value:,}" if isinstance(value, int) else clean(str(value)), style=style)


@contextmanager
def progress() -> Iterator[app.Progress]:
    """A callback that moves a bar on the terminal, once the work has taken two seconds; in a pipe it is silent."""
    if not ERR.is_terminal:
        yield app.silent
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=ERR, transient=True)
    task = bar.add_task("starting", total=1.0)
    timer = Timer(PATIENCE, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda what, done: bar.update(task, description=clean(what), completed=min(done, ALMOST))
    finally:
        timer.cancel()
        timer.join()
        bar.stop()
