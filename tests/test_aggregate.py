"""Aggregate: what of the facts a rule counts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.aggregate import Straight, activity, counted
from monitor.detectors.limit import Limit
from monitor.kql import DuckEngine
from monitor.model import Window
from monitor.rules import Rule
from monitor.testing.proofs import facts_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
FACTS = "\n".join(
    f'{{"at": "2026-05-04T12:0{minute}:00Z", "stream": "sign_in", "identity": "entra:1", "ip": "{ip}"}}'
    for minute, ip in enumerate(["192.0.2.1", "192.0.2.2", "", "192.0.2.2"])
)


def test_an_empty_value_is_none_of_the_distinct_ones(tmp_path: Path) -> None:
    (tmp_path / "facts.ndjson").write_text(FACTS, "utf-8")
    given = {
        "title": "Many addresses",
        "id": "many",
        "status": "stable",
        "level": "low",
        "stream": "sign_in",
        "measure": "distinct ip",
        "by": ("identity",),
        "slide": False,
        "detector": "limit",
        "runbook": "Ask whose addresses these are.",
    }
    rule = Rule.model_validate(given).made("many.yml", Limit(limit=1))
    engine, day = DuckEngine(threads=1), timedelta(days=1)
    facts = Straight(engine, {"facts": facts_of(tmp_path / "facts.ndjson")})
    picked = facts.pick(counted(rule), Window(NOON, NOON + day), NOON + day)
    assert activity(engine, picked, rule)["value"].tolist() == [2.0]
