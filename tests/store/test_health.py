"""What mintwatch keeps about itself, and what of it is of one moment."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.errors import StateError
from monitor.frames import DIMENSIONS, FACTS
from monitor.model import Gap, HealthEvent, Window
from monitor.ports import Counts, Fetched
from monitor.store import Store, Written

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ALWAYS = Window(NOON - 30 * DAY, NOON + 30 * DAY)


def fetched(events: int) -> Fetched:
    text = dict.fromkeys(DIMENSIONS, "")
    moments = dict.fromkeys(("at", "seen_at", "first_at", "last_at"), NOON)
    facts = pa.Table.from_pylist([text | moments | {"events": events}], schema=FACTS)
    return Fetched(facts, (), Counts(read=events, kept=events))


def hour(number: float, length: float = 1) -> Window:
    return Window(NOON + number * HOUR, NOON + (number + length) * HOUR)


def put(store: Store, where: Window, events: int, watermark: datetime = NOON) -> None:
    store.switch("a", [store.write("a", where, fetched(events), watermark)], watermark)


def events(store: Store) -> int:
    return sum(sum(pq.read_table(path)["events"].to_pylist()) for path in store.live())


# --- troubles and gaps -----------------------------------------------------------------------------------------------


def test_each_five_minutes_of_a_trouble_is_written_down_once() -> None:
    with Store() as store:
        for minutes in (0, 5, 5, 8, 30):
            store.failed("a", NOON + minutes * MINUTE, "no", "TransientError")
        wanted = [NOON + n * 5 * MINUTE for n in range(-1, 6)]
        assert [one.at for one in store.events(ALWAYS)] == wanted
        assert store.events(ALWAYS)[0] == HealthEvent(wanted[0], "collect", "a", "failed", "TransientError")
        assert [(one.source, one.since) for one in store.troubles()] == [("a", wanted[0])]


def test_of_a_long_silence_of_ours_a_day_is_written_down_at_most() -> None:
    with Store() as store:
        store.failed("a", NOON, "no", "E")
        store.failed("a", NOON + 9 * DAY, "still no", "E")
        assert len(store.events(ALWAYS)) == 1 + 24 * 12
        assert store.troubles()[0].error == "still no"


def test_a_trouble_that_is_over_and_comes_again_begins_anew() -> None:
    with Store() as store:
        store.failed("a", NOON, "no", "E")
        store.recovered("a")
        store.recovered("a")
        assert store.troubles() == []
        store.failed("a", NOON + HOUR, "no", "E")
        assert store.troubles()[0].since == NOON + 55 * MINUTE
        assert len(store.events(ALWAYS)) == 2


def test_a_gap_is_written_down_once_and_mended_only_when_all_of_it_was_fetched() -> None:
    gap = Gap("a", Window(NOON, NOON + 3 * HOUR), "too much", NOON + 4 * HOUR)
    with Store() as store:
        for reason in ("too much", "still too much"):
            store.note_gaps([Gap(gap.source, gap.window, reason, gap.noted_at)])
        assert (store.gaps(), len(store.events(ALWAYS))) == ([gap], 1)
        for part in (hour(0, 2), hour(1, 9)):
            store.mended("a", [part])
            store.mended("b", [hour(-9, 99)])
            assert store.gaps() == [gap]
        store.mended("a", [hour(-1, 5)])
        assert store.gaps() == []


# --- of one moment ---------------------------------------------------------------------------------------------------


def test_what_a_judgement_rests_on_is_of_one_moment_while_sources_are_collected() -> None:
    """Off: the transaction in `standing` of monitor/store/health.py.

    A thread switches, moving the watermark and the one window's facts alike; whoever looks finds them alike, and the
    files there.
    """
    with Store() as store:
        put(store, hour(0), 1, NOON + MINUTE)
        done = threading.Event()

        def collect() -> None:
            for number in range(2, 60):
                put(store, hour(0), number, NOON + number * MINUTE)
            done.set()

        collecting = threading.Thread(target=collect)
        collecting.start()
        looks = set()
        while not done.is_set():
            with store.standing({"a"}) as standing:
                (path,) = standing.live
                (held,) = pq.read_table(path)["events"].to_pylist()
                assert standing.watermarks == {"a": NOON + held * MINUTE}
                looks.add(held)
        collecting.join()
        assert len(looks) > 3
        for number in (1, 2):
            put(store, hour(0), number)
        assert len(list((store.directory / "facts").iterdir())) == 2  # the live one, and the one before


def test_a_gap_and_the_facts_that_mend_it_are_never_both_missed() -> None:
    with Store() as store:
        store.note_gaps([Gap("a", hour(0), "too much", NOON)])
        with store.standing({"a"}) as before:
            put(store, hour(0), 5)
            store.mended("a", [hour(0)])
        with store.standing({"a"}) as after:
            assert (len(before.gaps), len(before.live), len(after.gaps), len(after.live)) == (1, 0, 0, 1)


# --- days put together while sources are collected -------------------------------------------------------------------


class Overtaken(Store):
    """Where one of the files is fetched again just while they are put together."""

    def merge(self, source: str, window: Window, paths: Sequence[Path]) -> Written:
        merged = super().merge(source, window, paths)
        put(self, hour(1), 100, NOON + 5 * DAY)
        return merged


def test_a_window_fetched_while_its_day_is_put_together_is_not_lost(tmp_path: Path) -> None:
    """Off: `one.merged` in `switch` of monitor/store/facts.py."""
    with Overtaken(tmp_path) as store:
        for number in range(4):
            put(store, hour(number), 1)
        with pytest.raises(StateError, match="changed while put together"):
            store.compact("a", NOON + 4 * DAY)
        assert (events(store), store.watermark("a")) == (103, NOON + 5 * DAY)
        retired = store._retired["a"]
        assert len(list((tmp_path / "facts").iterdir())) == len(store.live()) + len(retired)
    with Store(tmp_path) as store:
        assert store.compact("a", NOON + 4 * DAY) == [hour(0, 4)]
        assert (events(store), store.watermark("a")) == (103, NOON + 5 * DAY)


def test_a_mark_is_what_was_noted_last(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        assert store.mark("one") == ""
        store.note_mark("one", "first")
        store.note_mark("one", "second")
    with Store(tmp_path, write=False) as reader:
        assert (reader.mark("one"), reader.mark("two")) == ("second", "")
