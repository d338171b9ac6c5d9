"""The files notifier: each message as the JSON Slack would be sent."""

from __future__ import annotations

import json
import re
from pathlib import Path

from monitor import whole
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
        whole.put(self.directory / name, text.encode())
        return name
