"""What a message would do to the people who see it: whom it pings, where its links lead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from monitor.testing.slack.http import Json
from monitor.testing.slack.messages import Message, Whisper

_MENTION: Final = re.compile(r"<(?:@([UW]\w+)|!(channel|here|everyone)|!subteam\^(S\w+))(?:\|[^<>]*)?>")
_LINK: Final = re.compile(r"<((?:https?|mailto|tel):[^<>|]+)(?:\|([^<>]*))?>")
_BARE: Final = re.compile(r"(?<![<\w])https?://[^\s<>|]+")
_WRITTEN: Final = re.compile(r"(?<!\w)@(channel|here|everyone)\b")
_ENTITIES: Final = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
_PARTS: Final = re.compile(r"&(?:lt|gt|amp);")


@dataclass(frozen=True, slots=True)
class Link:
    """One link; `label` is what is shown in its place, None: itself."""

    url: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class _Text:
    text: str
    verbatim: bool = False


def pings(message: Message | Whisper) -> frozenset[str]:
    """Whom it notifies: ids of users and user groups, and ``channel``, ``here``, ``everyone``.

    Everywhere Slack reads mrkdwn counts, the text beside blocks too; plain text pings nobody.

    >>> sorted(pings(Message("C1", "1.000000", "U1", "<!channel> and &lt;!here&gt; by <@U2>")))
    ['U2', 'channel']
    """
    found = {name for each in _read(message) for groups in _MENTION.findall(each.text) for name in groups if name}
    if isinstance(message, Message) and message.linked:
        found |= {name for each in _read(message) for name in _WRITTEN.findall(each.text)}
    return frozenset(found | set(_rich(message.blocks)))


def links(message: Message | Whisper) -> list[Link]:
    """Where it leads, in order: links written as such, and addresses Slack makes links of by itself."""
    found: list[Link] = []
    for each in _read(message):
        found += [
            Link(_unescaped(url), _unescaped(label) if label else None) for url, label in _LINK.findall(each.text)
        ]
        if not each.verbatim:
            found += [Link(_unescaped(url)) for url in _BARE.findall(_LINK.sub("", each.text))]
    return [*dict.fromkeys([*found, *_addresses(message.blocks)])]


def _read(message: Message | Whisper) -> Iterator[_Text]:
    """Every text that Slack reads as mrkdwn."""
    yield _Text(message.text)
    yield from _marked(message.blocks)
    if isinstance(message, Message):
        for attachment in message.attachments:
            yield from (_Text(str(attachment[name])) for name in ("pretext", "text", "title") if name in attachment)
            yield from _marked(attachment.get("blocks"))


def _marked(part: Json) -> Iterator[_Text]:
    if isinstance(part, dict):
        if part.get("type") in {"mrkdwn", "markdown"}:
            yield _Text(str(part.get("text")), part.get("verbatim") is True)
            return
        for inner in part.values():
            yield from _marked(inner)
    elif isinstance(part, list | tuple):
        for inner in part:
            yield from _marked(inner)


def _rich(part: Json) -> Iterator[str]:
    """Mentions in rich text, which is no text."""
    if isinstance(part, dict):
        name = {"user": "user_id", "usergroup": "usergroup_id", "broadcast": "range"}.get(str(part.get("type")))
        if name and name in part:
            yield str(part[name])
        for inner in part.values():
            yield from _rich(inner)
    elif isinstance(part, list | tuple):
        for inner in part:
            yield from _rich(inner)


def _addresses(part: Json) -> Iterator[Link]:
    """Buttons and rich text that lead somewhere."""
    if isinstance(part, dict):
        if isinstance(part.get("url"), str) and part.get("type") in {"button", "link", None}:
            label = part.get("text")
            yield Link(str(part["url"]), str(label.get("text")) if isinstance(label, dict) else None)
        for inner in part.values():
            yield from _addresses(inner)
    elif isinstance(part, list | tuple):
        for inner in part:
            yield from _addresses(inner)


def _unescaped(text: str) -> str:
    return _PARTS.sub(lambda found: _ENTITIES[found[0]], text)
