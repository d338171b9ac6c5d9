"""The store keeps windows whole, has one writer, and gives back what it was given."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import FrameError, PermanentError, StateError
from monitor.frames import DIMENSIONS, FACTS
from monitor.model import Decision, Finding, Incident, Level, Name, Reason, State, Window
from monitor.ports import Counts, Fetched
from monitor.store import Store, Written

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def window(start: float, end: float) -> Window:
    return Window(NOON + start * HOUR, NOON + end * HOUR)


def facts(*events: int) -> pa.Table:
    text = dict.fromkeys(DIMENSIONS, "")
    moments = dict.fromkeys(("at", "seen_at", "first_at", "last_at"), NOON)
    return pa.Table.from_pylist([text | moments | {"events": count} for count in events], schema=FACTS)


def fetched(*events: int, names: tuple[Name, ...] = ()) -> Fetched:
    return Fetched(facts(*events), names, Counts(read=sum(events), kept=sum(events)))


def put(store: Store, *windows: tuple[Window, int], source: str = "a") -> None:
    written = [store.write(source, one, fetched(events), NOON) for one, events in windows]
    store.switch(source, written, NOON)


def events(store: Store) -> int:
    return sum(sum(pq.read_table(path)["events"].to_pylist()) for path in store.live())


def finding(**changed: object) -> Finding:
    plain = Finding(
        rule="r",
        detector="limit",
        level=Level.HIGH,
        stream="sign_in",
        family="events",
        experimental=False,
        subject="identity:entra:1",
        group=(("identity", "entra:1"), ("ip", "<&'\"\x1f\u202e>")),
        term="a\x1fb",
        bucket=NOON,
        bucket_end=NOON + HOUR,
        time=NOON + HOUR,
        judged_at=NOON + HOUR,
        surprise=4.0,
        observed=9.0,
        expected=math.nan,
        low=0.0,
        high=math.inf,
        because="9 in 1 h",
    )
    return replace(plain, **changed)  # type: ignore[arg-type]


def incident(**changed: object) -> Incident:
    plain = Incident(
        "i1", "identity:entra:1", State.OPEN, Level.HIGH, 4.0, (("sign_in", "events", 4.0),), ("r",), 1, NOON,
        NOON + HOUR, NOON, NOON,
    )  # fmt: skip
    return replace(plain, **changed)  # type: ignore[arg-type]


def test_a_window_fetched_again_replaces_itself() -> None:
    with Store() as store:
        put(store, (window(0, 1), 5), (window(1, 2), 7))
        put(store, (window(0, 1), 6))
        assert events(store) == 13
        assert list(store.windows("a")) == [window(0, 1), window(1, 2)]
        assert store.counts()["a"] == Counts(read=13, kept=13)


def test_a_wider_window_replaces_all_it_covers_and_nothing_of_other_sources() -> None:
    with Store() as store:
        put(store, (window(0, 1), 5), (window(1, 2), 7))
        put(store, (window(0, 1), 100), source="b")
        put(store, (window(0, 3), 20))
        assert events(store) == 120
        assert list(store.windows("a")) == [window(0, 3)]


@pytest.mark.parametrize("second", [window(1, 2), window(-1, 1), window(1, 4)])
def test_a_window_is_never_replaced_in_part(second: Window) -> None:
    with Store() as store:
        put(store, (window(0, 3), 5))
        with pytest.raises(StateError, match="only in part"):
            put(store, (second, 1))
        assert events(store) == 5


def test_windows_of_one_switch_may_not_overlap_each_other() -> None:
    with Store() as store:
        with pytest.raises(StateError, match="only in part"):
            put(store, (window(0, 2), 5), (window(1, 3), 7))
        assert store.live() == []
        assert store.watermark("a") is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3), st.integers(1, 9)), min_size=1, max_size=8))
def test_whatever_is_replaced_each_hour_counts_once(steps: list[tuple[int, int, int]]) -> None:
    """Whole-window replacement against a plain dictionary of hours."""
    truth: dict[int, tuple[int, int]] = {}  # hour: (number of its window, events of that window)
    with Store() as store:
        for number, (start, length, count) in enumerate(steps):
            covered = range(start, start + length)
            touched = {one for hour, (one, _) in truth.items() if hour in covered}
            if any(one in touched and hour not in covered for hour, (one, _) in truth.items()):
                with pytest.raises(StateError):
                    put(store, (window(start, start + length), count))
                continue
            put(store, (window(start, start + length), count))
            truth |= dict.fromkeys(covered, (number, count))
        assert events(store) == sum(dict(truth.values()).values())


def test_a_second_writer_is_refused_and_a_later_one_is_not(tmp_path: Path) -> None:
    with Store(tmp_path), pytest.raises(StateError, match="another mintwatch is writing"):
        Store(tmp_path)
    Store(tmp_path).close()


def test_a_reader_reads_on_while_a_writer_writes(tmp_path: Path) -> None:
    with Store(tmp_path) as writer:
        put(writer, (window(0, 1), 5))
        with Store(tmp_path, write=False) as reader:
            before = reader.live()
            put(writer, (window(0, 1), 6))
            assert sum(sum(pq.read_table(path)["events"].to_pylist()) for path in before) == 5
            assert events(reader) == 6


def test_a_reader_needs_a_state(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"control\.db"):
        Store(tmp_path, write=False)


def test_a_state_of_a_newer_version_is_refused_and_not_locked(tmp_path: Path) -> None:
    Store(tmp_path).close()
    _version(tmp_path, 99)
    for _ in range(2):
        with pytest.raises(StateError, match="newer mintwatch"):
            Store(tmp_path)
    _version(tmp_path, len(list((files("monitor.store") / "migrations").iterdir())))
    Store(tmp_path).close()


def _version(directory: Path, number: int) -> None:
    control = sqlite3.connect(directory / "control.db")
    control.execute(f"pragma user_version = {number}")
    control.close()


def test_a_control_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "control.db").write_text("this is no database, and long enough to be read as one" * 100)
    with pytest.raises(StateError, match=r"control\.db"):
        Store(tmp_path)


def test_files_that_are_not_live_are_swept_at_the_start(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        put(store, (window(0, 1), 5))
        orphan = store.write("a", window(1, 2), fetched(7), NOON).path
        (tmp_path / "facts" / "half.tmp").write_bytes(b"PAR1")
    with Store(tmp_path, write=False) as reader:
        assert orphan.is_file()
        assert events(reader) == 5
    with Store(tmp_path) as store:
        assert sorted((tmp_path / "facts").iterdir()) == store.live()
        assert events(store) == 5


def test_a_switch_that_fails_leaves_the_watermark_where_it_was(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        put(store, (window(0, 3), 5))
        bad: Sequence[Written] = [
            store.write("a", window(5, 6), fetched(1), NOON),
            store.write("a", window(2, 4), fetched(1), NOON),
        ]
        with pytest.raises(StateError):
            store.switch("a", bad, NOON + HOUR)
        assert store.watermark("a") == NOON
        assert list(store.windows("a")) == [window(0, 3)]
        put(store, (window(3, 4), 5))


def test_findings_come_back_as_they_were_with_what_is_no_number() -> None:
    given_ = finding(members=("entra:1", "entra:2"), sources=("a",))
    with Store() as store:
        store.conclude({}, [(given_, "i1", Decision("i1", "n", NOON, Reason.OPENED))], [incident()], [])
        ((found, belongs, reason),) = store.findings("i1")
        assert repr(found) == repr(replace(given_, bucket=found.bucket, bucket_end=found.bucket_end, time=found.time,
                                           judged_at=found.judged_at))  # fmt: skip
        assert (found.bucket, found.time, found.key) == (given_.bucket, given_.time, given_.key)
        assert (belongs, reason) == ("i1", "opened")
        assert math.isnan(found.expected)
        assert math.isinf(found.high)
        assert store.known(NOON) == {given_.key}
        assert store.known(NOON + HOUR) == set()


def test_a_finding_concluded_twice_is_kept_once() -> None:
    one = (finding(), "i1", Decision("i1", "n", NOON, Reason.OPENED))
    with Store() as store:
        store.conclude({}, [one], [incident()], [])
        store.conclude({}, [one], [incident(findings=2)], [])
        assert len(store.findings()) == 1
        assert store.incidents() == [incident(findings=2)]


def test_incidents_are_asked_for_by_state() -> None:
    done = incident(id="i2", state=State.RESOLVED)
    with Store() as store:
        store.conclude({}, [], [incident(), done], [])
        assert store.incidents(State.OPEN) == [incident()]
        assert store.incidents(State.RESOLVED) == [done]


def test_the_newest_name_wins_and_no_name_never_does() -> None:
    def named(name: str, hours: float) -> Name:
        return Name("entra:1", name, "user", "", NOON + hours * HOUR, NOON + hours * HOUR)

    with Store() as store:
        for number, one in enumerate([named("old", 0), named("", 5), named("new", 3), named("older", -2)]):
            store.switch("a", [store.write("a", window(number, number + 1), fetched(1, names=(one,)), NOON)], NOON)
        kept = store.names()["entra:1"]
        assert kept.name == "new"
        assert (kept.first_at, kept.last_at) == (NOON - 2 * HOUR, NOON + 5 * HOUR)


def test_how_far_rules_judged_is_kept_per_rule_and_source() -> None:
    with Store() as store:
        store.conclude({("r", "a"): NOON}, [], [], [], {"r": 7})
        store.conclude({("r", "a"): NOON + HOUR}, [], [], [])
        assert store.judged() == {("r", "a"): NOON + HOUR}
        assert store.judged_upto() == {"r": 7}


def test_what_changed_is_kept_until_everybody_judged_it_but_not_what_is_older_than_the_first_day() -> None:
    with Store() as store:
        ancient, recent = window(-60, -59), window(-30, -29)
        written = [store.write("a", one, fetched(1), NOON) for one in (ancient, recent, window(0, 1))]
        store.switch("a", written, NOON)
        assert [(one.seq, one.start, one.as_of) for one in store.changes()] == [
            (1, recent.start, NOON),
            (2, NOON, NOON),
        ]
        store.switch("a", [store.write("a", window(0, 1), fetched(2), NOON + 216 * HOUR)], NOON + 216 * HOUR)
        store.compact("a", NOON + 216 * HOUR)
        store.conclude({}, [], [], [], {"r": 2}, 2)
        assert [(one.seq, one.start) for one in store.changes()] == [(3, NOON)]


def test_incidents_keep_their_place_when_they_change() -> None:
    first, second = incident(id="z"), incident(id="a", subject="identity:entra:2")
    with Store() as store:
        store.conclude({}, [], [first, second], [])
        store.conclude({}, [], [replace(first, findings=2)], [])
        assert [one.id for one in store.incidents()] == ["z", "a"]
        assert [one.id for one in store.incidents(State.OPEN)] == ["z", "a"]
        assert store.incident("z") == replace(first, findings=2)
        assert store.incident("none") is None


def test_recent_incidents_are_those_open_and_those_that_ended_lately() -> None:
    old = incident(id="i2", state=State.RESOLVED)
    with Store() as store:
        store.conclude({}, [], [incident(), old], [])
        assert [one.id for one in store.recent(old.last_at)] == ["i1", "i2"]
        assert [one.id for one in store.recent(old.last_at + HOUR)] == ["i1"]


@pytest.mark.parametrize("wrong", [OSError(28, "No space left on device"), pa.ArrowInvalid("no space")])
def test_facts_that_cannot_be_written_leave_no_file(monkeypatch: pytest.MonkeyPatch, wrong: Exception) -> None:
    def full(_: int) -> None:
        raise wrong

    with Store() as store:
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(PermanentError, match=r"facts/a\..*cannot be written"):
            store.write("a", window(0, 1), fetched(5), NOON)
        assert list((store.directory / "facts").iterdir()) == []


def test_facts_of_another_shape_leave_no_file() -> None:
    with Store() as store:
        with pytest.raises(FrameError):
            store.write("a", window(0, 1), Fetched(pa.table({"x": [1]}), (), Counts()), NOON)
        assert list((store.directory / "facts").iterdir()) == []


def test_what_is_live_is_never_discarded() -> None:
    with Store() as store:
        written = [store.write("a", window(0, 1), fetched(5), NOON), store.write("a", window(1, 2), fetched(7), NOON)]
        store.switch("a", written[:1], NOON)
        store.discard(written)
        assert events(store) == 5
        assert sorted((store.directory / "facts").iterdir()) == store.live()


@pytest.mark.parametrize(("number", "age"), [(0, "an older"), (99, "a newer")])
def test_a_reader_of_another_version_changes_nothing(tmp_path: Path, number: int, age: str) -> None:
    Store(tmp_path).close()
    _version(tmp_path, number)
    before = (tmp_path / "control.db").read_bytes()
    with pytest.raises(StateError, match=f"{age} mintwatch"):
        Store(tmp_path, write=False)
    assert (tmp_path / "control.db").read_bytes() == before


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with Store(tmp_path, write=False) as reader, pytest.raises(StateError, match="cannot be written"):
        reader.conclude({}, [], [incident()], [])


@pytest.mark.parametrize(
    "query",
    [
        "select incident from decisions where at >= ''",
        "select key from findings where bucket >= ''",
        "select seq from outbox where state in ('new', 'sending') and not_before <= '' order by rank, seq",
        "select body from incidents where state = '' or last_at >= ''",
    ],
)
def test_what_every_tick_asks_is_indexed(tmp_path: Path, query: str) -> None:
    Store(tmp_path).close()
    control = sqlite3.connect(tmp_path / "control.db")
    plan = [row[3] for row in control.execute(f"explain query plan {query}")]
    control.close()
    assert not any(step.startswith("SCAN") for step in plan), plan


def test_days_are_put_together_once_they_are_over_and_count_as_before() -> None:
    with Store() as store:
        hours = [window(hour, hour + 1) for hour in range(-15, 40)]
        put(store, *((one, 1 + place) for place, one in enumerate(hours)))
        put(store, (window(0, 1), 100), source="b")
        before, counts = events(store), store.counts()
        day = Window(NOON - 12 * HOUR, NOON + 12 * HOUR)
        assert store.compact("a", NOON + 13 * HOUR) == [Window(NOON - 15 * HOUR, day.start), day]
        assert store.compact("a", NOON + 13 * HOUR) == []
        assert (events(store), store.counts(), store.watermark("a")) == (before, counts, NOON)
        assert list(store.windows("a"))[:3] == [Window(NOON - 15 * HOUR, day.start), day, window(12, 13)]
        put(store, (day, 5))
        assert list(store.windows("a"))[1] == day
        assert sorted((store.directory / "facts").iterdir()) == sorted(
            [*store.live(), *(store.directory / "facts" / path for path in store._retired["a"])]
        )


class Killed(BaseException):
    """As if the process had been killed."""


class DyingInCompaction(Store):
    """Dies before or after one step of the compaction."""

    step = ""
    after = False

    def merge(self, source: str, window: Window, paths: Sequence[Path]) -> Written:
        self._maybe("merge", after=False)
        merged = super().merge(source, window, paths)
        self._maybe("merge", after=True)
        return merged

    def switch(self, source: str, written: Sequence[Written], watermark: datetime | None) -> None:
        self._maybe("switch", after=False)
        super().switch(source, written, watermark)
        self._maybe("switch", after=True)

    def _maybe(self, step: str, *, after: bool) -> None:
        if (step, after) == (self.step, self.after):
            raise Killed(step)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", ["merge", "switch"])
def test_a_compaction_killed_at_any_step_leaves_every_fact_counted_once(tmp_path: Path, step: str, after: bool) -> None:
    """Off: `delete from live_files` in `switch` of monitor/store/facts.py."""
    with Store(tmp_path) as store:
        put(store, *((window(hour, hour + 1), 7 + hour) for hour in range(4)))
        before, counts = events(store), store.counts()
    dying = type("DyingHere", (DyingInCompaction,), {"step": step, "after": after})
    with pytest.raises(Killed), dying(tmp_path) as store:
        store.compact("a", NOON + 72 * HOUR)
    with Store(tmp_path) as store:
        assert (events(store), store.counts()) == (before, counts)
        assert sorted((tmp_path / "facts").iterdir()) == store.live()
        store.compact("a", NOON + 72 * HOUR)
        assert (events(store), store.counts(), len(store.live())) == (before, counts, 1)
