"""What is installed: detectors and notifiers by name, ours and those of other distributions, alike.

The commands load detectors by name only. They make sources and notifiers themselves; those of other distributions can
be handed to the worker in Python, and are found by no command yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from monitor.errors import PermanentError


def detectors() -> Mapping[str, Any]:
    """Detector classes by the name a rule uses (entry points `mintwatch.detectors`)."""
    return load("mintwatch.detectors")


def notifiers() -> Mapping[str, Any]:
    """Notifier classes by name (entry points `mintwatch.notifiers`)."""
    return load("mintwatch.notifiers")


def load(group: str) -> Mapping[str, Any]:
    """What the entry points of `group` name, by name.

    Raises
    ------
    PermanentError
        Naming the distribution whose entry point cannot be imported.
    """
    found = {}
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        try:
            found[entry.name] = entry.load()
        except Exception as error:
            named = f"{entry.name} = {entry.value} of {entry.dist.name if entry.dist else 'an unknown distribution'}"
            raise PermanentError(f"{group}: {named} cannot be loaded: {error}") from error
    return found
