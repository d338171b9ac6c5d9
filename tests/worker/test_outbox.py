"""What waits is told once, in order, and whatever fails keeps nobody waiting longer than it must."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from monitor.errors import LaterError, PermanentError, TransientError, UnsureError
from monitor.kql import DuckEngine
from monitor.model import Decision, Digest, Level, Part, Reason, Wanted, Window
from monitor.rules import Rule
from monitor.store import Store
from monitor.testing.sources import ScriptedSource
from monitor.worker import App, tick
from monitor.worker.health import note_untold
from monitor.worker.postman import LONGEST, OWED, REFUSED, ROW, pause
from monitor.worker.telling import overdue, tell
from tests.worker.alerts import DAY, HOUR, MINUTE, NOON, SECOND, Round, Scripted, alert, incident, want
from tests.worker.scripts import app, burst, tenant
from tests.worker.test_keeping_state import put

DOWN = TransientError("down")
CUT = UnsureError("cut")


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as made:
        yield made


def waiting(store: Store) -> list[Part]:
    return [one.wanted.part for one in store.waiting()]


def test_the_card_goes_first_and_what_hangs_from_it_knows_it(
    store: Store, engine: DuckEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    slack = Scripted()
    alert(store, [slack], "i1")
    Round(store, slack, engine).drain()
    assert slack.told == [(Part.CARD, "i1"), (Part.EVIDENCE, "i1"), (Part.LOG, "i1")]
    assert [one.thread for one in slack.given] == ["", "ref 1", "ref 1"]
    assert len({one.key for one in slack.given}) == 3
    assert [one.message for one in caplog.records] == 3 * ["sent"]


def test_fifty_changes_while_nobody_could_be_told_are_one_edit(store: Store, engine: DuckEngine) -> None:
    """Off: `on conflict` in `_queue` of monitor/store/outbox.py."""
    slack = Scripted()
    alert(store, [slack], "i1")
    lane = Round(store, slack, engine)
    lane.drain()
    slack.always = lambda _: DOWN
    for n in range(50):
        want(store, [Wanted("slack", "i1", Part.CARD)], NOON + n * MINUTE)
        lane.until(NOON + (n + 1) * MINUTE)
    slack.always = lambda _: None
    before = len(slack.given)
    lane.until(NOON + HOUR)
    assert [(one.part, one.ref) for one in slack.given[before:]] == [(Part.CARD, "ref 1")]


def test_an_error_that_passes_holds_back_its_incident_alone(store: Store, engine: DuckEngine) -> None:
    slack = Scripted(answers=[DOWN])
    for name in ("i1", "i2"):
        alert(store, [slack], name)
    lane = Round(store, slack, engine)
    lane.drain()
    assert slack.told == [(Part.CARD, "i1"), (Part.CARD, "i2"), (Part.EVIDENCE, "i2"), (Part.LOG, "i2")]
    lane.until(NOON + SECOND)
    assert slack.told[4:] == [(Part.CARD, "i1"), (Part.EVIDENCE, "i1"), (Part.LOG, "i1")]


def test_news_of_one_incident_keep_their_order(store: Store, engine: DuckEngine) -> None:
    """Off: `_FREE` of monitor/store/outbox.py."""
    slack = Scripted()
    alert(store, [slack], "i1")
    lane = Round(store, slack, engine)
    lane.drain()
    alert(store, [slack], "i1", NOON + MINUTE, Reason.WORSENED)
    alert(store, [slack], "i1", NOON + 2 * MINUTE, Reason.REMINDER)
    slack.always = lambda one: DOWN if one.part is Part.NEWS and lane.now < NOON + 20 * MINUTE else None
    lane.until(NOON + HOUR)
    news = [getattr(one.message, "reason", "") for one in slack.given if one.part is Part.NEWS]
    assert news[0] == news[-2] == Reason.WORSENED
    assert news[-1] == Reason.REMINDER
    assert news.count(Reason.REMINDER) == 1


def test_waits_double_and_no_two_messages_wait_alike(store: Store, engine: DuckEngine) -> None:
    slack = Scripted(always=lambda _: DOWN)
    for name in ("i1", "i2"):
        alert(store, [slack], name)
    first, second = store.due(NOON)
    assert pause(first) == pause(first) != pause(second)
    lane = Round(store, slack, engine)
    lane.until(NOON + 3 * HOUR)
    tries = [one for one in slack.given if getattr(one.message, "incident", "") == "i1"]
    assert 3 * HOUR / LONGEST <= len(tries) <= 2.5 * (3 * HOUR / LONGEST)


def test_who_says_to_come_back_later_is_left_alone_until_then(store: Store, engine: DuckEngine) -> None:
    """Off: `rest` in `_put_off` of monitor/worker/postman.py."""
    slack, pager = Scripted(answers=[LaterError("too fast", 30 * SECOND)]), Scripted("pager")
    for name in ("i1", "i2"):
        alert(store, [slack, pager], name)
    lane = Round(store, slack, engine)
    lane.until(NOON + 29 * SECOND)
    Round(store, pager, engine).drain()
    assert (len(slack.given), len(pager.given)) == (1, 6)
    lane.until(NOON + 30 * SECOND)
    assert len(slack.given) == 7


def test_what_may_have_been_sent_is_looked_for_before_it_is_repeated(store: Store, engine: DuckEngine) -> None:
    slack = Scripted(answers=[CUT, CUT], finds=["", "found"])
    alert(store, [slack], "i1")
    lane = Round(store, slack, engine)
    lane.until(NOON + MINUTE)
    assert slack.told[:3] == [(Part.CARD, "i1"), (Part.CARD, "i1"), (Part.EVIDENCE, "i1")]
    assert {one.key for one in slack.asked} == {slack.given[0].key}
    assert (len(slack.asked), slack.given[2].thread) == (2, "found")
    assert slack.asked[0].since == NOON


@pytest.mark.parametrize(
    "trouble", [DOWN, CUT, LaterError("later", 5 * SECOND), PermanentError("not_in_channel"), ZeroDivisionError()]
)
def test_who_cannot_look_does_not_repeat(store: Store, engine: DuckEngine, trouble: Exception) -> None:
    """Off: `unsure=True` in `_found` of monitor/worker/postman.py."""
    slack = Scripted(answers=[CUT], finds=[trouble, trouble, "found"])
    alert(store, [slack], "i1")
    Round(store, slack, engine).until(NOON + HOUR)
    assert slack.told == [(Part.CARD, "i1"), (Part.EVIDENCE, "i1"), (Part.LOG, "i1")]
    assert len(slack.asked) == 3


def test_an_error_nobody_foresaw_may_have_been_a_sending(store: Store, engine: DuckEngine) -> None:
    slack = Scripted(answers=[ZeroDivisionError()], finds=["found"])
    alert(store, [slack], "i1")
    Round(store, slack, engine).until(NOON + MINUTE)
    assert [one.part for one in slack.given] == [Part.CARD, Part.EVIDENCE, Part.LOG]


def test_what_changed_before_it_was_found_is_told_after(store: Store, engine: DuckEngine) -> None:
    """Off: `revision > trying` in `sent` of monitor/store/outbox.py."""
    slack = Scripted(answers=[CUT], finds=["found"])
    alert(store, [slack], "i1")
    lane = Round(store, slack, engine)
    lane.drain()
    want(store, [Wanted("slack", "i1", Part.CARD)], NOON)
    lane.until(NOON + MINUTE)
    assert [(one.part, one.ref) for one in slack.given][:2] == [(Part.CARD, ""), (Part.CARD, "found")]


def test_an_edit_is_repeated_without_a_look(store: Store, engine: DuckEngine) -> None:
    slack = Scripted()
    alert(store, [slack], "i1")
    lane = Round(store, slack, engine)
    lane.drain()
    want(store, [Wanted("slack", "i1", Part.CARD)], NOON)
    slack.answers = [CUT, CUT]
    lane.until(NOON + MINUTE)
    assert [one.ref for one in slack.given[3:]] == ["ref 1"] * 3
    assert slack.asked == []


def test_a_refusal_waits_for_a_person_and_stops_nobody_else(store: Store, engine: DuckEngine) -> None:
    slack = Scripted()
    slack.always = lambda one: PermanentError("channel_not_found") if one.message.incident == "i1" else None  # type: ignore[union-attr]
    for name in ("i1", "i2"):
        alert(store, [slack], name)
    lane = Round(store, slack, engine)
    lane.until(NOON + HOUR)
    assert slack.told.count((Part.CARD, "i1")) == 1 + HOUR // REFUSED
    assert [one for one in slack.told if one[1] == "i2"] == [
        (part, "i2") for part in (Part.CARD, Part.EVIDENCE, Part.LOG)
    ]
    assert waiting(store) == [Part.CARD, Part.EVIDENCE, Part.LOG]
    assert [one.error for one in store.backlog().refused] == ["channel_not_found"]


@pytest.mark.parametrize("trouble", [PermanentError("token_revoked"), DOWN, CUT])
def test_a_notifier_that_is_broken_for_good_is_not_asked_without_end(
    store: Store, engine: DuckEngine, trouble: Exception
) -> None:
    """Off: `ROW` in `_put_off` of monitor/worker/postman.py."""
    slack = Scripted(always=lambda _: trouble)
    slack.finds = [trouble] * 10_000
    for n in range(200):
        alert(store, [slack], f"i{n}")
    lane = Round(store, slack, engine)
    lane.until(NOON + HOUR)
    tries = len(slack.given) + len(slack.asked)
    assert HOUR / MINUTE <= tries <= 1.2 * HOUR / MINUTE + 3 * ROW
    slack.always, slack.finds = (lambda _: None), []
    lane.until(NOON + HOUR + REFUSED + MINUTE)
    assert waiting(store) == []


def test_a_picture_that_cannot_be_drawn_is_done_without(store: Store, engine: DuckEngine) -> None:
    slack = Scripted(parts=frozenset({Part.CARD, Part.LOG, Part.CHART}))
    alert(store, [slack], "i1")
    Round(store, slack, engine).drain()
    assert slack.told == [(Part.CARD, "i1"), (Part.LOG, "i1")]
    assert waiting(store) == []


@pytest.mark.parametrize(("trouble", "tries"), [(CUT, 1), (ZeroDivisionError(), 1), (DOWN, 2)])
def test_a_picture_is_sent_at_most_once(
    store: Store, engine: DuckEngine, judged: dict[str, Rule], trouble: Exception, tries: int
) -> None:
    """Off: `_lose` in `_put_off` of monitor/worker/postman.py."""
    slack = Scripted(parts=frozenset({Part.CARD, Part.CHART}), answers=["card", trouble])
    end = NOON + 2 * DAY
    world = app(
        [ScriptedSource(events=tenant(2.1) + burst(end - HOUR, 20))], [judged["failures"]], store, engine, [slack]
    )
    tick(world, end)
    tell(world, end + HOUR)
    assert [one.part for one in slack.given] == [Part.CARD, *tries * [Part.CHART]]
    assert all(one.picture.startswith(b"\x89PNG") and one.thread == "card" for one in slack.given[1:])
    assert waiting(store) == []


def test_what_cannot_be_composed_stops_nobody_else(store: Store, engine: DuckEngine) -> None:
    slack = Scripted()
    want(store, [Wanted("slack", "gone", Part.CARD)], NOON)
    alert(store, [slack], "i1")
    Round(store, slack, engine).until(NOON + MINUTE)
    assert {name for _, name in slack.told} == {"i1"}
    assert "no incident gone" in store.backlog().refused[0].error


def test_what_belongs_to_a_message_that_was_given_up_goes_with_it(store: Store, engine: DuckEngine) -> None:
    slack = Scripted(always=lambda _: DOWN)
    alert(store, [slack], "i1")
    (card,) = store.due(NOON)
    store.lose(card, "by a test")
    Round(store, slack, engine).drain()
    assert (slack.given, waiting(store)) == ([], [])


def test_a_notifier_that_is_no_longer_configured_is_waited_for_and_given_up(store: Store, engine: DuckEngine) -> None:
    gone, here = Scripted("gone"), Scripted("here")
    alert(store, [gone, here], "i1")
    world = App((), (), store, engine, (here,))
    assert tell(world, NOON) == []
    assert len(waiting(store)) == 3
    put(store, NOON - DAY)
    assert overdue(world, NOON + 400 * DAY) == []  # so says the clock alone
    put(store, NOON + OWED + MINUTE - DAY)
    said = overdue(world, NOON + OWED + MINUTE)
    assert len(said) == 3
    assert all("gone: i1: given up" in one for one in said)
    assert store.events(Window(NOON - HOUR, NOON + 2 * OWED)) == []


def test_whom_nobody_could_tell_is_in_the_journal(store: Store, engine: DuckEngine) -> None:
    """Off: `note` in `note_untold` of monitor/worker/health.py."""
    slack = Scripted(always=lambda _: PermanentError("token_revoked"))
    alert(store, [slack], "i1")
    world = App((), (), store, engine, (slack,))
    for minutes in (0, 5, 10, 15, 20, 20, 25):
        note_untold(world, NOON + minutes * MINUTE)
        tell(world, NOON + minutes * MINUTE)
    events = store.events(Window(NOON, NOON + HOUR))
    assert [(one.at - NOON, one.action, one.source, one.outcome) for one in events] == [
        (minutes * MINUTE, "notify", "slack", "failed") for minutes in (5, 10, 15, 20)
    ]


def test_who_was_told_and_only_misses_a_change_is_no_trouble(store: Store, engine: DuckEngine) -> None:
    slack = Scripted()
    alert(store, [slack], "i1")
    world = App((), (), store, engine, (slack,))
    tell(world, NOON)
    slack.always = lambda _: DOWN
    want(store, [Wanted("slack", "i1", Part.CARD)], NOON)
    note_untold(world, NOON + HOUR)
    assert store.events(Window(NOON - HOUR, NOON + 2 * HOUR)) == []


def test_what_is_left_is_said_a_line_for_each_incident(store: Store, engine: DuckEngine) -> None:
    slack, pager = Scripted(always=lambda _: DOWN), Scripted("pager")
    for n in range(12):
        alert(store, [slack, pager], f"i{n:02}")
    left = tell(App((), (), store, engine, (slack, pager)), NOON)
    assert left[0] == "slack: i00: down"
    assert left[-1] == "slack: messages about 2 more incidents wait"
    assert len(left) == 11


def test_with_patience_what_is_asked_to_come_later_comes_at_once(store: Store, engine: DuckEngine) -> None:
    slack = Scripted(answers=[LaterError("too fast", timedelta(0))])
    alert(store, [slack], "i1")
    world = App((), (), store, engine, (slack,))
    assert tell(world, NOON, 5 * SECOND) == []
    slack.answers = [LaterError("too fast", HOUR)]
    want(store, [Wanted("slack", "i1", Part.CARD)], NOON)
    assert tell(world, NOON + MINUTE, HOUR / 2) == ["slack: i1: too fast"]


def test_a_storm_is_one_message_that_names_the_worst(store: Store, engine: DuckEngine) -> None:
    slack = Scripted()
    members = [incident(f"i{n}", 5.0 + n) for n in range(30)]
    decisions = [Decision(one.id, "slack", NOON, Reason.STORM, "s1", one.surprise, Level.HIGH, 1) for one in members]
    store.conclude({}, [], members, decisions, wanted=[Wanted("slack", "s1", Part.DIGEST)], at=NOON)
    Round(store, slack, engine).drain()
    (sent,) = slack.given
    assert isinstance(sent.message, Digest)
    assert (sent.message.incidents, sent.message.worst[0].incident) == (30, "i29")
