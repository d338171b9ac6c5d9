from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import OID, Command


@pytest.fixture
def state(mintwatch: Command, logs: Path, rules: Path, tmp_path: Path) -> Path:
    """The state of a backtest that found the burst."""
    folder = tmp_path / "state"
    said = mintwatch("backtest", "--input", logs, "--output", tmp_path / "out", "--rules", rules, "--state", folder)
    assert said.code == 0
    return folder


@pytest.fixture
def incident(tmp_path: Path, state: Path) -> str:
    """The id of the only incident."""
    (one,) = {line.partition('"incident": "')[2][:10] for line in (tmp_path / "out").read_text().splitlines()}
    assert state.is_dir()
    return one


def test_it_tells_findings_baseline_evidence_and_every_decision(
    mintwatch: Command, state: Path, rules: Path, incident: str
) -> None:
    said = mintwatch("explain", incident, "--state", state, "--rules", rules)
    assert said.code == 0
    for part in (incident, "payroll", OID, "failures", "alerts from 10", "20.1.2.3", "opened", "at this time of day"):
        assert part in said.out, part
    story = mintwatch("explain", incident, "--state", state, "--rules", rules, "--json").json
    assert story["incident"] == incident
    (behind,) = story["behind"]
    seen = behind["baseline"][-1]["observed"]
    assert sum(fact["events"] for fact in behind["facts"]) == seen == story["findings"][-1]["observed"] >= 10
    assert behind["baseline"][-1]["high"] == 10
    assert all(one["reason"] and one["means"] for one in story["decisions"])
    assert len(story["findings"]) >= 1


def test_the_start_of_an_id_is_enough_where_it_is_unique(
    mintwatch: Command, state: Path, rules: Path, incident: str
) -> None:
    assert mintwatch("explain", incident[:4], "--state", state, "--rules", rules).code == 0
    for wrong in ("zzzz", ""):
        said = mintwatch("explain", wrong, "--state", state, "--rules", rules)
        assert said.code == 2
        assert str(state) in said.err


def test_of_a_rule_that_is_gone_the_findings_are_left(
    mintwatch: Command, state: Path, tmp_path: Path, incident: str
) -> None:
    (tmp_path / "none").mkdir()
    said = mintwatch("explain", incident, "--state", state, "--rules", tmp_path / "none")
    assert said.code == 0
    assert "findings only" in said.out


def test_a_folder_that_is_no_state_is_wrong_input(
    mintwatch: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = mintwatch("explain", "abc", "--state", tmp_path)
    assert said.code == 2
    assert str(tmp_path) in said.err
    monkeypatch.chdir(tmp_path)
    said = mintwatch("explain", "abc")
    assert said.code == 2
    assert "--state" in said.err


def test_a_broken_rule_is_told_apart_from_one_that_is_gone(
    mintwatch: Command, state: Path, rules: Path, incident: str
) -> None:
    (rules / "failures.yml").write_text("title: [")
    said = mintwatch("explain", incident, "--state", state, "--rules", rules)
    assert said.code == 0
    assert "cannot be read" in said.out
    assert "no such rule" not in said.out


def test_a_missing_folder_of_rules_is_wrong_input(
    mintwatch: Command, state: Path, tmp_path: Path, incident: str
) -> None:
    said = mintwatch("explain", incident, "--state", state, "--rules", tmp_path / "nowhere")
    assert said.code == 2
    assert "nowhere" in said.err
