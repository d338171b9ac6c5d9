"""Which pages there are, and whether they are as the code would have them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from docs.generate import commands, data, detectors, faults, metrics, rules, settings

REFERENCE: Final = Path(__file__).parents[1] / "reference"

PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "commands.md": commands.commands,
    "detectors.md": detectors.detectors,
    "errors.md": data.failures,
    "failures.md": faults.faults,
    "findings.md": data.findings,
    "frames.md": data.frame_pages,
    "identities.md": settings.identities,
    "identities.schema.json": settings.identities_schema,
    "metrics.md": metrics.metrics,
    "rule-keys.md": rules.rule_keys,
    "rule.schema.json": rules.schema,
    "settings.md": settings.keys,
    "settings.schema.json": settings.schema,
    "shipped-rules.md": rules.shipped,
    "sources.md": data.sources,
}


def stale(folder: Path) -> list[str]:
    """The pages that are not as the code would have them."""
    return [
        name
        for name, make in PAGES.items()
        if not (folder / name).is_file() or (folder / name).read_text("utf-8") != make()
    ]


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with `--check` name those that are stale."""
    old = stale(REFERENCE)
    if "--check" in arguments:
        for name in old:
            print(f"docs/reference/{name} is stale; make docs writes it anew", file=sys.stderr)
        return int(bool(old))
    REFERENCE.mkdir(exist_ok=True)
    for name in old:
        (REFERENCE / name).write_text(PAGES[name](), "utf-8")
        print(f"docs/reference/{name}")
    return 0
