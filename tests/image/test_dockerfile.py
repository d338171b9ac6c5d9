"""What the Dockerfile says, without building it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text("utf-8")


def test_the_linter_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_nothing_is_installed_that_is_not_locked() -> None:
    scripts = "".join(path.read_text("utf-8") for path in sorted((ROOT / "image").glob("*.sh"))).replace("\\\n", "")
    installs = [line for line in scripts.splitlines() if re.search(r"pip (install|sync)", line)]
    assert len(installs) == 4
    assert all("--require-hashes" in line or "--offline --no-deps" in line for line in installs)
    assert "install" not in TEXT.partition("FROM")[2]


@pytest.mark.parametrize("target", ["slim", "daemon"])
def test_whoever_runs_a_target_is_a_number_and_not_root(target: str) -> None:
    (stage,) = re.findall(rf"^FROM \S+ AS {target}\n(.*?)(?=^FROM|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert re.findall(r"^USER (.+)$", stage, re.MULTILINE) == ["10001:10001"]


def test_the_daemon_is_what_is_built_if_nothing_is_named() -> None:
    assert re.findall(r"^FROM \S+ AS (\S+)$", TEXT, re.MULTILINE)[-1] == "daemon"


def test_slim_is_the_daemon_without_charts() -> None:
    pins = {
        name: set(re.findall(r"^(\S+==\S+)", (ROOT / "requirements" / f"{name}.txt").read_text("utf-8"), re.MULTILINE))
        for name in ("slack", "charts", "daemon")
    }
    assert pins["slack"] < pins["daemon"]
    assert pins["daemon"] - pins["slack"] == pins["charts"] - pins["slack"]
    assert any(pin.startswith("matplotlib==") for pin in pins["daemon"] - pins["slack"])
