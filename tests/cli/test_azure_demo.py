"""`mintwatch demo-azure`: the whole way from a token file to incidents, and an account that adds up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import monitor
from monitor.entra import CODES
from tests.cli.conftest import Command

SMALL = ("--days", 8, "--identities", 12, "--seed", 3)


@pytest.mark.slow
def test_the_whole_way_is_walked_and_its_account_adds_up(
    mintwatch: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nobody is there: this machine is reached directly
    monkeypatch.setenv("MINTWATCH__WORKSPACES__DEMO__ID", "no GUID")  # a demo is not configured by accident
    said = mintwatch("demo-azure", *SMALL, "--state", tmp_path / "state", "--json")
    assert (said.code, said.err) == (0, "")
    assert said.json["failures"] == []

    assert said.json["tokens"] == 1
    assert {one["assertion"]: one["codes"] for one in said.json["refused"]} == {
        "expired": ["AADSTS700024"],
        "wrong audience": ["AADSTS700212"],
        "wrong subject": ["AADSTS700213"],
    }
    assert all(CODES[code] in one["said"] for one in said.json["refused"] for code in one["codes"])

    questions = {(one["purpose"], one["outcome"]): one["count"] for one in said.json["questions"]}
    assert said.json["requests"] == {"query": sum(questions.values()), "token": 1 + len(said.json["refused"])}
    assert {"changed", "fetch", "counted"} <= {purpose for purpose, _ in questions}
    assert len(said.json["ticks"]) == 9

    rows = {one["name"]: one for one in said.json["sources"]}
    assert len(rows) == 8
    assert {name: one["read"] for name, one in rows.items()} == {name: one["there"] for name, one in rows.items()}
    assert all(one["read"] == one["kept"] + one["doubled"] + one["late"] for one in rows.values())
    assert all(bool(one["absent"]) == (one["there"] == 0) for one in rows.values())
    for one in said.json["incidents"]:
        assert mintwatch("explain", one["incident"], "--state", tmp_path / "state").code == 0

    with monitor.open(tmp_path / "state") as desk:  # the machine's clock is years away, and nothing took a time from it
        first, last = (pd.Timestamp(said.json["ticks"][place]) for place in (0, -1))
        times = desk.ask("facts | summarize oldest = min(at), newest = max(seen_at)").iloc[0]
        assert first - pd.Timedelta(days=8) <= times["oldest"] <= times["newest"] <= last
        assert all(first <= pd.Timestamp(one["told_at"]) <= last for one in said.json["incidents"])
        assert {desk.app.store.watermark(name) for name, one in rows.items() if not one["absent"]} == {last}


def test_a_state_that_is_there_is_refused_before_anything_is_simulated(mintwatch: Command, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    said = mintwatch("demo-azure", "--state", tmp_path)
    assert said.code == 2
    assert "expected a new or empty folder for the state" in said.err


def test_it_needs_some_days_to_learn_from(mintwatch: Command) -> None:
    said = mintwatch("demo-azure", "--days", 2)
    assert said.code == 2
    assert "--days 2" in said.err


def test_without_the_extra_it_says_which(tmp_path: Path) -> None:
    line = "import sys; sys.modules['trustme'] = None; from monitor.cli import run; sys.exit(run(['demo-azure']))"
    done = subprocess.run([sys.executable, "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: trustme is missing: pip install 'mintwatch[testing]' brings the local Azure\n"
