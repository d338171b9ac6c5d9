"""Block Kit's blocks and every limit Slack enforces on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

from monitor.testing.slack.elements import IMAGE, INPUTS, INTERACTIVE, SLACK_FILE
from monitor.testing.slack.http import Body, Json
from monitor.testing.slack.shapes import Check, Shape, anything, flag, items, plain, problem, string, text, typed


class Surface(StrEnum):
    """Where blocks stand."""

    MESSAGE = "message"
    MODAL = "modal"


MOST: Final[Mapping[Surface, int]] = {Surface.MESSAGE: 50, Surface.MODAL: 100}
"""Blocks on each surface."""

MARKDOWN: Final = 12_000
"""Characters of all markdown blocks together."""

_ID: Final[Mapping[str, Check]] = {"block_id": string(255, 1)}


def _said(value: Mapping[str, Json], at: str) -> Iterator[str]:
    if "text" not in value and "fields" not in value:
        yield problem("must provide at least one of text, fields", at)


def _apart(value: Mapping[str, Json], at: str) -> Iterator[str]:
    """Elements of one block have action ids of their own."""
    elements = value.get("elements")
    found = elements if isinstance(elements, list) else []
    names = Counter(
        str(element["action_id"]) for element in found if isinstance(element, dict) and "action_id" in element
    )
    for name, count in names.items():
        if count > 1:
            yield problem(f"`action_id` {name} already exists", f"{at}/elements")


def _pictured(value: Mapping[str, Json], at: str) -> Iterator[str]:
    if ("image_url" in value) == ("slack_file" in value):
        yield problem("must provide exactly one of image_url, slack_file", at)


_ACTIONS: Final = typed(INTERACTIVE, "element type")
_SHAPES: Final[Mapping[str, Check]] = {
    "actions": Shape({"elements": items(_ACTIONS, 25)}, _ID, _apart),
    "context": Shape(
        {
            "elements": items(
                typed(
                    {
                        "image": IMAGE,
                        "plain_text": Shape({"text": string(3000, 1)}, {"emoji": flag}),
                        "mrkdwn": Shape({"text": string(3000, 1)}, {"verbatim": flag}),
                    },
                    "element type",
                ),
                10,
            )
        },
        _ID,
    ),
    "divider": Shape(also=_ID),
    "header": Shape({"text": plain(150)}, _ID),
    "image": Shape(
        {"alt_text": string(2000, 1)},
        {**_ID, "image_url": string(3000, 1), "slack_file": SLACK_FILE, "title": plain(2000)},
        _pictured,
    ),
    "input": Shape(
        {"label": plain(2000), "element": typed(INPUTS, "element type")},
        {**_ID, "hint": plain(2000), "optional": flag, "dispatch_action": flag},
    ),
    "markdown": Shape({"text": string(MARKDOWN, 1)}, _ID),
    "rich_text": Shape({"elements": items(anything, 1000, 0)}, _ID),
    "section": Shape(
        also={
            **_ID,
            "text": text(3000),
            "fields": items(text(2000), 10),
            "accessory": typed({**INTERACTIVE, "image": IMAGE}, "element type"),
            "expand": flag,
        },
        whole=_said,
    ),
}
_HERE: Final[Mapping[Surface, Check]] = {
    Surface.MESSAGE: typed(_SHAPES),
    Surface.MODAL: typed({name: check for name, check in _SHAPES.items() if name != "markdown"}),
}


def wrong(blocks: Sequence[Json], surface: Surface = Surface.MESSAGE) -> list[str]:
    """What Slack has against these blocks, each with its JSON pointer; nothing: it takes them.

    >>> wrong([{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}])
    ['must be less than 3001 characters [json-pointer:/blocks/0/text/text]']
    """
    found = list(items(_HERE[surface], MOST[surface], 0)(list(blocks), "/blocks"))
    known = [block for block in blocks if isinstance(block, dict)]
    return [*found, *_together(known)]


def _together(blocks: Sequence[Body]) -> Iterator[str]:
    """What only all blocks together can get wrong."""
    names = Counter(str(block["block_id"]) for block in blocks if "block_id" in block)
    for name, count in names.items():
        if count > 1:
            yield problem(f"`block_id` {name} already exists", "/blocks")
    if sum(len(str(block.get("text"))) for block in blocks if block.get("type") == "markdown") > MARKDOWN:
        yield problem(f"markdown blocks must be less than {MARKDOWN + 1} characters in total", "/blocks")
