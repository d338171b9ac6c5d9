"""Files that are there whole or not at all, whoever reads and whatever crashes."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from monitor.errors import PermanentError


def put(path: Path, content: bytes) -> None:
    """Make `path` hold `content`: written aside, then moved there in one step; folders are made as needed.

    Raises
    ------
    PermanentError
        Naming the path, if it cannot be written; nothing stays behind.
    """
    aside = path.with_name(f".{uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            aside.write_bytes(content)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise PermanentError(f"{path}: cannot be written: {error.strerror or error}") from error
