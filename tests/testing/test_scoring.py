"""The scoring unit on cases small enough to score by hand."""

import io
import json
import math
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from monitor.clock import iso
from monitor.errors import InputError
from monitor.frames import FACTS
from monitor.kql import DuckEngine
from monitor.testing.scoreboard import Scoreboard
from monitor.testing.scoring import (
    claims,
    identity_days,
    read_findings,
    read_labels,
    score,
    table,
    to_json,
)
from monitor.testing.simulate.label import Grade, Label

START = datetime(2026, 5, 1, tzinfo=UTC)
WARM = START + timedelta(days=14)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
Line = Mapping[str, object]


def at(day: float, hour: float = 0.0) -> datetime:
    """So many days after the warm-up, at that hour."""
    return WARM + timedelta(days=day, hours=hour)


def attack(
    name: str, who: str, start: datetime, *, hours: float = 2.0, grade: Grade = "blatant", kind: str = "spike"
) -> Label:
    end = start + timedelta(hours=hours)
    return Label(name, kind, name, grade, (who,), (), (), start, end)


def line(who: str, bucket: datetime, mark: float, **more: object) -> Line:
    return {
        "time": iso(bucket + HOUR),
        "bucket": iso(bucket),
        "bucket_end": iso(bucket + HOUR),
        "subject": f"identity:entra:{who}",
        "score": mark,
    } | more


def scored(lines: list[Line], labels: list[Label], days: int = 1000) -> Scoreboard:
    return score(lines, labels, days, WARM)


# --- what is a claim, and when is it true ----------------------------------------------------------------------------


def test_a_claim_is_one_subject_on_one_utc_day_of_telling() -> None:
    late = line("a", at(0, 23), 0.4)  # told at midnight, so on the next day
    rows = claims([line("a", at(0, 9), 0.5), line("a", at(0, 17), 0.9), late, line("b", at(0, 9), 0.7)])
    assert rows["claim"].tolist() == [0, 0, 1, 2]
    assert rows["claim_score"].tolist() == [0.9, 0.9, 0.4, 0.7]


@pytest.mark.parametrize(
    ("bucket", "true"),
    [
        (at(1, 8), False),  # ends as the attack starts
        (at(1, 8.5), True),
        (at(1, 10), True),
        (at(1, 12), True),  # starts as the grace ends
        (at(1, 12.1), False),
    ],
)
def test_bucket_must_overlap_the_attack_or_the_hour_after(bucket: datetime, true: bool) -> None:
    board = scored([line("a", bucket, 0.9)], [attack("x", "a", at(1, 9))])
    assert bool(board.outcomes[0].claims) is true
    assert len(board.false) == (not true)


@pytest.mark.parametrize(
    ("told", "true"),
    [
        (at(1, 9.2), True),  # the bucket lasts at least until it was told
        (at(1, 8.5), False),
        (at(2, 9.0), False),  # but for no more than an hour
    ],
)
def test_bucket_of_unsaid_length_lasts_until_it_is_told_and_at_most_an_hour(told: datetime, true: bool) -> None:
    bucket = at(1, 7.5) if told.day != at(1, 9).day else at(1, 8.25)
    one = {"time": iso(told), "bucket": iso(bucket), "subject": "identity:a", "score": 0.9}
    assert bool(scored([one], [attack("x", "a", at(1, 9))]).outcomes[0].claims) is true


def test_another_finding_of_the_claim_may_make_it_true_for_its_maximum() -> None:
    board = scored([line("a", at(1, 2), 0.9), line("a", at(1, 9), 0.3)], [attack("x", "a", at(1, 9))])
    assert board.outcomes[0].claims == (0.9,)
    assert board.outcomes[0].told == ((0.3, HOUR),)
    assert board.false == ()
    reading = board.over(0.9).all
    assert (reading.found, reading.delay) == (1, None)  # nobody was told of it at that score


@pytest.mark.parametrize(
    ("subject", "members", "true"),
    [
        ("ip:203.0.113.7", [], True),
        ("ip:203.0.113.8", [], False),
        ("vault:KV-Prod", [], True),
        ("ip:2001:db8::1", ["entra:a"], True),
        ("ip:203.0.113.8", ["entra:a", "entra:b"], False),
        ("tenant:t", ["entra:A", "b", "entra:a"], False),
        ("credential:c", ["entra:a", "entra:a2", "b"], True),
        ("identity:entra:b", ["entra:a"], False),
        ("identity:a", [], True),
        ("identity:entra:A", [], True),
        ("ip:a", [], False),
    ],
)
def test_who_belongs_to_an_attack(subject: str, members: list[str], true: bool) -> None:
    label = Label("x", "D20", "Spray", "subtle", ("a", "a2"), ("203.0.113.7",), ("kv-prod",), at(1), at(2))
    board = scored([line("", at(1, 3), 0.9, subject=subject, members=members)], [label])
    assert bool(board.outcomes[0].claims) is true


def test_in_the_warm_up_neither_claims_nor_attacks_count() -> None:
    early, straddling = attack("early", "a", at(-3)), attack("straddling", "b", at(-0.5), hours=24)
    lines = [line("a", at(-3), 0.9), line("c", at(-2), 0.9), line("b", at(0, 3), 0.9)]
    board = scored(lines, [early, straddling])
    assert board.outcomes == ()
    assert board.false == ()
    assert math.isnan(board.average_precision())


def test_nan_says_nothing() -> None:
    board = scored([line("a", at(1, 9), float("nan")), line("b", at(1, 9), float("nan"))], [attack("x", "a", at(1, 9))])
    assert board.false == ()
    assert board.outcomes[0].claims == ()


# --- the sweep -------------------------------------------------------------------------------------------------------

X, Y, Z = (
    attack("x", "a", at(1, 9)),
    attack("y", "b", at(2, 9), grade="moderate"),
    attack("z", "c", at(3, 9), kind="new"),
)
HAND = [
    line("a", at(1, 9), 0.9),
    line("n", at(1, 9), 0.8),
    line("b", at(2, 11), 0.7),
    line("a", at(1, 10), 0.95),
    line("m", at(5, 9), 0.6),
    line("o", at(5, 9), 0.6),
]  # fmt: skip


def test_average_precision_by_hand() -> None:
    board = scored(HAND, [X, Y, Z])
    assert [(point.threshold, point.found, point.false) for point in board.points()] == [
        (0.95, 1, 0),
        (0.8, 1, 1),
        (0.7, 2, 1),
        (0.6, 2, 3),
    ]
    assert board.average_precision() == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3)


def test_reading_at_a_budget_by_hand() -> None:
    reading = scored(HAND, [X, Y, Z], days=250).at(4.0)  # one false claim is allowed
    assert (reading.threshold, reading.false, reading.all.found) == (0.7, 1, 2)
    assert {grade: part.found for grade, part in reading.grades.items()} == {"blatant": 1, "moderate": 1}
    assert {kind: part.recall for kind, part in reading.kinds.items()} == {"new": 0.0, "spike": 1.0}
    assert [one.attack for one in reading.missed] == ["z"]
    assert reading.all.delay == timedelta(hours=2)  # 1 h for x, 3 h for y


def test_no_budget_finds_what_stands_above_all_false_claims() -> None:
    assert scored(HAND, [X, Y, Z]).at(0.0).all.found == 1
    assert scored([line("n", at(1), 0.9)], [X]).at(0.0).threshold == math.inf


def test_ties_stand_or_fall_together() -> None:
    board = scored([line("a", at(1, 9), 0.5), line("n", at(1), 0.5), line("m", at(1), 0.5)], [X])
    assert board.average_precision() == pytest.approx(1 / 3)
    assert board.at(1.0).all.found == 0


def test_only_chosen_kinds_are_looked_for_and_claims_on_others_are_ignored() -> None:
    board = scored([*HAND, line("c", at(3, 9), 0.99)], [X, Y, Z]).of(["spike"])
    assert len(board.outcomes) == 2
    assert len(board.false) == 3
    assert board.points()[0].threshold == 0.95


def test_one_claim_may_find_two_attacks() -> None:
    board = scored([line("a", at(1, 9), 0.9)], [X, attack("w", "a", at(1, 8))])
    assert board.average_precision() == 1.0


def test_within_a_claim_a_weaker_finding_does_not_tell_at_a_higher_threshold() -> None:
    board = scored([line("a", at(1, 9), 0.4), line("a", at(1, 14), 0.8)], [attack("x", "a", at(1, 9), hours=8)])
    assert board.outcomes[0].claims == (0.8,)
    assert board.over(0.3).all.delay == HOUR
    assert board.over(0.5).all.delay == 6 * HOUR
    assert board.over(0.5).all.found == 1


def test_time_to_detect_is_that_of_claims_above_the_threshold() -> None:
    long = attack("x", "a", at(1, 9), hours=72)
    board = scored([line("a", at(1, 9), 0.4), line("a", at(2, 9), 0.8)], [long])
    assert board.over(0.3).all.delay == HOUR
    assert board.over(0.5).all.delay == HOUR + DAY
    assert board.over(0.9).all.delay is None


# --- properties ------------------------------------------------------------------------------------------------------

LINES = st.lists(
    st.builds(
        line,
        st.sampled_from("abcnmo"),
        st.integers(-48, 200).map(lambda hour: at(0, hour)),
        st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]),
    ),
    max_size=30,
)


@given(LINES, st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_order_of_lines_and_labels_does_not_matter(lines: list[Line], chance: random.Random) -> None:
    mixed, labels = list(lines), [X, Y, Z]
    chance.shuffle(mixed)
    assert scored(mixed, labels) == scored(lines, labels)


@given(LINES, st.sampled_from([0.1, 0.5, 0.6, 0.99]))
@settings(max_examples=20, deadline=None)
def test_a_false_claim_never_helps(lines: list[Line], mark: float) -> None:
    before, after = (scored(found, [X, Y, Z]) for found in (lines, [*lines, line("nobody", at(4), mark)]))
    assert after.average_precision() <= before.average_precision() + 1e-12
    assert after.at(4.0).all.found <= before.at(4.0).all.found


@given(LINES)
@settings(max_examples=20, deadline=None)
def test_a_second_claim_on_a_found_attack_is_ignored(lines: list[Line]) -> None:
    wide = attack("wide", "a", at(1), hours=72)
    found = [*lines, line("a", at(1, 9), 0.9)]
    again = [*found, line("a", at(3, 9), 0.2)]
    assert scored(again, [wide]).average_precision() == scored(found, [wide]).average_precision()


@given(LINES)
@settings(max_examples=20, deadline=None)
def test_the_sweep_only_ever_finds_more(lines: list[Line]) -> None:
    points = scored(lines, [X, Y, Z]).points()
    assert [point.found for point in points] == sorted(point.found for point in points)
    assert [point.false for point in points] == sorted(point.false for point in points)
    assert all(0 <= point.precision <= 1 for point in points)


# --- files, counting, showing ----------------------------------------------------------------------------------------


def test_labels_and_findings_are_read_from_ndjson(tmp_path: Path) -> None:
    label = {
        "attack": "x", "kind": "spike", "grade": "blatant", "identities": ["A"], "ips": ["2001:db8::1"], "vaults": [],
        "start": "2026-05-16T09:00:00Z", "end": "2026-05-16T11:00:00+00:00",
    }  # fmt: skip
    (tmp_path / "labels.ndjson").write_text(json.dumps(label) + "\n\n")
    (read,) = read_labels(tmp_path / "labels.ndjson")
    assert (read.identities, read.ips, read.vaults) == (("A",), ("2001:db8::1",), ())
    assert read.start == datetime(2026, 5, 16, 9, tzinfo=UTC)
    lines = [dict(line("a", at(1), 0.5), because="a\u2028b"), dict(line("b", at(1), 0.5))]
    (tmp_path / "found.ndjson").write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in lines), "utf-8")
    assert read_findings(tmp_path / "found.ndjson") == lines


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"time": 1}', r"f\.ndjson:1: .* lacks bucket, score, subject"),
        ("\n[1]", r"f\.ndjson:2: expected a JSON object"),
        ("{", r"f\.ndjson:1: not JSON"),
    ],
)
def test_what_cannot_be_read_is_named_by_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "f.ndjson").write_text(text)
    with pytest.raises(InputError, match=said):
        read_findings(tmp_path / "f.ndjson")


@pytest.mark.parametrize(
    "change", [{"start": "2026-05-16T09:00:00"}, {"identities": "a"}, {"end": None}, {"grade": "odd"}]
)
def test_a_bad_label_is_named_by_line(tmp_path: Path, change: dict[str, object]) -> None:
    good: dict[str, object] = {"attack": "x", "kind": "k", "grade": "subtle", "identities": [], "ips": [], "vaults": []}
    good |= {"start": "2026-05-16T09:00:00Z", "end": "2026-05-16T11:00:00Z"}
    (tmp_path / "labels.ndjson").write_text(json.dumps(good) + "\n" + json.dumps(good | change))
    with pytest.raises(InputError, match=r"labels\.ndjson:2"):
        read_labels(tmp_path / "labels.ndjson")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        read_labels(tmp_path / "nowhere")


def test_identity_days_are_pairs_with_a_fact_after_the_warm_up() -> None:
    rows = [
        ("entra:a", at(0, 1)),
        ("entra:a", at(0, 9)),
        ("entra:a", at(1)),
        ("entra:b", at(0)),
        ("entra:a", at(-1)),
        ("", at(0)),
    ]
    columns: dict[str, list[object]] = {name: [""] * len(rows) for name in FACTS.names}
    columns |= {"identity": [who for who, _ in rows], "events": [1] * len(rows)}
    columns |= {name: [when for _, when in rows] for name in ("at", "seen_at", "first_at", "last_at")}
    assert identity_days(DuckEngine(), {"facts": pa.table(columns, schema=FACTS)}, WARM) == 3


def test_scoreboards_are_shown_side_by_side_and_as_json() -> None:
    boards = {"mintwatch": scored(HAND, [X, Y, Z], 250), "mean + 3 sigma": scored([], [X, Y, Z], 250)}
    out = io.StringIO()
    Console(file=out, width=140).print(table(boards))
    (ours, theirs) = (row for row in out.getvalue().splitlines() if "mintwatch" in row or "sigma" in row)
    assert [cell.strip() for cell in ours.strip("│").split("│")] == [
        "mintwatch", "0.56", "1/2", "1/1", "2/3", "1", "1", "2.0 h"
    ]  # fmt: skip
    assert "0/3" in theirs
    read = json.loads(to_json(boards))
    assert read["mintwatch"]["grades"]["blatant"] == {
        "attacks": 2, "found": 1, "recall": 0.5, "median_seconds_to_detect": 3600.0
    }  # fmt: skip
    assert read["mean + 3 sigma"]["threshold"] is None
    assert [one["attack"] for one in read["mintwatch"]["missed"]] == ["z"]


def test_nothing_at_all_is_scored_without_complaint() -> None:
    board = scored([], [])
    assert board.points() == ()
    assert board.at(4.0).all.found == 0
    assert math.isnan(board.at(4.0).all.recall)
