"""The daemon as process 1 of a container: it tells how it is, ends in time, and shares its volume with nobody."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from monitor.testing.azure import LocalAzure, faults
from tests.cli.conftest import RULE
from tests.cli.test_running import noting
from tests.cli.watching import place
from tests.image.conftest import PATIENCE, Container, Runner

pytestmark = pytest.mark.slow

IDLE, BUSY = 4.0, 10.0
"""Seconds from `podman stop` until a daemon is gone that has nothing, or something, in flight. The first is promised
to be 2 where nothing else runs, and measured as 0.9; tests share their machine."""


@pytest.fixture(scope="module")
def served() -> Iterator[LocalAzure]:
    with LocalAzure() as azure:
        yield azure


@pytest.fixture
def azure(served: LocalAzure) -> LocalAzure:
    served.faults.clear()
    return served


@pytest.fixture
def settings(azure: LocalAzure, tmp_path: Path) -> Path:
    """A folder to mount at /etc/mintwatch: it names files by where they are in it."""
    folder = tmp_path / "etc"
    (folder / "rules").mkdir(parents=True)
    (folder / "rules" / "failures.yml").write_text(RULE.format(id="failures"))
    shutil.copy(azure.ca, folder / "ca.pem")
    config = place(azure, folder, "service_principal").config
    config.write_text(config.read_text().replace(str(azure.ca), "ca.pem"))
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def options(settings: Path, volume: str) -> tuple[object, ...]:
    """Of a container on this machine's network, where the local Azure is."""
    mounts = ("--volume", f"{settings}:/etc/mintwatch:ro", "--volume", f"{volume}:/state")
    return (*mounts, "--network=host", "--env", f"MINTWATCH__SERVE__ADDRESS=127.0.0.1:{free_port()}")


@pytest.fixture
def idle(containers: Runner, options: tuple[object, ...]) -> Container:
    """A daemon that has collected all there is."""
    daemon = containers.start(options=options)
    daemon.until(r"collected\b.*prod\.service_principal|prod\.service_principal.*collected\b")
    return daemon


def test_the_daemon_is_process_1_tells_its_health_and_ends_at_once(idle: Container, inspected: Any) -> None:
    command = idle.execute("cat", "/proc/1/cmdline").stdout.split("\0")
    assert command[1:3] == ["/opt/mintwatch/bin/mintwatch", "run"]
    if find_spec("monitor.daemon.serving"):
        kind, *health = inspected["Healthcheck"]["Test"]
        done = idle.execute(*health)
        assert (kind, done.returncode) == ("CMD", 0), done.stderr
    code, seconds = idle.stop()
    assert (code, seconds < IDLE) == (0, True), (code, seconds, idle.said)


def test_a_second_container_on_the_same_volume_is_refused(
    containers: Runner, idle: Container, options: tuple[object, ...]
) -> None:
    second = containers.start(options=options)
    assert second.process.wait(PATIENCE) != 0
    assert "another mintwatch is writing here" in second.said
    assert "Traceback" not in second.said
    assert idle.process.poll() is None


def test_a_daemon_ends_in_time_while_the_service_hangs(
    azure: LocalAzure, containers: Runner, options: tuple[object, ...]
) -> None:
    hanging = threading.Event()
    azure.faults.add(faults.slow(timedelta(minutes=3)), when=noting(hanging), service="query", times=None)
    daemon = containers.start(options=options)
    assert hanging.wait(PATIENCE)
    code, seconds = daemon.stop()
    azure.faults.clear()
    assert seconds < BUSY, (seconds, daemon.said)
    assert code in {0, 75}, daemon.said
