"""Windows, keys and scores."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Level, Reason, Window, digest, together

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
texts = st.lists(st.text(max_size=4), max_size=4)


@pytest.mark.parametrize("end", [NOON, NOON - HOUR])
def test_a_window_is_neither_empty_nor_reversed(end: datetime) -> None:
    with pytest.raises(ValueError, match="start < end"):
        Window(NOON, end)


def test_a_window_holds_its_start_and_not_its_end() -> None:
    window = Window(NOON, NOON + HOUR)
    assert (NOON in window, NOON + HOUR in window) == (True, False)
    assert not window.overlaps(Window(NOON + HOUR, NOON + 2 * HOUR))


@given(st.integers(1, 1000), st.integers(1, 300))
def test_pieces_are_the_window_again(minutes: int, step: int) -> None:
    window = Window(NOON, NOON + minutes * timedelta(minutes=1))
    pieces = list(window.pieces(step * timedelta(minutes=1)))
    assert (pieces[0].start, pieces[-1].end) == (window.start, window.end)
    assert all(one.end == other.start for one, other in itertools.pairwise(pieces))


@given(texts, texts)
def test_different_parts_have_different_digests(one: list[str], other: list[str]) -> None:
    assert (digest(*one) == digest(*other)) is (one == other)


def test_levels_rise_in_their_order() -> None:
    assert [one.rank for one in Level] == [0, 1, 2, 3, 4]


def test_only_what_is_news_is_told() -> None:
    told = {Reason.OPENED, Reason.REOPENED, Reason.WORSENED, Reason.REMINDER, Reason.ESCALATED, Reason.RESOLVED}
    assert {one for one in Reason if one.told} == told


@given(st.lists(st.floats(0, 30), min_size=1, max_size=5), st.floats(0, 30))
def test_more_evidence_is_never_less(surprises: list[float], more: float) -> None:
    assert together([*surprises, more]) >= together(surprises) - 1e-9 >= max(surprises) - 2e-9
