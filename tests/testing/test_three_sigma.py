"""The comparison does what its docstring says, no worse and no better."""

import statistics
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from monitor.clock import iso
from monitor.errors import FrameError
from monitor.frames import FACTS
from monitor.kql import DuckEngine
from monitor.testing.scoring import score
from monitor.testing.simulate.label import Label
from monitor.testing.three_sigma import hourly, judge, three_sigma

START = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def counts(*days: int, who: str = "entra:a", hour: int = 9, series: str = "tokens") -> pd.DataFrame:
    """One count a day at that hour; 0 is no row, as the engine has it."""
    rows = [(series, who, START + n * DAY + hour * HOUR, count) for n, count in enumerate(days) if count]
    frame = pd.DataFrame(rows, columns=["series", "identity", "hour", "count"])
    return frame.astype({"hour": "datetime64[us, UTC]", "count": "int64"})


def found(*days: int) -> list[int]:
    """On which days it speaks."""
    return [(datetime.fromisoformat(str(line["bucket"])) - START) // DAY for line in judge(counts(*days))]


@pytest.mark.parametrize(
    ("days", "spoken"),
    [
        ((10, 12, 8, 11, 9, 100), [5]),
        ((10, 12, 8, 11, 9, 14), []),  # mean 10, sigma 1.58: 14.74 is the limit
        ((10, 12, 8, 11, 9, 15), [5]),
        ((10, 10, 10, 11), [3]),  # no deviation, any excess
        ((10, 10, 10, 10), []),
        ((10, 10, 99), []),  # two days are too few
        ((1, 0, 0, 0, 0, 1), []),
        ((5, 5, 5, 50, 50), [3]),  # the spike is in the mean of the next day
    ],
)
def test_speaks_above_mean_and_three_deviations_of_all_earlier_days(days: tuple[int, ...], spoken: list[int]) -> None:
    assert found(*days) == spoken


def test_hours_without_events_count_as_zero_since_the_first_day() -> None:
    other_hour = counts(1, 1, 1, 1, hour=3)
    line = judge(pd.concat([other_hour, counts(0, 0, 0, 7)]))[-1]
    assert (line["bucket"], line["expected"], line["high"]) == (iso(START + 3 * DAY + 9 * HOUR), 0.0, 0.0)


def test_agrees_with_the_plain_formula() -> None:
    chance = np.random.default_rng(1)
    days = [int(count) for count in chance.negative_binomial(2, 0.02, 35) + 1]
    expected = [
        n
        for n in range(3, 35)
        if days[n] > statistics.mean(days[:n]) + 3 * statistics.stdev(days[:n])
    ]  # fmt: skip
    assert found(*days) == expected
    assert expected


def test_large_equal_counts_have_no_deviation() -> None:
    assert found(*[1_234_567] * 34, 1_234_568) == [34]


def test_line_is_what_the_scoring_unit_reads() -> None:
    (line,) = judge(counts(10, 12, 8, 11, 9, 100))
    z = (100 - 10) / statistics.stdev([10, 12, 8, 11, 9])
    assert line == {
        "time": "2026-05-06T10:00:00Z",
        "bucket": "2026-05-06T09:00:00Z",
        "bucket_end": "2026-05-06T10:00:00Z",
        "subject": "identity:entra:a",
        "identity": "a",
        "rule": "three-sigma-tokens",
        "detector": "three_sigma",
        "score": pytest.approx(z / (z + 10)),
        "observed": 100.0,
        "expected": pytest.approx(10.0),
        "low": pytest.approx(10 - 3 * statistics.stdev([10, 12, 8, 11, 9])),
        "high": pytest.approx(10 + 3 * statistics.stdev([10, 12, 8, 11, 9])),
        "because": "100 tokens in 1 h, mean + 3 sigma of that hour is 14.7",
    }
    attack = Label(
        "x", "D1", "Spike", "blatant", ("a",), (), (), START + 5 * DAY + 9 * HOUR, START + 5 * DAY + 10 * HOUR
    )
    assert score([line], [attack], 10, START).average_precision() == 1.0


def test_regular_identity_that_slips_by_one_ranks_below_a_burst() -> None:
    regular, burst = judge(counts(10, 10, 10, 11)), judge(counts(10, 12, 8, 11, 9, 100))
    assert float(str(regular[0]["score"])) < float(str(burst[0]["score"]))


def test_later_days_change_nothing_said_before() -> None:
    days = (10, 12, 8, 50, 9, 100, 3, 200)
    for n in range(4, 9):
        assert judge(counts(*days[:n])) == judge(counts(*days))[: len(judge(counts(*days[:n])))]


def test_portions_of_identities_change_nothing() -> None:
    frame = pd.concat([counts(10, 12, 8, 11, 9, 50 + n, who=f"entra:{n}") for n in range(7)])
    shuffled = frame.sample(frac=1, random_state=3)
    assert judge(shuffled, portion=2) == judge(frame)
    assert len(judge(frame)) == 7


def test_days_before_since_are_learnt_and_not_told() -> None:
    frame = counts(10, 12, 8, 50, 9, 11, 100)
    assert len(judge(frame)) == 2
    assert [line["bucket"] for line in judge(frame, START + 5 * DAY)] == ["2026-05-07T09:00:00Z"]


def test_nothing_gives_nothing_and_a_missing_column_is_named() -> None:
    assert judge(counts()) == []
    with pytest.raises(FrameError, match="hour"):
        judge(counts(1).drop(columns="hour"))


def test_facts_are_counted_by_series_and_hour() -> None:
    rows = [
        ("sign_in", "issued", "entra:a", START, 3),
        ("sign_in", "issued", "entra:a", START + timedelta(minutes=55), 2),
        ("sign_in", "issued", "entra:a", START + HOUR, 1),
        ("sign_in", "failed", "entra:a", START, 4),
        ("sign_in", "interrupted", "entra:a", START, 9),
        ("vault", "ok", "entra:a", START, 5),
        ("vault", "denied", "entra:a", START, 6),
        ("vault", "challenge", "", START, 9),
        ("directory", "success", "entra:a", START, 9),
    ]
    columns: dict[str, list[object]] = {name: [""] * len(rows) for name in FACTS.names}
    columns |= {name: [row[place] for row in rows] for place, name in enumerate(("stream", "outcome", "identity"))}
    columns |= {name: [row[3] for row in rows] for name in ("at", "seen_at", "first_at", "last_at")}
    tables = {"facts": pa.table(columns | {"events": [row[4] for row in rows]}, schema=FACTS)}
    counted = hourly(DuckEngine(), tables).sort_values(["series", "hour"])
    assert counted[["series", "count"]].to_numpy().tolist() == [
        ["calls", 5],
        ["failures", 10],
        ["tokens", 5],
        ["tokens", 1],
    ]
    assert three_sigma(DuckEngine(), tables) == []
