"""Matchers as a person writes them."""

from __future__ import annotations

import time
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Matcher, fits, matcher


@pytest.mark.parametrize(
    ("text", "label", "op", "value"),
    [
        ("identity=entra:bbbb", "identity", "=", "entra:bbbb"),
        (" team != payments ", "team", "!=", "payments"),
        ('rule=~"sp-.*"', "rule", "=~", "sp-.*"),
        ("country!~SE|NO", "country", "!~", "SE|NO"),
        ("owner=", "owner", "=", ""),
        ("term=a=b", "term", "=", "a=b"),
        (r'term="say \"hi\" \\ there"', "term", "=", r'say "hi" \ there'),
    ],
)
def test_a_matcher_is_read_as_alertmanager_reads_it(text: str, label: str, op: str, value: str) -> None:
    made = matcher(text)
    assert (made.label, made.op, made.value) == (label, op, value)
    assert matcher(str(made)) == made


@given(st.sampled_from(["=", "!="]), st.text(max_size=40))
def test_whatever_its_value_a_matcher_is_read_as_it_is_written(op: Literal["=", "!="], value: str) -> None:
    assert matcher(str(Matcher("owner", op, value))) == Matcher("owner", op, value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a matcher such as"),
        ("payments", "expected a matcher such as"),
        ("=x", "expected a matcher such as"),
        ('rule="sp', "expected a value that its quotes enclose"),
        ("ruel=x", "no label 'ruel', did you mean 'rule'?"),
        ("colour=x", "no label 'colour'; there are rule, team"),
        ("rule=~(", "missing \\)"),
        ("rule=~a)|(b", "expected a pattern of RE2"),
        ("rule=~(?=x)", "expected a pattern of RE2"),
        ("rule=" + "x" * 501, "expected at most 500 characters, got 501"),
    ],
)
def test_what_is_none_is_refused_with_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        matcher(text, ("rule", "team"))


@pytest.mark.parametrize(
    ("text", "value", "fit"),
    [
        ("rule=sp", "sp", True),
        ("rule!=sp", "sp", False),
        ("rule!=sp", "", True),
        ("rule=~sp-.*", "sp-spike", True),
        ("rule=~sp", "sp-spike", False),
        ("rule=~a|b", "xb", False),
        ("rule=~.*", "two\nlines", True),
        ("rule=~a", "a\n", False),
        ("rule!~sp-.*", "kv", True),
    ],
)
def test_a_pattern_matches_as_a_whole(text: str, value: str, fit: bool) -> None:
    assert fits(matcher(text), value) is fit


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(lambda text: not text.startswith('"')))
def test_a_value_that_is_no_pattern_is_taken_literally(value: str) -> None:
    assert fits(matcher(f"owner={value}"), value.strip())


def test_no_pattern_takes_long() -> None:
    began = time.perf_counter()
    assert not fits(Matcher("rule", "=~", "(a+)+(a|aa)+$"), "a" * 10_000 + "!")
    assert time.perf_counter() - began < 1.0
