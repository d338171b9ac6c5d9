"""What is in the image, and what may be done with it where nothing may be written and nobody can be reached."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import monitor
from tests.image.conftest import RESTRICTED, ROOT, Runner, podman

pytestmark = pytest.mark.slow

LOOK = """
import errno, importlib.util, json, os, shutil, stat, sys
def writable(folder):
    try:
        os.close(os.open(os.path.join(folder, "x"), os.O_CREAT | os.O_WRONLY))
    except OSError as error:
        return errno.errorcode[error.errno]
    return "written"
code = os.path.dirname(importlib.util.find_spec("monitor").origin)
files = [os.path.join(at, name) for at, _, names in os.walk("/opt/mintwatch") for name in names]
print(json.dumps({
    "ids": [os.getuid(), os.getgid(), *os.getgroups()],
    "written": {folder: writable(folder) for folder in ("/", "/etc", "/opt/mintwatch", code, "/state", "/tmp")},
    "commands": [name for name in ("pip", "pip3", "uv", "gcc", "cc", "ld", "make", "curl") if shutil.which(name)],
    "modules": [name for name in ("pip", "ensurepip", "setuptools", "tests") if importlib.util.find_spec(name)],
    "theirs": [path for path in files if os.lstat(path).st_uid
               or os.lstat(path).st_mode & stat.S_IWOTH and not os.path.islink(path)],
    "uncompiled": [path for path in files if path.endswith(".py") and "/monitor/" in path
                   and not os.path.exists(importlib.util.cache_from_source(path))],
    "secret": [name for name in os.environ if name.startswith(("PIP_", "UV_")) or "CERT" in name],
    "sbom": json.load(open("/opt/mintwatch/sbom.cdx.json")),
}))
"""


@cache
def look(image: str) -> Any:
    done = podman("run", "--rm", "--network=none", *RESTRICTED, "--entrypoint", "python3", image, "-I", "-c", LOOK)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_runs_as_nobody_in_particular_and_writes_only_state_and_tmp(image: str) -> None:
    seen = look(image)
    assert set(seen["ids"]) == {10001}
    assert {folder for folder, outcome in seen["written"].items() if outcome == "written"} == {"/state", "/tmp"}  # noqa: S108
    assert list(seen["written"].values()).count("EROFS") == 4
    assert seen["theirs"] == []


def test_nothing_is_left_in_it_that_builds_or_installs(image: str) -> None:
    seen = look(image)
    assert (seen["commands"], seen["modules"], seen["secret"]) == ([], [], [])


def test_its_code_is_compiled(image: str) -> None:
    assert look(image)["uncompiled"] == []


def locked() -> set[tuple[str, str]]:
    lines = (ROOT / "requirements" / "daemon.txt").read_text("utf-8").splitlines()
    pins = [Requirement(line.rstrip("\\ ")) for line in lines if "==" in line and not line.startswith("#")]
    return {
        (canonicalize_name(pin.name), str(pin.specifier)[2:]) for pin in pins if not pin.marker or pin.marker.evaluate()
    }


def test_its_list_of_contents_is_what_was_locked(image: str) -> None:
    sbom = look(image)["sbom"]
    assert (sbom["bomFormat"], sbom["metadata"]["component"]["name"]) == ("CycloneDX", "mintwatch")
    assert {(canonicalize_name(one["name"]), one["version"]) for one in sbom["components"]} == locked()
    assert all(one["purl"].startswith("pkg:pypi/") for one in sbom["components"])


def test_it_says_what_it_is(inspected: Any) -> None:
    labels = {name.rpartition(".")[2]: value for name, value in inspected["Labels"].items() if "opencontainers" in name}
    assert labels.keys() == {"title", "description", "licenses", "documentation", "version", "revision", "created"}
    assert (labels["title"], labels["version"], labels["licenses"]) == ("mintwatch", monitor.__version__, "Apache-2.0")
    assert "unknown" not in labels.values()
    config = inspected["Config"]
    assert (config["User"], config["StopSignal"], config["Entrypoint"]) == ("10001:10001", "SIGTERM", ["mintwatch"])
    assert (list(config["Volumes"]), list(config["ExposedPorts"])) == (["/state"], ["9464/tcp"])


def test_it_tells_its_version(containers: Runner) -> None:
    done = containers.run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"mintwatch {monitor.__version__}\n", "")


def test_the_demo_runs_without_a_network(containers: Runner, volume: str) -> None:
    done = containers.run(
        "demo", "--out", "/state/demo", "--days", 10, "--identities", 8, options=("--volume", f"{volume}:/state")
    )
    assert done.returncode == 0, done.stderr
    assert "Attacks found" in done.stdout
    listed = containers.run(
        "/state/demo", options=("--volume", f"{volume}:/state", "--entrypoint", "ls")
    ).stdout.split()
    assert {"incidents.ndjson", "messages", "charts", "state"} <= set(listed)
