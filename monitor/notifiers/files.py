"""The files notifier: each message as the JSON Slack would be sent."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from monitor import whole
from monitor.model import Delivery, Message, Part
from monitor.notifiers.slack import rendered


class FilesNotifier:
    """Writes `<incident>-<reason>.json` into a directory, whole or not at all; a later one of that name replaces it.

    It is what Slack would be sent as the incident's card; of a storm, `<its id>-storm.json`, and of a day, its id.
    """

    parts = frozenset({Part.NEWS, Part.DIGEST, Part.DAILY})

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
        if isinstance(message, Message):
            part, whose = Part.CARD, f"{message.incident}-{message.reason.value}"
        else:
            part, whose = delivery.part, f"{message.id}{'-storm' if delivery.part is Part.DIGEST else ''}"
        name = f"{re.sub(r'[^A-Za-z0-9_.-]', '_', whose).lstrip('.')}.json"
        text = json.dumps(rendered(replace(delivery, part=part)), indent=2, ensure_ascii=False) + "\n"
        whole.put(self.directory / name, text.encode())
        return name

    def find(self, delivery: Delivery) -> str:  # noqa: ARG002
        """Nothing: writing the same file again changes nothing."""
        return ""
