from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitor.cli.demo import replaced
from monitor.errors import InputError
from tests.cli.conftest import Command


@pytest.mark.slow
def test_a_demo_leaves_incidents_messages_charts_and_a_state_to_explain(mintwatch: Command, tmp_path: Path) -> None:
    out = tmp_path / "demo-output"
    said = mintwatch("demo", "--out", out, "--days", 21, "--identities", 25, "--seed", 3)
    assert (said.code, said.err) == (0, "")
    rows = [json.loads(line) for line in (out / "incidents.ndjson").read_text().splitlines()]
    assert rows
    assert rows == sorted(rows, key=lambda row: -row["surprise"])
    for path in (out / "messages").iterdir():
        assert json.loads(path.read_text())["blocks"]
    pictures = sorted((out / "charts").iterdir())
    assert len(pictures) == min(8, len(rows))
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    assert set(json.loads((out / "scoreboard.json").read_text())) == {"mintwatch", "mean + 3 sigma by hour of day"}
    assert "time to detect" in said.out
    assert mintwatch("explain", rows[0]["incident"], "--state", out / "state").code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["demo-output"]


def left(fresh: Path, text: str) -> None:
    """The marks of a demo."""
    (fresh / "incidents.ndjson").write_text(text)
    (fresh / "state").mkdir()
    (fresh / "state" / "control.db").write_text("")


def test_the_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "demo-output"
    with replaced(out) as fresh:
        left(fresh, "first")
    with pytest.raises(ZeroDivisionError), replaced(out) as fresh:
        left(fresh, str(1 // 0))
    assert (out / "incidents.ndjson").read_text() == "first"
    with replaced(out) as fresh:
        (fresh / "messages").mkdir()
        left(fresh, "second")
    assert (out / "incidents.ndjson").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["demo-output"]


def test_if_the_new_cannot_be_put_in_place_the_old_comes_back(tmp_path: Path) -> None:
    out = tmp_path / "demo-output"
    with replaced(out) as fresh:
        left(fresh, "first")
    with pytest.raises(FileNotFoundError), replaced(out) as fresh:
        fresh.rmdir()
    assert (out / "incidents.ndjson").read_text() == "first"


@pytest.mark.parametrize("theirs", ["thesis.txt", "state/notes.txt", "incidents.ndjson"])
def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path, theirs: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / theirs).write_text("years of work")
    with pytest.raises(InputError, match="will not be overwritten"), replaced(tmp_path):
        pass
    assert (tmp_path / theirs).exists()


def test_a_demo_with_something_added_is_not_replaced(tmp_path: Path) -> None:
    left(tmp_path, "first")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="will not be overwritten"), replaced(tmp_path):
        pass


@pytest.mark.parametrize("place", [".", "..", "../here"])
def test_the_current_folder_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(InputError, match="current"), replaced(Path(place)):
        pass


def test_a_demo_needs_some_days_to_learn_from(mintwatch: Command, tmp_path: Path) -> None:
    said = mintwatch("demo", "--out", tmp_path / "out", "--days", 2)
    assert said.code == 2
    assert "--days 2" in said.err
