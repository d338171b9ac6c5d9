"""The files notifier: each message as the JSON Slack would be sent."""

from __future__ import annotations

import json
import re
from pathlib import Path

from monitor import whole
from monitor.errors import PermanentError
from monitor.model import Delivery, Digest, Part
from monitor.notifiers.slack import blocks


class FilesNotifier:
    """Writes `<incident>-<reason>.json` into a directory, whole or not at all; a later one of that name replaces it."""

    parts = frozenset({Part.NEWS})

    def __init__(self, directory: Path, name: str = "files") -> None:
        self.name = name
        self.directory = directory

    def send(self, delivery: Delivery) -> str:
        """Write it; the reference is the file's name.

        Raises
        ------
        PermanentError
            If the directory cannot be written to.
        """
        message = delivery.message
        if isinstance(message, Digest):
            raise PermanentError(f"{self.name}: expected a message about an incident, got a digest")
        name = f"{re.sub(r'[^A-Za-z0-9_.-]', '_', message.incident).lstrip('.')}-{message.reason}.json"
        text = json.dumps(blocks(message), indent=2, ensure_ascii=False) + "\n"
        whole.put(self.directory / name, text.encode())
        return name

    def find(self, delivery: Delivery) -> str:  # noqa: ARG002
        """Nothing: writing the same file again changes nothing."""
        return ""
