"""`mintwatch tick` and `mintwatch run`: the configured workspaces, once or for good."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import Final

import typer

from monitor import clock, daemon, worker
from monitor.cli.acting import show_served
from monitor.cli.logs import daemon_logs
from monitor.cli.opening import CONFIG, ConfigOption, JsonOption, configured, engine, load_rules
from monitor.cli.screen import OUT, cell, complain, dump, progress, say, table, warn
from monitor.cli.stopping import BROKEN, BUSY, leave, until_signalled
from monitor.clock import iso
from monitor.daemon.heartbeat import revealed
from monitor.errors import InputError
from monitor.kql import DuckEngine
from monitor.model import Delivery, HealthEvent, Message, Part
from monitor.notifiers.console import ConsoleNotifier
from monitor.ports import Notifier
from monitor.settings import Settings, load_identities
from monitor.store import Store
from monitor.worker import Progress, Report, SourceReport, Watch, silent
from monitor.worker.acting import serve_requests
from monitor.worker.listening import with_buttons

PATIENCE: Final = timedelta(minutes=1)
"""How long one tick waits for a notifier that says to come back later; the rest is for the next."""
LAST: Final = timedelta(seconds=9)
"""How long after it was told to stop a daemon is gone, a second after what is in flight had to end."""
SWITCH: Final = timedelta(milliseconds=0.5)
"""How long a busy thread may keep the interpreter from one that acknowledges clicks or answers probes; Python's own is
5 ms, with which the slowest answers of /metrics take four times as long while two threads compute."""


@dataclass(slots=True)
class Kept:
    """A console for machines: it keeps the messages."""

    messages: list[Message]
    name: str
    parts: frozenset[Part] = frozenset({Part.NEWS})

    def send(self, delivery: Delivery) -> str:
        """Keep it; the reference is its key."""
        if isinstance(delivery.message, Message):
            self.messages.append(delivery.message)
        return delivery.key

    def find(self, delivery: Delivery) -> str:  # noqa: ARG002
        """Nothing: it was kept in memory."""
        return ""


def tick(config: ConfigOption = CONFIG, json: JsonOption = False) -> None:
    """Look at everything once: collect what arrived, judge it, and tell.

    What was collected before is in the state, so a cron job that ticks is a small daemon, but one that nobody reaches
    from Slack: its messages carry no buttons. Exits with 1 if a source could not be read, a rule not judged or a
    message not sent; a table that is not there is said, and is no failure.
    """
    kept: list[Message] = []
    with (
        progress() as tell,
        _watching(config, partial(Kept, kept) if json else _console, tell, listens=False) as (watch, _),
    ):
        served = serve_requests(watch.app, clock.now())
        report = worker.tick(watch.app, clock.now(), PATIENCE)
        served += serve_requests(watch.app, clock.now())
    show_served(served)
    if json:
        _dump(report, kept)
    else:
        _show(report)
    for one in report.failures:
        complain(one)
    if not report.finished:
        raise typer.Exit(1)


def run(config: ConfigOption = CONFIG) -> None:
    """Keep looking until it is stopped: each source as often as configured, judged every five minutes.

    Messages go to the notifiers of the settings, which is standard output if there are none, and a line for each thing
    done to standard error. SIGTERM or Ctrl-C ends it within ten seconds; if something was still in flight, with exit
    code 75: it is made up for at the next start. If a part of it ends that nobody starts anew, the code is 70: whatever
    supervises it had better start it again. Settings, rules and secrets are read again when their files change, and on
    SIGHUP: all of it, or, if there is any mistake in it, nothing. Health and metrics are shown at `serve.address`.
    """
    first, halt = _read(config), daemon.Halt()
    lines = daemon_logs(first.settings.logs)
    with (
        engine() as running,
        Store(first.settings.state) as store,
        _vitals(first, store, halt) as vitals,
        daemon.Reloader(
            daemon.Making(partial(_read_again, config), partial(_opened, running, store)),
            config if config.exists() else None,
            halt,
            partial(_reloaded, store, vitals),
        ) as reloader,
        until_signalled(halt, LAST, partial(_last_words, lines), reloader.ask),
    ):
        listened = False
        for one in reloader.generations(first):
            daemon_logs(one.configuration.settings.logs)
            _greet(one, again=listened)
            listened = one.watch.listens
            outside = daemon.Outside([each.tally for each in one.watch.workspaces], one.socket, one.watch.heartbeat)
            finished = daemon.run(one.watch.app, one.watch.every, one.stop, vitals=vitals, outside=outside, halt=halt)
            if not finished and halt.is_set():
                leave(BROKEN if vitals.dead else BUSY)  # a thread that waits for an answer would be waited for
    if vitals.dead:
        complain(vitals.dead)
    leave(BROKEN if vitals.dead else 0)


def _read(config: Path) -> daemon.Configuration:
    """Settings and rules; `InputError` with every mistake of the one, or else of the other."""
    chosen, held = _settled(config)
    return daemon.Configuration(chosen, load_rules(chosen.rules), held)


def _settled(config: Path) -> tuple[Settings, str]:
    """Settings, and what the files they name held before any of that was read: what changes later shows beside it."""
    named = configured(config)
    while True:
        held = daemon.content(daemon.watched(daemon.Configuration(named, ()), config if config.exists() else None))
        chosen = configured(config)
        if chosen == named:
            return chosen, held
        named = chosen


def _read_again(config: Path) -> daemon.Configuration:
    """The same, and identities.yml has to be whole, too: at a start its last words are not known, now they are.

    Raises
    ------
    InputError
        With every mistake of the settings; else, of identities.yml and of the rules.
    """
    (chosen, held), wrong = _settled(config), list[str]()
    try:
        if chosen.identities is not None:
            load_identities(chosen.identities)
    except InputError as error:
        wrong.append(str(error))
    try:
        found = load_rules(chosen.rules)
    except InputError as error:
        raise InputError("\n".join([*wrong, str(error)])) from error
    if wrong:
        raise InputError("\n".join(wrong))
    return daemon.Configuration(chosen, found, held)


@contextmanager
def _opened(running: DuckEngine, store: Store, made: daemon.Configuration, stop: Event) -> Iterator[Watch]:
    """What is watched by that configuration, on the state and the engine that are there already."""
    with worker.watch(
        made.settings, os.environ, made.rules, engine=running, store=store, stop=stop, console=_console
    ) as watch:
        if watch.heartbeat:
            revealed(watch.heartbeat)
        yield watch


def _greet(one: daemon.Generation, *, again: bool) -> None:
    """Say that it watches; what was posted while nobody listened gets its buttons."""
    app = one.watch.app
    say(f"watching {len(one.watch.every) - 1} sources with {len(app.rules)} rules; state in {app.store.directory}")
    sys.setswitchinterval(SWITCH.total_seconds())
    if one.watch.listens and not again:
        with_buttons(app, clock.now())


def _reloaded(store: Store, vitals: daemon.Vitals, mistakes: str) -> None:
    """Show whether what is written is in force; what was refused is told as an incident, by the rule config-refused."""
    vitals.metrics.reloaded(ok=not mistakes)
    if mistakes:
        store.note([HealthEvent(clock.floor(clock.now()), "config", "mintwatch", "refused", "")])


def _last_words(lines: logging.Formatter) -> str:
    said = {"name": "mintwatch.daemon", "msg": "still busy, left without waiting", "levelname": "ERROR"}
    return lines.format(logging.makeLogRecord(said))


def _vitals(first: daemon.Configuration, store: Store, halt: daemon.Halt) -> daemon.Vitals:
    """What shows how it is. One that has to end is told so as a person would tell it: that bounds how long it takes."""
    dying = partial(os.kill, os.getpid(), signal.SIGTERM)
    return daemon.Vitals(halt, store.directory, first.settings.serve.address, dying=dying)


def _console(name: str) -> Notifier:
    return ConsoleNotifier(OUT, name)


@contextmanager
def _watching(
    config: Path, console: Callable[[str], Notifier], tell: Progress = silent, *, listens: bool = True
) -> Iterator[tuple[Watch, Event]]:
    chosen, stop = configured(config), Event()
    rules = load_rules(chosen.rules)
    with (
        engine() as running,
        Store(chosen.state) as store,
        worker.watch(
            chosen,
            os.environ,
            rules,
            engine=running,
            store=store,
            stop=stop,
            console=console,
            progress=tell,
            listens=listens,
        ) as watch,
    ):
        try:
            yield watch, stop
        finally:
            stop.set()


def _show(report: Report) -> None:
    numbers = ("windows", "read", "doubled", "late", "facts")
    shown = table("source", "", *numbers, numbers=numbers)
    for one in report.sources:
        counts = one.counts
        row = (one.windows, counts.read, counts.doubled, counts.late, one.facts)
        shown.add_row(cell(one.name), cell(*_state(one)), *map(cell, row))
    OUT.print(shown)
    say()
    for one in report.sources:
        if one.absent:
            warn(f"{one.name}: {one.absent}")
        if one.missed:
            warn(f"{one.name}: {one.missed:,} rows showed so late that only the daily comparison found them")
        if one.strays:
            warn(
                f"{one.name}: {one.strays:,} rows arrived later than its bound by more than a day, and are not counted"
            )
        for window in one.shrunk:
            warn(f"{one.name}: {iso(window.start)} to {iso(window.end)}: rows are gone that were read; they are kept")
        for gap in one.gaps:
            warn(f"{one.name}: {iso(gap.window.start)} to {iso(gap.window.end)}: {gap.reason}")
    for rule in report.rules:
        if rule.note:
            warn(f"{rule.name}: {rule.note}")
    judged = sum(one.judged for one in report.rules)
    findings = sum(one.findings for one in report.rules)
    say(f"{judged:,} groups judged by {len(report.rules)} rules, {findings:,} findings as of {iso(report.now)}")


def _state(one: SourceReport) -> tuple[str, str]:
    """What became of a source in a word, and its style."""
    if one.error:
        return "failed", "bold red"
    return ("absent", "yellow") if one.absent else ("fine", "green")


def _dump(report: Report, messages: list[Message]) -> None:
    dump(
        {
            "as_of": iso(report.now),
            "sources": [
                {
                    "name": one.name,
                    "state": _state(one)[0],
                    "windows": one.windows,
                    "facts": one.facts,
                    **asdict(one.counts),
                    "missed": one.missed,
                    "strays": one.strays,
                    "shrunk": [{"start": iso(window.start), "end": iso(window.end)} for window in one.shrunk],
                    "gaps": [
                        {"start": iso(gap.window.start), "end": iso(gap.window.end), "reason": gap.reason}
                        for gap in one.gaps
                    ],
                    "said": one.error or one.absent,
                }
                for one in report.sources
            ],
            "rules": [asdict(one) for one in report.rules],
            "messages": [
                {"incident": one.incident, "reason": one.reason.value, "level": one.level.value, "told": one.headline}
                for one in messages
            ],
            "failures": list(report.failures),
        }
    )
