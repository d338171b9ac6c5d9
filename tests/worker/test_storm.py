"""A storm is calm: of 5,000 findings at once people are told the worst, and the rest in one message."""

from __future__ import annotations

from datetime import timedelta
from threading import Event

import pytest

from monitor.kql import DuckEngine
from monitor.model import Finding, Part
from monitor.notifiers.slack.client import SlackApi
from monitor.notifiers.slack.notifier import SlackNotifier
from monitor.notifiers.slack.pacing import Pacer
from monitor.store import Standing, Store
from monitor.testing.slack import LocalSlack
from monitor.worker import App
from monitor.worker.composing import Composer
from monitor.worker.postman import Lane
from monitor.worker.ticking import conclude
from tests.worker.alerts import MINUTE, NOON, finding
from tests.worker.postal import rule

STORM = 5_000


class Passing(Event):
    """A stop that never comes: who waits for it has the local Slack's time pass instead."""

    def __init__(self, slack: LocalSlack) -> None:
        super().__init__()
        self._slack = slack

    def wait(self, timeout: float | None = None) -> bool:
        self._slack.clock.advance(timedelta(seconds=timeout or 0))
        return False


def found(numbers: range) -> list[Finding]:
    return [finding(f"i{n:05}", 5.0 + n / STORM) for n in numbers]


@pytest.mark.slow
def test_a_storm_of_5000_findings_is_ten_messages_and_a_digest(engine: DuckEngine) -> None:
    """Off: `Room` of monitor/triage/storms.py."""
    with LocalSlack() as slack, Store() as store:
        slack.clock.now = NOON
        channel = slack.channel("alerts")
        pacer = Pacer(Passing(slack), ticks=lambda: slack.clock.now - NOON)
        api = SlackApi(lambda: slack.token, pacer, url=slack.url)
        told = SlackNotifier("slack", api, channel.id, charts=False)
        app = App((), (rule(),), store, engine, (told,))
        lane = Lane(Composer(app), told, lambda: slack.clock.now)
        for moment, numbers in enumerate((range(STORM), range(STORM, STORM + 100))):
            slack.clock.now = max(slack.clock.now, NOON + moment * 5 * MINUTE)
            conclude(app, found(numbers), [], {}, Standing((), {}, ()), slack.clock.now)
            while lane.step():
                pass
            assert store.waiting() == []
            stands = [one for one in channel.messages if one.thread_ts is None]
            assert len(stands) == app.policy.storm + 1
        notices = [one for each in store.incidents() for one in store.notices(each.id)]
        assert sum(one.part is Part.CARD for one in notices) == app.policy.storm
        assert not slack.throttled
        assert channel.posted <= 3 * app.policy.storm + 1
        (digest,) = [one for one in channel.messages if one.versions > 1]
        assert f"{STORM + 100 - app.policy.storm:,}" in digest.text
        assert len(store.findings()) == len(store.incidents()) == STORM + 100
        first = [each for each in store.incidents() if each.opened_at == NOON]
        worst = sorted(first, key=lambda one: -one.surprise)[: app.policy.storm]
        assert {one.incident for one in notices if one.part is Part.CARD} == {one.id for one in worst}
