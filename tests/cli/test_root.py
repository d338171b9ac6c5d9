from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from monitor import __version__
from monitor.cli.screen import cell, complain, say
from tests.cli.conftest import Command


def test_without_a_command_the_help_names_them_all(mintwatch: Command) -> None:
    said = mintwatch()
    assert said.code == 0
    for name in ("simulate", "backtest", "demo", "explain", "rules"):
        assert name in said.out


def test_it_says_its_version(mintwatch: Command) -> None:
    assert mintwatch("--version").out == f"mintwatch {__version__}\n"


def test_an_unknown_command_is_wrong_input(mintwatch: Command) -> None:
    said = mintwatch("backtset")
    assert said.code == 2
    assert "backtset" in said.err


def test_hostile_text_cannot_move_the_cursor_colour_a_line_or_start_one(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "pay\u202eroll\x1b[31m\x07 [bold red]x[/] :smile: \x9b2J"
    say(hostile)
    complain(f"{hostile}\n{hostile}")
    shown = capsys.readouterr()
    for text in (shown.out, shown.err, cell(hostile).plain):
        assert not set(text) & set("\u202e\x1b\x07\x9b")
        assert "[bold red]x[/] :smile:" in text
    assert len(shown.out.splitlines()) == 1
    assert [line.startswith("error: ") for line in shown.err.splitlines()] == [True, True]


def test_long_lines_are_not_folded_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    say("word " * 200)
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.slow
def test_in_a_pipe_there_is_neither_colour_nor_progress() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "monitor", "rules", "list"], capture_output=True, text=True, check=True
    )
    assert said.stderr == ""
    assert "\x1b" not in said.stdout
    assert "sp-issuance-spike" in said.stdout


def test_impossible_places_and_times_are_wrong_input(mintwatch: Command, logs: Path, tmp_path: Path) -> None:
    file, pipe = tmp_path / "file", tmp_path / "pipe"
    file.write_text("")
    os.mkfifo(pipe)
    usual = {"--input": logs, "--output": tmp_path / "out"}
    for changed in (
        {"--state": file / "x"},
        {"--output": pipe},
        {"--output": "/dev/null"},
        {"--output": file / "x"},
        {"--input": file},
        {"--input": tmp_path / ("x" * 300)},
        {"--until": "9999-12-31T23:59Z"},
        {"--since": "0001-01-01T00:00+23:00"},
    ):
        said = mintwatch("backtest", *(part for pair in (usual | changed).items() for part in pair))
        assert said.code == 2, changed
        assert said.err.startswith("error: ")
    for place in (".", file / "x", file):
        assert mintwatch("simulate", "--out", place, "--days", 1, "--identities", 1).code == 2
    assert mintwatch("simulate", "--out", tmp_path / "new", "--days", 800_000).code == 2
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_terminated_it_leaves_nothing_temporary_behind(tmp_path: Path) -> None:
    arguments = ["simulate", "--out", str(tmp_path / "logs"), "--days", "20", "--identities", "300"]
    work = subprocess.Popen([sys.executable, "-m", "monitor", *arguments], stderr=subprocess.PIPE, text=True)
    while work.poll() is None and not list(tmp_path.iterdir()):
        with suppress(subprocess.TimeoutExpired):
            work.wait(0.05)
    work.send_signal(signal.SIGTERM)
    _, said = work.communicate(timeout=60)
    assert (work.returncode, said.splitlines()[-1]) == (143, "error: terminated")
    assert list(tmp_path.iterdir()) == []
