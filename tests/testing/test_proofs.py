"""Proof files: how their lines become facts, and how their mistakes are told."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor import plugins, worker
from monitor.errors import InputError
from monitor.frames import FACTS
from monitor.kql import DuckEngine
from monitor.rules import Rule, read
from monitor.testing import proofs

LINE = '{"at": "2026-05-04T10:03:20Z", "stream": "sign_in", "action": "client_credentials", "identity": "entra:a"}'
RULE = """\
title: Ten failures
id: ten
status: stable
level: high
stream: sign_in
where: outcome == "failed"
by: [identity]
bucket: 10m
detector: limit
params: {limit: 10}
tell: 1.0
runbook: Ask the person whether it was them.
"""


def facts(folder: Path, *lines: str) -> list[dict[str, object]]:
    path = folder / "a.fires.ndjson"
    path.write_text("\n".join(lines), "utf-8")
    table = proofs.facts_of(path)
    assert table.schema == FACTS
    rows: list[dict[str, object]] = table.to_pylist()
    return rows


def test_what_a_line_leaves_out_is_filled_in(tmp_path: Path) -> None:
    (fact,) = facts(tmp_path, "# a remark", "", LINE)
    assert fact["source"] == "service_principal"
    assert fact["outcome"] == ""
    assert fact["events"] == 1
    assert fact["at"] == fact["seen_at"] == datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
    assert fact["first_at"] == fact["last_at"] == datetime(2026, 5, 4, 10, 3, 20, tzinfo=UTC)


def test_a_late_arrival_can_be_said(tmp_path: Path) -> None:
    (fact,) = facts(tmp_path, LINE[:-1] + ', "seen_at": "2026-05-04T12:31:00Z"}')
    assert fact["seen_at"] == datetime(2026, 5, 4, 12, 30, tzinfo=UTC)


def test_a_line_stands_for_many(tmp_path: Path) -> None:
    line = LINE.replace("entra:a", "entra:{n}-{i}")[:-1] + ', "groups": 2, "repeat": {"every": "1h", "times": 3}}'
    rows = facts(tmp_path, line)
    assert [row["identity"] for row in rows] == [f"entra:{n}-{i}" for n in (1, 2) for i in (0, 1, 2)]
    assert rows[2]["first_at"] == datetime(2026, 5, 4, 12, 3, 20, tzinfo=UTC)


def test_a_short_step_stays_in_its_bin(tmp_path: Path) -> None:
    rows = facts(tmp_path, LINE[:-1] + ', "repeat": {"every": "1m", "times": 3}}')
    assert [row["at"] for row in rows] == [datetime(2026, 5, 4, 10, minute, tzinfo=UTC) for minute in (0, 0, 5)]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "not JSON"),
        ("[1]", "expected an object"),
        (LINE.replace("identity", "identiy"), "unknown key 'identiy', did you mean 'identity'?"),
        (LINE.replace("sign_in", "signin"), "expected 'at' and a 'stream' among sign_in, vault"),
        ('{"stream": "vault"}', "expected 'at'"),
        (LINE.replace("Z", ""), "at: expected a time such as"),
        (LINE.replace("2026", "26"), "at: expected a time such as"),
        (LINE[:-1] + ', "events": 0}', "events: expected a whole number of at least 1, got 0"),
        (LINE[:-1] + ', "code": 0}', "code: expected text, got 0"),
        (LINE[:-1] + ', "groups": true}', "groups: expected a whole number"),
        (LINE[:-1] + ', "repeat": {"every": "1h"}}', "repeat: expected"),
        (LINE[:-1] + ', "repeat": {"every": "1w", "times": 2}}', "expected a duration"),
        (LINE[:-1] + ', "groups": 1000001}', "at most 1,000,000 facts"),
    ],
)
def test_a_line_that_is_no_fact_is_told_with_file_and_line(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        facts(tmp_path, LINE, line)
    assert str(caught.value).startswith(f"{tmp_path / 'a.fires.ndjson'}:2: ")
    assert told in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a file of facts"):
        proofs.facts_of(tmp_path / "absent.ndjson")


def rules(folder: Path, **texts: str) -> dict[str, Rule]:
    found = {}
    for name, text in texts.items():
        (folder / f"{name}.yml").write_text(text, "utf-8")
        one, wrong = read(folder / f"{name}.yml", plugins.detectors())
        assert one is not None, wrong
        found[name] = one
    return found


def proof(folder: Path, *, fires: int, quiet: int) -> proofs.Proof:
    (folder / "tests").mkdir()
    history = LINE[:-1] + ', "groups": 3, "repeat": {"every": "1d", "times": 20}}'
    for name, count in (("fires", fires), ("quiet", quiet)):
        attack = LINE.replace("05-04", "05-23")[:-1] + f', "outcome": "failed", "events": {count}}}'
        (folder / "tests" / f"ten.{name}.ndjson").write_text(
            history.replace("entra:a", "entra:{n}") + "\n" + attack, "utf-8"
        )
    return proofs.check(rules(folder, ten=RULE)["ten"], DuckEngine(), worker.judge)


def test_a_rule_that_tells_the_two_apart_is_proved(tmp_path: Path) -> None:
    assert proof(tmp_path, fires=10, quiet=9).held


def test_a_rule_that_misses_its_events_is_not_proved(tmp_path: Path) -> None:
    wrong = proof(tmp_path, fires=9, quiet=9).wrong
    assert wrong.startswith(f"{tmp_path / 'tests' / 'ten.fires.ndjson'}: expected a finding of surprise 1 or more")


def test_a_rule_that_speaks_of_the_harmless_is_not_proved(tmp_path: Path) -> None:
    wrong = proof(tmp_path, fires=10, quiet=10).wrong
    assert wrong.startswith(f"{tmp_path / 'tests' / 'ten.quiet.ndjson'}: expected no finding of surprise 1 or more")


BOTH = """\
title: Failures and refusals
id: both
status: stable
level: high
stream: scores
by: [identity]
detector: together
tell: 2.0
runbook: Ask the owner what explains both.
"""


def test_a_rule_over_scores_is_proved_by_what_the_other_rules_say_of_the_same_events(tmp_path: Path) -> None:
    refused = RULE.replace("id: ten", "id: refused").replace('"failed"', '"refused"') + "evidence: refusals\n"
    every = rules(tmp_path, ten=RULE, refused=refused, both=BOTH)
    (tmp_path / "tests").mkdir()
    history = LINE.replace("entra:a", "entra:{n}")[:-1] + ', "groups": 3, "repeat": {"every": "1d", "times": 20}}'
    burst = LINE.replace("05-04", "05-23")[:-1] + ', "outcome": "failed", "events": 10}'
    for name, who in (("fires", "entra:a"), ("quiet", "entra:b")):
        other = burst.replace("failed", "refused").replace("entra:a", who)
        lines = [
            history,
            *(
                LINE.replace("entra:a", one)[:-1] + ', "repeat": {"every": "1d", "times": 19}}'
                for one in ("entra:a", "entra:b")
            ),
            burst,
            other,
        ]
        (tmp_path / "tests" / f"both.{name}.ndjson").write_text("\n".join(lines), "utf-8")
    proof = proofs.check(every["both"], DuckEngine(), worker.judge, list(every.values()))
    assert proof.held
    assert proof.fires > 2.0
    assert proof.quiet == 0.0
    assert proofs.check(every["both"], DuckEngine(), worker.judge).fires == 0.0
