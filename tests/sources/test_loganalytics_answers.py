"""Answers become tables: every cell of the type its column promises, or no table."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from monitor.frames import TIME
from monitor.sources.loganalytics.answers import UnreadableError, tabled
from tests.sources.wires import table


def column(kind: str, *cells: object) -> pa.ChunkedArray:
    return tabled(table({"x": kind}, [[cell] for cell in cells]))["x"]


def test_times_have_any_number_of_digits_and_the_seventh_is_cut() -> None:
    found = column("datetime", "2026-01-01T16:00:00.9Z", "2026-01-01T16:00:01Z", "2026-01-01T16:00:02.1234567Z", None)
    assert found.type == TIME
    assert found.to_pylist() == [
        datetime(2026, 1, 1, 16, 0, 0, 900_000, UTC),
        datetime(2026, 1, 1, 16, 0, 1, 0, UTC),
        datetime(2026, 1, 1, 16, 0, 2, 123_456, UTC),
        None,
    ]


def test_times_at_both_ends_of_the_calendar_are_times() -> None:
    found = column("datetime", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z")
    assert [at.year for at in found.to_pylist()] == [1, 9999]


@pytest.mark.parametrize("cell", ["yesterday", "2026-13-01T00:00:00Z", "", 5, "2026-01-01"[:7], ["2026-01-01"]])
def test_what_is_no_time_is_no_answer(cell: object) -> None:
    with pytest.raises(UnreadableError, match="column x: expected datetime"):
        column("datetime", "2026-01-01T16:00:00Z", cell)


def test_numbers_that_are_none_are_null() -> None:
    assert column("real", 1, 2.5, "NaN", "Infinity", "-Infinity", math.nan, math.inf, None).to_pylist() == [
        1.0,
        2.5,
        *[None] * 6,
    ]
    assert column("long", 1, "NaN", None, math.nan, 9007199254740993, 2040.0).to_pylist() == [
        1,
        None,
        None,
        None,
        9007199254740993,
        2040,
    ]


@pytest.mark.parametrize(("kind", "cell"), [("long", "12"), ("long", 2**63), ("int", 1.5), ("real", "x"), ("bool", 1)])
def test_a_number_of_another_type_is_no_answer(kind: str, cell: object) -> None:
    with pytest.raises(UnreadableError, match=f"column x: expected {kind}"):
        column(kind, None, cell)


@pytest.mark.parametrize(
    ("kind", "cell", "text"),
    [
        ("string", None, ""),
        ("string", "None", "None"),
        ("guid", None, ""),
        ("guid", "None", ""),
        ("timespan", "None", ""),
        ("timespan", "1.02:03:04.0000005", "1.02:03:04.0000005"),
        ("dynamic", None, ""),
        ("dynamic", "null", ""),
        ("dynamic", '{"a":1}', '{"a":1}'),
        ("dynamic", {"a": [1, None]}, '{"a":[1,null]}'),
        ("dynamic", 7, "7"),
        ("decimal", "1.5", "1.5"),
        ("string", "a\ud800b", "a?b"),
        ("string", "\x00", "\x00"),
    ],
)
def test_text_is_text_and_never_null(kind: str, cell: object, text: str) -> None:
    assert column(kind, cell, "other").to_pylist() == [text, "other"]


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"tables": None},
        {"tables": []},
        {"tables": ["x"]},
        {"tables": [{"rows": []}]},
        {"tables": [{"columns": [{"name": "x", "type": "long"}]}]},
        {"tables": [{"columns": [{"name": "x", "type": "long"}], "rows": None}]},
        {"tables": [{"columns": [{"type": "long"}], "rows": []}]},
        {"tables": [{"columns": [{"name": "x", "type": 3}], "rows": []}]},
        table({"x": "long"}, [[1, 2]]),
        table({"x": "long", "y": "long"}, [[1, 2], [1]]),
        {"tables": [{"columns": [{"name": "x", "type": "long"}], "rows": [1]}]},
        {"tables": [{"columns": [{"name": "x", "type": "long"}] * 2, "rows": []}]},
        table({}, []),
        table({"x": "string"}, [[5]]),
    ],
)
def test_what_is_no_table_is_no_answer(body: object) -> None:
    with pytest.raises(UnreadableError, match="expected"):
        tabled(body)


def test_an_answer_without_rows_has_its_columns_and_their_types() -> None:
    found = tabled(table({"at": "datetime", "name": "string", "n": "long", "late": "bool", "x": "real"}, []))
    assert found.schema.types == [TIME, pa.string(), pa.int64(), pa.bool_(), pa.float64()]
    assert not found.num_rows


def test_recorded_answers_are_read(azure_samples: Path) -> None:
    files = sorted((azure_samples / "wire").glob("*.json"))
    read = 0
    for file in files:
        response = json.loads(file.read_text())["response"]
        if response["status"] != 200 or file.stem == "wazuh_no_columns_no_rows":
            continue
        found = tabled(response["body"])
        assert found.num_rows == len(response["body"]["tables"][0]["rows"])
        assert not any(found[name].null_count for name in found.column_names if found[name].type == pa.string())
        read += 1
    assert read >= 6


def test_text_that_is_gone_altogether_is_no_answer() -> None:
    columns = [{"name": name, "type": "string"} for name in ("identity", "action")] + [{"name": "n", "type": "long"}]
    rows = [[None, None, 1], [None, None, 2]]
    with pytest.raises(UnreadableError, match="nulls alone"):
        tabled({"tables": [{"name": "PrimaryResult", "columns": columns, "rows": rows}]})
    rows[0][1] = "read"  # type: ignore[call-overload]
    assert tabled({"tables": [{"name": "PrimaryResult", "columns": columns, "rows": rows}]}).num_rows == 2
