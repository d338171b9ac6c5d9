"""What is installed: detectors and notifiers by name, ours and those of other distributions, alike.

Rules name detectors and settings name notifiers, ours or those of other distributions. The commands make sources
themselves; those of other distributions can be handed to the worker in Python, and are found by no command yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
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
    return {entry.name: _loaded(entry) for entry in sorted(entry_points(group=group), key=lambda entry: entry.name)}


def notifier(name: str) -> Any:
    """The notifier class of that name; no other distribution is loaded for it.

    Raises
    ------
    PermanentError
        If there is none, or it cannot be imported.
    """
    for entry in entry_points(group="mintwatch.notifiers", name=name):
        return _loaded(entry)
    raise PermanentError(f"mintwatch.notifiers: there is no {name}")


def _loaded(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except Exception as error:
        named = f"{entry.name} = {entry.value} of {entry.dist.name if entry.dist else 'an unknown distribution'}"
        raise PermanentError(f"{entry.group}: {named} cannot be loaded: {error}") from error
