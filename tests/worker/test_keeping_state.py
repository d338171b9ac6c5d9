"""What is old enough goes once a day, nothing else does, and nobody judges otherwise because of it."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from monitor import plugins, rules
from monitor.errors import StateError
from monitor.frames import DIMENSIONS, FACTS
from monitor.kql import DuckEngine
from monitor.model import (
    Act,
    Decision,
    Entry,
    Gap,
    HealthEvent,
    Level,
    Link,
    Name,
    Outcome,
    Part,
    Person,
    Queued,
    Reason,
    Silence,
    State,
    Verb,
    Wanted,
    Window,
)  # fmt: skip
from monitor.ports import Counts, Fetched
from monitor.rules import AFTER, Rule
from monitor.store import Keep, Store
from monitor.store.aging import AUDITED
from monitor.testing.sources import Event, ScriptedSource
from monitor.worker import tick
from monitor.worker.app import App
from monitor.worker.health import HealthSource
from monitor.worker.keeping import KEPT, keep, looks_back, prune, too_short
from tests.worker.alerts import DAY, HOUR, MINUTE, NOON, finding, incident
from tests.worker.scripts import Memory

KEEP = Keep(30 * DAY, 60 * DAY, 2)


def put(store: Store, start: datetime, source: str = "a", length: timedelta = DAY) -> None:
    moments = dict.fromkeys(("at", "seen_at", "first_at", "last_at"), start)
    row = dict.fromkeys(DIMENSIONS, "") | moments | {"events": 1, "source": source}
    who = Name(f"entra:{start:%j}", "somebody", "user", "", start, start)
    fetched = Fetched(pa.Table.from_pylist([row], schema=FACTS), (who,), Counts(read=1, kept=1))
    store.switch(source, [store.write(source, Window(start, start + length), fetched, start + length)], start + length)


def over(store: Store, name: str, at: datetime, state: State = State.RESOLVED, last: datetime | None = None) -> None:
    """An incident with a finding of that time, told once."""
    last = last or at
    one = replace(incident(name, state=state), first_at=at - HOUR, last_at=last, opened_at=at, updated_at=last)
    found = replace(
        finding(name), bucket=last - HOUR, bucket_end=last, time=last, judged_at=last, because=f"{last:%Y-%m-%d}"
    )
    told = Decision(name, "slack", at, Reason.OPENED, "", 5.0, Level.HIGH, 1)
    wanted = [Wanted("slack", name, part, "") for part in (Part.CARD, Part.NEWS)]
    quiet = replace(told, at=last, reason=Reason.UNCHANGED)
    store.conclude({}, [(found, name, told)], [one], [told, quiet], wanted=wanted, links=[Link(name, "x", "ip")], at=at)
    for waiting in store.waiting():
        send(store, waiting, at)


def send(store: Store, one: Queued, at: datetime) -> None:
    store.sending(one)
    store.sent(one, f"ref {one.seq}", at)


def rows(directory: Path) -> dict[str, int]:
    tables = (
        "incidents",
        "findings",
        "decisions",
        "outbox",
        "links",
        "acts",
        "silences",
        "names",
        "gaps",
        "live_files",
    )
    with closing(sqlite3.connect(directory / "control.db")) as control:
        return {one: control.execute(f"select count(*) from {one}").fetchone()[0] for one in tables}  # noqa: S608


def audited(store: Store, at: datetime, about: str = "") -> None:
    act = Act(f"k{at.isoformat()}{about}", Verb.ACKNOWLEDGE, Person("u", "u"), "test", at, about)
    silence = Silence(f"s{at.isoformat()}", (), "u", "why", at, at, at)
    store.record(Entry(act, Outcome.DONE, ""), None, [silence], [])


def test_facts_go_by_age_and_the_newest_never(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for day in range(40):
            put(store, NOON + (day - 40) * DAY)
        put(store, NOON - 40 * DAY, "long", 30 * DAY)  # one that reaches into what is kept
        store.note_gaps([Gap("a", Window(NOON - n * DAY, NOON - n * DAY + HOUR), "", NOON) for n in (50, 3)])
        planned = prune(store, KEEP, NOON, dry=True)
        assert len(store.live()) == 41
        gone = prune(store, KEEP, NOON)
        assert (gone.files, gone.size, gone.rows["gaps"]) == (planned.files, planned.size, 1)
        assert gone.files == 9
        assert min(store.windows("a")).end > NOON - 31 * DAY
        assert list(store.windows("long")) == [Window(NOON - 40 * DAY, NOON - 10 * DAY)]
        assert store.watermark("a") == NOON
        assert not prune(store, KEEP, NOON).anything
    with Store(tmp_path) as store:
        assert len(list((tmp_path / "facts").iterdir())) == len(store.live())


def test_whoever_reads_keeps_the_files(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for day in (60, 59, 0):
            put(store, NOON - day * DAY)
        with store.standing({"a"}) as standing:
            prune(store, KEEP, NOON)
            assert all(path.exists() for path in standing.live)
        put(store, NOON + DAY)
        put(store, NOON + 2 * DAY)
        assert len(list((tmp_path / "facts").iterdir())) == 3


def test_a_clock_far_ahead_makes_nothing_old(tmp_path: Path) -> None:
    """Off: `present` in monitor/worker/keeping.py."""
    with Store(tmp_path) as store:
        put(store, NOON - DAY)
        over(store, "i1", NOON - DAY)
        assert not prune(store, KEEP, NOON + 3650 * DAY).anything
        assert len(store.live()) == 1


def test_what_happened_to_mintwatch_is_forgotten_by_the_age_of_facts_too(engine: DuckEngine, tmp_path: Path) -> None:
    """Off: `now` in `drop` of monitor/worker/keeping.py."""
    with Store(tmp_path) as store:
        put(store, NOON - DAY)
        store.note(HealthEvent(NOON - days * DAY, "collect", "a", "failed", "") for days in (40, 2))
        tick(App((), (), store, engine, keep=KEEP), NOON + 365 * DAY)
        assert [one.at for one in store.events(Window(NOON - 90 * DAY, NOON))] == [NOON - 2 * DAY]


class Crammed(Store):
    """One whose database finds no room to be made small."""

    def tidy(self) -> None:
        raise StateError("control.db cannot be written: database or disk is full")


def test_what_cannot_be_made_small_is_copied_and_checked_all_the_same(engine: DuckEngine, tmp_path: Path) -> None:
    """Off: the guard of `tidy` in `keep` of monitor/worker/keeping.py."""
    with Crammed(tmp_path) as store:
        put(store, NOON - DAY)
        assert keep(App((), (), store, engine, keep=KEEP), NOON) is not None
        assert (len(store.backups()), store.mark(KEPT)) == (1, "2026-05-04")


def test_what_belongs_to_incidents_that_are_over_goes_with_them(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        put(store, NOON)
        old, new = NOON - 100 * DAY, NOON - 5 * DAY
        over(store, "over", old)
        over(store, "live", old, State.OPEN)
        over(store, "false", old, State.FALSE_POSITIVE)
        over(store, "fresh", new)
        over(store, "touched", old)
        audited(store, new, "touched")
        store.conclude({}, [], [], [], wanted=[Wanted("slack", "waits", Part.DIGEST, "")], at=old)
        before = rows(tmp_path)
        planned = prune(store, KEEP, NOON, dry=True)
        assert rows(tmp_path) == before
        gone = prune(store, KEEP, NOON)
        assert {table: many for table, many in gone.rows.items() if many} == {
            table: before[table] - left for table, left in rows(tmp_path).items() if before[table] != left
        }
        assert planned.rows == gone.rows
        assert sorted(one.id for one in store.incidents()) == ["fresh", "live", "touched"]
        assert {where for _, where, _ in store.findings()} == {"fresh", "live", "touched"}
        assert [one.reason for one in store.decisions("live")] == [Reason.OPENED]  # what it was told by stays
        assert [one.part for one in store.notices("live")] == [Part.CARD]
        assert store.told(["live"])
        assert store.backlog().waiting == 1


def test_an_incident_that_never_ends_forgets_its_oldest_findings(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        put(store, NOON)
        for days in (100, 90, 2):
            over(store, "live", NOON - 100 * DAY, State.OPEN, NOON - days * DAY)
        prune(store, KEEP, NOON)
        assert [one.because for one, _, _ in store.findings("live")] == [f"{NOON - 2 * DAY:%Y-%m-%d}"]


def test_who_did_what_is_kept_longer_and_said_when_it_goes(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        put(store, NOON)
        for days in (200, 100, 10):
            audited(store, NOON - days * DAY)
        gone = prune(store, KEEP, NOON)
        assert gone.rows["acts"] == 1
        assert len(store.entries()) == 2
        assert datetime.fromisoformat(store.mark(AUDITED)) == NOON.replace(hour=0) - 120 * DAY
        assert len(store.silences()) == 1


def test_months_pass_and_nothing_grows_without_end(
    engine: DuckEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every third day of a year and a half: files, rows and bytes stop growing after what is kept is full."""
    caplog.set_level(logging.INFO, "mintwatch.worker")
    sizes: list[int] = []
    full: dict[str, int] = {}
    with Store(tmp_path) as store:
        app = App((), (), store, engine, keep=KEEP)
        for step in range(180):
            now = NOON + 3 * step * DAY
            put(store, now - DAY)
            over(store, f"i{step}", now)
            audited(store, now)
            assert keep(app, now) is not None
            assert keep(app, now + HOUR) is None
            sizes.append((tmp_path / "control.db").stat().st_size)
            if step == 60:
                full = rows(tmp_path)
        assert rows(tmp_path) == full
        assert len(list((tmp_path / "facts").iterdir())) <= full["live_files"] + 1
        assert max(sizes[60:]) <= 1.1 * max(sizes[40:60])
        assert len(store.backups()) == KEEP.backups
    kept = [one for one in caplog.records if one.message == "kept"]
    assert len(kept) == 180
    assert vars(kept[-1])["dropped_incidents"] == 1


def test_what_cannot_be_done_is_tried_again(engine: DuckEngine, tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        put(store, NOON - DAY)
        app = App((), (), store, engine, keep=KEEP)
        (tmp_path / "backups").write_text("in the way")
        assert keep(app, NOON) is not None  # a copy that fails keeps nobody from dropping
        assert store.mark(KEPT) == "2026-05-04"


@pytest.fixture(scope="module")
def shipped() -> tuple[Rule, ...]:
    return rules.load(rules.shipped(), plugins.detectors())


def test_shipped_rules_are_content_with_what_is_kept(shipped: tuple[Rule, ...]) -> None:
    assert too_short(Keep(), shipped) == []
    assert max(map(looks_back, shipped)) == 106 * DAY


@pytest.mark.parametrize("ago", [60 * DAY, 88 * DAY, 120 * DAY])
def test_what_must_have_come_before_is_kept_as_long_as_it_is_looked_for(
    engine: DuckEngine, shipped: tuple[Rule, ...], ago: timedelta
) -> None:
    """Off: `AFTER` in `looks_back` of monitor/worker/keeping.py, or in `remember` of monitor/worker/judging.py."""
    (rule,) = (one for one in shipped if one.id == "expired-secret-tried")
    least = Keep(facts=looks_back(rule))
    assert too_short(least, [rule]) == []

    def found(chosen: Keep | None) -> int:
        token = Event("token", NOON - ago, NOON - ago + MINUTE)
        tried = Event("tried", NOON, NOON + MINUTE, outcome="failed", code="7000222")
        days = [NOON - ago + n * DAY for n in range(ago // DAY)]
        others = [Event(f"{at}", at, at + MINUTE, identity="entra:2") for at in days]
        source = ScriptedSource("main", events=[token, *others], settle=timedelta(0), step=DAY)
        with Store() as store:
            world = App((source,), (rule,), store, engine)
            for at in (NOON - ago + HOUR, NOON - 2 * HOUR, NOON - HOUR):
                tick(world, at)
            if chosen:
                prune(store, chosen, NOON - HOUR)
            source.events.append(tried)
            tick(world, NOON + 2 * HOUR)
            return len(store.findings())

    assert found(least) == found(None) == (ago < AFTER)


def test_less_than_rules_look_back_is_refused_in_a_sentence(shipped: tuple[Rule, ...]) -> None:
    looking = [one for one in shipped if one.id != "new-credential-key"]
    assert too_short(Keep(facts=90 * DAY, incidents=60 * DAY), looking) == [
        "keep.facts: expected at least 106d, because rule first-federated-signin looks back that far, got 90d",
        (
            "keep.incidents: expected at least keep.facts, 90d: what is forgotten is told again from facts that are"
            " still there; got 60d"
        ),
    ]


def test_the_daily_reading_finds_what_nobody_else_looks_at(engine: DuckEngine, tmp_path: Path) -> None:
    """A byte of a live file changes, whose facts are judged from memory.

    Off: `mend` in `keep` of monitor/worker/keeping.py.
    """
    events = [Event(f"e{n}", NOON + n * 5 * MINUTE, NOON + (n * 5 + 1) * MINUTE) for n in range(24)]
    source = ScriptedSource("main", events=events, overlap=15 * MINUTE)
    told = Memory()
    told_of = [one for one in rules.load(rules.shipped(), plugins.detectors()) if one.id == "logs-left-out"]
    with Store(tmp_path) as store:
        made = App((source, HealthSource(store)), tuple(told_of), store, engine, (told,), keep=KEEP)
        for minutes in (120, 130, 140):
            tick(made, NOON + minutes * MINUTE)
        harmed = store.live(["main"])[0]
        whole = harmed.read_bytes()
        harmed.write_bytes(whole[:200] + bytes([whole[200] ^ 0xFF]) + whole[201:])
        tick(made, NOON + 150 * MINUTE)
        assert harmed in store.live(["main"])
        for minutes in (0, 10, 20):
            tick(made, NOON + 12 * HOUR + minutes * MINUTE)
        assert harmed not in store.live(["main"])
        assert store.gaps() == []
        assert sum(one.kept for one in store.window_counts("main").values()) == len(events)
        assert [(one.rules, one.reason.value) for one in told.took] == [(("logs-left-out",), "opened")]
