"""A daemon's rounds, and what can be seen of them from outside: health, readiness, metrics, the heartbeat."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter

import pytest

from monitor import clock, daemon
from monitor.daemon.beating import STALE
from monitor.daemon.disk import refusing
from monitor.daemon.heartbeat import TIMEOUT, Cycle, Heartbeat
from monitor.daemon.rounds import Rounds
from monitor.daemon.running import Outside
from monitor.daemon.vitals import Running, Vitals
from monitor.errors import StateError
from monitor.kql import DuckEngine
from monitor.model import HealthEvent, Window
from monitor.rules import Rule
from monitor.sources.loganalytics.faults import Outcome
from monitor.sources.loganalytics.tally import Asked, Tally
from monitor.store import Store
from monitor.tables import SCHEMAS
from monitor.testing.sources import Event, ScriptedSource
from monitor.worker import App
from tests.daemon.asking import asked, series, value
from tests.daemon.called import PATH, Called
from tests.daemon.shifting import Shifted
from tests.worker.scripts import DAY, HOUR, MINUTE, NOON, Memory, app, burst, steady, tenant
from tests.worker.worlds import rules

HOSTILE = 'entra:"}\nmintwatch_up{x="y'
EVERY = {"scripted": 5 * MINUTE}
OFTEN = 200


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.at, self.steady = now, timedelta(0)

    def now(self) -> datetime:
        return self.at

    def ticks(self) -> timedelta:
        return self.steady


class Kept(Heartbeat):
    """A heartbeat that calls nobody and remembers what it would have said."""

    def __init__(self) -> None:
        super().__init__()
        self.cycles: list[Cycle] = []

    def say(self, cycle: Cycle) -> None:
        self.cycles.append(cycle)


class Quiet(Vitals):
    """Vitals that call nobody."""

    def __init__(self, stop: threading.Event, directory: Path, at: Clock) -> None:
        super().__init__(stop, directory, "127.0.0.1:0", now=at.now, ticks=at.ticks)
        self.heartbeat = self.kept = Kept()

    @property
    def cycles(self) -> list[Cycle]:
        return self.kept.cycles


class Place:
    """A state, a source, one rule and a notifier, and the rounds of a daemon over them."""

    def __init__(self, store: Store, engine: DuckEngine, rule: Rule) -> None:
        self.clock, self.stop, self.gone, self.memory = Clock(NOON), threading.Event(), list[str](), Memory()
        events = [
            *tenant(2, NOON - 2 * DAY),
            *steady(2, HOSTILE, start=NOON - 2 * DAY),
            *burst(NOON - HOUR, 20, HOSTILE),
        ]
        self.source = ScriptedSource(events=events)
        self.app: App = app([self.source], [rule], store, engine, [self.memory])
        self.tally = Tally()
        self.vitals = Quiet(self.stop, store.directory, self.clock)
        self.vitals.metrics.configured(["scripted"], [rule.id], ["memory"])
        self.tally.tell(self.vitals.metrics.asked)
        self.rounds = Rounds(self.app, EVERY, self.vitals, self.clock.now)
        self.jumps: list[timedelta] = []
        logged_in: Callable[[], bool] = lambda: self.tally.let_in  # noqa: E731
        running = Running(["scripted"], logged_in, lambda: self.gone, self.jumps.append)
        self.vitals.follow(running)

    def round(self) -> None:
        self.clock.at += 5 * MINUTE
        self.rounds.collect(self.source)
        self.rounds.judge()

    def asked(self, path: str) -> tuple[int, str]:
        assert self.vitals.server
        answer = asked(self.vitals.server.port, path)
        return answer.status, answer.body

    @property
    def metrics(self) -> str:
        return self.asked("/metrics")[1]


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckEngine]:
    made = DuckEngine(SCHEMAS, threads=1)
    yield made
    made.close()


@pytest.fixture(scope="module")
def rule(tmp_path_factory: pytest.TempPathFactory) -> Rule:
    (made,) = rules(tmp_path_factory.mktemp("rules"), ["failures"])
    return made


@pytest.fixture
def place(engine: DuckEngine, rule: Rule, tmp_path: Path) -> Iterator[Place]:
    with Store(tmp_path / "state") as store:
        made = Place(store, engine, rule)
        with made.vitals:
            yield made


def test_it_is_ready_once_it_was_let_in_and_every_source_has_answered(place: Place) -> None:
    status, said = place.asked("/readyz")
    checks = json.loads(said)["checks"]
    assert (status, checks["login"]["ok"], checks["polled"]["missing"]) == (503, False, ["scripted"])
    place.source.fails = frozenset({NOON + 5 * MINUTE})
    place.round()
    assert place.asked("/readyz")[0] == 503
    place.round()
    for outcome in (Outcome.LOGIN, Outcome.UNREACHABLE, Outcome.FORBIDDEN, Outcome.UNREADABLE, Outcome.HELD):
        place.tally.add(Asked("scripted", "fetch", outcome))
        assert json.loads(place.asked("/readyz")[1])["checks"]["polled"]["ok"]
        assert place.asked("/readyz")[0] == 503
    place.tally.add(Asked("scripted", "fetch", Outcome.OK))
    assert place.asked("/readyz")[0] == 200


def test_health_is_the_beat_the_threads_and_the_state_and_never_azure_or_a_notifier(place: Place) -> None:
    place.source.fails = frozenset(NOON + n * MINUTE for n in range(OFTEN))
    place.memory.down = True
    place.round()
    assert place.asked("/healthz")[0] == 200
    place.clock.steady += STALE
    status, said = place.asked("/healthz")
    assert (status, json.loads(said)["checks"]["beat"]) == (503, {"ok": False, "age_seconds": 10.0})
    place.vitals.beat.strike()
    assert place.asked("/healthz")[0] == 200
    assert place.asked("/livez")[0] == 200
    place.gone.append("postman memory")
    assert place.asked("/livez")[0] == 503
    assert json.loads(place.asked("/healthz")[1])["checks"]["threads"]["gone"] == ["postman memory"]
    place.gone.clear()


def test_a_state_that_cannot_be_written_is_ill_and_shows(place: Place) -> None:
    place.vitals.disk.close()
    (place.app.store.directory / ".writable").mkdir()
    place.vitals.disk.look()
    status, said = place.asked("/healthz")
    assert (status, json.loads(said)["checks"]["store"]["trouble"]) == (503, "failing")
    assert set(json.loads(place.asked("/livez")[1])["checks"]) == {"beat", "threads"}  # no start makes room on a disk
    assert value(place.metrics, "state_writable") == 0
    (place.app.store.directory / ".writable").rmdir()
    place.vitals.disk.look()
    assert json.loads(place.asked("/healthz")[1])["checks"]["store"]["ok"]


def test_control_db_that_refuses_writes_is_ill_until_it_takes_them(place: Place) -> None:
    """The directory takes a block all the while. A database that may grow no more refuses as one on a full disk."""
    store, disk = place.app.store, place.vitals.disk
    disk.close()
    disk.refusing = partial(refusing, store)
    ((pages,),) = store._control.rows("pragma page_count")
    store._control.rows(f"pragma max_page_count = {pages + 8}")
    with pytest.raises(StateError, match="full"):
        store.note_mark("large", "x" * 1_000_000)
    store.note_mark("small", "")
    disk.look()
    assert disk.trouble == "", "it can be written, and it waits to be written down that it could not"
    store._control.rows("pragma query_only = 1")
    disk.look()
    status, said = place.asked("/healthz")
    assert (status, json.loads(said)["checks"]["store"]["trouble"]) == (503, "readonly")
    assert value(place.metrics, "state_writable") == 0
    store._control.rows("pragma query_only = 0")
    disk.look()
    assert json.loads(place.asked("/healthz")[1])["checks"]["store"]["ok"]


def test_what_the_state_holds_shows_after_a_round(place: Place) -> None:
    place.round()
    said, of = place.metrics, {"source": "scripted"}
    rows = len(place.source.events)
    assert value(said, "rows_total", **of, fate="kept") == rows
    assert value(said, "arrival_lag_seconds_count", **of) == rows
    assert value(said, "arrival_lag_seconds_bucket", **of, le="300.0") == rows
    assert value(said, "source_watermark_timestamp_seconds", **of) == (NOON + 5 * MINUTE).timestamp()
    assert value(said, "source_heard_timestamp_seconds", **of) == (NOON - 30 * MINUTE).timestamp()
    assert value(said, "coverage_ratio", **of) == 1.0
    assert value(said, "identities") == 11
    assert value(said, "incidents", level="medium", state="open") == 1
    assert value(said, "findings_total", rule="failures", level="medium") == 1
    assert value(said, "decisions_total", notifier="memory", reason="opened") == 1
    assert value(said, "outbox_messages", notifier="memory") == 1
    assert value(said, "live_facts", **of) == value(said, "facts_total", **of)
    assert (value(said, "state_bytes", part="facts") or 0) > 0
    assert value(said, "stage_duration_seconds_count", stage="conclude") == 1
    place.clock.at += HOUR
    assert value(place.metrics, "outbox_oldest_age_seconds", notifier="memory") == 3600
    before = value(place.metrics, "arrival_lag_seconds_count", **of)
    place.source.events.append(Event("late", place.clock.at - HOUR, place.clock.at, None, HOSTILE))
    place.round()
    assert value(place.metrics, "arrival_lag_seconds_count", **of) == (before or 0) + 1  # its window came whole again


def test_no_identity_no_address_and_no_name_from_a_row_is_in_what_it_says(place: Place) -> None:
    place.round()
    said = "".join(place.asked(path)[1] for path in ("/metrics", "/healthz", "/readyz"))
    for one in ("entra", "mintwatch_up", "20.1.2.3", 'SE"', "7000215"):
        assert one not in said
    series(said.partition('{"status"')[0])


def test_metrics_are_said_while_a_transaction_goes_on(place: Place) -> None:
    place.round()
    with place.app.store.deciding():
        assert value(place.metrics, "identities") == 11


def test_a_complete_cycle_beats_and_trouble_says_what_it_is(place: Place) -> None:
    place.rounds.judge()
    assert place.vitals.cycles == [Cycle(complete=False)]  # nothing is collected yet
    place.round()
    assert place.vitals.cycles[-1] == Cycle(complete=True)
    place.source.fails = frozenset(NOON + n * MINUTE for n in range(OFTEN))
    place.source.events.append(Event("new", place.clock.at, place.clock.at, None, "entra:2"))
    place.round()
    assert place.vitals.cycles[-1] == Cycle(complete=False, troubles=("cannot be collected: scripted",))
    place.clock.at += 15 * MINUTE
    place.rounds.judge()
    assert "messages wait for: memory" in place.vitals.cycles[-1].troubles
    place.rounds.missed("judge", "error")
    assert place.vitals.cycles[-1].troubles == ("judging failed",)


def test_a_source_that_stops_being_collected_ends_the_beats(place: Place) -> None:
    place.round()
    place.clock.at += 31 * MINUTE
    place.rounds.judge()
    assert not place.vitals.cycles[-1].complete


def test_whoever_is_called_hears_of_each_cycle_of_trouble_and_then_nothing(
    place: Place, outside: Called, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    heartbeat = place.vitals.heartbeat = Heartbeat(place.vitals.called, pause=0.01)
    heartbeat.address = lambda: outside.address
    heartbeat.start()
    place.round()
    assert [call[:2] for call in outside.until(bool)] == [("GET", f"/{PATH}?rid=1")]
    place.source.fails = frozenset(NOON + n * MINUTE for n in range(OFTEN))
    place.source.events.append(Event("new", place.clock.at, place.clock.at, None, "entra:2"))
    place.round()
    called = outside.until(lambda calls: len(calls) == 2)
    assert called[1] == ("POST", f"/{PATH}/fail?rid=1", "cannot be collected: scripted")
    outside.hanging.clear()
    begun = perf_counter()
    place.round()
    assert perf_counter() - begun < TIMEOUT.total_seconds() / 2
    outside.until(lambda calls: len(calls) == 3)
    outside.hanging.set()
    heartbeat.close()
    assert PATH not in "".join(str(vars(one)) for one in caplog.records) + place.metrics
    assert value(place.metrics, "heartbeat_calls_total", outcome="ok") is not None
    assert value(place.metrics, "heartbeat_last_success_timestamp_seconds") != 0


class _Schedule:
    """Remembers when it was hurried."""

    def __init__(self) -> None:
        self.hurried = 0

    def hurry(self) -> None:
        self.hurried += 1


@pytest.mark.parametrize(("by", "word"), [(HOUR, "forward"), (-HOUR, "back")])
def test_a_clock_that_was_set_is_written_down_and_everything_done_at_once(
    place: Place, by: timedelta, word: str
) -> None:
    place.round()
    place.clock.at += by
    schedule = _Schedule()
    place.rounds.jumped(by, schedule)  # type: ignore[arg-type]
    at = place.clock.at - 5 * MINUTE
    assert place.app.store.events(Window(at, at + MINUTE)) == [HealthEvent(at, "clock", "mintwatch", word, "3600s")]
    assert schedule.hurried == 1
    assert place.rounds.stuck(place.clock.at) == {}


# --- a daemon of its own threads --------------------------------------------------------------------------------------


def run_until(
    place: Place, claim: Callable[[Vitals], bool], now: Callable[[], datetime] = clock.now
) -> tuple[bool, Vitals]:
    """Whether it came true while a daemon ran, and its vitals."""
    stop = threading.Event()
    vitals = Vitals(stop, place.app.store.directory, now=now)
    came: list[bool] = []

    def watch() -> None:
        came.append(any(claim(vitals) or stop.wait(0.05) or False for _ in range(200)))
        stop.set()

    with vitals:
        watching = threading.Thread(target=watch)
        watching.start()
        finished = daemon.run(place.app, EVERY, stop, vitals=vitals, outside=Outside([place.tally]), now=now)
        watching.join()
    assert finished
    return came[0], vitals


def test_a_daemon_beats_and_is_polled(place: Place) -> None:
    came, vitals = run_until(place, lambda vitals: vitals.beat.number > 1 and "scripted" in vitals.polled)
    assert (came, vitals.dead) == (True, "")


def test_a_daemon_tries_what_its_store_was_refused(place: Place) -> None:
    """The wire between the two, without which the directory alone is tried."""
    _, vitals = run_until(place, lambda vitals: vitals.beat.number > 1)
    place.app.store._control.rows("pragma query_only = 1")
    with pytest.raises(StateError):
        place.app.store.note_mark("any", "")
    vitals.disk.look()
    assert vitals.healthy()["store"].said["trouble"] == "readonly"


def test_a_daemon_is_let_in_by_an_answer_and_not_by_asking(place: Place) -> None:
    """Unreachable, or refused at the door, each question was sent."""
    said: list[bool] = []

    def told(vitals: Vitals) -> bool:
        if "login" not in (checks := vitals.ready()):
            return False
        said.append(checks["login"].ok)
        place.tally.add(Asked("scripted", "fetch", (Outcome.UNREACHABLE, Outcome.FORBIDDEN, Outcome.OK)[len(said) - 1]))
        return len(said) == 3 and vitals.ready()["login"].ok

    assert run_until(place, told)[0]
    assert said == [False, False, False]


@pytest.mark.parametrize("by", [-HOUR, HOUR, 3650 * DAY])
def test_a_daemon_goes_on_after_its_clock_was_set(place: Place, shifted: type[Shifted], by: timedelta) -> None:
    """APScheduler alone does nothing until a clock that went back has caught up."""
    beats: list[int] = []

    def goes_on(vitals: Vitals) -> bool:
        if vitals.beat.number > 1 and not beats:
            beats.append(vitals.beat.number)
            shifted.by = by
        return bool(beats) and vitals.beat.number > beats[0] + 2

    came, vitals = run_until(place, goes_on, lambda: clock.now() + shifted.by)
    assert (came, vitals.dead) == (True, "")
    word = "back" if by < timedelta(0) else "forward"
    at = clock.now() + by
    events = place.app.store.events(Window(at - DAY, at + DAY))
    assert [(one.action, one.outcome) for one in events] == [("clock", word)]


class Dying(Memory):
    """A notifier that ends the thread that asks it."""

    def send(self, delivery: object) -> str:
        del delivery
        raise SystemExit(1)


def test_a_lane_whose_thread_ends_stops_the_daemon(place: Place) -> None:
    place.round()  # something waits to be sent
    object.__setattr__(place.app, "notifiers", (Dying(),))
    came, vitals = run_until(place, lambda vitals: bool(vitals.dead))
    assert (came, vitals.dead) == (True, "postman memory ended by SystemExit")
