"""What people do takes effect once, whole, and whoever else writes loses nothing by it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest

from monitor import clock
from monitor.errors import StateError
from monitor.kql import DuckEngine
from monitor.model import Act, Entry, Incident, Level, Matcher, Outcome, Part, Person, Reason, State, Verb, Wanted
from monitor.rules import Rule
from monitor.store import Store
from monitor.store.control import asking
from monitor.testing.sources import ScriptedSource
from monitor.worker import tick
from monitor.worker.acting import Serving, ask, enact, perform, refuse, serve, serve_requests, warn
from tests.worker.scripts import DAY, HOUR, MINUTE, NOON, Memory, app, burst, tenant

ANN = Person("U1", "ann", "T1")
CARD, LOG = Wanted("slack", "i1", Part.CARD), Wanted("slack", "i1", Part.LOG)


def put(store: Store, *ids: str) -> None:
    """Incidents that are open, and told to Slack."""
    made = [
        Incident(one, f"ip:{one}", State.OPEN, Level.HIGH, 4.0, (), ("r",), 1, NOON, NOON, NOON, NOON) for one in ids
    ]
    told = [Wanted("slack", one, part) for one in ids for part in (Part.CARD, Part.LOG)]
    store.conclude({}, [], made, [], wanted=told, at=NOON)
    for each in range(2):
        for one in store.due(NOON):
            store.sending(one)
            store.sent(one, f"{each}.{one.seq}", NOON)


def act(verb: Verb = Verb.ACKNOWLEDGE, key: str = "k", **other: object) -> Act:
    return replace(Act(key, verb, ANN, "test", NOON, "i1", NOON + HOUR, "planned"), **other)  # type: ignore[arg-type]


def test_an_act_changes_the_incident_and_the_messages_that_say_where_it_stands() -> None:
    with Store() as store:
        put(store, "i1", "i2")
        assert store.due(NOON) == []
        heard: list[int] = []
        with store.listening(lambda: heard.append(1)):
            entry = enact(store, act(), NOON + MINUTE)
        assert (entry.outcome, entry.said) == (Outcome.DONE, "acknowledged")
        assert heard
        found = store.incident("i1")
        assert found is not None
        assert (found.state, found.handled_by) == (State.ACKNOWLEDGED, "ann")
        assert {one.wanted for one in store.due(NOON + MINUTE)} == {CARD, LOG}
        assert store.entries("i1") == [entry]


def test_a_repeated_key_changes_nothing_and_stays_in_the_audit_trail() -> None:
    with Store() as store:
        put(store, "i1")
        enact(store, act(), NOON)
        enact(store, act(Verb.UNACKNOWLEDGE, "other"), NOON)
        again = enact(store, act(), NOON)
        assert (again.outcome, again.said) == (Outcome.REPEATED, "acknowledged")
        assert getattr(store.incident("i1"), "state", None) is State.OPEN
        assert [one.outcome for one in store.entries()] == [Outcome.DONE, Outcome.DONE, Outcome.REPEATED]


def test_what_is_refused_or_unknown_is_in_the_audit_trail_and_wants_nothing() -> None:
    with Store() as store:
        put(store, "i1")
        assert enact(store, act(incident="none"), NOON).outcome is Outcome.REFUSED
        assert enact(store, act(key="b", incident=""), NOON).outcome is Outcome.REFUSED
        assert refuse(store, act(key="c"), "not one of ours").outcome is Outcome.REFUSED
        assert refuse(store, act(key="c"), "not one of ours").outcome is Outcome.REFUSED
        assert store.due(NOON + HOUR) == []
        assert getattr(store.incident("i1"), "state", None) is State.OPEN
        assert len(store.entries()) == 4


def test_a_silence_is_kept_and_can_be_ended() -> None:
    with Store() as store:
        put(store, "i1")
        enact(store, act(Verb.SILENCE), NOON)
        (silence,) = store.silences()
        assert silence.active(NOON)
        assert getattr(store.incident("i1"), "state", None) is State.ACKNOWLEDGED
        assert enact(store, act(Verb.EXPIRE, "e", incident="", silence=silence.id), NOON + MINUTE).outcome == "done"
        assert not store.silences(NOON + MINUTE)


def test_of_many_at_once_one_is_first_and_all_are_heard(engine: DuckEngine) -> None:
    with Store() as store:
        put(store, "i1")
        worker, together = app([], [], store, engine), Barrier(8)

        def press(number: int) -> Outcome:
            together.wait()
            return perform(worker, act(key=f"k{number % 4}"), NOON).outcome

        with ThreadPoolExecutor(8) as people:
            outcomes = sorted(people.map(press, range(8)))
        assert outcomes == ["done", *["harmless"] * 3, *["repeated"] * 4]
        assert len(store.entries()) == 8


def test_a_click_during_a_tick_is_not_lost_and_loses_nothing(engine: DuckEngine) -> None:
    with Store() as store:
        put(store, "i1")
        worker, together = app([], [], store, engine), Barrier(2)

        def count() -> None:
            together.wait()
            for _ in range(50):
                with store.deciding():
                    (one,) = store.incidents()
                    store.conclude({}, [], [replace(one, findings=one.findings + 1)], [])

        def press() -> None:
            together.wait()
            for number in range(50):
                verb = Verb.UNACKNOWLEDGE if number % 2 else Verb.ACKNOWLEDGE
                assert perform(worker, act(verb, f"k{number}"), NOON).outcome is Outcome.DONE

        with ThreadPoolExecutor(2) as both:
            for one in (both.submit(count), both.submit(press)):
                one.result()
        found = store.incident("i1")
        assert found is not None
        assert (found.findings, found.state) == (51, State.OPEN)


def test_another_process_asks_and_is_answered(engine: DuckEngine, tmp_path: Path) -> None:
    with Store(tmp_path) as store, Store(tmp_path, write=False) as other:
        put(store, "i1")
        with Serving(app([], [], store, engine), timedelta(milliseconds=20)):
            asked = act(at=clock.now())
            entry = ask(other, asked)
            assert entry is not None
            assert (entry.outcome, entry.act) == (Outcome.DONE, asked)
            assert ask(other, act(key="b", at=clock.now())) == other.entry("b")
        assert store.asked_for() == []


def test_what_nobody_answers_in_time_is_withdrawn(engine: DuckEngine, tmp_path: Path) -> None:
    with Store(tmp_path) as store, Store(tmp_path, write=False) as other:
        put(store, "i1")
        assert ask(other, act(), timedelta(0)) is None
        assert serve_requests(app([], [], store, engine), NOON) == []
        assert (store.entries(), store.asked_for()) == ([], [])


def test_what_was_asked_by_one_who_was_killed_is_done_within_minutes_or_refused(
    engine: DuckEngine, tmp_path: Path
) -> None:
    with Store(tmp_path) as store, Store(tmp_path, write=False) as other:
        put(store, "i1")
        for key in ("a", "b"):
            other.ask_for(act(key=key))
            late = timedelta(minutes=9 if key == "a" else 11)
            (entry,) = serve_requests(app([], [], store, engine), NOON + late)
            assert entry == store.entry(key)
        assert [one.outcome for one in store.entries()] == [Outcome.DONE, Outcome.REFUSED]
        assert store.entries()[1].said == f"asked for at {clock.iso(NOON)}, which is too long ago: ask again"
        assert store.asked_for() == []


def test_what_is_asked_for_is_done_or_withdrawn_and_never_both(tmp_path: Path) -> None:
    with Store(tmp_path) as store, Store(tmp_path, write=False) as other:
        put(store, "i1")
        with ThreadPoolExecutor(2) as pool:
            for number in range(60):
                asked = act(key=f"k{number}")
                other.ask_for(asked)
                start = Barrier(2)

                def withdraw(asked: Act = asked, start: Barrier = start) -> bool:
                    start.wait()
                    return other.withdraw(asked)

                def answer(start: Barrier = start) -> list[Entry]:
                    start.wait()
                    return serve(store, NOON)

                withdrawn, served = pool.submit(withdraw), pool.submit(answer)
                assert withdrawn.result() is not bool(served.result())
                assert withdrawn.result() is (other.entry(asked.key) is None)


def test_an_act_that_fails_stays_neither_half_done_nor_asked_for(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        put(store, "i1")
        asked = act(Verb.SILENCE, until=None, matchers=(Matcher("rule", "=", "r"),))
        store.ask_for(asked)
        (entry,) = serve(store, NOON)
        assert (entry.outcome, store.asked_for(), store.silences()) == (Outcome.REFUSED, [], [])


@pytest.mark.parametrize("sql", ["delete from requests", "select * from incidents", "update incidents set state = ''"])
def test_whoever_may_ask_may_do_nothing_else(tmp_path: Path, sql: str) -> None:
    with Store(tmp_path), pytest.raises(StateError), asking(tmp_path / "control.db") as connection:
        connection.execute(sql)


@pytest.mark.parametrize("sql", ["insert into requests (body) values ('')", "delete from acts", "select * from acts"])
def test_whoever_may_withdraw_may_do_nothing_else(tmp_path: Path, sql: str) -> None:
    with Store(tmp_path), pytest.raises(StateError), asking(tmp_path / "control.db", withdraw=True) as connection:
        connection.execute(sql)


@pytest.mark.parametrize("silenced", [False, True])
def test_a_silence_holds_from_the_very_next_tick_on(
    engine: DuckEngine, judged: dict[str, Rule], silenced: bool
) -> None:
    end, memory = NOON + 2 * DAY, Memory()
    events = tenant(2.1) + burst(end - HOUR, 8) + burst(end + 10 * MINUTE, 400, "entra:2")
    with Store() as store:
        worker = app([ScriptedSource(name="s", events=events)], [judged["failures"]], store, engine, [memory])
        tick(worker, end)
        assert [one.reason for one in memory.took] == [Reason.OPENED]
        pressed = end + 36 * MINUTE  # after the edge that the tick a minute later goes by
        if silenced:
            subject = (Matcher("subject", "=", "identity:entra:2"),)
            asked = act(Verb.SILENCE, incident="", matchers=subject, until=pressed + DAY)
            assert perform(worker, asked, pressed).outcome is Outcome.DONE
        tick(worker, pressed + MINUTE)
        (one,) = [one for one in store.incidents() if one.subject == "identity:entra:2"]
        reasons = {decision.reason for decision in store.decisions(one.id)}
        assert reasons == ({Reason.SILENCED} if silenced else {Reason.OPENED})
        assert len(memory.took) == (1 if silenced else 2)


def test_that_a_silence_expires_soon_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with Store() as store:
        enact(store, act(Verb.SILENCE, incident="", matchers=(Matcher("rule", "=", "r"),), until=NOON + 2 * HOUR), NOON)
        assert warn(store, NOON + 59 * MINUTE, set()) == []
        (said,) = warn(store, NOON + 61 * MINUTE, set())
        assert [one.message for one in caplog.records] == ["a silence expires soon"]
        assert warn(store, NOON + 62 * MINUTE, {said}) == []
        assert warn(store, NOON + 2 * HOUR, set()) == []
