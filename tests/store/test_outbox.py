"""What is wanted is kept until it was sent, and nobody forgets how a try ended."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from monitor.model import Part, Wanted
from monitor.store import Store

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CARD = Wanted("n", "i1", Part.CARD)
NEWS = Wanted("n", "i1", Part.NEWS, "2026-05-04T12:00:00Z worsened")


def want(store: Store, messages: list[Wanted], at: datetime) -> None:
    store.conclude({}, [], [], [], wanted=messages, at=at)


def due(store: Store, at: datetime = NOON) -> list[Wanted]:
    return [one.wanted for one in store.due(at)]


def send(store: Store, ref: str = "ref", at: datetime = NOON) -> None:
    for one in store.due(at):
        store.sending(one)
        store.sent(one, ref, at)


def test_what_is_wanted_is_due_until_it_was_sent() -> None:
    with Store() as store:
        want(store, [CARD], NOON)
        assert due(store) == [CARD]
        send(store)
        assert due(store) == []
        assert [(one.incident, one.ref) for one in store.notices("i1")] == [("i1", "ref")]


def test_a_card_is_kept_up_to_date_and_news_are_told_each_time() -> None:
    """Off: `_numbered` in `_queue` of monitor/store/outbox.py."""
    with Store() as store:
        want(store, [CARD, NEWS], NOON)
        send(store)
        send(store)
        assert [one.part for one in store.notices("i1")] == [Part.CARD, Part.NEWS]
        want(store, [CARD, NEWS, NEWS], NOON)
        assert [one.wanted.part for one in store.due(NOON)] == [Part.CARD, Part.NEWS]  # the third waits for the second
        assert store.due(NOON)[0].ref == "ref"
        send(store)
        send(store)
        assert [one.about for one in store.notices("i1")] == [
            "",
            NEWS.about,
            f"{NEWS.about} 2",
            f"{NEWS.about} 3",
        ]


def test_nothing_overtakes_its_incidents_first_message() -> None:
    with Store() as store:
        want(store, [Wanted("n", "i1", Part.LOG), NEWS, CARD, Wanted("n", "i2", Part.CARD)], NOON)
        assert due(store) == [CARD, Wanted("n", "i2", Part.CARD)]
        store.postpone(store.due(NOON)[0], NOON + MINUTE, "down")
        assert due(store) == [Wanted("n", "i2", Part.CARD)]
        assert store.next_due() == NOON
        assert due(store, NOON + MINUTE)[0] == CARD


def test_an_edit_that_waits_holds_back_nothing() -> None:
    with Store() as store:
        want(store, [CARD], NOON)
        send(store)
        want(store, [CARD, NEWS], NOON)
        assert due(store) == [CARD, NEWS]


def test_what_was_wanted_again_while_it_was_sent_is_due_again() -> None:
    with Store() as store:
        want(store, [CARD], NOON)
        (one,) = store.due(NOON)
        store.sending(one)
        want(store, [CARD], NOON)
        store.sent(one, "ref", NOON)
        assert due(store) == [CARD]


def test_a_try_that_was_cut_short_is_found_again_as_unsure(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        want(store, [CARD], NOON)
        store.sending(store.due(NOON)[0])
    with Store(tmp_path) as store:
        (one,) = store.due(NOON)
        assert (one.unsure, one.tries, one.ref) == (True, 1, "")


def test_what_is_refused_is_told_apart_and_given_up_in_the_end() -> None:
    with Store() as store:
        want(store, [CARD], NOON)
        (one,) = store.due(NOON)
        store.postpone(one, NOON + MINUTE, "not_in_channel", permanent=True)
        assert [one.error for one in store.backlog().refused] == ["not_in_channel"]
        assert (store.backlog().waiting, store.backlog().oldest) == (1, NOON)
        assert store.give_up(NOON, []) == store.give_up(NOON + MINUTE, ["n"]) == []
        assert [one.wanted for one in store.give_up(NOON + MINUTE, [])] == [CARD]
        assert (store.backlog().waiting, store.next_due()) == (0, None)


def test_an_incident_is_found_by_its_message() -> None:
    with Store() as store:
        want(store, [CARD], NOON)
        send(store, "C1:1.2")
        assert store.incident_of("n", "C1:1.2") == "i1"
        assert store.incident_of("n", "C1:1.3") == store.incident_of("m", "C1:1.2") == store.incident_of("n", "") == ""
        assert (store.ref("n", "i1", Part.CARD), store.ref("n", "i1", Part.LOG)) == ("C1:1.2", "")


@pytest.mark.parametrize("asked", [True, False])
def test_what_an_older_mintwatch_sent_is_not_sent_again(tmp_path: Path, asked: bool) -> None:
    control = sqlite3.connect(tmp_path / "control.db")
    for number, script in enumerate(
        sorted((files("monitor.store") / "migrations").iterdir(), key=lambda one: one.name)
    ):
        if number < 2:
            control.executescript(script.read_text())
    control.execute("pragma user_version = 2")
    at = NOON.isoformat(timespec="microseconds")
    control.execute("insert into decisions (incident, notifier, at, reason) values ('i1', 'n', ?, 'opened')", (at,))
    if asked:
        control.execute("insert into refused values ('i1', 'n', ?)", (at,))
    else:
        control.execute("insert into notices values ('i1', 'n', ?, 'ref')", (at,))
    control.commit()
    control.close()
    with Store(tmp_path) as store:
        assert len(due(store)) == asked
        assert len(store.notices("i1")) == (not asked)
        assert [one.level.value for one in store.decisions("i1")] == ["informational"]
