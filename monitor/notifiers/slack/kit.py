"""The blocks of Block Kit that messages are made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from monitor.hostile import clean, clip
from monitor.notifiers.slack.escaping import plain

Json: TypeAlias = "str | bool | list[Json] | dict[str, Json]"
Block: TypeAlias = "dict[str, Json]"

HEADER: Final = 150
MOST: Final = 9_900
"""Characters of JSON of all blocks together: somewhere above 13,000 Slack refuses them, which no reference says
(bolt-js issue 2509).
"""


def header(text: str) -> Block:
    """The one line in large letters."""
    return {"type": "header", "text": label(plain(clip(clean(text), HEADER), 600) or "-")}


def said(text: str, limit: int, beside: Block | None = None) -> Block:
    """A paragraph of text from anywhere, which is shown as it is."""
    return _section(label(plain(text, limit) or "-"), beside)


def lines(texts: Iterable[str], limit: int) -> Block:
    """A paragraph of lines, each text from anywhere, shown as they are."""
    shown = "\n".join(plain(text, limit) for text in texts)
    return _section(label(shown or "-"), None)


def marked(text: str, beside: Block | None = None) -> Block:
    """A paragraph of mrkdwn, whose author escaped what came from elsewhere."""
    return _section(mrkdwn(text), beside)


def _section(text: Json, beside: Block | None) -> Block:
    return {"type": "section", "text": text} | ({"accessory": beside} if beside else {})


def fields(texts: Sequence[str]) -> Block:
    """Ten texts of mrkdwn at most, in two columns."""
    return {"type": "section", "fields": [mrkdwn(text) for text in texts[:10]]}


def context(*texts: str) -> Block:
    """Small print in mrkdwn; Slack sets texts beside each other, lines of one text below each other."""
    return {"type": "context", "elements": [mrkdwn(text) for text in texts[:10]]}


def small(texts: Iterable[str], limit: int) -> Block:
    """Small print, lines of text from anywhere, shown as they are."""
    shown = "\n".join(plain(text, limit) for text in texts)
    return {"type": "context", "elements": [label(shown or "-")]}


def button(text: str, action: str, value: str, *, first: bool = False) -> Block:
    """Something to press; `first` is the one most people want."""
    made: Block = {"type": "button", "text": label(text), "action_id": action, "value": value}
    return made | ({"style": "primary"} if first else {})


def leading(text: str, action: str, url: str) -> Block | None:
    """A button that leads somewhere; None if `url` is ''."""
    return {"type": "button", "text": label(text), "action_id": action, "url": url} if url else None


def menu(text: str, action: str, options: Iterable[tuple[str, str]]) -> Block:
    """A choice of values, each with its label."""
    return {
        "type": "static_select",
        "action_id": action,
        "placeholder": label(text),
        "options": [_option(*one) for one in options],
    }


def overflow(action: str, options: Iterable[tuple[str, str]]) -> Block:
    """A choice of up to five values behind three dots."""
    return {"type": "overflow", "action_id": action, "options": [_option(*one) for one in options]}


def _option(value: str, text: str) -> Json:
    return {"text": label(text), "value": value}


def label(text: str) -> Block:
    """Plain text."""
    return {"type": "plain_text", "text": text, "emoji": False}


def mrkdwn(text: str) -> Block:
    """Slack's markup; of an address in it no link is made."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def within(build: Callable[[float], list[Json]]) -> list[Json]:
    """The blocks that `build` makes with as much room as Slack takes; it is asked for less until they fit."""
    made = build(1.0)
    for room in (0.7, 0.45, 0.25):
        if len(json.dumps(made)) <= MOST:
            return made
        made = build(room)
    return made
