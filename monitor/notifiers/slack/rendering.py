"""A message as Slack's Block Kit, within every limit and safe whatever the names in it say.

Limits: 50 blocks, header 150 characters, section text 3,000, 10 fields of 2,000, button text 75 and value 2,000 (the
models of slack-sdk 3.47); and all blocks together are refused somewhere above 13,000 characters of JSON, which no
reference says, so a payload stays below 10,000 as sent (bolt-js issue 2509).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, TypeAlias

from monitor.hostile import clean, clip
from monitor.model import Level, Message, Reason, State

Json: TypeAlias = "str | bool | list[Json] | dict[str, Json]"

EMOJI: Final = {
    Level.CRITICAL: "🚨",
    Level.HIGH: "🔴",
    Level.MEDIUM: "🟠",
    Level.LOW: "🟡",
    Level.INFORMATIONAL: "🔵",
}
AGAIN: Final = {Reason.REOPENED: " again", Reason.WORSENED: ", worse"}

HEADER = 150
LINE, BECAUSE, FIELD, RUNBOOK, CONTEXT = 600, 1200, 280, 1200, 300
"""What each part may cost in characters of JSON; together they stay below the limit of a message."""
FIELDS = 8

MRKDWN_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
PLAIN_LOOKALIKES: Final = {"&": "\uff06", "<": "\u2039", ">": "\u203a"}
"""Whether Slack decodes entities in plain text is nowhere said, so none are written there."""


def blocks(message: Message) -> dict[str, Json]:
    """The payload of `chat.postMessage` or `chat.update`, complete but for the channel.

    Every button carries the incident's id as value; the metadata, which any app of a workspace may read, carries
    nothing else either.
    """
    head = f"{_state(message)} · {message.headline}"
    parts: list[Json] = [
        {"type": "header", "text": _plain_text(plain(clip(clean(head), HEADER), LINE))},
        {"type": "section", "text": _plain_text(plain(message.because, BECAUSE) or "-")},
        {"type": "section", "fields": _fields(message)},
    ]
    if message.runbook.strip() and message.state is not State.RESOLVED:
        parts.append({"type": "section", "text": _mrkdwn(_runbook(message.runbook))})
    parts.append({"type": "context", "elements": [_mrkdwn(line) for line in _context(message)]})
    parts.append({"type": "actions", "elements": _actions(message)})
    return {
        "text": escape(head, LINE),
        "blocks": parts,
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {"event_type": "mintwatch_incident", "event_payload": {"incident": _id(message)}},
    }


def escape(text: str, limit: int) -> str:
    """`text` for mrkdwn and the top-level text: cleaned, clipped, escaped; at most `limit` characters of JSON.

    >>> escape("<!channel> & co", 100)
    '&lt;!channel&gt; &amp; co'
    """
    return _fit(clean(text), limit, MRKDWN_ENTITIES)


def plain(text: str, limit: int) -> str:
    """`text` for a plain_text object, with look-alikes for the three characters that could form a control sequence."""
    return _fit(clean(text), limit, PLAIN_LOOKALIKES)


def code(text: str, limit: int) -> str:
    """`text` in a code span, where Slack neither formats, links nor expands emoji; `-` if nothing is left of it.

    >>> code("`rm` *now*", 100)
    "`'rm' *now*`"
    """
    shown = _fit(clean(text).replace("`", "'"), limit - 2, MRKDWN_ENTITIES)
    return f"`{shown}`" if shown else "`-`"


def _fit(text: str, limit: int, replaced: Mapping[str, str]) -> str:
    """`text` with characters replaced, cut between two of them where its JSON would exceed `limit`."""
    pieces = [replaced.get(char, char) for char in text[: limit + 1]]
    costs = [_cost(piece) for piece in pieces]
    if sum(costs) <= limit:
        return "".join(pieces)
    room, kept = limit - _cost("…"), 0
    for cost in costs:
        room -= cost
        if room < 0:
            break
        kept += 1
    return "".join(pieces[:kept]) + "…"


def _cost(text: str) -> int:
    return len(json.dumps(text)) - 2


def _state(message: Message) -> str:
    """What differs at a glance between handled and open messages: the leading emoji and word."""
    if message.state is State.RESOLVED:
        return "✅ RESOLVED"
    return f"{EMOJI[message.level]} {message.level.upper()}{AGAIN.get(message.reason, '')}"


def _fields(message: Message) -> list[Json]:
    facts = [(label, code(value, FIELD)) for label, value in message.facts[: FIELDS - 2]]
    facts += [("When", _when(message)), ("Score", code(f"{message.score:.2f}", FIELD))]
    return [_mrkdwn(f"*{escape(label, 60)}*\n{value}") for label, value in facts]


def _when(message: Message) -> str:
    """UTC, and the reader's own time, which Slack fills in."""
    utc = f"{message.since:%Y-%m-%d %H:%M} to {message.until:%H:%M} UTC"
    if message.since.date() != message.until.date():
        utc = f"{message.since:%Y-%m-%d %H:%M} to {message.until:%Y-%m-%d %H:%M} UTC"
    return f"{utc}\n<!date^{int(message.since.timestamp())}^{{date_short_pretty}} {{time}}|{message.since:%H:%M} UTC>"


def _runbook(text: str) -> str:
    """As many whole lines as fit."""
    lines, room = ["*Runbook*"], RUNBOOK
    for line in filter(None, map(str.strip, text.splitlines())):
        shown = escape(line, RUNBOOK)
        room -= _cost(shown + "\n")
        if room < 0:
            lines.append("…")
            break
        lines.append(shown)
    return "\n".join(lines)


def _context(message: Message) -> list[str]:
    count = len(message.rules)
    return [
        f"{'rule' if count == 1 else f'{count} rules'} {code(', '.join(message.rules), CONTEXT)}",
        f"incident {code(message.incident, CONTEXT)} · {message.state} · {message.reason} {message.at:%H:%M} UTC",
    ]


def _actions(message: Message) -> list[Json]:
    buttons = {"more": "More"}
    if message.state is not State.RESOLVED:
        buttons = {"acknowledge": "Acknowledge", "snooze": "Snooze"} | buttons
    return [
        {"type": "button", "text": _plain_text(label), "action_id": action, "value": _id(message)}
        for action, label in buttons.items()
    ]


def _id(message: Message) -> str:
    return plain(message.incident, 200)


def _plain_text(text: str) -> dict[str, Json]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _mrkdwn(text: str) -> dict[str, Json]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}
