"""One writer, who is known by name, on a volume on which a lock means something."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from monitor import __version__
from monitor.errors import StateError
from monitor.store import Store
from monitor.store.locking import holder, network

HOLDS = """
import sys
from pathlib import Path
from monitor.store import Store
with Store(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_whoever_is_refused_is_told_who_writes_there(tmp_path: Path) -> None:
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=here) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        who = f"process {other.pid} on {socket.gethostname()}, since .*Z, mintwatch {__version__}"
        with pytest.raises(StateError, match=rf"another mintwatch is writing here \({who}\); stop it first"):
            Store(tmp_path)
        held = holder(tmp_path)
        assert held
        assert held.pid == other.pid
        with Store(tmp_path, write=False) as reader:
            assert reader.holder == held
        other.kill()
    assert holder(tmp_path) is None  # it left its name, and no lock
    with Store(tmp_path) as store:
        assert store.holder
        assert store.holder.pid == os.getpid()
    assert holder(tmp_path) is None
    assert (tmp_path / "lock").read_text() == ""


def test_somebody_who_left_no_name_still_holds_the_lock(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        (tmp_path / "lock").write_text("{")
        assert store.holder
        assert store.holder.pid == 0
        with pytest.raises(StateError, match="another mintwatch is writing here; stop it first"):
            Store(tmp_path)


@pytest.mark.parametrize(
    ("kind", "refused"),
    [("ext4", ""), ("nfs4", "nfs4"), ("cifs", "cifs"), ("fuse.blobfuse2", "fuse.blobfuse2"), ("fuse.lxcfs", "")],
)
def test_network_file_systems_are_known(kind: str, refused: str) -> None:
    table = f"22 1 8:1 / / rw,relatime shared:1 - overlay overlay rw\n30 22 0:44 / /data\\040x rw - {kind} x rw\nbad"
    assert network(Path("/data x/state"), table) == refused
    assert network(Path("/data xy"), table) == ""


def test_the_later_mount_over_a_folder_counts() -> None:
    table = "1 0 0:1 / /d rw - nfs server:/d rw\n2 0 0:2 / /d rw - ext4 /dev/sda rw"
    assert network(Path("/d"), table) == ""


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(StateError, match="state/facts: cannot be made: Not a directory"):
        Store(tmp_path / "state")
