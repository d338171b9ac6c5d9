"""The way from a store to a local Slack: the real notifier, over real sockets, by a clock that waits for nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Event
from typing import Final

from monitor import plugins, rules
from monitor.kql import DuckEngine
from monitor.model import Delivery, Part, Queued
from monitor.notifiers.slack.client import SlackApi
from monitor.notifiers.slack.notifier import SlackNotifier
from monitor.notifiers.slack.pacing import PACES, Pacer
from monitor.ports import Notifier
from monitor.rules import Rule
from monitor.store import Store
from monitor.testing.slack import Channel, LocalSlack
from monitor.worker import App
from monitor.worker.composing import Composer
from monitor.worker.postman import Lane
from tests.worker.alerts import NOON, RULE

NAME: Final = "slack"
STEPS: Final = 20_000
UNHURRIED: Final = {method: replace(pace, every=timedelta(0)) for method, pace in PACES.items()}
"""Nobody waits for a turn; who is told to stay away does."""


class Killed(BaseException):
    """The process died, as by SIGKILL."""


class Fate:
    """Dies at the step of that number, if there is one."""

    def __init__(self, step: int | None = None) -> None:
        self.left = step

    def step(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed


class Mortal(Store):
    """A store that may die before or after any step of a sending."""

    fate = Fate()

    def sending(self, one: Queued) -> None:
        self.fate.step()
        super().sending(one)
        self.fate.step()

    def sent(self, one: Queued, ref: str, at: datetime) -> None:
        self.fate.step()
        super().sent(one, ref, at)
        self.fate.step()

    def postpone(
        self, one: Queued, until: datetime, error: str, *, unsure: bool = False, permanent: bool = False
    ) -> None:
        self.fate.step()
        super().postpone(one, until, error, unsure=unsure, permanent=permanent)
        self.fate.step()


class Dying:
    """A notifier that may die before it is asked, or when it has done what it was asked."""

    def __init__(self, inner: Notifier, fate: Fate) -> None:
        self.name, self.parts = inner.name, inner.parts
        self.inner, self.fate = inner, fate

    def send(self, delivery: Delivery) -> str:
        self.fate.step()
        ref = self.inner.send(delivery)
        self.fate.step()
        return ref

    def find(self, delivery: Delivery) -> str:
        self.fate.step()
        ref = self.inner.find(delivery)
        self.fate.step()
        return ref


class Post:
    """A lane to a channel, and its clock, which moves on to whatever is due next."""

    def __init__(
        self,
        store: Store,
        address: tuple[str, str, str],
        now: datetime = NOON,
        wrapped: Callable[[Notifier], Notifier] = lambda one: one,
    ) -> None:
        url, token, channel = address
        self.now, self.store = now, store
        pacer = Pacer(Event(), UNHURRIED, ticks=lambda: self.now - NOON)
        api = SlackApi(lambda: token, pacer, url=url)
        self.notifier = wrapped(SlackNotifier(NAME, api, channel, charts=False))
        app = App((), (rule(),), store, running(), (self.notifier,))
        self.lane = Lane(Composer(app), self.notifier, lambda: self.now)

    def until(self, end: datetime | None = None) -> None:
        """Whatever comes due, each at its time, up to `end`, or to the end."""
        for _ in range(STEPS):
            due = self.lane.next_due()
            if due is None or (end and due > end):
                self.now = end or self.now
                return
            self.now = max(self.now, due)
            self.lane.step()
        raise AssertionError(f"still not through after {STEPS} steps")


@cache
def running() -> DuckEngine:
    """An engine; the facts it is asked for are none."""
    return DuckEngine(threads=1)


@cache
def rule() -> Rule:
    """What all alerts are found by."""
    made, wrong = rules.read(rules.shipped() / f"{RULE}.yml", plugins.detectors())
    assert made is not None, wrong
    return made


def address(slack: LocalSlack, channel: Channel) -> tuple[str, str, str]:
    return slack.url, slack.token, channel.id


def carry(state: Path, place: tuple[str, str, str]) -> None:
    """All that waits, in a process of its own, which may be killed at any moment."""
    with Store(state) as store:
        Post(store, place).until()


def key_of(message: object) -> str:
    """The key in a message's metadata."""
    metadata = getattr(message, "metadata", None) or {}
    return str(metadata["event_payload"]["key"])


def wrong(store: Store, channel: Channel, told: Counter[Part]) -> str:
    """What in the channel is not as it should be; nothing, if every part stands there once and in its place."""
    keys = Counter(key_of(one) for one in channel.all)
    if twice := [key for key, times in keys.items() if times > 1]:
        return f"{len(twice)} messages more than once"
    if left := store.waiting():
        return f"{len(left)} messages wait: {left[0].error}"
    sent = {
        notice.ref.partition(":")[2]: notice
        for one in store.incidents()
        for notice in store.notices(one.id)
        if notice.ref
    }
    if sent.keys() != channel.held.keys() or channel.posted != len(sent):
        return f"{channel.posted} posted, {len(channel.held)} stand, {len(sent)} known"
    if (parts := Counter(one.part for one in sent.values())) != told:
        return f"expected {told}, got {parts}"
    for one in store.incidents():
        card = store.ref(NAME, one.id, Part.CARD).partition(":")[2]
        thread = [sent[reply.ts] for reply in channel.thread(card)]
        if any(notice.incident != one.id for notice in thread) or channel.held[card].thread_ts:
            return f"{one.id}: in another's thread"
        news = [notice.about for notice in thread if notice.part is Part.NEWS]
        if news != sorted(news):
            return f"{one.id}: news out of order"
    return ""
