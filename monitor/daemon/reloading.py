"""Reloading: settings, rules and what credentials are made of are read again when they change, all or nothing.

Generations follow each other in one process. The next one is read, checked and built while the present one works; only
then is that told to stop, and what it had in flight ends as it does when the daemon stops: windows are replaced whole,
messages looked up before any repeat. The state and its lock, the engine and the vitals outlast them all.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Final, Self, TypeAlias

from monitor import clock
from monitor.errors import InputError, PermanentError, StateError
from monitor.rules import Rule
from monitor.settings import Reference, Settings
from monitor.worker import Watch
from monitor.worker.guard import guarded, told
from monitor.worker.listening import Socket

log = logging.getLogger("mintwatch.daemon")

POLL: Final = timedelta(seconds=1)
"""How often files are looked at. What changed is read once it looks the same twice: it may be half written."""
LATER: Final = timedelta(seconds=30)
"""How long after something other than a mistake kept a configuration from being taken it is tried again."""
OVERLAP: Final = timedelta(seconds=4)
"""How long the next generation's socket may take to stand before the present one's is given up: no click is lost."""
JOIN: Final = timedelta(milliseconds=500)
FIXED: Final = ("state", "serve")
"""Settings that need a restart: what outlasts generations is made of them."""

Print: TypeAlias = "tuple[tuple[str, ...], ...]"


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a generation is made of; `held` is the `content` of its files, taken before they were read."""

    settings: Settings
    rules: tuple[Rule, ...]
    held: str = ""


@dataclass(slots=True)
class Generation:
    """Everything that is rebuilt at a reload, and what stops it. `socket` is Slack's, if people are listened to."""

    configuration: Configuration
    watch: Watch
    stop: Event
    socket: Socket | None
    closing: ExitStack


@dataclass(frozen=True, slots=True)
class Making:
    """How generations are made: what is written read, whole and checked, and a generation of it opened."""

    read: Callable[[], Configuration]
    open: Callable[[Configuration, Event], AbstractContextManager[Watch]]


class Halt(Event):
    """The process is to stop; whatever generation is at work stops with it."""

    def __init__(self) -> None:
        super().__init__()
        self._also: Event | None = None

    def set(self) -> None:
        """Stop, for good."""
        super().set()
        if self._also is not None:
            self._also.set()

    def follow(self, stop: Event) -> None:
        """From now on this one is to be stopped, too."""
        self._also = stop
        if self.is_set():
            stop.set()


@dataclass(slots=True)
class Reloader:
    """Looks for changes while it is entered, and prepares the next generation; `generations` hands them out.

    Parameters
    ----------
    config
        The file of settings, None if all of them come from the environment.
    said
        Called with '' when what is written is in force, and with its mistakes when it was refused: once per content.
    """

    making: Making
    config: Path | None
    halt: Halt
    said: Callable[[str], object] = lambda _: None
    _asked: Event = field(default_factory=Event)
    _present: Generation | None = None
    _next: Generation | None = None
    _loaded: str = ""
    _refused: str = ""
    _seen: Print = ()
    _read: Print = ()
    _later: timedelta = timedelta(0)
    _thread: Thread | None = None

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._look, name="reload", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.halt.set()
        self._asked.set()
        if self._thread is not None:
            self._thread.join(JOIN.total_seconds())
        if self._next is not None:
            self._next.closing.close()

    def ask(self) -> None:
        """Read everything again now, changed or not; returns at once."""
        self._asked.set()

    def generations(self, first: Configuration) -> Iterator[Generation]:
        """The first generation, then each that takes its place; whoever takes one runs it until its `stop` is set.

        Raises
        ------
        MintwatchError
            If the first cannot be opened.
        """
        self._loaded = first.held or content(watched(first, self.config))
        present: Generation | None = self._opened(first)
        while present is not None:
            self.halt.follow(present.stop)
            self._present, self._next = present, None
            with closing(present.closing):
                yield present
            present = None if self.halt.is_set() else self._next

    def _look(self) -> None:
        while not self.halt.is_set():
            asked = self._asked.wait(POLL.total_seconds())
            self._asked.clear()
            if self._present is not None and self._next is None and not self.halt.is_set():
                guarded("config", partial(self._glance, asked), lambda _: None)
            elif asked and not self.halt.is_set():
                self._asked.set()  # once the present change is through
                self.halt.wait(POLL.total_seconds() / 4)

    def _glance(self, asked: bool) -> None:
        """Read again what changed and looks the same twice, or what is asked for."""
        present = self._present
        assert present is not None  # noqa: S101 - whoever looks has looked
        paths = watched(present.configuration, self.config)
        seen = prints(paths)
        settled, self._seen = seen == self._seen, seen
        if not asked and (not settled or seen == self._read or clock.ticks() < self._later):
            return
        now, self._read = content(paths), seen
        if asked or now not in {self._loaded, self._refused}:
            self._reload(present, now, paths)
        elif now == self._loaded and self._refused:
            self._refused = ""
            self._in_force("as before")

    def _reload(self, present: Generation, now: str, paths: Iterable[Path]) -> None:
        def work() -> Generation | None:
            made = self.making.read()
            if content(paths) != now:  # it changed while it was read
                self._seen = self._read = ()
                return None
            fixed(present.configuration.settings, made.settings)
            return self._opened(made)

        def failed(error: Exception) -> None:
            if self.halt.is_set():
                return
            for line in told(error).splitlines():
                log.error("configuration refused", extra={"part": "config", "error": line})
            if isinstance(error, InputError | PermanentError) and not isinstance(error, StateError):
                self._refused = now
            else:
                self._read, self._later = (), clock.ticks() + LATER
            self.said(told(error))

        made = guarded("config", work, failed)
        if made is None:
            return
        found = made.configuration
        self._loaded, self._refused = found.held or content(watched(found, self.config)), ""
        self._in_force("; ".join(changes(present.configuration, made.configuration)) or "nothing differs")
        self._next = made
        present.stop.set()

    def _in_force(self, what: str) -> None:
        log.info("configuration reloaded", extra={"part": "config", "changed": what})
        self.said("")

    def _opened(self, made: Configuration) -> Generation:
        """A generation that is ready to work, its socket open if one can be had soon."""
        stop = Event()
        with ExitStack() as opening:
            opening.callback(stop.set)
            watch = opening.enter_context(self.making.open(made, stop))
            socket = opening.enter_context(watch.people)
            until = clock.ticks() + OVERLAP
            while self._present and socket and not socket.connected and clock.ticks() < until:
                if self.halt.wait(0.05):
                    break
            return Generation(made, watch, stop, socket, opening.pop_all())


def watched(configuration: Configuration, config: Path | None) -> tuple[Path, ...]:
    """The files and folders of which a generation is made and which nobody reads again by himself.

    Tokens, webhooks and identities.yml are read again where they are used; of credentials, what is read once is here.
    """
    settings = configuration.settings
    secrets: list[Reference | None] = [one.secret for one in settings.credentials.values()]
    found = [config, settings.rules, *(one.file for one in secrets if one is not None)]
    for one in settings.credentials.values():
        found += [one.certificate, one.ca_bundle]
    return tuple(dict.fromkeys(one for one in found if one is not None))


def prints(paths: Iterable[Path]) -> Print:
    """What files look like from outside, links followed; it changes whenever they are written, replaced or removed."""

    def one(path: Path) -> tuple[str, ...]:
        try:
            stat = path.stat()
        except OSError as error:
            return str(path), str(error.errno)
        return str(path), str(stat.st_mtime_ns), str(stat.st_ino), str(stat.st_dev), str(stat.st_size)

    return tuple(one(path) for path in _files(paths))


def content(paths: Iterable[Path]) -> str:
    """A hash of what the files hold."""
    digest = hashlib.sha256()
    for path in _files(paths):
        try:
            held = path.read_bytes()
        except OSError as error:
            held = f"errno {error.errno}".encode()
        digest.update(f"{path}\0{len(held)}\0".encode() + held)
    return digest.hexdigest()


def _files(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and of folders the rules in them."""
    return [one for path in paths for one in (sorted(path.glob("*.y*ml")) if path.is_dir() else [path])]


def fixed(before: Settings, after: Settings) -> None:
    """Refuse what needs a restart.

    Raises
    ------
    InputError
        With the names of the settings.
    """
    kept = [name for name in FIXED if getattr(before, name) != getattr(after, name)]
    if kept:
        raise InputError(f"{', '.join(kept)}: cannot be changed while mintwatch runs, needs a restart")


def changes(before: Configuration, after: Configuration) -> Iterator[str]:
    """What differs between two configurations: names of keys and ids of rules, no values."""
    yield from sorted(_differing(before.settings.model_dump(), after.settings.model_dump()))
    old, new = ({one.id: one for one in each.rules} for each in (before, after))
    yield from (f"rule {name} added" for name in sorted(new.keys() - old.keys()))
    yield from (f"rule {name} removed" for name in sorted(old.keys() - new.keys()))
    yield from (f"rule {name} changed" for name in sorted(old.keys() & new.keys()) if old[name] != new[name])


def _differing(before: object, after: object, under: str = "") -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in before.keys() | after.keys():
            yield from _differing(before.get(key), after.get(key), f"{under}.{key}" if under else str(key))
    elif before != after:
        yield under
