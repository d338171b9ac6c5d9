"""A delivery as what Slack is sent: legal, small, and safe whatever the names in it say.

The limits are those of the models of slack-sdk 3.47; `kit` says which of them bind all blocks together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from monitor.errors import PermanentError
from monitor.model import Daily, Delivery, Digest, Message, Part
from monitor.notifiers.slack import replies
from monitor.notifiers.slack.card import announcement, card, title
from monitor.notifiers.slack.days import account, said
from monitor.notifiers.slack.escaping import line, mention
from monitor.notifiers.slack.kit import Block, Json
from monitor.notifiers.slack.storms import heading, storm

EVENT: Final = "mintwatch"
"""Type of the metadata by which a message of ours is found again."""
LINE, PARAGRAPH = 600, 1200

_REPLIES: Final[Mapping[Part, tuple[str, Callable[[Message], list[Json]]]]] = {
    Part.EVIDENCE: ("Evidence", replies.evidence),
    Part.LOG: ("Log", replies.log),
}


def rendered(delivery: Delivery, *, interactive: bool = True) -> Block:
    """The payload of `chat.postMessage` or `chat.update`, complete but for the place; {} if there is nothing to say.

    Its metadata, which any app of a workspace may read, holds the delivery's key and nothing else.
    """
    message = delivery.message
    if isinstance(message, Digest):
        return _payload(delivery, line(heading(message), LINE), storm(message))
    if isinstance(message, Daily):
        return _payload(delivery, _whole("\n".join(line(each, LINE) for each in said(message))), account(message))
    if delivery.part is Part.CARD:
        return _payload(delivery, line(title(message), LINE), card(message, interactive=interactive))
    if delivery.part is Part.NEWS and delivery.thread:
        return _payload(delivery, line(f"{title(message)}. {message.news}".strip(" ."), LINE), replies.news(message))
    if delivery.part is Part.NEWS:
        return _payload(delivery, line(title(message), LINE), announcement(message))
    what, draw = _said(delivery.part)
    blocks = draw(message)
    return _payload(delivery, replies.fallback(message, what), blocks) if blocks else {}


def bare(delivery: Delivery) -> Block:
    """The same in words alone, for when Slack does not take the blocks."""
    message = delivery.message
    if isinstance(message, Digest):
        lines = [heading(message), *(f"{one.level}: {one.headline} · {one.incident}" for one in message.worst)]
    elif isinstance(message, Daily):
        lines = said(message)
    elif delivery.part in _REPLIES:
        lines = [_said(delivery.part)[0], *(message.evidence if delivery.part is Part.EVIDENCE else message.log)]
    else:
        lines = [title(message), message.news, message.because, message.status, f"incident {message.incident}"]
    text = "\n".join(line(each, PARAGRAPH if place else LINE) for place, each in enumerate(lines[:40]) if each)
    called = mention(message.mention) if isinstance(message, Message) and delivery.part is Part.NEWS else ""
    return _payload(delivery, f"{called} {_whole(text)}".strip(), None)


def _whole(text: str) -> str:
    """As many whole lines as an update may have: 4,000 bytes, of which none is cut in an entity."""
    kept = ""
    for each in text.splitlines():
        if len(f"{kept}\n{each}".encode()) > 3_800:
            return f"{kept}\n…"
        kept = f"{kept}\n{each}".strip()
    return kept


def _said(part: Part) -> tuple[str, Callable[[Message], list[Json]]]:
    found = _REPLIES.get(part)
    if found is None:
        raise PermanentError(f"Slack: a part {part.value!r} is no text, expected one of {', '.join(_REPLIES)}")
    return found


def _payload(delivery: Delivery, text: str, blocks: list[Json] | None) -> Block:
    made: Block = {
        "text": text,
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {"event_type": EVENT, "event_payload": {"key": delivery.key}},
    }
    return made if blocks is None else {**made, "blocks": blocks}
