"""What waits for days, clocks that were wrong, hosts that slept: nothing is lost untried, and nothing told twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from monitor.errors import LaterError, PermanentError, TransientError, UnsureError
from monitor.kql import DuckEngine
from monitor.model import Part, Reason, Wanted
from monitor.store import Store
from monitor.worker import App, tick
from monitor.worker.postman import OFTEN, OWED, REST, ROW, SHORTEST
from monitor.worker.telling import tell
from tests.worker.alerts import DAY, HOUR, MINUTE, NOON, SECOND, Round, Scripted, alert, want

HOOK = frozenset({Part.NEWS, Part.DIGEST})
DOWN, CUT = TransientError("down"), UnsureError("cut")


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as made:
        yield made


@pytest.mark.parametrize("slept", [4 * DAY, 400 * DAY])
def test_what_waited_while_nobody_ran_is_tried_before_it_is_given_up(
    store: Store, engine: DuckEngine, slept: timedelta
) -> None:
    """Off: the names in `give_up` of monitor/store/outbox.py."""
    hook = Scripted("hook", parts=HOOK)
    alert(store, [hook], "i1")
    assert tick(App((), (), store, engine, (hook,)), NOON + slept).unsent == ()
    assert hook.told == [(Part.NEWS, "i1")]


@pytest.mark.parametrize("trouble", [DOWN, CUT, PermanentError("no"), LaterError("later", HOUR)])
def test_what_was_tried_for_days_is_given_up(store: Store, engine: DuckEngine, trouble: Exception) -> None:
    """Off: `OWED` in `_wait` of monitor/worker/postman.py."""
    hook = Scripted("hook", parts=HOOK, always=lambda _: trouble)
    alert(store, [hook], "i1")
    world = App((), (), store, engine, (hook,))
    said = [tell(world, NOON + n * HOUR) for n in range(OFTEN)]
    assert said[:-1] == [[f"hook: i1: {trouble}"]] * (OFTEN - 1)
    assert said[-1] == [f"hook: i1: given up, not sent within 3 days of 2026-05-04T12:00:00Z: {trouble}"]
    assert (tell(world, NOON + 9 * DAY), len(hook.given)) == ([], OFTEN)


def test_a_clock_that_was_set_forward_gives_nothing_up(store: Store, engine: DuckEngine) -> None:
    """Off: `OFTEN` in `_wait` of monitor/worker/postman.py."""
    hook = Scripted("hook", parts=HOOK, answers=[TransientError("certificate has expired")])
    alert(store, [hook], "i1")
    lane = Round(store, hook, engine, NOON + 400 * DAY)
    lane.until(NOON + 400 * DAY + MINUTE)
    assert (hook.told, lane.lane.given_up) == ([(Part.NEWS, "i1")] * 2, [])


def test_what_may_have_been_sent_is_looked_for_though_it_was_given_up(store: Store, engine: DuckEngine) -> None:
    """Off: `unsure` in `lose` of monitor/store/outbox.py."""
    slack = Scripted(answers=[CUT], finds=[DOWN] * 5_000)
    alert(store, [slack], "i1")
    lane = Round(store, slack, engine)
    lane.until(NOON + OWED + HOUR)
    assert (len(slack.given), store.waiting(), len(lane.lane.given_up)) == (1, [], 1)
    slack.finds = ["found"]
    lane.now = NOON + 4 * DAY
    want(store, [Wanted("slack", "i1", Part.CARD)], lane.now)
    lane.drain()
    assert slack.asked[-1].since == NOON
    assert [(one.part, one.ref) for one in slack.given[1:]] == [(Part.CARD, "found")]


def test_so_it_is_if_its_notifier_was_gone_meanwhile(store: Store, engine: DuckEngine) -> None:
    """Off: `unsure` in `give_up` of monitor/store/outbox.py."""
    slack = Scripted(answers=[CUT], finds=["found"])
    alert(store, [slack], "i1")
    lane = Round(store, slack, engine)
    lane.drain()
    assert len(store.give_up(NOON + HOUR, ["other"])) == 3
    want(store, [Wanted("slack", "i1", Part.CARD)], NOON + 4 * DAY)
    lane.now = NOON + 4 * DAY
    lane.drain()
    assert [(one.part, one.ref) for one in slack.given[1:]] == [(Part.CARD, "found")]


def test_what_is_wanted_anew_is_not_given_up_and_begins_afresh(store: Store, engine: DuckEngine) -> None:
    """Off: `revision` in `lose`, `tries` in `_queue` of monitor/store/outbox.py."""
    slack = Scripted(always=lambda _: DOWN)
    alert(store, [slack], "i1")
    lane = Round(store, slack, engine)
    lane.until(NOON + HOUR)
    (card,) = [one for one in store.waiting() if one.wanted.part is Part.CARD]
    want(store, [card.wanted], NOON + HOUR)
    assert not store.lose(card, "by a test")
    (card,) = [one for one in store.waiting() if one.wanted.part is Part.CARD]
    assert card.tries > 5
    assert store.lose(card, "by a test")
    want(store, [card.wanted], NOON + 2 * HOUR)
    (card,) = store.due(NOON + 2 * HOUR)
    assert (card.tries, card.unsure, card.since) == (0, False, NOON + 2 * HOUR)


@pytest.mark.parametrize("ahead", [30 * DAY, 400 * DAY])
def test_a_clock_that_was_ahead_delays_nothing(store: Store, engine: DuckEngine, ahead: timedelta) -> None:
    """Off: `not_before > ?`, `since_at <= ?` in `_AWAKE` of monitor/store/outbox.py."""
    hook = Scripted("hook", parts=HOOK, answers=[LaterError("too fast", HOUR)])
    alert(store, [hook], "i1", NOON + ahead)
    Round(store, hook, engine, NOON + ahead).drain()
    alert(store, [hook], "i2", NOON + ahead)
    Round(store, hook, engine, NOON).drain()
    assert hook.told == [(Part.NEWS, "i1"), (Part.NEWS, "i1"), (Part.NEWS, "i2")]


def test_what_is_wanted_while_a_notifier_rests_waits_too(store: Store, engine: DuckEngine) -> None:
    """Off: `rests` in `_AWAKE` of monitor/store/outbox.py."""
    hook, other = Scripted("hook", parts=HOOK, answers=[LaterError("too fast", MINUTE)]), Scripted("other", parts=HOOK)
    alert(store, [hook], "i1")
    lane = Round(store, hook, engine)
    lane.drain()
    for later in (SECOND, 59 * SECOND):
        alert(store, [hook, other], f"after {later}", NOON + later)
        lane.until(NOON + later)
        Round(store, other, engine, NOON + later).drain()
    assert (len(hook.given), len(other.given)) == (1, 2)
    assert lane.lane.next_due() == NOON + MINUTE
    lane.until(NOON + MINUTE)
    assert len(hook.given) == 4


def test_another_process_keeps_away_as_long(store: Store, engine: DuckEngine) -> None:
    hook = Scripted("hook", parts=HOOK, answers=[LaterError("too fast", HOUR)])
    alert(store, [hook], "i1")
    world = App((), (), store, engine, (hook,))
    for minutes in range(0, 65, 5):
        tell(world, NOON + minutes * MINUTE)
        assert len(hook.given) == (2 if minutes >= 60 else 1)


def test_a_notifier_that_fails_rests_from_what_comes_later_too(store: Store, engine: DuckEngine) -> None:
    hook = Scripted("hook", parts=HOOK, always=lambda _: DOWN)
    lane = Round(store, hook, engine)
    end = NOON + 30 * MINUTE
    while lane.now < end:  # something new every second
        alert(store, [hook], f"{lane.now}", lane.now)
        lane.until(lane.now + SHORTEST)
    assert len(hook.given) <= ROW + 10 + (end - NOON) / REST


@pytest.mark.parametrize("slackish", [False, True])
def test_two_ticks_of_one_time_are_both_told(store: Store, engine: DuckEngine, slackish: bool) -> None:
    """Off: `_numbered` in `_queue` of monitor/store/outbox.py, the number in `_decision` of composing.py."""
    hook = Scripted("hook") if slackish else Scripted("hook", parts=HOOK)
    alert(store, [hook], "i1")
    lane = Round(store, hook, engine)
    lane.drain()
    for surprise in (6.0, 7.0):
        alert(store, [hook], "i1", NOON + HOUR, Reason.WORSENED, surprise)
    lane.now = NOON + HOUR
    lane.drain()
    news = [one.message for one in hook.given if one.part is Part.NEWS]
    assert len({one.key for one in hook.given if one.part is Part.NEWS}) == 2 + (not slackish)
    assert len({getattr(one, "news", "") for one in news[-2:]}) == 2
