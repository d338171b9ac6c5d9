"""What a person may write into a rule, and the rules that are shipped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from docs.generate.words import heading, length, meaning, spoken, table, written
from monitor import plugins, rules
from monitor.frames import DIMENSIONS
from monitor.model import Level
from monitor.rules import Rule

DURATION: Final = r"^\d+[smhd]$"
LIST: Final = {"new", "by"}


def schema() -> str:
    """JSON Schema of a rule file, for editors: durations, measures and columns as a person writes them."""
    made = Rule.model_json_schema()
    keys = made["properties"]
    meanings = meaning("rule", keys)
    detectors = plugins.detectors()
    for name, one in keys.items():
        one["description"] = meanings[name].replace("`", "")
        _as_written(one)
    keys["level"] = {"enum": [each.value for each in Level], "description": keys["level"]["description"]}
    distinct = "|".join(DIMENSIONS)
    keys["measure"] = {"type": "string", "pattern": f"^(events|distinct ({distinct}))$", "default": "events"}
    keys["measure"]["description"] = meanings["measure"].replace("`", "")
    for name in LIST:
        keys[name]["items"] = {"enum": list(DIMENSIONS)}
    keys["slide"] = {"type": "boolean", "description": keys["slide"]["description"]}
    keys["detector"]["enum"] = sorted(detectors)
    made["allOf"] = [_params(name, detectors[name]) for name in sorted(detectors)]
    made.pop("$defs", None)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A rule of mintwatch"}
    return json.dumps(made | head, indent=2, ensure_ascii=False) + "\n"


def _params(name: str, detector: Any) -> dict[str, object]:
    params = detector.model_json_schema()
    params = {key: params[key] for key in ("properties", "required", "additionalProperties") if key in params}
    for one in params["properties"].values():
        _as_written(one)
    then: dict[str, object] = {"properties": {"params": params}}
    if params.get("required"):
        then["required"] = ["params"]
    return {"if": {"properties": {"detector": {"const": name}}}, "then": then}


def _as_written(one: dict[str, Any]) -> None:
    one.pop("title", None)
    if one.get("format") == "duration":
        one.pop("format")
        one |= {"pattern": DURATION, "default": spoken(one.get("default", ""))}


def rule_keys() -> str:
    """Every key a rule may have."""
    keys = Rule.model_fields
    meanings = meaning("rule", keys)
    required = {name for name, field in keys.items() if field.is_required()}
    written = json.loads(schema())["properties"]
    rows = [
        (f"`{name}`", meanings[name], "required" if name in required else f"`{json.dumps(written[name]['default'])}`")
        if name in required or written[name].get("default") not in (None, "", [])
        else (f"`{name}`", meanings[name], "")
        for name in keys
    ]
    parts = [
        *heading(
            "Rule keys", "A rule is one YAML file, `<id>.yml`. How to write one: [Write a rule](../howto/rule.md)."
        ),
        *table(("key", "meaning", "default"), rows),
        "Durations are written `30s`, `15m`, `1h`, `28d`. Columns are those of [FACTS](frames.md). A key that the",
        "detector makes no use of is a mistake, and so is an unknown one; both are reported with file, line and the",
        "nearest right spelling.\n",
        "[rule.schema.json](rule.schema.json) says the same as JSON Schema. Editors with the YAML language server",
        "read it from a first line such as `# yaml-language-server: $schema=../docs/reference/rule.schema.json`.",
    ]
    return "\n".join(parts) + "\n"


def shipped() -> str:
    """The rules that come with mintwatch, and their runbooks."""
    loaded = rules.load(rules.shipped(), plugins.detectors())
    rows = [
        (f"[{one.id}](#{one.id})", one.title, one.level.value, one.status, one.detector, ", ".join(one.by))
        for one in loaded
    ]
    stable = sum(one.status == "stable" for one in loaded)
    parts = [
        *heading(
            "Shipped rules", f"{len(loaded)} rules, {stable} of them stable; the others are judged and kept, not told."
        ),
        *table(("rule", "title", "level", "status", "detector", "by"), rows),
        *(text for one in loaded for text in _shipped(one)),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _shipped(one: Rule) -> Iterator[str]:
    params = one.judge.model_dump(exclude_unset=True)
    counted = f"new {', '.join(one.new)}" if one.new else str(one.measure)
    yield f"## {one.id}\n"
    yield f"{one.title}. {one.description.strip()}\n"
    said = ", ".join(f"{name} {written(value)}" for name, value in params.items())
    rows = [
        ("stream", one.stream),
        ("counts", f"{counted} by {', '.join(one.by)} in {length(one.bucket)}"),
        ("judged by", f"[{one.detector}](detectors.md#{one.detector})" + (f", {said}" if said else "")),
        ("tags", ", ".join(one.tags)),
        ("also looks like this", "; ".join(one.falsepositives)),
    ]
    yield from table(("", ""), [row for row in rows if row[1]])
    yield f"```kusto\n{unbracketed(one.where)}\n```\n"
    if one.after:
        yield f"After:\n\n```kusto\n{unbracketed(one.after)}\n```\n"
    yield f"{one.runbook.strip()}\n"


def unbracketed(predicate: str) -> str:
    """As it was written: loading a rule puts `kind`, a word of KQL, in brackets."""
    return predicate.strip().replace("['kind']", "kind")
