"""`mintwatch demo`: a simulated tenant, its last week replayed, and an honest account of what was found."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from monitor import charts
from monitor.cli.incidents import Told, as_json, listed, show_incidents
from monitor.cli.opening import JsonOption, engine, load_rules
from monitor.cli.screen import OUT, Json, complain, dump, progress, say
from monitor.cli.simulate import Days, Identities, Seed
from monitor.errors import InputError
from monitor.kql import DuckEngine
from monitor.model import Delivery, Message, Part, State
from monitor.notifiers.console import render
from monitor.notifiers.files import FilesNotifier
from monitor.sources.export import open_exports
from monitor.store import Store
from monitor.testing.scoring import Scoreboard, identity_days, read_labels, score, table, to_json
from monitor.testing.simulate import simulate
from monitor.testing.simulate.attacks import ATTACKS
from monitor.testing.three_sigma import three_sigma
from monitor.worker import App, Report, hear, lines, replay
from monitor.worker.app import Progress
from monitor.worker.bands import band, counts, foretold

CHARTS: Final = 8
ALOUD: Final = 3
"""How many of the worst incidents are drawn, and shown as the message on-call would get."""
LEFT: Final = frozenset({"incidents.ndjson", "labels.ndjson", "scoreboard.json", "messages", "charts", "state"})
"""What a demo leaves in its folder."""
COMPARED: Final = "mean + 3 sigma by hour of day"
NEEDED: Final = 5
"""Days below which there is no past to judge a day by."""

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to; an earlier demo's is replaced.")]


class Kept:
    """A notifier that keeps what it is sent."""

    name = "console"
    parts = frozenset({Part.NEWS})

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}

    def send(self, delivery: Delivery) -> str:
        """Keep the incident's worst message so far; that it is over says less than why it was told."""
        message = delivery.message
        if not isinstance(message, Message):
            return message.id
        before = self.messages.get(message.incident)
        if message.state is State.OPEN and (before is None or message.surprise >= before.surprise):
            self.messages[message.incident] = message
        return message.incident

    def find(self, delivery: Delivery) -> str:  # noqa: ARG002
        """Nothing: it was kept in memory."""
        return ""


@dataclass(frozen=True, slots=True)
class Played:
    """A demo that has run: what was told, worst first, and how it compares."""

    report: Report
    told: tuple[Told, ...]
    boards: Mapping[str, Scoreboard]


def demo(
    out: Out = Path("demo-output"),
    days: Days = 35,
    identities: Identities = 300,
    seed: Seed = 7,
    json: JsonOption = False,
) -> None:
    """Simulate a tenant, replay its last week, and show the incidents, the messages, and what was missed."""
    if days < NEEDED:
        raise InputError(f"--days {days}: expected at least {NEEDED}, most of them for learning what is usual")
    with replaced(out) as aside, progress() as tell:
        played = _play(aside, days, identities, seed, tell)
    if json:
        boards = {name: _plain(name, board) for name, board in played.boards.items()}
        dump({"out": str(out), "incidents": [as_json(one) for one in played.told], "scoreboard": boards})
    else:
        _show(played, out)
    wrong = [f"{one.name}: {one.error}" for one in played.report.sources if one.error]
    wrong += [f"{one.name}: {one.error}" for one in played.report.rules if one.error]
    for text in (*wrong, *played.report.unsent):
        complain(text)
    if not played.report.finished:
        raise typer.Exit(1)


@contextmanager
def replaced(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its place, whole, once the block ends; if it fails, `out` stays as it was.

    Raises
    ------
    InputError
        If `out` is something else than an earlier demo's output, which nobody asked to lose.
    """
    if Path.cwd().is_relative_to(out.resolve()):
        raise InputError(f"{out}: expected a folder of its own, not the current one or one above it")
    if not _ours(out):
        raise InputError(f"{out}: expected an earlier demo's output or nothing; it will not be overwritten")
    if not out.absolute().parent.is_dir():
        raise InputError(f"{out}: cannot be written, there is no folder {out.parent}")
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.absolute().parent) as beside:
        fresh, old = Path(beside) / "new", Path(beside) / "old"
        fresh.mkdir()
        yield fresh
        if out.exists():
            out.rename(old)
        try:
            fresh.rename(out)
        except OSError:
            if old.exists():
                old.rename(out)
            raise


def _ours(out: Path) -> bool:
    """Whether nothing is there, or the marks of an earlier demo and nothing else."""
    if not out.exists():
        return not out.is_symlink()
    if not out.is_dir():
        return False
    held = {path.name for path in out.iterdir()}
    marked = (out / "incidents.ndjson").is_file() and (out / "state" / "control.db").is_file()
    return not held or (marked and held <= LEFT)


def _play(aside: Path, days: int, identities: int, seed: int, tell: Progress) -> Played:
    with tempfile.TemporaryDirectory(prefix="mintwatch-demo-") as place, engine() as running:
        logs = Path(place) / "logs"
        made = simulate(logs, days=days, identities=identities, seed=seed, progress=tell)
        since = made.end - timedelta(days=min(7, days * 3 // 5))
        labels = shutil.copyfile(logs.with_name("logs.labels.ndjson"), aside / "labels.ndjson")
        tell("opening", 0.0)
        kept, files = Kept(), FilesNotifier(aside / "messages")
        with open_exports(logs, engine=running) as exports, Store(aside / "state") as store:
            app = App(exports.sources, load_rules(None), store, running, (kept, files), progress=tell)
            report = replay(app, since, made.end)
            tell("comparing", 0.0)
            boards = _compare(running, store, labels, since)
            told = listed(report.incidents, kept.messages, store)
            _draw(app, told[:CHARTS], aside / "charts", tell)
    _write(aside, told, boards)
    return Played(report, told, boards)


def _compare(running: DuckEngine, store: Store, labels: Path, since: datetime) -> dict[str, Scoreboard]:
    """Both finders on the same world, scored by the same code."""
    facts = {"facts": store.live()}
    attacks, lived = read_labels(labels), identity_days(running, facts, since)
    return {
        "mintwatch": score(lines.lines(store), attacks, lived, since),
        COMPARED: score(three_sigma(running, facts, since), attacks, lived, since),
    }


def _draw(app: App, told: tuple[Told, ...], folder: Path, tell: Progress) -> None:
    """The strongest finding of each incident, one with an expected band if there is any; the worst sorts first."""
    facts = {"facts": app.store.live()}
    hearing, names = hear(app.engine, facts, app.sources), app.store.names()
    rules = {rule.id: rule for rule in app.rules}
    for place, one in enumerate(told):
        tell("drawing", place / len(told))
        counted = [finding for finding in one.findings if counts(rules[finding.rule])]
        if not counted:
            continue
        worst = max(counted, key=lambda finding: (foretold(rules[finding.rule]), finding.surprise, finding.key))
        shown = band(worst, rules[worst.rule], app.engine, facts, hearing, names, one.findings)
        charts.draw(shown, folder / f"{place + 1:02d}-{one.incident.id}.png")


def _write(aside: Path, told: tuple[Told, ...], boards: Mapping[str, Scoreboard]) -> None:
    rows = [json.dumps(as_json(one), ensure_ascii=False) + "\n" for one in told]
    (aside / "incidents.ndjson").write_text("".join(rows), encoding="utf-8")
    (aside / "scoreboard.json").write_text(to_json(boards) + "\n", encoding="utf-8")


def _plain(name: str, board: Scoreboard) -> Json:
    plain: dict[str, Json] = json.loads(to_json({name: board}))
    return plain[name]


def _show(played: Played, out: Path) -> None:
    show_incidents(played.told)
    quiet = len(played.report.incidents) - len(played.told)
    say(f"{quiet:,} more incidents were too weak to tell; `mintwatch explain ID` shows why one was told")
    for one in played.told[:ALOUD]:
        say()
        OUT.print(render(one.message))
    say()
    OUT.print(table(played.boards))
    missed = played.boards["mintwatch"].at().missed
    if missed:
        say("missed: " + "; ".join(f"{ATTACKS[one.kind].title}, {one.grade}" for one in missed))
    say()
    say(f"incidents, messages, charts, labels, scoreboard and state are in {out}")
