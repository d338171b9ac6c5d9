"""The alert rules: each fires when it should and else keeps quiet, asks for what there is, and is explained."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import jsonschema  # type: ignore[import-untyped]
import pytest

from deploy.generate.making import ALERTS, prometheusrule
from tests.deploy.names import DEPLOY, FOREIGN, ROOT, TARGET, asked, read
from tests.deploy.scenarios import SCENARIOS, Scenario

MISSING: Final = "promtool is not installed: it is in Debian's package prometheus"
RULE: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["alert", "expr", "for", "labels", "annotations"],
    "properties": {
        "alert": {"pattern": "^Mintwatch[A-Z][A-Za-z]+$"},
        "expr": {"type": "string"},
        "for": {"pattern": r"^\d+[smhd]$"},
        "labels": {
            "additionalProperties": False,
            "required": ["severity"],
            "properties": {"severity": {"enum": ["critical", "warning"]}},
        },
        "annotations": {
            "additionalProperties": False,
            "required": ["summary", "description", "runbook_url"],
            "additionalItems": {"type": "string"},
            "properties": {"summary": {}, "description": {}, "runbook_url": {}},
        },
    },
}


def rules() -> dict[str, dict[str, object]]:
    """The alert rules by name."""
    groups = read(ALERTS)["groups"]
    assert isinstance(groups, list)
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


NAMES: Final = tuple(rules())


@pytest.fixture(scope="module")
def promtool() -> str:
    """Prometheus's own checker; without it the tests are skipped, in CI failed."""
    found = shutil.which("promtool")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail(MISSING)
    if found is None:
        pytest.skip(MISSING)
    return found


def test_promtool_accepts_the_rules(promtool: str) -> None:
    done = subprocess.run([promtool, "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("step", sorted({one.step for one in SCENARIOS}))
def test_each_alert_fires_and_keeps_quiet(step: str, promtool: str, tmp_path: Path) -> None:
    suite = tmp_path / "alerts.test.yml"
    tests = [_test(one) for one in SCENARIOS if one.step == step]
    said = {"rule_files": [str(ALERTS)], "evaluation_interval": step, "tests": tests}
    suite.write_text(json.dumps(said), "utf-8")
    done = subprocess.run([promtool, "test", "rules", str(suite)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _test(one: Scenario) -> dict[str, object]:
    """A scenario as promtool takes it: YAML, of which JSON is a part."""
    expected = [] if one.fires is None else [_alert(one.alert, one.fires, one.value)]
    return {
        "name": f"{one.alert} at {one.at}",
        "interval": one.step,
        "input_series": [{"series": series, "values": values} for series, values in one.series.items()],
        "alert_rule_test": [{"eval_time": one.at, "alertname": one.alert, "exp_alerts": expected}],
    }


def _alert(name: str, labels: dict[str, str], value: str) -> dict[str, object]:
    def filled(text: str) -> str:
        named = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels[found[1]], text)
        return re.sub(r"\{\{ \$value [^}]*\}\}|\{\{ \$value \}\}", value, named)

    rule = rules()[name]
    annotations, extra = rule["annotations"], rule["labels"]
    assert isinstance(annotations, dict)
    assert isinstance(extra, dict)
    return {
        "exp_labels": labels | extra,
        "exp_annotations": {key: filled(text) for key, text in annotations.items()},
    }


@pytest.mark.parametrize("name", NAMES)
def test_each_alert_has_what_makes_it_fire_and_what_does_not(name: str) -> None:
    assert {one.fires is None for one in SCENARIOS if one.alert == name} == {True, False}


@pytest.mark.parametrize("name", NAMES)
def test_each_alert_is_whole(name: str) -> None:
    jsonschema.validate(rules()[name], RULE)


@pytest.mark.parametrize("name", NAMES)
def test_each_alert_has_a_section_that_says_what_to_do(name: str) -> None:
    annotations = rules()[name]["annotations"]
    assert isinstance(annotations, dict)
    page, _, anchor = annotations["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text("utf-8"), re.MULTILINE)
    assert anchor in {one.lower() for one in headings}


def test_no_section_is_about_an_alert_that_is_gone() -> None:
    page = (ROOT / "docs" / "operate.md").read_text("utf-8")
    assert set(re.findall(r"^#+ (Mintwatch\w+)$", page, re.MULTILINE)) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_alert_asks_for_metrics_there_are(name: str, metrics: dict[str, frozenset[str]]) -> None:
    for one in asked(str(rules()[name]["expr"])):
        known = metrics | FOREIGN
        assert one.metric in known, f"{name}: there is no metric {one.metric}"
        assert one.labels - TARGET <= known[one.metric], f"{name}: {one}"


def test_the_prometheus_operator_gets_the_same_rules() -> None:
    path = DEPLOY / "kubernetes" / "monitoring" / "prometheusrule.yml"
    assert path.read_text("utf-8") == prometheusrule(), "make docs writes it anew"
    assert read(path)["spec"] == {"groups": read(ALERTS)["groups"]}
