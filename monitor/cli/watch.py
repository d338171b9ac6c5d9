"""`mintwatch tick` and `mintwatch run`: the configured workspaces, once or for good."""

from __future__ import annotations

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
from monitor.cli.stopping import BROKEN, BUSY, until_signalled
from monitor.clock import iso
from monitor.daemon.heartbeat import revealed
from monitor.model import Delivery, Message, Part
from monitor.notifiers.console import ConsoleNotifier
from monitor.ports import Notifier
from monitor.store import Store
from monitor.worker import Progress, Report, SourceReport, Watch, silent
from monitor.worker.acting import serve_requests
from monitor.worker.listening import with_buttons

PATIENCE: Final = timedelta(minutes=1)
"""How long one tick waits for a notifier that says to come back later; the rest is for the next."""
LAST: Final = timedelta(seconds=9)
"""How long after it was told to stop a daemon is gone, a second after what is in flight had to end."""
SWITCH: Final = timedelta(milliseconds=0.5)
"""How long a busy thread may keep the interpreter from the one that acknowledges clicks; Python's own is 5 ms."""


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
    supervises it had better start it again. Health and metrics are shown at `serve.address`.
    """
    daemon_logs(configured(config).logs)
    with _watching(config, _console) as (watch, stop), until_signalled(stop, LAST), _vitals(watch, stop) as vitals:
        sources, rules = len(watch.every) - 1, len(watch.app.rules)
        say(f"watching {sources} sources with {rules} rules; state in {watch.app.store.directory}")
        if watch.listens:
            sys.setswitchinterval(SWITCH.total_seconds())
            with_buttons(watch.app, clock.now())
        with watch.people as socket:
            outside = daemon.Outside([one.tally for one in watch.workspaces], socket, watch.heartbeat)
            finished = daemon.run(watch.app, watch.every, stop, vitals=vitals, outside=outside)
        if not finished:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(BROKEN if vitals.dead else BUSY)  # a thread that waits for an answer would be waited for
    if vitals.dead:
        complain(vitals.dead)
        raise typer.Exit(BROKEN)


def _vitals(watch: Watch, stop: Event) -> daemon.Vitals:
    """What shows how it is. One that has to end is told so as a person would tell it, which bounds how long it takes.

    Raises
    ------
    InputError
        If the address of the heartbeat is none.
    """
    if watch.heartbeat:
        revealed(watch.heartbeat)
    dying = partial(os.kill, os.getpid(), signal.SIGTERM)
    return daemon.Vitals(stop, watch.app.store.directory, watch.address, dying=dying)


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
