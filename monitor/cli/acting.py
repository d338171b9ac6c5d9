"""How the command line acts on a state: by itself if nobody writes there, else by asking whoever does."""

from __future__ import annotations

import os
import pwd
import secrets
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from monitor import clock
from monitor.cli.opening import CONFIG, CONFIGURED, configured, moment
from monitor.cli.screen import complain, say, warn
from monitor.clock import iso
from monitor.errors import InputError, StateError
from monitor.model import Act, Entry, Outcome, Person, Verb
from monitor.rules.model import duration
from monitor.settings import Settings
from monitor.store import Store
from monitor.worker.acting import PATIENCE, ask, enact, serve

VIA: Final = "command line"
CONTROL: Final = "control.db"
UNANSWERED: Final = 69
"""Exit code if whoever has the state does not answer (EX_UNAVAILABLE): nothing was done, and nothing will be."""

ConfigOption: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--config", envvar=CONFIGURED, metavar="FILE", help="File of settings, which says where the state is."
    ),
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
    """Make the acts take effect, and say of each what became of it; whether none was refused.

    Raises
    ------
    typer.Exit
        With a code of its own, if whoever has the state did not answer: nothing comes of what is left then.
    """
    answers = zip(acts, _entries(directory, acts, patience), strict=False)
    fine = [_shown(one, entry) for one, entry in answers]
    if len(fine) < len(acts):
        left = acts[len(fine) :]
        seconds = f"{patience.total_seconds():g} s"
        for one in left:
            complain(f"{_about(one)}not done: whoever writes to the state has not answered within {seconds}; ask again")
        raise typer.Exit(UNANSWERED)
    return all(fine)


def _entries(directory: Path, acts: Sequence[Act], patience: timedelta) -> Iterator[Entry]:
    """What became of each; it ends at the first that is not answered, and the others are not asked for."""
    try:
        writing = Store(directory)
    except StateError:  # somebody else writes there; if it is anything else, opening it to look says so
        with Store(directory, write=False) as store:
            for one in acts:
                if (entry := ask(store, one, patience)) is None:
                    return
                yield entry
        return
    with writing as store:
        show_served(serve(store, clock.now()))
        yield from (enact(store, one, clock.now()) for one in acts)


def show_served(entries: Iterable[Entry]) -> None:
    """Say what became of what others asked for, while nobody had the state open to answer them."""
    for one in entries:
        asked = f"{one.act.verb.value}, asked for by {one.act.who.id} at {iso(one.act.at)}"
        warn(f"{_about(one.act)}{asked}: {one.outcome.value}: {one.said}")


def _about(act: Act) -> str:
    about = act.incident or act.silence
    return f"{about}: " if about else ""


def _shown(act: Act, entry: Entry) -> bool:
    if entry.outcome is Outcome.REFUSED:
        complain(f"{_about(act)}{entry.said}")
        return False
    say(f"{_about(act)}{entry.said}")
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
