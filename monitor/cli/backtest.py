"""`mintwatch backtest`: what the daemon would have said of exported logs, finding by finding."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.opening import JsonOption, RulesOption, empty_state, engine, load_rules, moment, readable, writable
from monitor.cli.reporting import failures, show, write
from monitor.cli.screen import complain, progress
from monitor.errors import InputError, PermanentError
from monitor.sources.export import open_exports
from monitor.store import Store
from monitor.worker import App, lines, replay

Input = Annotated[Path, typer.Option("--input", metavar="DIR", help="Folder of tables exported from Log Analytics.")]
Output = Annotated[Path, typer.Option("--output", metavar="FILE", help="NDJSON to write, one line per finding.")]
Since = Annotated[
    datetime | None,
    typer.Option("--since", metavar="TIME", parser=moment, help="Judge from here on; what lies before is history."),
]
Until = Annotated[datetime | None, typer.Option("--until", metavar="TIME", parser=moment, help="Stop here.")]
State = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="New folder to keep facts, findings and decisions in.")
]


def backtest(
    input: Input,  # noqa: A002
    output: Output,
    rules: RulesOption = None,
    since: Since = None,
    until: Until = None,
    state: State = None,
    json: JsonOption = False,
) -> None:
    """Replay exported logs as the daemon would have met them; one NDJSON line per finding, told or not.

    TIME is a UTC date (2026-05-01) or a time with its zone (2026-05-01T10:00Z).
    """
    writable(output)
    readable(input)
    if since and until and since >= until:
        raise InputError(f"--since {since} must be before --until {until}")
    judged = load_rules(rules)
    with progress() as tell, engine() as running:
        tell("opening", 0.0)
        with open_exports(input, engine=running) as exports, Store(empty_state(state)) as store:
            report = replay(App(exports.sources, judged, store, running, progress=tell), since, until)
            count = _written(output, store)
    wrong = failures(report, exports)
    if json:
        write(report, exports, count, wrong)
    else:
        show(report, exports, count, output)
    for one in wrong:
        complain(one)
    if wrong:
        raise typer.Exit(1)


def _written(output: Path, store: Store) -> int:
    try:
        return lines.write(output, lines.lines(store))
    except PermanentError as error:
        raise InputError(str(error)) from error
