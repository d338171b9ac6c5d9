"""Names for blocks and elements that came without: Slack gives each one."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence

from monitor.testing.slack.elements import INPUTS, INTERACTIVE
from monitor.testing.slack.http import Body, Json


def named(blocks: Sequence[Body]) -> tuple[Body, ...]:
    """The blocks, each with a `block_id` and each thing to press or fill in with an `action_id`."""
    return tuple({**_inside(block), "block_id": block.get("block_id") or _name()} for block in blocks)


def interactive(blocks: Sequence[Body]) -> Iterator[tuple[str, Body]]:
    """Everything there is to press or fill in, with the id of its block."""
    for block in blocks:
        elements = block.get("elements")
        held = [block.get("accessory"), block.get("element"), *(elements if isinstance(elements, list) else [])]
        for element in held:
            if isinstance(element, dict) and "action_id" in element:
                yield str(block["block_id"]), element


def _inside(block: Body) -> Body:
    changed: dict[str, Json] = dict(block)
    for place in ("accessory", "element"):
        if place in block:
            changed[place] = _element(block[place])
    elements = block.get("elements")
    if isinstance(elements, list):
        changed["elements"] = [_element(element) for element in elements]
    return changed


def _element(element: Json) -> Json:
    if isinstance(element, dict) and element.get("type") in {*INTERACTIVE, *INPUTS}:
        return {**element, "action_id": element.get("action_id") or _name()}
    return element


def _name() -> str:
    return secrets.token_urlsafe(4)
