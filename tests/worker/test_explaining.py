"""A message is explained by what counts, however much an incident has that does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.kql import DuckEngine
from monitor.model import (
    Act,
    Decision,
    Entry,
    Finding,
    Incident,
    Level,
    Matcher,
    Message,
    Outcome,
    Person,
    Reason,
    Silence,
    Verb,
)
from monitor.store import Store
from monitor.worker.composing import MOST
from monitor.worker.telling import wanted
from tests.worker.alerts import DAY, HOUR, NOON, SECOND, Round, Scripted, finding, incident, subject

LOUD = replace(finding("i1", 20.0), because="LOUD", rule="r-loud", level=Level.CRITICAL)
CALM = replace(finding("i1", 4.0), because="CALM", rule="r-calm", bucket=NOON, time=NOON + HOUR, judged_at=NOON + HOUR)
QUIET = Silence("s1", (Matcher("rule", "=", "r-loud"),), "ann", "known", NOON, NOON - DAY, NOON + DAY)


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as made:
        yield made


def told(
    store: Store, engine: DuckEngine, about: Incident, findings: Sequence[Finding], silences: Sequence[Silence] = ()
) -> Message:
    """The card of an incident with these findings."""
    slack = Scripted()
    opened = Decision(about.id, "slack", NOON + HOUR, Reason.OPENED, "", about.surprise, about.level, about.heard)
    store.conclude(
        {}, [(one, about.id, opened) for one in findings], [about], [opened], wanted=wanted([opened], slack), at=NOON
    )
    store.record(Entry(Act("k", Verb.SILENCE, Person("ann"), "test", NOON), Outcome.DONE, ""), None, silences, ())
    Round(store, slack, engine, NOON + HOUR).drain()
    assert isinstance(slack.given[0].message, Message)
    return slack.given[0].message


@pytest.mark.parametrize("reopened", [True, False])
def test_what_was_closed_does_not_explain_what_came_back(store: Store, engine: DuckEngine, reopened: bool) -> None:
    """Off: `since` in `_explaining` of monitor/worker/composing.py."""
    about = replace(incident("i1"), reopened=reopened, reopened_at=NOON + HOUR if reopened else None)
    message = told(store, engine, about, [LOUD, CALM])
    assert message.because.startswith("CALM" if reopened else "LOUD")
    assert any("LOUD" in one for one in message.findings) is not reopened


@pytest.mark.parametrize("muted", ["", "muted_by", "expected_by"])
def test_what_is_silenced_explains_nothing(store: Store, engine: DuckEngine, muted: str) -> None:
    """Off: `_unmuted` of monitor/worker/composing.py."""
    about = incident("i1") if not muted else replace(incident("i1"), **{muted: ("s1",)})  # type: ignore[arg-type]
    message = told(store, engine, about, [LOUD, CALM], [QUIET])
    assert message.because.startswith("CALM" if muted else "LOUD")


def test_if_all_is_silenced_all_of_it_explains(store: Store, engine: DuckEngine) -> None:
    about = replace(incident("i1"), muted_by=("s1",), reopened_at=NOON + DAY)
    assert told(store, engine, about, [LOUD], [QUIET]).because.startswith("LOUD")


def test_what_counts_is_found_behind_any_number_that_does_not(store: Store, engine: DuckEngine) -> None:
    """Off: the pages in `_unmuted` of monitor/worker/composing.py."""
    many = [replace(LOUD, bucket=NOON - DAY + n * SECOND) for n in range(2 * MOST + 7)]
    about = replace(incident("i1"), muted_by=("s1",))
    assert told(store, engine, about, [*many, CALM], [QUIET]).because.startswith("CALM")


def test_no_more_is_read_than_is_shown(store: Store, engine: DuckEngine) -> None:
    """The strongest, whatever order they came in; of equals the first."""
    many = [replace(CALM, surprise=n / 100, bucket=NOON + timedelta(minutes=n)) for n in range(2 * MOST)]
    assert told(store, engine, incident("i1"), [LOUD, *many]).because.startswith("LOUD")
    found = store.strongest("i1", MOST)
    assert [one.surprise for one in found] == [20.0, *(n / 100 for n in range(2 * MOST - 1, MOST, -1))]
    assert store.strongest("i1", 1, after=1)[0].subject == subject("i1")
    assert store.strongest("i1", 1, NOON + HOUR)[0].because == "CALM"
