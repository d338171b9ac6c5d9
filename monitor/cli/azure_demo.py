"""`mintwatch demo-azure`: a simulated tenant in a local Azure, watched as a real one is; and what that took."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Final

import typer

from monitor import settings, worker
from monitor.cli.account import Account, Refused, accounted, as_json, show
from monitor.cli.demo import NEEDED, Kept
from monitor.cli.incidents import Told, listed, show_incidents
from monitor.cli.incidents import as_json as told_as_json
from monitor.cli.nearby import direct
from monitor.cli.opening import JsonOption, empty_state, engine, load_rules
from monitor.cli.screen import OUT, complain, dump, progress, say
from monitor.cli.simulate import Days, Identities, Seed
from monitor.errors import InputError, MintwatchError
from monitor.login import Login, credential
from monitor.notifiers.console import render
from monitor.settings import Logins, Settings
from monitor.store import Store
from monitor.testing.simulate import simulate
from monitor.worker import Progress, Report, Watch

if TYPE_CHECKING:
    from monitor.testing.azure import Authority, LocalAzure, Ready

TICKED: Final = timedelta(days=2)
"""How much of the period is met tick by tick; what lies before is the backlog of the first tick."""
EVERY: Final = timedelta(hours=6)
"""How far apart the ticks are. A daemon's are five minutes apart, and would take this machine too long."""
PORTION: Final = 3
"""Days of the backlog collected at once."""
READING: Final = 0.4
"""Share of the time that the first tick takes."""
ENVIRONMENT: Final[Mapping[str, str]] = {}
"""What settings and logins are told of the environment: nothing, so nothing secret either."""

State = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="New folder to keep facts, findings and decisions in.")
]


def demo_azure(
    days: Days = 18, identities: Identities = 40, seed: Seed = 7, state: State = None, json: JsonOption = False
) -> None:
    """Watch a simulated tenant through a local Azure: OIDC login, HTTPS, KQL, ticks; and say what it took.

    Nothing but Azure itself is simulated: settings, login, client, queries, ticks and rules are those of a daemon. No
    secret is involved.
    """
    if days < NEEDED:
        raise InputError(f"--days {days}: expected at least {NEEDED}, most of them for learning what is usual")
    try:
        from monitor.testing.azure import LocalAzure, ready
    except ModuleNotFoundError as error:
        raise InputError(f"{error.name} is missing: pip install 'mintwatch[testing]' brings the local Azure") from error
    with (
        direct(),
        progress() as tell,
        tempfile.TemporaryDirectory(prefix="mintwatch-demo-") as place,
        LocalAzure() as azure,
        Store(empty_state(state)) as store,
    ):
        tell("simulating", 0.0)
        made = simulate(Path(place) / "logs", days=days, identities=identities, seed=seed)
        set_up = ready(azure, Path(place), Path(place) / "logs", name="demo", days=days, portion=PORTION)
        told, account = _watched(azure, set_up, store, made.end, tell)
    if json:
        dump({"incidents": [told_as_json(one) for one in told], **as_json(account)})
    else:
        _show(told, account, state)
    for one in account.failures:
        complain(one)
    if account.failures:
        raise typer.Exit(1)


@dataclass(slots=True)
class _Bar:
    """Turns what each part of a tick says of itself into one progress of all ticks, which only grows."""

    tell: Progress
    sources: Sequence[str] = ()
    label: str = ""
    start: float = 0.0
    share: float = READING

    def __call__(self, what: str, done: float) -> None:
        """A part of the tick is that far."""
        source = what.removeprefix("reading ")
        if source in self.sources:
            done = (self.sources.index(source) + done) / (len(self.sources) + 1)
        elif self.sources:
            done = (len(self.sources) + done) / (len(self.sources) + 1)
        self.tell(self.label or what, self.start + self.share * done)

    def later(self, at: datetime, place: int, count: int) -> None:
        """The first tick is over, and this is another."""
        self.share = (1 - READING) / count
        self.label, self.start = f"tick of {at:%Y-%m-%d %H:%M}", READING + (place - 1) * self.share
        self.tell(self.label, self.start)


def _watched(
    azure: LocalAzure, set_up: Ready, store: Store, end: datetime, tell: Progress
) -> tuple[tuple[Told, ...], Account]:
    """Ticks up to `end`, and what came of them."""
    chosen = settings.load(set_up.settings, ENVIRONMENT)
    refused = tuple(_refusals(chosen, set_up, azure.authority))
    rules, kept, stop, bar = load_rules(chosen.rules), Kept(), Event(), _Bar(tell)
    with engine() as running:
        watching = worker.watch(
            chosen,
            ENVIRONMENT,
            rules,
            engine=running,
            store=store,
            stop=stop,
            notifiers=(kept,),
            progress=bar,
        )
        with watching as watch:
            bar.sources = [one.name for one in watch.app.sources]
            try:
                reports = [*_ticks(watch, azure, end, bar)]
            finally:
                stop.set()
            account = accounted(azure, set_up, watch, reports, refused)
    return listed(store.incidents(), kept.messages, store), account


def _ticks(watch: Watch, azure: LocalAzure, end: datetime, bar: _Bar) -> Iterator[Report]:
    """One tick for all that lies before the last days, then one every few hours of them."""
    count = TICKED // EVERY
    for place in range(count + 1):
        azure.clock.now = at = end - TICKED + place * EVERY
        if place:
            bar.later(at, place, count)
        yield worker.tick(watch.app, at)


def _refusals(chosen: Settings, set_up: Ready, authority: Authority) -> Iterator[Refused]:
    """What becomes of three assertions that are not good enough; their file lies beside the good one."""
    right = set_up.app.subject
    tried = {
        "expired": authority.assertion(subject=right, lifetime=timedelta(minutes=-1)),
        "wrong audience": authority.assertion(subject=right, audience="api://AnotherExchange"),
        "wrong subject": authority.assertion(subject="system:serviceaccount:default:default"),
    }
    logins = Logins(chosen, ENVIRONMENT)
    for what, assertion in tried.items():
        path = set_up.token.with_name(what.replace(" ", "-"))
        path.write_text(assertion, "utf-8")
        before = len(authority.refused)
        said = _tried(replace(logins.login("default"), token_file=path))
        yield Refused(what, tuple(f"AADSTS{code}" for code in authority.refused[before:]), said)


def _tried(login: Login) -> str:
    """What is said of a login that should be refused."""
    with credential(login) as made:
        try:
            made.warm(login.cloud.audience)
        except MintwatchError as error:
            return str(error).removeprefix(f"{login}: ")
    return ""


def _show(told: tuple[Told, ...], account: Account, state: Path | None) -> None:
    if told:
        show_incidents(told)
        OUT.print(render(told[0].message))
    else:
        say("nothing was surprising enough to be told")
    say()
    show(account)
    if state is not None:
        say()
        say(f"state is in {state}; `mintwatch explain ID --state {state}` tells all about one incident")
