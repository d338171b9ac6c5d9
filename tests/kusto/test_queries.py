"""Every query that is sent to Log Analytics, and every one asked of facts, passes Microsoft's own parser and binder."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

import pandas as pd
import pytest

from monitor import plugins, worker
from monitor.coverage import Hearing
from monitor.frames import FACTS
from monitor.kql import Value
from monitor.model import Window
from monitor.rules import KUSTO_FACTS, Rule, load, shipped
from monitor.sources import fold
from monitor.sources.fold import QUERIES, Query
from monitor.sources.loganalytics.schema import optional
from monitor.sources.loganalytics.source import ARRIVAL
from monitor.tables import SCHEMAS
from monitor.testing import proofs
from monitor.worker.bands import band
from monitor.worker.evidence import evidence
from tests.kusto.binder import Complaint, Question, complaints
from tests.kusto.recording import RecordingEngine

NOON, MINUTES = datetime(2026, 5, 4, 12, tzinfo=UTC), timedelta(minutes=20)
WINDOW = Window(NOON, NOON + timedelta(hours=1))


def sent(query: Query, *tables: str) -> str:
    """The query of a source as Log Analytics is sent it, over those tables or all."""
    return fold.filled(
        fold.text(query.name, tables or None), ARRIVAL, lambda column: optional("AzureDiagnostics", column)
    )


def values(query: Query) -> dict[str, Value]:
    return fold.values(query, WINDOW, NOON, 'entra "quoted"')


def about_rule(rule: Rule) -> Iterator[Question]:
    """The rule's predicates by themselves, over FACTS."""
    known = rule.knowing(lambda: frozenset({proofs.OWN}))
    both = {rule.id: rule} | ({f"{rule.id}, once it is known who we are": known} if rule.ours else {})
    for name, one in both.items():
        for key in ("predicate", "earlier"):
            if predicate := getattr(one, key):
                yield Question(f"{name} {key}", f"facts\n| where {predicate}", {"facts": KUSTO_FACTS})


@cache
def rules() -> tuple[Rule, ...]:
    return load(shipped(), plugins.detectors())


def wrong(found: list[Complaint]) -> list[str]:
    return [str(one) for one in found]


def test_what_is_sent_to_log_analytics_binds() -> None:
    whole = [Question(name, sent(query), SCHEMAS, values(query)) for name, query in QUERIES.items()]
    parts = [
        Question(f"{name} of {table}", sent(query, table), {table: SCHEMAS[table]}, values(query))
        for name, query in QUERIES.items()
        for table in query.tables
    ]
    bare = {name: dict(types) for name, types in SCHEMAS.items()}
    bare["AzureDiagnostics"] = {k: v for k, v in bare["AzureDiagnostics"].items() if not k.endswith(("_s", "_g", "_d"))}
    new = Question("vault, where no row needed a column yet", sent(QUERIES["vault"]), bare, values(QUERIES["vault"]))
    assert not wrong(complaints([*whole, *parts, new]))


def test_every_predicate_of_every_rule_binds() -> None:
    assert not wrong(complaints([question for rule in rules() for question in about_rule(rule)]))


def explained(rule: Rule, engine: RecordingEngine) -> None:
    """Judge the rule on its own proof, as the worker does, and ask what a person asks of its first finding."""
    tables = {"facts": proofs.facts_of(proofs.paths(rule)[0])}
    for said in proofs.prove(rule, tables["facts"], engine, worker.judge, rules())[:1]:
        at = pd.DataFrame({"at": [said.bucket], "seen_at": [said.bucket]})
        hearing = {one: Hearing.of(one, MINUTES, MINUTES, at) for one in said.sources}
        evidence(said, rule, engine, tables, 5)
        band(said, rule, engine, tables, hearing, {})


@pytest.mark.slow
def test_what_is_asked_of_facts_binds() -> None:
    engine, facts = RecordingEngine(), {"facts": FACTS.empty_table()}
    counting = [rule for rule in rules() if rule.stream != "scores"]
    for rule in counting:
        worker.judge(rule, engine, facts, {}, WINDOW, WINDOW.end)
    shapes = {(type(one.judge), one.measure.name, len(one.by), one.sliding): one for one in counting}
    for rule in shapes.values():
        explained(rule, engine)
    assert len(engine.asked) > 2 * len(counting)
    assert not wrong(complaints([*engine.asked.values()]))
