"""JSON Schema of the settings and of identities.yml, for editors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from pydantic import TypeAdapter

from monitor.settings.identities import IdentitiesSettings
from monitor.settings.model import Settings
from monitor.sources.fold import QUERIES

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
DURATION: Final = r"^\d+[smhd]$"
UNITS: Final = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}


def schema() -> dict[str, Any]:
    """The settings as JSON Schema: durations as a person writes them, sources by name, every key described."""
    made: dict[str, Any] = _as_written(Settings.model_json_schema())
    sources = made["$defs"]["WorkspaceSettings"]["properties"]["sources"]
    sources["propertyNames"] = {"enum": list(QUERIES)}
    return made | {"$schema": DIALECT, "title": "Settings of mintwatch"}


def identities_schema() -> dict[str, Any]:
    """identities.yml as JSON Schema."""
    made: dict[str, Any] = _as_written(IdentitiesSettings.model_json_schema())
    return made | {"$schema": DIALECT, "title": "identities.yml of mintwatch"}


def spoken(length: timedelta) -> str:
    """A length of time as it is written in the settings.

    >>> spoken(timedelta(hours=1)), spoken(timedelta(days=35)), spoken(timedelta(minutes=90))
    ('1h', '35d', '90m')
    """
    unit = next(unit for unit, width in UNITS.items() if not length % width)
    return f"{length // UNITS[unit]}{unit}"


def _as_written(node: Any) -> Any:
    if isinstance(node, list):
        return [_as_written(one) for one in node]
    if not isinstance(node, dict):
        return node
    changed = {
        key: _as_written(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))
    }
    if changed.get("format") == "duration":
        changed.pop("format")
        changed["pattern"] = DURATION
    if changed.get("format") in ("path", "password"):  # which is a dict where a key has that name
        changed.pop("format")
    if "patternProperties" in changed:  # names of another form are refused
        changed["additionalProperties"] = False
    default = changed.get("default")
    if isinstance(default, str) and default.startswith("P"):
        changed["default"] = spoken(TypeAdapter(timedelta).validate_python(default))
    return changed
