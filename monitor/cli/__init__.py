"""The command line: `mintwatch <command>`. Exit codes: 0 fine, 1 something could not be finished, 2 wrong input."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from monitor import __version__
from monitor.cli import backtest, demo, explain, rules, simulate
from monitor.cli.screen import complain, logs
from monitor.errors import InputError, MintwatchError

FINE, UNFINISHED, WRONG, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(name="mintwatch", add_completion=False, pretty_exceptions_enable=False)
app.command()(simulate.simulate)
app.command()(backtest.backtest)
app.command()(demo.demo)
app.command()(explain.explain)
app.add_typer(rules.app, name="rules")


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"mintwatch {__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log what goes wrong, with tracebacks.")] = False,
) -> None:
    """Tells an on-call person, once and in time, that somebody mints tokens or reads secrets who should not."""
    del version
    logs(shown=verbose)


def run(arguments: Sequence[str] | None = None) -> int:
    """The exit code of one command line; mistakes become lines on standard error, never a traceback."""
    try:
        given = sys.argv[1:] if arguments is None else arguments
        return app(args=given or ["--help"], prog_name="mintwatch", standalone_mode=False) or FINE
    except InputError as error:
        complain(error)
        return WRONG
    except MintwatchError as error:
        complain(error)
        return UNFINISHED
    except typer.TyperException as error:  # an unknown option, a missing one, a value of the wrong kind
        complain(error.format_message())
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read has enough; at exit Python would flush into the same pipe again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNFINISHED


def main() -> NoReturn:
    """The entry point."""
    sys.exit(run())
