from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import RULE, Command

FIRES = '{"at": "2026-05-01T12:00:00Z", "stream": "sign_in", "identity": "entra:a", "kind": "service_principal", %s}\n'
LIFE = (
    '{"at": "2026-04-01T12:00:00Z", "stream": "sign_in", "identity": "entra:{n}", "kind": "service_principal",'
    ' "outcome": "issued", "groups": 20, "repeat": {"every": "1d", "times": 30}}\n'
)


def prove(rules: Path, fires: str, quiet: str) -> None:
    folder = rules / "tests"
    folder.mkdir(exist_ok=True)
    (folder / "failures.fires.ndjson").write_text(LIFE + fires)
    (folder / "failures.quiet.ndjson").write_text(LIFE + quiet)


def test_a_list_has_a_line_for_every_rule(mintwatch: Command, rules: Path) -> None:
    (rules / "more.yml").write_text(RULE.format(id="more"))
    said = mintwatch("rules", "list", "--rules", rules)
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines()] == ["id", "failures", "more"]
    listed = mintwatch("rules", "list", "--rules", rules, "--json").json
    assert [(one["id"], one["detector"], one["by"]) for one in listed] == [
        ("failures", "limit", ["identity"]),
        ("more", "limit", ["identity"]),
    ]


def test_check_counts_what_is_right(mintwatch: Command, rules: Path) -> None:
    said = mintwatch("rules", "check", "--rules", rules)
    assert (said.code, said.out) == (0, "1 rules are right\n")


def test_check_reports_every_mistake_at_once(mintwatch: Command, rules: Path) -> None:
    (rules / "more.yml").write_text(
        RULE.format(id="more").replace("outcome ==", "outcom ==").replace("level: h", "level: H")
    )
    (rules / "other.yml").write_text(RULE.format(id="other").replace("detector: limit", "detector: limt"))
    said = mintwatch("rules", "check", "--rules", rules)
    assert said.code == 2
    for where, what in (("more.yml:6", "'outcome'"), ("more.yml:4", "high"), ("other.yml:10", "'limit'")):
        assert any(where in line and what in line for line in said.err.splitlines()), (where, what, said.err)
    answer = mintwatch("rules", "check", "--rules", rules, "--json")
    assert answer.code == 2
    assert answer.json["rules"] == 0
    assert len(str(answer.json["mistakes"])) > 0


def test_a_folder_without_rules_is_wrong_input(mintwatch: Command, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        said = mintwatch("rules", "check", "--rules", folder)
        assert said.code == 2
        assert str(folder) in said.err


def test_a_rule_that_speaks_where_it_must_and_nowhere_else_holds(mintwatch: Command, rules: Path) -> None:
    prove(rules, FIRES % '"outcome": "failed", "events": 12', FIRES % '"outcome": "failed", "events": 9')
    said = mintwatch("rules", "test", "--rules", rules)
    assert said.code == 0
    assert "1 of 1 rules hold" in said.out


def test_a_rule_that_is_silent_where_it_must_speak_fails(mintwatch: Command, rules: Path) -> None:
    prove(rules, FIRES % '"outcome": "failed", "events": 9', FIRES % '"outcome": "failed", "events": 9')
    said = mintwatch("rules", "test", "--rules", rules)
    assert said.code == 1
    assert "failures.fires.ndjson" in said.out
    (proof,) = mintwatch("rules", "test", "--rules", rules, "--json").json
    assert (proof["rule"], proof["held"]) == ("failures", False)


def test_a_proof_that_cannot_be_read_is_wrong_input(mintwatch: Command, rules: Path) -> None:
    said = mintwatch("rules", "test", "--rules", rules)
    assert said.code == 2
    assert "failures.fires.ndjson" in said.err
