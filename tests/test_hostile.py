"""What of a hostile name is shown, and what is left when it shows nothing."""

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.hostile import BLANK, DROPPED, STACKED, clean
from monitor.model import Name
from monitor.notify import who

ODD = st.sampled_from("a b\n\t\u0301\u0300\u20dd\u200b\u202e\u2028\ufe0f\u3164\u115f\u1160\uffa0\u2800\u034f\U000e0100")
TEXT = st.text() | st.text(ODD)
AT = datetime(2026, 5, 1, tzinfo=UTC)


@given(TEXT)
@example("a" + "\u0301\u0301\u200b" * 20)
@example("a \u200b\u0301")
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(TEXT)
def test_what_is_left_stands_on_something_visible(text: str) -> None:
    left = clean(text)
    assert not BLANK & set(left)
    assert not DROPPED & {unicodedata.category(char) for char in left}
    assert all(unicodedata.category(word[0]) not in {"Mn", "Me"} for word in left.split())


@pytest.mark.parametrize("between", ["", "\u200b", "\ufe0f", "\u034f"])
def test_marks_do_not_stack_however_they_are_parted(between: str) -> None:
    assert clean("a" + ("\u0301" + between) * 40) == "a" + "\u0301" * STACKED


@pytest.mark.parametrize(
    "name", ["\u3164", "\u115f\u1160", "\uffa0", "\u2800", "\ufe0f", "\u180e\u00ad", "\u0301 \u034f", "\U000e0100"]
)
def test_an_identity_whose_name_shows_nothing_is_called_by_its_id(name: str) -> None:
    identity = "entra:0f3c9a51-7d2e-4b8a-9c1d-2e5f6a7b8c9d"
    known = {identity: Name(identity, name, "service_principal", "app", AT, AT)}
    assert who(f"identity:{identity}", known) == "0f3c9a51"
