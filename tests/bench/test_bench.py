"""The benchmark works and compares like with like; how fast anything is, no test says."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench import commands, fold, rows, travel

DAYS = 15


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> rows.World:
    return rows.world(tmp_path_factory.mktemp("cache"), 2_000, 20, DAYS)


def test_rows_are_made_once(world: rows.World) -> None:
    written = {path: path.stat().st_mtime_ns for path in world.folder.iterdir()}
    again = rows.world(world.folder.parent, 2_000, 20, DAYS)
    assert again == world
    assert {path: path.stat().st_mtime_ns for path in again.folder.iterdir()} == written


def test_the_hand_written_fold_counts_what_ours_counts(world: rows.World) -> None:
    table = rows.table(world.folder.parent, world, 3 * world.rows[rows.TABLE])
    ours, theirs = fold.ours(table), fold.by_hand(table)
    assert ours.events > 0
    assert ours.events == theirs.events
    assert 0 <= theirs.facts - ours.facts <= 0.01 * theirs.facts  # it keeps apart what goes by two names


def test_memory_and_time_are_those_of_the_process_measured() -> None:
    small = commands.run("-c", "pass")
    large = commands.run("-c", "held = bytearray(300_000_000); held[::4096] = bytes(len(held[::4096]))")
    assert large.memory > small.memory + 250_000_000
    assert large.seconds > 0


def test_a_command_that_fails_is_not_measured() -> None:
    with pytest.raises(RuntimeError, match="exit code 2"):
        commands.run("-m", "monitor", "backtest", "--input", "/nowhere", "--output", "x.ndjson")


def test_more_of_the_same_within_a_bin_travels_no_more() -> None:
    small = travel.Traffic(3, timedelta(minutes=2))
    once, often = (travel.collected(small.rows(times, hours=1)) for times in (1, 10))
    assert (once.rows, often.rows) == (90, 900)
    assert 0 < once.facts == often.facts <= 3 * 12 * 2  # a bin of five minutes arrives in two
    assert often.bytes <= 1.1 * once.bytes


@pytest.mark.slow
def test_a_tick_asks_no_more_for_more_rules() -> None:
    few, every = (travel.asked(few=few) for few in (True, False))
    assert few.rules < every.rules
    assert 0 < few.asked == every.asked <= few.most
    assert few.windows == every.windows > 0


@pytest.mark.slow
def test_all_of_it_runs_and_gives_medians_and_the_ratio(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--shrink", "1000", "--runs", "1", "--cache", str(tmp_path / "cache")]
    bench.main([*options, "--json"])
    travelled, questions, *waited, replay, folded = json.loads(capsys.readouterr().out)["results"]
    assert all(0 < ratio <= 1.05 for ratio in travelled["ratios"].values())
    assert all(0 < ratio <= 1.0 for ratio in questions["ratios"].values())
    assert len(waited) == 4
    assert all(middle > 0 for one in waited for middle in one["medians"].values())
    assert set(replay["medians"]) == {"Parquet", "NDJSON, gzipped"}
    assert folded["ratio"] > 0
