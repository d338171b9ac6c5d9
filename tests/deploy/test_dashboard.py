"""The dashboard: as its panels say, of metrics there are, and laid out so that nothing hides anything."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any, Final

import promql_parser
import pytest

from deploy.generate import making
from deploy.generate.panels import ROWS, Panel
from tests.deploy.names import DEPLOY, TARGET, asked

PANELS: Final = [panel for panels in ROWS.values() for panel in panels]
QUERIES: Final = [(panel, query) for panel in PANELS for query in panel.queries]


def dashboard() -> Any:
    return json.loads((DEPLOY / "grafana" / "dashboard.json").read_text("utf-8"))


def test_what_is_made_is_as_it_would_be_made() -> None:
    assert making.stale() == [], "make docs writes it anew"


@pytest.mark.parametrize(("panel", "query"), QUERIES, ids=lambda one: one.title if isinstance(one, Panel) else "")
def test_each_query_asks_for_metrics_there_are(panel: Panel, query: str, metrics: dict[str, frozenset[str]]) -> None:
    found = list(asked(query))
    assert found, f"{panel.title} asks for nothing"
    for one in found:
        assert one.metric in metrics, f"{panel.title}: there is no metric {one.metric}"
        assert one.labels - TARGET <= metrics[one.metric], f"{panel.title}: {one}"
        named = set(re.findall(r"\{\{(\w+)\}\}", panel.queries[query]))
        assert named <= metrics[one.metric], f"{panel.title}: its legend names {named}"


@pytest.mark.parametrize(("panel", "query"), QUERIES, ids=lambda one: one.title if isinstance(one, Panel) else "")
def test_each_query_is_of_the_mintwatch_that_was_chosen(panel: Panel, query: str) -> None:
    assert '{instance=~"$instance"' in query, panel.title
    assert query.count('instance=~"$instance"') + query.count("mintwatch_build_info") == len(list(asked(query)))


def test_every_metric_an_alert_is_about_can_be_looked_at(metrics: dict[str, frozenset[str]]) -> None:
    shown = {one.metric for _, query in QUERIES for one in asked(query)}
    quiet = {
        "mintwatch_state_writable",
        "mintwatch_config_last_reload_successful",
        "mintwatch_facts_total",
        "mintwatch_queries_total",
        "mintwatch_poll_duration_seconds",
    }
    alike = {re.sub(r"_(bucket|sum|count)$", "", one) for one in shown}
    mine = {re.sub(r"_(bucket|sum|count)$", "", one) for one in metrics if one.startswith("mintwatch_")}
    assert mine - alike - quiet == set(), "neither shown nor said to be left out"


def test_what_is_no_promql_is_noticed() -> None:
    with pytest.raises(ValueError, match="invalid"):
        promql_parser.parse("sum by source (mintwatch_rows_total)")


def test_panels_have_places_of_their_own() -> None:
    placed = dashboard()["panels"]
    assert len({one["id"] for one in placed}) == len(placed)
    cells = [
        {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        for at in (one["gridPos"] for one in placed)
    ]
    assert [1 for one, other in combinations(cells, 2) if one & other] == []
    assert all(x < 24 for cell in cells for x, _ in cell)


def test_it_names_no_prometheus_of_ours() -> None:
    used = {target["datasource"]["uid"] for one in dashboard()["panels"] for target in one.get("targets", [])}
    assert used == {"${datasource}"}
