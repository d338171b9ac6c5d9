"""What may be written into the settings and into identities.yml: every key, and the same as JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from docs.generate.words import heading, table
from monitor import settings

PARTS: Final = {
    "CredentialSettings": "credentials.&lt;name&gt;",
    "Addresses": "credentials.&lt;name&gt;.addresses",
    "Reference": "credentials.&lt;name&gt;.secret, slack.token, heartbeat.url and the like",
    "WorkspaceSettings": "workspaces.&lt;name&gt;",
    "SourceSettings": "workspaces.&lt;name&gt;.sources.&lt;source&gt;",
    "SlackSettings": "slack",
    "MayAct": "slack.may_act",
    "NotifierSettings": "notifiers.&lt;name&gt;",
    "RouteSettings": "routes, each",
    "HoursSettings": "routes, each: hours",
    "EscalationSettings": "routes, each: escalate",
    "PolicySettings": "policy",
    "ServeSettings": "serve",
    "HeartbeatSettings": "heartbeat",
    "DailySettings": "daily",
    "LogSettings": "logs",
    "KeepSettings": "keep",
}
"""The parts of the settings in the order they are told, with where they stand."""
OWNED: Final = {
    "OwnerSettings": "identities.&lt;identity&gt;, applications.&lt;id&gt;, vaults.&lt;name&gt;",
    "TeamSettings": "teams.&lt;name&gt;",
    "FederatedSettings": "federated_credentials.&lt;id&gt;",
    "ExceptionSettings": "exceptions, each",
}
"""The same of identities.yml."""
HEAD: Final = ("key", "meaning", "default")


def schema() -> str:
    """JSON Schema of the settings, for editors."""
    return _text(settings.schema())


def identities_schema() -> str:
    """JSON Schema of identities.yml, for editors."""
    return _text(settings.identities_schema())


def keys() -> str:
    """Every key of the settings."""
    parts = [
        *heading(
            "Settings", "One YAML file. `mintwatch init` writes one to start from, `mintwatch check` says if it works."
        ),
        "Every key can be set by the environment instead, and the environment wins: `MINTWATCH__STATE`,",
        "`MINTWATCH__WORKSPACES__PROD__ID`. A variable's value is read as YAML would read it after a colon; an empty",
        "one is not set; a list is given whole. Durations are written `30s`, `15m`, `1h`, `28d`. Paths are relative to",
        "the file. An unknown key is a mistake; all mistakes are reported at once, with file, line and the nearest",
        "right spelling.\n",
        *_parts(settings.schema(), PARTS),
        *_editors("settings.schema.json", "mintwatch settings schema"),
    ]
    return "\n".join(parts) + "\n"


def identities() -> str:
    """Every key of identities.yml."""
    parts = [
        *heading(
            "identities.yml", "Who owns what, and what is expected until when: [how to use it](../howto/routing.md)."
        ),
        "The key `identities` of the [settings](settings.md) names the file. It is read again whenever it changes;",
        "while it has a mistake, what it said before holds, and each tick reports the mistake.\n",
        *_parts(settings.identities_schema(), OWNED),
        *_editors("identities.schema.json", "mintwatch settings schema --identities"),
    ]
    return "\n".join(parts) + "\n"


def _parts(made: dict[str, Any], places: Mapping[str, str]) -> Iterator[str]:
    """A table of the keys at the top, and one for each part."""
    if wrong := {name for name, one in made["$defs"].items() if "properties" in one} ^ set(places):
        raise SystemExit(f"docs/generate/settings.py: the parts there are and those told differ by {sorted(wrong)}")
    yield from table(HEAD, _rows(made, made))
    for name, place in places.items():
        one = made["$defs"][name]
        yield from (f"## {place}\n", f"{one['description']}\n", *table(HEAD, _rows(one, made)))


def _editors(file: str, command: str) -> tuple[str, ...]:
    return (
        "## Editors\n",
        f"[{file}]({file}) says the same as JSON Schema;",
        f"`{command}` prints that of the installed version.",
        "Editors with the YAML language server read it from a first line such as",
        f"`# yaml-language-server: $schema=docs/reference/{file}`.",
    )


def _text(made: dict[str, Any]) -> str:
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _rows(one: dict[str, Any], made: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    required = one.get("required", ())
    for key, about in one["properties"].items():
        default = about.get("default")
        shown = "required" if key in required else f"`{json.dumps(default)}`" if default not in (None, "", []) else ""
        yield f"`{key}`", about["description"] + _choices(about, made), shown.replace('"', "")


def _choices(about: dict[str, Any], made: dict[str, Any]) -> str:
    within = [about, *about.get("anyOf", ())]
    named = [one["$ref"].rpartition("/")[2] for one in within if "$ref" in one]
    found = [one.get("enum") for one in (*within, *(made["$defs"][name] for name in named))]
    known = next((one for one in found if one), ())
    return f" One of {', '.join(f'`{one}`' for one in known)}." if known else ""
