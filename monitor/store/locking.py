"""One writer: the lock of a state directory, who holds it, and whether its volume is one on which it means anything."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Final

from pydantic import TypeAdapter, ValidationError

from monitor import clock
from monitor.clock import iso
from monitor.errors import StateError
from monitor.store.migrating import VERSION

NAME: Final = "lock"
TRIES: Final = 5
PAUSE: Final = timedelta(milliseconds=40)
"""Between tries: who only looks whether somebody writes holds the lock for much less."""
MOUNTS: Final = Path("/proc/self/mountinfo")
REMOTE: Final = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb2",
        "smb3",
        "smbfs",
    }
)
"""File systems that several machines write to."""
REMOTE_FUSE: Final = frozenset(
    {"blobfuse", "blobfuse2", "glusterfs", "s3fs", "sshfs", "gcsfuse", "rclone", "ceph-fuse"}
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has, or last had, the lock: a process, on which machine or in which container, since when."""

    pid: int
    host: str
    since: datetime
    version: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {iso(self.since)}, mintwatch {self.version}"


_HOLDER: Final = TypeAdapter(Holder)


def lock(directory: Path) -> int:
    """Hold the directory's one-writer lock until `unlock`, or until the process ends.

    The lock is the kernel's (flock): it also holds between containers that share a volume on one machine, and nothing
    has to be cleaned up after a crash. Who holds it is written into the file for people alone.

    Raises
    ------
    StateError
        If another process holds it, naming it; if the directory cannot be written; if it is on a network file system.
    """
    refuse_network(directory)
    try:
        descriptor = os.open(directory / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StateError(f"{directory}: cannot be written: {error.strerror}; {_whom(error)}") from error
    if not _taken(descriptor):
        os.close(descriptor)
        held = written(directory)
        who = f" ({held})" if held else ""
        raise StateError(f"{directory}: another mintwatch is writing here{who}; stop it first")
    _write(descriptor, json.dumps(asdict(_me()), default=iso))
    return descriptor


def unlock(descriptor: int) -> None:
    """Let go of the lock, and say so in the file."""
    _write(descriptor, "")
    os.close(descriptor)


def holder(directory: Path) -> Holder | None:
    """Who writes there now; None if nobody does. Somebody who did not say who they are has process 0.

    It takes the lock for a moment to find out, which a writer that starts just then waits for.
    """
    try:
        descriptor = os.open(directory / NAME, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return written(directory) or Holder(0, "?", clock.EPOCH, "?")
    finally:
        os.close(descriptor)
    return None


def written(directory: Path) -> Holder | None:
    """Whoever wrote themselves into the lock file last and has not let go; they may have crashed."""
    try:
        return _HOLDER.validate_json((directory / NAME).read_text())
    except (OSError, ValidationError):
        return None


def network(directory: Path, mounts: str) -> str:
    r"""The kind of network file system that a directory is on, '' if it is on none, going by a mountinfo table.

    >>> from pathlib import Path
    >>> table = "1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:50 / /data rw - nfs4 server:/data rw"
    >>> network(Path("/data/state"), table), network(Path("/database"), table)
    ('nfs4', '')
    """
    found, kind = Path(), ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if len(fields) < 5:
            continue
        point = Path(fields[4].replace("\\040", " "))
        if directory.is_relative_to(point) and len(point.parts) >= len(found.parts):
            found, kind = point, kinds[0]  # a later mount over the same point hides the earlier
    name = kind.removeprefix("fuse.")
    return kind if kind in REMOTE or (name != kind and name in REMOTE_FUSE) else ""


def refuse_network(directory: Path) -> None:
    """`StateError` if the directory is on a network file system, as far as the system says on what it is.

    The control database is kept in SQLite's WAL mode, whose index is memory that all processes share, which no network
    file system has: two machines would write past each other, lock or no lock.
    """
    try:
        table = MOUNTS.read_text()
    except OSError:
        return
    if kind := network(directory.resolve(), table):
        raise StateError(
            f"{directory}: is on a network file system ({kind}), on which the control database would be damaged;"
            " expected a disk of one machine at a time (in Azure: Azure Disk, ReadWriteOnce)"
        )


def _taken(descriptor: int) -> bool:
    """Whether we have the lock now."""
    for left in reversed(range(TRIES)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if left:
                Event().wait(PAUSE.total_seconds())
            continue
        return True
    return False


def _me() -> Holder:
    return Holder(os.getpid(), socket.gethostname(), clock.now(), VERSION)


def _write(descriptor: int, text: str) -> None:
    """Put it into the lock file if it can be: the lock holds on a full disk as well."""
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)
    except OSError:
        return


def _whom(error: OSError) -> str:
    """What to do about a directory that cannot be written."""
    if isinstance(error, PermissionError):
        return f"it has to belong to the user mintwatch runs as (uid {os.getuid()}, gid {os.getgid()})"
    return "make its volume writable"
