"""What may be configured: every key, and the same as JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from docs.generate.words import heading, table
from monitor import settings

PARTS: Final = {
    "CredentialSettings": "credentials.&lt;name&gt;",
    "Addresses": "credentials.&lt;name&gt;.addresses",
    "Reference": "credentials.&lt;name&gt;.secret, slack.token, notifiers.&lt;name&gt;.url and the like",
    "WorkspaceSettings": "workspaces.&lt;name&gt;",
    "SourceSettings": "workspaces.&lt;name&gt;.sources.&lt;source&gt;",
    "SlackSettings": "slack",
    "MayAct": "slack.may_act",
    "NotifierSettings": "notifiers.&lt;name&gt;",
    "RouteSettings": "routes, each",
    "HoursSettings": "routes, each: hours",
    "EscalationSettings": "routes, each: escalate",
    "PolicySettings": "policy",
}
"""The parts of the settings in the order they are told, with where they stand."""


def schema() -> str:
    """JSON Schema of the settings, for editors."""
    return json.dumps(settings.schema(), indent=2, ensure_ascii=False) + "\n"


def keys() -> str:
    """Every key of the settings."""
    made = settings.schema()
    if wrong := {name for name, one in made["$defs"].items() if "properties" in one} ^ set(PARTS):
        raise SystemExit(f"docs/generate/settings.py: PARTS and the settings disagree about {', '.join(sorted(wrong))}")
    parts = [
        *heading(
            "Settings", "One YAML file. `mintwatch init` writes one to start from, `mintwatch check` says if it works."
        ),
        "Every key can be set by the environment instead, and the environment wins: `MINTWATCH__STATE`,",
        "`MINTWATCH__WORKSPACES__PROD__ID`. A variable's value is read as YAML would read it after a colon; an empty",
        "one is not set. Durations are written `30s`, `15m`, `1h`, `28d`. Paths are relative to the file. An unknown",
        "key is a mistake; all mistakes are reported at once, with file, line and the nearest right spelling.\n",
        *table(("key", "meaning", "default"), _rows(made)),
    ]
    for name, place in PARTS.items():
        one = made["$defs"][name]
        parts += [f"## {place}\n", f"{one['description']}\n", *table(("key", "meaning", "default"), _rows(one))]
    parts += [
        "## Editors\n",
        "[settings.schema.json](settings.schema.json) says the same as JSON Schema; `mintwatch settings schema` prints",
        "that of the installed version. Editors with the YAML language server read it from a first line such as",
        "`# yaml-language-server: $schema=docs/reference/settings.schema.json`.",
    ]
    return "\n".join(parts) + "\n"


def _rows(one: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    required = one.get("required", ())
    for key, about in one["properties"].items():
        default = about.get("default")
        shown = "required" if key in required else f"`{json.dumps(default)}`" if default not in (None, "") else ""
        yield f"`{key}`", about["description"] + _choices(about), shown.replace('"', "")


def _choices(about: dict[str, Any]) -> str:
    named = about.get("$ref", "").rpartition("/")[2]
    known = about.get("enum") or (settings.schema()["$defs"][named].get("enum") if named else ())
    return f" One of {', '.join(f'`{one}`' for one in known)}." if known else ""
