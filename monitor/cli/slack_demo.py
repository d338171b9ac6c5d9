"""`mintwatch demo-slack`: a simulated tenant's last days told to a local Slack, to look at and to click in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Final

import typer

from monitor.cli.demo import NEEDED
from monitor.cli.nearby import direct
from monitor.cli.opening import engine, load_rules
from monitor.cli.screen import complain, progress, say
from monitor.cli.simulate import Days, Identities, Seed
from monitor.cli.stopping import until_signalled
from monitor.clock import BIN, ticks
from monitor.errors import InputError
from monitor.kql import DuckEngine
from monitor.model import Delivery, Reason
from monitor.notifiers.slack.client import SlackApi
from monitor.notifiers.slack.notifier import SlackNotifier
from monitor.notifiers.slack.pacing import Pacer
from monitor.notifiers.slack.socket import Listener
from monitor.sources.export import open_exports
from monitor.store import Store
from monitor.testing.simulate import simulate
from monitor.worker import App, Report, replay
from monitor.worker.acting import Serving
from monitor.worker.allowing import Allowed
from monitor.worker.answering import Answers
from monitor.worker.app import Progress
from monitor.worker.postman import Postman

if TYPE_CHECKING:
    from monitor.testing.slack import Channel, LocalSlack

TOLD: Final = timedelta(days=5)
"""How much of the period is told; what lies before is what is usual."""
LATELY: Final = timedelta(days=3)
AFTER: Final = timedelta(minutes=30)
"""The demo's present is so long after the worst alert of its last days, so that somebody can still acknowledge it."""
NAME: Final = "oncall"
PATIENCE: Final = timedelta(seconds=5)

For = Annotated[
    float | None, typer.Option("--for", metavar="SECONDS", help="How long the page is there; left out, until Ctrl-C.")
]


class Dated(SlackNotifier):
    """Posts as of the moment of which a message speaks, so that the channel reads as it would have on that day."""

    slack: LocalSlack

    def send(self, delivery: Delivery) -> str:
        """Set the local Slack's clock, and post; errors as `SlackNotifier.send`."""
        self.slack.clock.now = max(delivery.message.at, self.slack.clock.now)
        return super().send(delivery)


def demo_slack(days: Days = 21, identities: Identities = 60, seed: Seed = 7, long: For = None) -> None:
    """Tell a simulated tenant's last days to a local Slack, and show the channel as a page on this machine.

    The messages, threads and charts are those Slack would get; what is pressed on the page comes in through a socket,
    is done by mintwatch, and shows. Nothing leaves this machine.
    """
    if days < NEEDED:
        raise InputError(f"--days {days}: expected at least {NEEDED}, most of them for learning what is usual")
    try:
        from monitor.testing.slack import UNPACED, LocalSlack
    except ModuleNotFoundError as error:
        raise InputError(f"{error.name} is missing: pip install 'mintwatch[testing]' brings the local Slack") from error
    stop = Event()
    with (
        direct(),
        tempfile.TemporaryDirectory(prefix="mintwatch-demo-") as place,
        LocalSlack(limits=UNPACED) as slack,
        engine() as running,
        Store() as store,
    ):
        people = [slack.user(name) for name in ("ann", "ben", "chris")]
        channel = slack.channel("identity-alerts", people)
        with progress() as tell:
            app, report = _played(Path(place), days, identities, seed, running, store, slack, channel, tell)
        with until_signalled(stop), _living(app, slack, channel):
            _say(report, slack, channel, store)
            stop.wait(long)
    for text in report.failures:
        complain(text)


def _played(
    place: Path,
    days: int,
    identities: int,
    seed: int,
    running: DuckEngine,
    store: Store,
    slack: LocalSlack,
    channel: Channel,
    tell: Progress,
) -> tuple[App, Report]:
    """The last days told up to shortly after the worst alert: a first replay, which tells nobody, finds that moment."""
    made = simulate(place / "logs", days=days, identities=identities, seed=seed, progress=tell)
    since = made.end - min(TOLD, timedelta(days=days) / 2)
    rules = load_rules(None)
    with open_exports(place / "logs", engine=running) as exports:
        with Store() as rehearsal:
            found = replay(App(exports.sources, rules, rehearsal, running, progress=tell), since, made.end)
        told = [one for one in found.decisions if one.reason is Reason.OPENED and one.at > made.end - LATELY]
        worst = max(told, key=lambda one: one.surprise).at if told else made.end
        notifier = Dated(NAME, SlackApi(lambda: slack.token, Pacer(Event(), {}), url=slack.url), channel.id)
        notifier.slack, slack.clock.now = slack, since
        app = App(exports.sources, rules, store, running, (notifier,), progress=tell)
        return app, replay(app, since, min(worst + AFTER, made.end) + BIN)


@contextmanager
def _living(app: App, slack: LocalSlack, channel: Channel) -> Iterator[None]:
    """The half of the daemon that answers people: socket, acts, outbox."""
    began, since = ticks(), slack.clock.now

    def present() -> datetime:
        """The demo's present: time passes from the last message on."""
        slack.clock.now = since + (ticks() - began)
        return slack.clock.now

    postman = Postman(app, Event(), present)
    api = SlackApi(lambda: slack.token, Pacer(Event(), {}), url=slack.url)
    with ExitStack() as closing:
        allowed = closing.enter_context(Allowed(api))
        answers = Answers(app, api, allowed, {channel.id: (NAME,)}, present)
        postman.start()
        closing.callback(postman.stop, PATIENCE)
        closing.enter_context(Serving(app))
        listener = Listener(lambda: slack.app_token, answers.handle, answers.answer, api_url=slack.url)
        closing.enter_context(listener)
        yield


def _say(report: Report, slack: LocalSlack, channel: Channel, store: Store) -> None:
    live = [one for one in store.incidents() if one.state.live]
    told = {one.incident for one in report.decisions if one.told}
    say(f"{len(told):,} incidents were told in #{channel.name}, {sum(one.id in told for one in live):,} are open")
    say()
    say(f"  {slack.page(channel)}", "bold")
    say()
    say("open it in a browser: press Acknowledge, snooze, silence, type /mintwatch; Ctrl-C ends the demo")
