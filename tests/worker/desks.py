"""Somebody's desk: a local Slack with cards in a channel, people in it, and mintwatch at the other end of a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from threading import Event
from typing import Any

from monitor import clock
from monitor.kql import DuckEngine
from monitor.model import Entry, Incident, Part
from monitor.notifiers.slack.client import SlackApi
from monitor.notifiers.slack.notifier import SlackNotifier
from monitor.notifiers.slack.pacing import Pacer
from monitor.notifiers.slack.socket import Listener
from monitor.store import Store
from monitor.testing.slack import UNPACED, Act, Channel, LocalSlack, Message, User, View
from monitor.worker import App
from monitor.worker.allowing import Allowed
from monitor.worker.answering import Answers
from monitor.worker.listening import app_of
from monitor.worker.postman import Postman
from tests.worker.alerts import MINUTE, NOON, alert

NOW = NOON + 10 * MINUTE
PATIENCE = timedelta(seconds=5)


def soon(claim: Callable[[], bool]) -> bool:
    """Whether the claim comes true within five seconds."""
    until, pause = clock.ticks() + PATIENCE, Event()
    while not (true := claim()) and clock.ticks() < until:
        pause.wait(0.005)
    return true


@dataclass(slots=True)
class Desk:
    """A channel with cards in it, `ann`, who may act, `bob`, who may not, and somebody who answers."""

    slack: LocalSlack
    store: Store
    app: App
    api: SlackApi
    alerts: Channel
    ann: User
    bob: User
    allowed: Allowed

    def card(self, incident: str = "i1") -> Message:
        """The message about an incident, as it stands."""
        return next(one for one in self.alerts.messages if one.shown and incident in str(one.blocks))

    def says(self, part: str, incident: str = "i1") -> bool:
        """Whether it comes to say so."""
        return soon(lambda: part in self.card(incident).text)

    def tell(self, *incidents: str) -> None:
        """Cards of more incidents."""
        for one in incidents:
            alert(self.store, self.app.notifiers, one)
        assert soon(lambda: all(self.store.ref("slack", one, Part.CARD) for one in incidents))

    def click(self, user: User, *what: str, incident: str = "i1") -> Act:
        """Somebody presses something on a card."""
        act = self.slack.click(user, self.card(incident), *what)
        assert act.acked
        return act

    def send(self, act: Act, by: User | None = None, **other: Any) -> None:
        """What was sent then once more, with some of it changed, as if somebody else had done it."""
        payload: dict[str, Any] = {**act.payload, **other}
        if by is not None:
            payload["user"] = {"id": by.id, "name": by.name, "team_id": by.team}
        assert self.slack.deliver(payload).acked

    def entry(self, number: int = 1) -> Entry:
        """What became of the act of that number."""
        assert soon(lambda: len(self.store.entries()) >= number)
        return self.store.entries()[number - 1]

    def incident(self, name: str = "i1") -> Incident:
        """As it is kept."""
        found = self.store.incident(name)
        assert found is not None
        return found

    def whispered(self, user: User, part: str) -> bool:
        """Whether they alone are told something with that in it."""
        return soon(
            lambda: any(one.user == user.id and part in f"{one.text} {one.blocks}" for one in self.slack.whispers)
        )

    def screen(self, user: User, part: str = "") -> View:
        """The modal they look at, once it says so."""
        assert soon(lambda: (found := self.slack.screen(user)) is not None and part in str(found.body))
        found = self.slack.screen(user)
        assert found is not None
        return found


@contextmanager
def opened(engine: DuckEngine) -> Iterator[Desk]:
    """A desk with one card, of incident i1, on it."""
    with ExitStack() as closing:
        slack = closing.enter_context(LocalSlack(limits=UNPACED))
        ann, bob = slack.user("ann"), slack.user("bob")
        alerts = slack.channel("alerts", [ann, bob])
        store, stop = closing.enter_context(Store()), Event()
        api = SlackApi(lambda: slack.token, Pacer(stop, paces={}), url=slack.url)
        app = App((), (), store, engine, (SlackNotifier("slack", api, alerts.id, charts=False),))
        group = slack.group("oncall", [ann])
        allowed = Allowed(api, workspace=slack.world.team, app=lambda: app_of(slack.app_token), groups=[group.id])
        answers = Answers(app, api, allowed, {alerts.id: ("slack",)}, lambda: NOW)
        listener = Listener(lambda: slack.app_token, answers.handle, answers.answer, api_url=slack.url)
        closing.enter_context(listener)
        postman = Postman(app, stop)
        postman.start()
        closing.callback(postman.stop, PATIENCE)
        closing.callback(stop.set)
        assert soon(lambda: listener.connected)
        made = Desk(slack, store, app, api, alerts, ann, bob, allowed)
        made.tell("i1")
        yield made
