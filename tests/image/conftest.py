"""The image, built once a run by the script that `make image` runs, and containers of it."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("buildah", "mmdebstrap", "podman", "runc")
HOW = "apt-get install --no-install-recommends buildah mmdebstrap podman runc"
PODMAN = ("podman", "--log-level=fatal", "--runtime", "runc")
# As Kubernetes would: nothing may be written but the volume and /tmp. Without the limits podman 4 asks for more than
# a container in a container may have.
RESTRICTED = (
    *("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096", "--read-only", "--tmpfs", "/tmp"),  # noqa: S108
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
)
PATIENCE = 60.0


def podman(*words: object, patience: float = PATIENCE) -> subprocess.CompletedProcess[str]:
    """What podman answered."""
    command = [*PODMAN, *(str(word) for word in words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=patience)


def missing() -> str:
    """What cannot be found of what builds and runs the image, and how to install it; or nothing."""
    absent = [name for name in NEEDED if shutil.which(name) is None]
    return f"{', '.join(absent)} missing; install with: {HOW}" if absent else ""


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its id. Whichever worker comes first builds it; what it cannot be built with is skipped, in CI failed."""
    if said := missing():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(said)
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    built = shared / "image"
    with (shared / "image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            command = [
                sys.executable,
                str(ROOT / "image" / "build.py"),
                "--base",
                "debian",
                "--tag",
                "test",
                "--bare",
                "daemon",
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            built.write_text(done.stdout.split()[-1] if done.returncode == 0 else f"not built:\n{done.stderr}")
    name = built.read_text()
    assert re.fullmatch("[0-9a-f]{64}", name), name
    return name


@dataclass(frozen=True)
class Container:
    """A container that runs, and what it said so far."""

    name: str
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def said(self) -> str:
        """On both streams."""
        return self.log.read_text("utf-8")

    def until(self, pattern: str) -> None:
        """Wait until it has said something like that."""
        command = ["tail", "--follow", "--lines=+1", "--sleep-interval=0.05", str(self.log)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
            assert following.stdout
            begun = perf_counter()
            try:
                for line in following.stdout:
                    if re.search(pattern, line):
                        return
                    assert perf_counter() - begun < PATIENCE, self.said
            finally:
                following.kill()

    def execute(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What a command in it answered."""
        return podman("exec", self.name, *words)

    def stop(self) -> tuple[int, float]:
        """Its exit code, and the seconds from `podman stop` until it was gone."""
        begun = perf_counter()
        assert podman("stop", "--time", "30", self.name).returncode == 0
        return self.process.wait(PATIENCE), perf_counter() - begun


@dataclass(frozen=True)
class Runner:
    """Starts containers of the image."""

    image: str
    folder: Path
    started: list[Container] = field(default_factory=list)

    def start(self, *words: object, options: tuple[object, ...] = ()) -> Container:
        """A container that goes on running."""
        name = f"mintwatch-test-{uuid.uuid4().hex}"
        log = self.folder / f"{name}.log"
        command = [*PODMAN, "run", "--rm", "--name", name, *RESTRICTED, *options, self.image, *words]
        with log.open("wb") as said:
            process = subprocess.Popen([str(word) for word in command], stdout=said, stderr=subprocess.STDOUT)
        self.started.append(Container(name, log, process))
        return self.started[-1]

    def run(self, *words: object, options: tuple[object, ...] = ()) -> subprocess.CompletedProcess[str]:
        """What a container without a network answered, which is gone again."""
        return podman("run", "--rm", "--network=none", *RESTRICTED, *options, self.image, *words)


@pytest.fixture
def containers(image: str, tmp_path: Path) -> Iterator[Runner]:
    """Containers that end with the test."""
    runner = Runner(image, tmp_path)
    yield runner
    for container in runner.started:
        if container.process.poll() is None:
            podman("kill", container.name)
            container.process.wait(PATIENCE)


@pytest.fixture
def volume() -> Iterator[str]:
    """A volume for a state."""
    name = f"mintwatch-test-{uuid.uuid4().hex}"
    assert podman("volume", "create", name).returncode == 0
    yield name
    podman("volume", "rm", "--force", name)


@pytest.fixture(scope="session")
def inspected(image: str) -> Any:
    """What the image says of itself."""
    return json.loads(podman("image", "inspect", image).stdout)[0]
