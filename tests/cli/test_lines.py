"""Whatever an event of the log holds, it is one line that a machine reads and that carries no secret."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.cli.lines import LONGEST, TRACEBACK, JsonLines, TextLines
from monitor.during import during
from monitor.secrecy import GONE, hide

Fields = dict[str, object]

texts = st.text(max_size=40)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.binary(max_size=10), st.datetimes()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


class Hostile:
    """What cannot even be shown."""

    def __str__(self) -> str:
        raise ZeroDivisionError


def event(message: str = "failed", *values: object, fields: Mapping[str, object] | None = None) -> logging.LogRecord:
    made = logging.LogRecord("mintwatch.worker", logging.WARNING, "x.py", 1, message, values, None)
    for name, value in (fields or {}).items():
        if name not in vars(made):
            setattr(made, name, value)
    return made


def read(record: logging.LogRecord) -> dict[str, object]:
    line = JsonLines().format(record)
    assert line.isascii()
    assert line.isprintable()

    def unknown(constant: str) -> object:
        raise AssertionError(f"{constant} is no JSON")

    found: dict[str, object] = json.loads(line, parse_constant=unknown)
    return found


@given(message=texts, fields=st.dictionaries(texts.filter(bool), values, max_size=5))
@example(message="a\r\n{}\x1b[2J\u2028\x85", fields={"time": "never", "level": 3, "a\nb": "\ud800"})
@example(message="%d of %s", fields={"x": Hostile(), "y": float("nan"), "z": 10**400})
def test_an_event_is_one_line_of_json_whatever_it_holds(message: str, fields: Fields) -> None:
    said = read(event(message, fields=fields))
    assert said["level"] == "warning"
    assert said["logger"] == "mintwatch.worker"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(said["time"]))


@given(message=texts, fields=st.dictionaries(texts.filter(bool), values, max_size=5))
def test_an_event_in_words_is_one_line_too(message: str, fields: Fields) -> None:
    line = TextLines().format(event(message, fields=fields))
    assert line.isprintable()
    assert len(line.splitlines()) == 1


def test_values_that_do_not_fit_the_message_are_no_failure_of_the_log() -> None:
    assert read(event("%d rows", "many"))["message"] == "%d rows (its values do not fit)"


def test_a_traceback_is_one_field_and_its_end_is_kept() -> None:
    record = event()
    try:
        raise ValueError("x" * 2 * TRACEBACK + " the end")
    except ValueError:
        record.exc_info = sys.exc_info()
    said = str(read(record)["exception"])
    assert said.endswith("the end")
    assert len(said) <= TRACEBACK + len("...")
    forged = event()
    try:
        raise ValueError("\n2026-01-01T00:00:00Z info collected \x1b[2J")
    except ValueError:
        forged.exc_info = sys.exc_info()
    first, *others = TextLines().format(forged).split("\n")
    assert first.endswith("failed")
    assert all(one.startswith("  ") and one.isprintable() for one in others)


def test_sizes_are_bounded() -> None:
    huge = {"text": "x" * 10**6, "items": ["y" * 10**5] * 1000, "deep": {"a": {"b": {"c": {"d": {"e": {}}}}}}}
    assert len(JsonLines().format(event(fields=huge))) < LONGEST * 60


SECRETS = {
    "xoxb-123-456-AbCdEf": "token {}",
    "xoxe.xoxp-1-Mi0yLTE": "refresh {}",
    "xapp-1-A0123-456-deadbeef": "{}",
    "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln-bmF0dXJl_": "Authorization: Bearer {}",
    "opaque/token+of.other~kind=": "{{'Authorization': 'Bearer {}'}}",
    "T0123/B0456/abcDEF789": "https://hooks.slack.com/services/{}",
    "T0999/B0999/zzz": '"POST /services/{} HTTP/1.1" 200',
    "abc8Q~abcdefghijklmnopqrstuvwxyz0123456": "the value {} is expired",
    "hunter2hunter2": "client_secret={}&grant_type=client_credentials",
    "5f3c-ticket": "wss://wss.slack.test/link/?ticket={}&app_id=1",
    "hunter3": "https://user:{}@proxy.example:8080/",
    "MIIEvQIBADANBg": "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
}


@pytest.mark.parametrize("secret", SECRETS)
def test_what_looks_like_a_secret_is_gone_wherever_it_turns_up(secret: str) -> None:
    text = SECRETS[secret].format(secret)
    record = event("said %s", text, fields={"error": text, "deep": {"list": [text, {text: text}]}})
    try:
        raise ValueError(text)
    except ValueError:
        record.exc_info = sys.exc_info()
    for line in (JsonLines().format(record), TextLines().format(record)):
        assert secret not in line
        assert GONE in line


def test_a_secret_that_we_were_given_is_gone_whatever_it_looks_like() -> None:
    hide(" https://hc-ping.example/0b1c2d3e \n")
    line = JsonLines().format(event("GET https://hc-ping.example/0b1c2d3e/fail", fields={"secret": "s", "x": "y"}))
    assert "0b1c2d3e" not in line
    assert json.loads(line)["secret"] == GONE


def test_a_secret_is_gone_in_the_forms_that_libraries_write_it_in() -> None:
    hide("https://hc-ping.example/7f6e5d4c-uuid")
    hide('p@ss/w+rd="12')
    said = [
        JsonLines().format(event(text))
        for text in (
            "GET /7f6e5d4c-uuid at host hc-ping.example",
            "body client=p%40ss%2Fw%2Brd%3D%2212&x=1",
            'sent {"a": "p@ss/w+rd=\\"12"}',
        )
    ]
    assert not [one for one in said if "7f6e5d4c" in one or "ss/w" in one or "ss%2Fw" in one]


def test_an_event_says_what_its_thread_is_busy_with_and_its_own_word_counts_more() -> None:
    with during({"tick": "2026-05-01T10:05:00Z", "source": "prod.vault", "round": ""}):
        said = read(event(fields={"source": "other"}))
    assert (said["tick"], said["source"]) == ("2026-05-01T10:05:00Z", "other")
    assert "round" not in said
    assert "tick" not in read(event())
