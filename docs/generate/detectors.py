"""What judges the counts: every detector, from its docstring and its fields."""

from __future__ import annotations

import inspect
import re

from docs.generate.words import heading, table, written
from monitor import plugins


def detectors() -> str:
    """Every detector with its parameters and formulas."""
    parts = heading(
        "Detectors", "What judges the counts of a rule. How to write one: [Write a detector](../howto/detector.md)."
    )
    for name, detector in plugins.detectors().items():
        said, parameters = sections(inspect.getdoc(detector) or "")
        parts += [f"## {name}\n", said, f"Asks for: {', '.join(sorted(detector.needs))}.\n"]
        fields = detector.model_fields
        if wrong := sorted(set(fields) ^ set(parameters)):
            raise SystemExit(f"detector {name}: its docstring and its fields disagree about {', '.join(wrong)}")
        rows = [
            (f"`{key}`", parameters[key], "required" if field.is_required() else f"`{written(field.default)}`")
            for key, field in fields.items()
        ]
        parts += table(("parameter", "meaning", "default"), rows)
    return "\n".join(parts).rstrip() + "\n"


def sections(docstring: str) -> tuple[str, dict[str, str]]:
    """A numpydoc docstring as text and examples, and its parameters."""
    pieces = re.split(r"\n(\w+)\n-+\n", f"\n{docstring}")
    found = dict(zip(pieces[1::2], pieces[2::2], strict=True))
    parameters = {
        name.strip(): " ".join(text.split())
        for name, text in re.findall(r"^(\w+)\n((?:[ ]+.*\n?)+)", found.get("Parameters", ""), re.MULTILINE)
    }
    said = pieces[0].strip() + "\n"
    for part in found.get("Examples", "").strip().split("\n\n"):
        said += f"\n```pycon\n{part}\n```\n" if part.startswith(">>>") else f"\n{part}\n" if part else ""
    return said, parameters
