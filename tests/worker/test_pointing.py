"""From a finding to its raw rows: every shipped rule's, of a simulated tenant as well."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import monitor
from monitor import plugins
from monitor.kql import DuckEngine
from monitor.model import OVER_FINDINGS, Finding, Level
from monitor.rules import HEALTH, Rule, load, shipped
from monitor.sources.fold import QUERIES
from monitor.sources.loganalytics import portal
from monitor.tables import SCHEMAS
from monitor.testing.simulate import simulate
from monitor.worker.pointing import Portal, point

HOUR = datetime(2026, 6, 1, 9, tzinfo=UTC)
SOMEONE = "entra:cccccccc-0000-4000-8000-000000000003"
HOME = Portal(
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w", "t", "https://p"
)
UNKNOWN = {("AADManagedIdentitySignInLogs", "asn")}
"""What a table cannot be asked about: it has no such column."""


@pytest.fixture(scope="module")
def rules() -> Mapping[str, Rule]:
    return {rule.id: rule for rule in load(shipped(), plugins.detectors())}


def finding(rule: Rule, group: Mapping[str, str], sources: tuple[str, ...], term: str = "") -> Finding:
    return Finding(
        rule=rule.id,
        detector=rule.detector,
        level=Level.HIGH,
        stream=rule.stream,
        family=rule.family,
        experimental=False,
        subject=f"identity:{SOMEONE}",
        group=tuple(group.items()),
        term=term,
        bucket=HOUR,
        bucket_end=HOUR + timedelta(hours=1),
        time=HOUR + timedelta(hours=1),
        judged_at=HOUR + timedelta(hours=1),
        surprise=5.0,
        observed=1.0,
        expected=0.0,
        low=0.0,
        high=0.0,
        because="",
        sources=sources,
    )


def test_every_column_that_a_shipped_rule_groups_by_is_known_in_each_of_its_tables(rules: Mapping[str, Rule]) -> None:
    lacking = {
        (table, column)
        for rule in rules.values()
        for query in QUERIES.values()
        for table in query.tables
        for column in (*rule.by, *rule.new)
        if query.stream == rule.stream and column not in portal.columns(table)
    }
    assert lacking == UNKNOWN


def test_what_a_rule_says_is_in_the_query_and_so_is_the_new_value(rules: Mapping[str, Rule]) -> None:
    resource = "797f4846-ba00-4fd7-ba43-dac1f8f63013"
    one = finding(rules["new-resource"], {"identity": SOMEONE}, ("prod.service_principal",), resource)
    kql, url = point(one, rules["new-resource"], {"prod.service_principal": HOME})
    assert f'ResourceIdentity =~ "{resource}"' in kql
    assert 'ResultType == "0"' in kql
    assert url.startswith("https://p/#@t/blade/")


def test_without_a_workspace_there_is_a_query_and_no_link(rules: Mapping[str, Rule]) -> None:
    one = finding(rules["failure-burst"], {"identity": SOMEONE}, ("prod.service_principal",))
    kql, url = point(one, rules["failure-burst"], {})
    assert kql
    assert url == ""


def test_of_two_workspaces_one_is_shown(rules: Mapping[str, Rule]) -> None:
    one = finding(rules["failure-burst"], {"identity": SOMEONE}, ("a.service_principal", "b.interactive"))
    kql, url = point(
        one, rules["failure-burst"], {"a.service_principal": HOME, "b.interactive": replace(HOME, tenant="u")}
    )
    assert kql.startswith("AADServicePrincipalSignInLogs")
    assert "/#@t/" in url


def test_mintwatchs_own_health_has_no_rows_there(rules: Mapping[str, Rule]) -> None:
    stalled = next(rule for rule in rules.values() if rule.stream == HEALTH)
    one = finding(stalled, {"resource": "prod.vault"}, ("mintwatch.health",))
    assert point(one, stalled, {}) == ("", "")


def test_a_predicate_with_a_choice_narrows_nothing(rules: Mapping[str, Rule]) -> None:
    loose = rules["failure-burst"].model_copy(update={"where": 'outcome == "failed" or code == "1"'})
    one = finding(loose, {"identity": SOMEONE}, ("prod.service_principal",))
    assert "ResultType ==" not in point(one, loose, {})[0]


def there(kql: str) -> str:
    """The query where every column is there: the embedded engine has no `column_ifexists`."""
    kql = re.sub(r'tostring\(column_ifexists\("(\w+)", ""\)\)', r"\1", kql)
    return re.sub(r'column_ifexists\("(\w+)", real\(null\)\)', r"\1", kql)


@pytest.mark.slow
def test_findings_in_a_simulated_tenant_have_all_their_rows_shown(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    simulate(logs, days=21, identities=25, seed=11)
    tables = {name: [logs / f"{name}.parquet"] for query in QUERIES.values() for name in query.tables}
    engine, seen = DuckEngine(SCHEMAS, threads=1), set()
    with monitor.open(logs) as desk:
        desk.replay()
        for key in desk.findings().index:
            one = desk.finding(key)
            if one.rule in seen or one.stream == OVER_FINDINGS:
                continue
            seen.add(one.rule)
            kql, url = point(one, desk.rule(one.rule), dict.fromkeys(one.sources, HOME))
            behind = desk.evidence(key, 1000)["events"].sum()
            assert url
            assert engine.run(there(kql), tables).num_rows >= behind > 0, kql
    assert len(seen) > 8
