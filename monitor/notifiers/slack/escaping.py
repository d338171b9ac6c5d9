"""Text made safe for Slack: nothing a name says pings, links, formats or breaks out of where it stands.

Limits are in characters of JSON as it is sent, and hold after escaping, which makes text up to twelve times as long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from monitor.hostile import clean

MRKDWN_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
PLAIN_LOOKALIKES: Final = {"&": "\uff06", "<": "\u2039", ">": "\u203a"}
"""Whether Slack decodes entities in plain text is nowhere said, so none are written there."""

_MARKUP: Final = str.maketrans({"*": "\u2217", "_": "\u02cd", "~": "\u223c", "`": "'"})
"""Look-alikes of what is bold, italic, struck out or code."""
COLON: Final = "\ua789"
_EMOJI: Final = re.compile(r":(?=[^\s\d:]|[\w+'-]+:)")
"""A colon that could begin an emoji; not that of a time."""
_MENTION: Final = re.compile(r"[SUW][A-Z0-9]{5,20}")
_ADDRESS: Final = re.compile(r"https://[A-Za-z0-9.-]+(?::\d+)?(?:[/?#][!#$%&'()*+,./:;=?@\[\]~A-Za-z0-9_-]*)?")
"""An address without spaces, quotes, angle brackets, bars or back-ticks: none of them has to be in one as is."""
ADDRESS: Final = 3000
"""Characters of an address."""


def escape(text: str, limit: int) -> str:
    """`text` for mrkdwn: cleaned, clipped, escaped; at most `limit` characters of JSON.

    >>> escape("<!channel> & co", 100)
    '&lt;!channel&gt; &amp; co'
    """
    return fit(clean(text), limit, MRKDWN_ENTITIES)


def line(text: str, limit: int) -> str:
    r"""`text` for the top-level text, which Slack reads as markup and of whose addresses it would make links unasked.

    Nothing switches that off there, so what would be markup is written with look-alikes.

    >>> ascii(line("https://evil.example/x", 100))
    "'https\\ua789\\u2044\\u2044evil.example/x'"
    >>> ascii(line("at 10:00 *bold* :tada:", 100))
    "'at 10:00 \\u2217bold\\u2217 \\ua789tada:'"
    """
    shown = _EMOJI.sub(COLON, clean(text).replace("://", f"{COLON}\u2044\u2044")).translate(_MARKUP)
    return escape(f"\u203a{shown[1:]}" if shown.startswith(">") else shown, limit)


def plain(text: str, limit: int) -> str:
    """`text` for a plain_text object, with look-alikes for the three characters that could form a control sequence."""
    return fit(clean(text), limit, PLAIN_LOOKALIKES)


def code(text: str, limit: int) -> str:
    """`text` in a code span, where Slack neither formats, links nor expands emoji; `-` if nothing is left of it.

    >>> code("`rm` *now*", 100)
    "`'rm' *now*`"
    """
    shown = fit(clean(text).replace("`", "'"), limit - 2, MRKDWN_ENTITIES)
    return f"`{shown}`" if shown else "`-`"


def listing(lines: Iterable[str], limit: int) -> str:
    r"""Lines in a code block, columns and all; as many whole ones as fit. '' if there are none.

    >>> listing(["a  ```", "b"], 100)
    "```\na  '''\nb\n```"
    """
    kept = whole((_inside(line, limit) for line in lines), limit - 12)
    return f"```\n{kept}\n```" if kept else ""


def _inside(line: str, limit: int) -> str:
    """One line of a code block; runs of blanks in it are columns, and stay."""
    parts = re.split("( {2,})", line.replace("`", "'"))
    kept = "".join(part if place % 2 else clean(part) for place, part in enumerate(parts))
    return fit(kept.rstrip(), limit // 4, MRKDWN_ENTITIES)


def whole(lines: Iterable[str], limit: int) -> str:
    """As many whole lines of escaped text as fit into `limit` characters of JSON, and a mark where more were."""
    kept, room = [], limit - cost("\n…")
    for line in lines:
        room -= cost(line + "\n")
        if room < 0:
            kept.append("…")
            break
        kept.append(line)
    return "\n".join(kept)


def mention(who: str) -> str:
    """The control sequence that calls a user or a user group, '' if that is no id of one.

    >>> mention("S0604QSJC"), mention("U012AB3CD"), mention("!channel")
    ('<!subteam^S0604QSJC>', '<@U012AB3CD>', '')
    """
    if not _MENTION.fullmatch(who):
        return ""
    return f"<!subteam^{who}>" if who.startswith("S") else f"<@{who}>"


def address(url: str) -> str:
    """`url` if it is one that a link can have, else ''.

    >>> address("https://portal.azure.com/#@x/blade"), address("https://x|y"), address("javascript:alert(1)")
    ('https://portal.azure.com/#@x/blade', '', '')
    """
    return url if len(url) <= ADDRESS and _ADDRESS.fullmatch(url) else ""


def anchor(url: str, label: str) -> str:
    """A link in mrkdwn to an `address`; '' if there is none, or it is too long for a text."""
    found = f"<{address(url).replace('&', '&amp;')}|{label}>"
    return found if address(url) and len(found) < ADDRESS else ""


def fit(text: str, limit: int, replaced: Mapping[str, str]) -> str:
    """`text` with characters replaced, cut between two of them where its JSON would exceed `limit`."""
    pieces = [replaced.get(char, char) for char in text[: limit + 1]]
    costs = [cost(piece) for piece in pieces]
    if sum(costs) <= limit:
        return "".join(pieces)
    room, kept = limit - cost("…"), 0
    for each in costs:
        room -= each
        if room < 0:
            break
        kept += 1
    return "".join(pieces[:kept]) + "…"


def cost(text: str) -> int:
    """Characters of its JSON."""
    return len(json.dumps(text)) - 2
