from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.conftest import NOON, OID, RULE, TABLE, Command, burst, put, sign_in


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_burst_of_failures_becomes_findings_that_were_told(
    mintwatch: Command, logs: Path, rules: Path, tmp_path: Path
) -> None:
    said = mintwatch("backtest", "--input", logs, "--output", tmp_path / "out", "--rules", rules)
    assert (said.code, said.err) == (0, said.err)
    found = lines(tmp_path / "out")
    assert {(row["identity"], row["name"], row["kind"], row["rule"]) for row in found} == {
        (OID, "payroll", "service_principal", "failures")
    }
    assert any(row["told"] for row in found)
    assert found == sorted(found, key=lambda row: str(row["time"]))
    assert "68" in said.out
    assert "failures" in said.out


def test_json_says_the_same_to_a_machine(mintwatch: Command, logs: Path, rules: Path, tmp_path: Path) -> None:
    answer = mintwatch("backtest", "--input", logs, "--output", tmp_path / "out", "--rules", rules, "--json").json
    (table,) = answer["tables"]
    (source,) = answer["sources"]
    assert (table["name"], table["rows"], table["malformed"]) == (TABLE, 68, 0)
    assert (source["read"], source["kept"], source["doubled"]) == (68, 68, 0)
    assert answer["findings"] == len(lines(tmp_path / "out"))
    assert answer["failures"] == []


def test_the_same_backtest_twice_says_the_same(mintwatch: Command, logs: Path, rules: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        assert mintwatch("backtest", "--input", logs, "--output", tmp_path / name, "--rules", rules).code == 0
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes() != b""


def test_since_and_until_bound_what_is_judged(mintwatch: Command, logs: Path, rules: Path, tmp_path: Path) -> None:
    common = ("backtest", "--input", logs, "--output", tmp_path / "out", "--rules", rules)
    assert mintwatch(*common, "--until", "2026-05-03").code == 0
    assert lines(tmp_path / "out") == []
    assert mintwatch(*common, "--since", "2026-05-03T12:00:00Z").code == 0
    assert lines(tmp_path / "out")
    assert mintwatch(*common, "--since", "2026-05-03T12:00:00+02:00").code == 0


@pytest.mark.parametrize("time", ["2026-05-01T10:00:00", "yesterday", "2026-13-01", "10:00"])
def test_a_time_without_a_zone_could_mean_two_moments(
    mintwatch: Command, logs: Path, rules: Path, tmp_path: Path, time: str
) -> None:
    said = mintwatch("backtest", "--input", logs, "--output", tmp_path / "out", "--rules", rules, "--since", time)
    assert said.code == 2
    assert "2026-05-01T10:00Z" in said.err
    assert time in said.err


def test_since_must_be_before_until(mintwatch: Command, logs: Path, rules: Path, tmp_path: Path) -> None:
    said = mintwatch(
        *("backtest", "--input", logs, "--output", tmp_path / "out", "--rules", rules),
        *("--since", "2026-05-03", "--until", "2026-05-02"),
    )
    assert said.code == 2
    assert "before" in said.err


def test_no_folder_an_empty_one_and_one_without_tables_are_wrong_input(
    mintwatch: Command, rules: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    put(tmp_path / "other", [{"a": 1}], "notes.txt")
    for name in ("missing", "empty", "other"):
        said = mintwatch("backtest", "--input", tmp_path / name, "--output", tmp_path / "out", "--rules", rules)
        assert said.code == 2
        assert name in said.err
        assert "expected" in said.err
        assert not (tmp_path / "out").exists()


def test_a_near_miss_of_a_table_name_is_told_its_right_spelling(
    mintwatch: Command, logs: Path, rules: Path, tmp_path: Path
) -> None:
    put(logs, burst(), "SigninLog.ndjson")
    said = mintwatch("backtest", "--input", logs, "--output", tmp_path / "out", "--rules", rules)
    assert said.code == 2
    assert "SigninLog.ndjson" in said.err
    assert "'SigninLogs'" in said.err


def test_any_other_file_is_listed_and_skipped(mintwatch: Command, logs: Path, rules: Path, tmp_path: Path) -> None:
    put(logs, [], "README.md")
    said = mintwatch("backtest", "--input", logs, "--output", tmp_path / "out", "--rules", rules)
    assert said.code == 0
    assert "README.md" in said.err


@pytest.mark.parametrize("column", ["TimeGenerated", "Id", "ServicePrincipalId"])
def test_a_missing_key_column_is_wrong_input(mintwatch: Command, rules: Path, tmp_path: Path, column: str) -> None:
    put(tmp_path / "logs", [{name: row[name] for name in row if name != column} for row in burst()])
    said = mintwatch("backtest", "--input", tmp_path / "logs", "--output", tmp_path / "out", "--rules", rules)
    assert said.code == 2
    assert column in said.err
    assert not (tmp_path / "out").exists()


def test_other_missing_columns_are_absent_and_extra_ones_counted(
    mintwatch: Command, rules: Path, tmp_path: Path
) -> None:
    put(tmp_path / "logs", [row | {"Shoe": "42"} for row in burst()])
    said = mintwatch("backtest", "--input", tmp_path / "logs", "--output", tmp_path / "out", "--rules", rules)
    assert said.code == 0
    assert "absent columns" in said.err
    assert "Shoe" in said.err


def test_few_malformed_rows_are_shown_with_file_and_line_and_skipped(
    mintwatch: Command, rules: Path, tmp_path: Path
) -> None:
    rows = burst() + [sign_in(2000 + number, NOON) for number in range(100)]
    path = put(tmp_path / "logs", rows)
    text = path.read_text().splitlines()
    text[4] = text[4][:40]
    path.write_text("\n".join(text) + "\n")
    said = mintwatch("backtest", "--input", tmp_path / "logs", "--output", tmp_path / "out", "--rules", rules)
    assert said.code == 0
    assert f"{path}:5" in said.err
    assert lines(tmp_path / "out")


def test_more_than_one_in_a_hundred_malformed_is_unfinished(
    mintwatch: Command, logs: Path, rules: Path, tmp_path: Path
) -> None:
    path = logs / f"{TABLE}.ndjson"
    path.write_text(path.read_text() + '{"TimeGenerated": "2026-05-03T1')
    said = mintwatch("backtest", "--input", logs, "--output", tmp_path / "out", "--rules", rules)
    assert said.code == 1
    assert f"{path}:69" in said.err
    assert "more than 1%" in said.err
    assert lines(tmp_path / "out"), "what could be read is judged and written all the same"


def test_a_mistaken_rule_is_shown_with_file_line_and_right_spelling(
    mintwatch: Command, logs: Path, rules: Path, tmp_path: Path
) -> None:
    (rules / "failures.yml").write_text(RULE.format(id="failures").replace("bucket:", "buckte:"))
    said = mintwatch("backtest", "--input", logs, "--output", tmp_path / "out", "--rules", rules)
    assert said.code == 2
    assert f"{rules / 'failures.yml'}:9" in said.err
    assert "'bucket'" in said.err
    assert not (tmp_path / "out").exists()


def test_a_rule_that_fails_stops_nobody_and_leaves_no_partial_file(
    mintwatch: Command, logs: Path, rules: Path, tmp_path: Path
) -> None:
    broken = RULE.format(id="broken").replace('outcome == "failed"', "tolong(events / (events - 1)) > tolong(code) / 0")
    (rules / "broken.yml").write_text(
        broken.replace("where: ", "where: array_length(todynamic(code)[0].x.y) > ip + 1 or ")
    )
    said = mintwatch("backtest", "--input", logs, "--output", tmp_path / "out", "--rules", rules)
    assert said.code in {1, 2}
    assert "broken" in said.err
    if said.code == 1:
        assert {row["rule"] for row in lines(tmp_path / "out")} == {"failures"}
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_where_nothing_can_be_written_is_said_before_the_work(
    mintwatch: Command, logs: Path, rules: Path, tmp_path: Path
) -> None:
    for target in (tmp_path / "no" / "such" / "out", logs):
        said = mintwatch("backtest", "--input", logs, "--output", target, "--rules", rules)
        assert said.code == 2
        assert str(target) in said.err


def test_a_state_that_holds_something_is_not_mixed_with_a_replay(
    mintwatch: Command, logs: Path, rules: Path, tmp_path: Path
) -> None:
    common = (
        "backtest",
        "--input",
        logs,
        "--output",
        tmp_path / "out",
        "--rules",
        rules,
        "--state",
        tmp_path / "state",
    )
    assert mintwatch(*common).code == 0
    again = mintwatch(*common)
    assert again.code == 2
    assert "empty folder" in again.err


def test_a_wrong_option_is_one_plain_line(mintwatch: Command) -> None:
    said = mintwatch("backtest", "--inptu", "x")
    assert said.code == 2
    assert said.err.startswith("error: ")
    assert len(said.err.splitlines()) == 1


@pytest.mark.slow
def test_a_kill_leaves_the_earlier_output_as_it_was(logs: Path, rules: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.write_text("earlier\n")
    arguments = ["backtest", "--input", logs, "--output", output, "--rules", rules, "--state", tmp_path / "state"]
    work = subprocess.Popen([sys.executable, "-m", "monitor", *map(str, arguments)], env=os.environ | {"TERM": "dumb"})
    while work.poll() is None and not (tmp_path / "state" / "control.db").exists():
        with suppress(subprocess.TimeoutExpired):
            work.wait(0.05)
    work.send_signal(signal.SIGKILL)
    work.wait()
    assert output.read_text() == "earlier\n"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".out")] == []
