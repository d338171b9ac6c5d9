"""How the command line acts on a state: by itself if nobody writes there, else by asking whoever does."""

from __future__ import annotations

import os
import pwd
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from monitor import clock
from monitor.cli.opening import CONFIG, configured, moment
from monitor.cli.screen import complain, say
from monitor.errors import InputError, StateError
from monitor.model import Act, Entry, Outcome, Person, Verb
from monitor.rules.model import duration
from monitor.settings import Settings
from monitor.store import Store
from monitor.worker.acting import PATIENCE, ask, enact, serve

VIA: Final = "command line"
CONTROL: Final = "control.db"

ConfigOption: TypeAlias = Annotated[
    Path, typer.Option("--config", metavar="FILE", help="File of settings, which says where the state is.")
]
StateOption: TypeAlias = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="State directory, instead of that of the settings.")
]


def settings_of(config: Path, state: Path | None) -> Settings | None:
    """The settings; None if a state was named and there is no file of settings."""
    if state is not None and config == CONFIG and not config.exists():
        return None
    return configured(config)


def state_of(config: Path, state: Path | None) -> Path:
    """The state directory.

    Raises
    ------
    InputError
        If there is none, or the settings cannot be read.
    """
    directory = state or configured(config).state
    if not (directory / CONTROL).is_file():
        raise InputError(f"{directory}: expected a state directory ({CONTROL}), found none")
    return directory


@contextmanager
def reading(config: Path, state: Path | None) -> Iterator[Store]:
    """The state, to look at."""
    with Store(state_of(config, state), write=False) as store:
        yield store


def me() -> Person:
    """Whoever runs this, as the system knows them: no variable of the environment can say otherwise."""
    try:
        login = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        login = str(os.getuid())
    return Person(f"{login}@{socket.gethostname()}", login)


def act(verb: Verb, now: datetime, **asked: str) -> Act:
    """What is asked for here, under a key of its own; `asked` are its incident, reason and silence."""
    return Act(
        f"cli {secrets.token_hex(16)}",
        verb,
        me(),
        VIA,
        now,
        asked.get("incident", ""),
        reason=asked.get("reason", ""),
        silence=asked.get("silence", ""),
    )


def perform(directory: Path, acts: Sequence[Act], patience: timedelta = PATIENCE) -> bool:
    """Make the acts take effect, and say of each what became of it; whether none was refused or is still waiting."""
    fine = [_shown(one, entry) for one, entry in zip(acts, _entries(directory, acts, patience), strict=True)]
    return all(fine)


def _entries(directory: Path, acts: Sequence[Act], patience: timedelta) -> Iterator[Entry | None]:
    try:
        writing = Store(directory)
    except StateError:  # somebody else writes there; if it is anything else, opening it to look says so
        with Store(directory, write=False) as store:
            yield from (ask(store, one, patience) for one in acts)
        return
    with writing as store:
        serve(store, clock.now())
        yield from (enact(store, one, clock.now()) for one in acts)


def _shown(act: Act, entry: Entry | None) -> bool:
    about = act.incident or act.silence
    prefix = f"{about}: " if about else ""
    if entry is None:
        complain(f"{prefix}whoever writes to the state has not answered yet; it stays asked for")
        return False
    if entry.outcome is Outcome.REFUSED:
        complain(f"{prefix}{entry.said}")
        return False
    say(f"{prefix}{entry.said}")
    return True


def length(text: str) -> timedelta:
    """A length of time from `4h`.

    Raises
    ------
    typer.BadParameter
        If it is none.
    """
    try:
        return duration(text)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"expected a length of time such as 30m, 4h or 2d, got {text!r}") from error


def end(now: datetime, within: str, until: str) -> datetime:
    """When something ends: after a length of time, or at a time; exactly one of them.

    Raises
    ------
    typer.BadParameter
        If it is neither or both, or in the past.
    """
    if bool(within) == bool(until):
        raise typer.BadParameter("expected either --for or --until: when it ends")
    try:
        found = now + length(within) if within else moment(until)
    except OverflowError as error:
        raise typer.BadParameter(f"expected a shorter time, got {within}") from error
    if found <= now:
        raise typer.BadParameter(f"expected a time to come, got {until or within}")
    return found
