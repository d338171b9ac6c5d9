"""A frame is what its schema says, or an error says what it lacks."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from monitor.errors import FrameError
from monitor.frames import ACTIVITY, DIMENSIONS, FACTS, conform, conform_facts, empty

MOMENT = pd.Timestamp("2026-05-04T12:00Z")


def facts(**changed: object) -> pa.Table:
    row: dict[str, object] = dict.fromkeys(DIMENSIONS, "x") | dict.fromkeys(
        ("at", "seen_at", "first_at", "last_at"), MOMENT
    )
    return pa.Table.from_pylist([row | {"events": 1} | changed])


def test_an_empty_frame_conforms() -> None:
    assert list(conform(empty(ACTIVITY, ("identity",)), ACTIVITY, ("identity",)).columns) == ["identity", *ACTIVITY]


def test_columns_come_in_order_and_extra_ones_go() -> None:
    frame = empty(ACTIVITY, ("identity",)).assign(more=1)[["more", *reversed([*ACTIVITY, "identity"])]]
    assert list(conform(frame, ACTIVITY, ("identity",)).columns) == ["identity", *ACTIVITY]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(FrameError, match="lacks value"):
        conform(empty(ACTIVITY).drop(columns="value"), ACTIVITY)


def test_a_column_of_another_type_is_an_error() -> None:
    frame = pd.DataFrame({"bucket": [MOMENT], "seen_at": [MOMENT], "value": ["many"]})
    with pytest.raises(FrameError, match="does not fit"):
        conform(frame, ACTIVITY)


def test_facts_have_no_null_text_and_the_types_they_promise() -> None:
    table = conform_facts(facts(ip=None, more=1))
    assert table.schema == FACTS
    assert table.column("ip").to_pylist() == [""]


@pytest.mark.parametrize(("changed", "message"), [({"events": None}, "events"), ({"at": None}, "at")])
def test_facts_without_a_time_or_a_count_are_an_error(changed: dict[str, object], message: str) -> None:
    with pytest.raises(FrameError, match=message):
        conform_facts(facts(**changed))


def test_facts_that_lack_a_column_are_an_error() -> None:
    with pytest.raises(FrameError, match="lack credential"):
        conform_facts(facts().drop_columns(["credential"]))
