"""The files notifier: each message as the JSON Slack would be sent."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path

from monitor.errors import PermanentError
from monitor.model import Message
from monitor.notifiers.slack import blocks


class FilesNotifier:
    """Writes `<incident>-<reason>.json` into a directory, whole or not at all; a later one of that name replaces it."""

    name = "files"

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def send(self, message: Message) -> str:
        """Write it; the reference is the file's name.

        Raises
        ------
        PermanentError
            If the directory cannot be written to.
        """
        name = f"{re.sub(r'[^A-Za-z0-9_.-]', '_', message.incident).lstrip('.')}-{message.reason}.json"
        text = json.dumps(blocks(message), indent=2, ensure_ascii=False) + "\n"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            _replace(self.directory / name, text.encode())
        except OSError as error:
            raise PermanentError(f"{self.directory / name}: cannot be written: {error.strerror or error}") from error
        return name


def _replace(path: Path, content: bytes) -> None:
    """Put the content where `path` is in one step, so that no reader and no crash sees half of it."""
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).chmod(0o644)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
