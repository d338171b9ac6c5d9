"""The command line: `mintwatch <command>`.

Exit codes: 0 fine, 1 something could not be finished, 2 wrong input, 69 the daemon did not answer, 70 a part of the
daemon broke and it has to be started anew, 75 stopped with work in flight, 130 interrupted, 143 terminated.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, NoReturn

import typer

from monitor import __version__
from monitor.cli import (
    audit,
    azure_demo,
    backtest,
    check,
    demo,
    explain,
    handling,
    manifest,
    rules,
    settings,
    silences,
    simulate,
    slack_demo,
    state,
    watch,
)
from monitor.cli.logs import logs
from monitor.cli.screen import complain
from monitor.errors import InputError, MintwatchError

FINE, UNFINISHED, WRONG, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143

app = typer.Typer(name="mintwatch", add_completion=False, pretty_exceptions_enable=False)
app.command()(simulate.simulate)
app.command()(backtest.backtest)
app.command()(demo.demo)
app.command()(azure_demo.demo_azure)
app.command()(slack_demo.demo_slack)
app.command()(explain.explain)
app.command()(settings.init)
app.command()(check.check)
app.command()(manifest.slack_manifest)
app.command()(watch.tick)
app.command()(watch.run)
app.command()(audit.audit)
app.add_typer(handling.app, name="incidents")
app.add_typer(silences.app, name="silence")
app.add_typer(rules.app, name="rules")
app.add_typer(settings.app, name="settings")
app.add_typer(state.app, name="state")


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
    logs(logging.WARNING if verbose else None)


@contextmanager
def _terminable() -> Iterator[Callable[[], bool]]:
    """SIGTERM ends the block as Ctrl-C would, so that what is temporary is removed; whether it came."""
    came: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        if not came:  # a second one must not cut the cleaning short
            came.append(number)
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's alone
        yield lambda: False
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield lambda: bool(came)
    finally:
        signal.signal(signal.SIGTERM, before)


def run(arguments: Sequence[str] | None = None) -> int:
    """The exit code of one command line; mistakes become lines on standard error, never a traceback."""
    given = sys.argv[1:] if arguments is None else arguments
    with _terminable() as terminated:
        try:
            code: int = app(args=given or ["--help"], prog_name="mintwatch", standalone_mode=False) or FINE
            if code == INTERRUPTED:  # as typer answers a KeyboardInterrupt
                raise KeyboardInterrupt
            return code
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
            complain("terminated" if terminated() else "interrupted")
            return TERMINATED if terminated() else INTERRUPTED
        except BrokenPipeError:  # whoever read has enough; at exit Python would flush into the same pipe again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return UNFINISHED
        except OSError as error:  # a full disk, a folder that went away
            complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
            return UNFINISHED


def main() -> NoReturn:
    """The entry point."""
    sys.exit(run())
