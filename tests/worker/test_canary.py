"""The canary goes through the real walk once a day, calls nobody, and is missed when something on its way is broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest

from monitor import plugins
from monitor.errors import StateError, TransientError
from monitor.kql import DuckEngine
from monitor.model import Daily, Finding, Message, Part, Window
from monitor.ports import Counts, Fetched
from monitor.rules import Rule, load, shipped
from monitor.settings import DailySettings
from monitor.store import Store
from monitor.worker import App, tick
from monitor.worker.canary import PATIENCE, RULE, last_seen, missing, newest
from monitor.worker.health import HealthSource
from monitor.worker.overview import live
from tests.worker.alerts import DAY, HOUR, MINUTE, NOON, SLACKISH, Scripted
from tests.worker.worlds import every

BEAT = 5 * MINUTE
SEVEN = NOON - 5 * HOUR
CHOSEN = DailySettings(at=time(8))


@pytest.fixture(scope="module")
def own() -> tuple[Rule, ...]:
    """The two rules about it."""
    return tuple(rule for rule in load(shipped(), plugins.detectors()) if rule.id in {RULE, "canary-lost"})


def world(store: Store, engine: DuckEngine, rules: Iterable[Rule], taker: Scripted, source: HealthSource) -> App:
    return App((source,), tuple(rules), store, engine, (taker,), daily=CHOSEN)


def told(taker: Scripted) -> list[str]:
    """By which rules, in order of time."""
    return [one.message.rules[0] for one in taker.given if one.part is Part.CARD and isinstance(one.message, Message)]


def until(app: App, start: datetime, end: datetime, step: timedelta = BEAT) -> None:
    """Ticks from `start` on and before `end`."""
    for now in every(step, start - step, end - step):
        tick(app, now)


def test_it_comes_through_every_day_and_calls_nobody(engine: DuckEngine, own: tuple[Rule, ...]) -> None:
    """Off: `status: experimental` in rules/daily-canary.yml, or `name` in monitor/worker/canary.py."""
    taker = Scripted("slack", SLACKISH | {Part.DAILY})
    with Store() as store:
        app = world(store, engine, own, taker, HealthSource(store))
        tick(app, SEVEN - 3 * HOUR)
        tick(app, SEVEN - 3 * HOUR + BEAT)
        for day in range(3):
            for now in (SEVEN, SEVEN + BEAT, SEVEN + HOUR):
                tick(app, now + day * DAY)
            assert last_seen(store) == SEVEN + BEAT + day * DAY
        found = store.findings()
        digests = [one.message for one in taker.given if isinstance(one.message, Daily)]
        assert [one.rule for one, _, _ in found] == 4 * [RULE]
        assert len({incident for _, incident, _ in found}) == 4
        assert (told(taker), live(store), store.waiting()) == ([], [], [])
    assert [dict(one.facts)["Canary"] for one in digests] == 3 * ["came through in 5 min"]
    assert all(dict(one.facts)["Found, not told"] == "0" for one in digests)
    assert all(dict(one.facts)["Incidents"] == "0" and not one.open for one in digests)


def test_a_restart_sends_no_second_one(engine: DuckEngine, own: tuple[Rule, ...]) -> None:
    """Off: `SENT` in `fly` of monitor/worker/canary.py."""
    taker = Scripted()
    with Store() as store:
        for now in every(5 * HOUR, SEVEN - 5 * HOUR, SEVEN + 23 * HOUR):
            tick(world(store, engine, own, taker, HealthSource(store)), now)
        assert [one.outcome for one in store.events(Window(SEVEN - DAY, SEVEN + DAY))] == ["sent"]


def test_after_a_downtime_the_late_one_is_no_loss(engine: DuckEngine, own: tuple[Rule, ...]) -> None:
    """Off: looking for it before it is called lost, in `fly` of monitor/worker/canary.py."""
    taker = Scripted()
    with Store() as store:
        app = world(store, engine, own, taker, HealthSource(store))
        tick(app, SEVEN)
        assert missing(store, SEVEN + 6 * HOUR)
        tick(app, SEVEN + 6 * HOUR)
        one = newest(store)
        assert one is not None
        assert (one.took, missing(store, SEVEN + 6 * HOUR)) == (6 * HOUR, False)
        until(app, SEVEN + 6 * HOUR, SEVEN + 7 * HOUR, 15 * MINUTE)
        assert told(taker) == []


def test_a_broken_rule_is_told_within_two_intervals_and_is_over_when_it_is_mended(
    engine: DuckEngine, own: tuple[Rule, ...]
) -> None:
    """Off: the note of a lost one in `fly` of monitor/worker/canary.py."""
    taker = Scripted("slack", SLACKISH | {Part.DAILY})
    broken = [one if one.id != RULE else one.model_copy(update={"where": 'action == "canry"'}) for one in own]
    with Store() as store:
        app = world(store, engine, broken, taker, HealthSource(store))
        due = SEVEN + PATIENCE
        for now in (SEVEN, SEVEN + BEAT, due - BEAT, due):
            tick(app, now)
        assert told(taker) == []
        tick(app, due + BEAT)
        assert set(told(taker)) == {"canary-lost"}
        tick(app, SEVEN + HOUR)
        (said,) = (one.message for one in taker.given if isinstance(one.message, Daily))
        assert said.verdict.startswith("No source has ever had a row (and 1 more)")
        assert said.wrong[1].startswith("The canary of 05-04 07:00 UTC did not come through")
        assert missing(store, SEVEN + HOUR)
        app = replace(app, rules=own)
        until(app, NOON, NOON + 4 * HOUR, 2 * HOUR)
        assert not missing(store, NOON + 4 * HOUR)
        assert [one.state.value for one in live(store)] == []


class Deaf(HealthSource):
    """It cannot be read."""

    def fetch(self, window: Window, now: datetime) -> Fetched:  # noqa: ARG002
        raise TransientError("cannot be read, as scripted")

    def counted(self, window: Window, now: datetime) -> Mapping[datetime, Counts]:
        return super().counted(window, now)


class Refusing(Store):
    """It keeps no finding."""

    refuses = False

    def conclude(self, *args: object, **named: object) -> None:
        if self.refuses and any(isinstance(one, tuple) and isinstance(one[0], Finding) for one in list(args[1])):  # type: ignore[call-overload]
            raise StateError("disk full, as scripted")
        super().conclude(*args, **named)  # type: ignore[arg-type]


def test_where_no_incident_can_be_told_the_heartbeat_knows(engine: DuckEngine, own: tuple[Rule, ...]) -> None:
    """Off: `missing` of monitor/worker/canary.py. A journal that cannot be read, and a state that cannot be written."""
    due = SEVEN + PATIENCE
    with Store() as store:
        until(world(store, engine, own, Scripted(), Deaf(store)), SEVEN, due + 2 * BEAT, 15 * MINUTE)
        assert (missing(store, due - BEAT), missing(store, due)) == (False, True)
        until(world(store, engine, own, Scripted(), HealthSource(store)), due + 2 * BEAT, due + 4 * BEAT)
        assert not missing(store, due + 4 * BEAT)
    with Refusing() as store:
        taker = Scripted()
        app = world(store, engine, own, taker, HealthSource(store))
        tick(app, SEVEN)
        store.refuses = True
        for now in every(15 * MINUTE, SEVEN, due):
            with pytest.raises(StateError):
                tick(app, now)
        assert missing(store, due)
        store.refuses = False
        tick(app, due + 2 * BEAT)
        assert (missing(store, due + 2 * BEAT), told(taker)) == (False, [])
