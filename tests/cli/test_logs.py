"""Events become lines that a person can read, a machine can cut up, and nobody can forge."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from monitor.cli.logs import logs

log = logging.getLogger("mintwatch.worker")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    ours = logging.getLogger("mintwatch")
    before = ours.level, ours.propagate, ours.handlers[:]
    yield
    ours.level, ours.propagate, ours.handlers[:] = before


def test_an_event_is_a_line_of_words_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    logs(logging.INFO)
    log.info("collected", extra={"part": "prod.vault", "rows": 7, "error": "", "failed": ["a", "b"]})
    log.debug("not at all")
    stamp, line = capsys.readouterr().err.split(" ", 1)
    assert stamp.endswith("Z")
    assert line == 'info collected part=prod.vault rows=7 error="" failed="[\\"a\\", \\"b\\"]"\n'


def test_what_a_log_row_holds_cannot_begin_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs(logging.INFO)
    log.warning("failed", extra={"part": "x", "error": "no\n2026-01-01T00:00:00Z info collected \x1b[2J"})
    assert capsys.readouterr().err.count("\n") == 1


def test_of_other_libraries_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs(logging.WARNING)
    logging.getLogger("azure.identity").warning("a token, for instance")
    log.info("not from this level on")
    assert capsys.readouterr().err == ""


def test_unless_they_are_asked_for_no_events_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs(None)
    log.error("failed", extra={"part": "x"})
    assert capsys.readouterr().err == ""


def test_a_defect_shows_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    logs(logging.INFO)
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        log.exception("failed unexpectedly", extra={"part": "x"})
    said = capsys.readouterr().err
    assert said.splitlines()[0].endswith("error failed unexpectedly part=x")
    assert "ZeroDivisionError" in said
