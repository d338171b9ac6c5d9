"""`/mintwatch`: what may be asked, and the answers, which one person sees, and which stay small whatever is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from monitor.model import Level, State
from monitor.notifiers.slack.card import HANDLED, LEVELS
from monitor.notifiers.slack.escaping import address, code, escape, whole
from monitor.notifiers.slack.kit import Block, Json, context, marked
from monitor.notifiers.slack.naming import COMMAND

HELP, OPEN, NOISY, EXPLAIN, SILENCE, ACK = "help", "open", "noisy", "explain", "silence", "ack"
ASKED: Final[Mapping[str, str]] = {
    OPEN: "what is open, the worst first",
    NOISY: "who and which rules spoke most in the last 7 days",
    f"{EXPLAIN} INCIDENT": "why it was told, or not, and what people did",
    f"{ACK} INCIDENT": "acknowledge it",
    f"{SILENCE} [MATCHERS]": "keep findings quiet for a while: what, how long and why is asked",
    HELP: "this",
}
TEXT: Final = 2800
"""Characters of JSON of one paragraph."""
NAME: Final = 80


@dataclass(frozen=True, slots=True)
class Asked:
    """A command's first word, and the rest."""

    verb: str
    rest: str


@dataclass(frozen=True, slots=True)
class Row:
    """One incident in a line; `link` leads to its card."""

    incident: str
    level: Level
    state: State
    who: str
    rules: str
    findings: int
    since: datetime
    by: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A heading and lines of text from anywhere, each shown as it is."""

    heading: str
    lines: tuple[str, ...]


def asked(text: str) -> Asked:
    """What somebody asks; nothing is a call for help.

    >>> asked("  Ack  3f2a ")
    Asked(verb='ack', rest='3f2a')
    """
    verb, _, rest = text.strip().partition(" ")
    return Asked(verb.lower() or HELP, rest.strip())


def helped(unknown: str = "") -> Block:
    """What can be asked."""
    first = [f"There is no {code(unknown, NAME)}. There is:"] if unknown else ["*What can be asked*"]
    lines = [f"{code(f'{COMMAND} {name}', NAME)} {words}" for name, words in ASKED.items()]
    return whispered("\n".join([*first, *lines]))


def listed(rows: Sequence[Row], total: int, notes: Sequence[str] = ()) -> Block:
    """Incidents, a line each; `total` is how many there are, `notes` what else somebody should know."""
    if not rows:
        return whispered("Nothing is open.", notes)
    lines = [_line(row) for row in rows]
    more = [f"and {total - len(rows):,} more: `mintwatch incidents list`"] if total > len(rows) else []
    return whispered(whole([f"*{total:,} open*", *lines, *more], TEXT), notes)


def told(title: str, paragraphs: Sequence[Paragraph], link: str = "", notes: Sequence[str] = ()) -> Block:
    """A title, with a link, and paragraphs."""
    head = f"*{_linked(link, escape(title, 300))}*"
    parts = [
        whole([f"*{escape(one.heading, NAME)}*", *(code(line, 400) for line in one.lines)], TEXT // 2)
        for one in paragraphs
        if one.lines
    ]
    return whispered(head, notes, parts)


def note(text: str) -> Block:
    """One line, which is not ours."""
    return whispered(escape(text, 600) or "-")


def whispered(text: str, notes: Sequence[str] = (), more: Sequence[str] = ()) -> Block:
    """An answer that one person sees, beside the message it is about, from mrkdwn that is safe already."""
    blocks: list[Json] = [marked(part) for part in (text, *more[:6])]
    if small := whole(filter(None, (escape(one, 300) for one in notes)), 1500):
        blocks.append(context(small))
    return {"response_type": "ephemeral", "replace_original": False, "text": text, "blocks": blocks}


def permalink(workspace: str, channel: str, ts: str) -> str:
    """Address of a message in the workspace of that address, '' if it has none.

    >>> permalink("https://acme.slack.com/", "C123456", "1700000000.000100")
    'https://acme.slack.com/archives/C123456/p1700000000000100'
    """
    return f"{workspace.rstrip('/')}/archives/{channel}/p{ts.replace('.', '')}" if workspace and ts else ""


def _line(row: Row) -> str:
    mark = HANDLED.get(row.state) or f"{LEVELS[row.level]} {row.level.upper()}"
    by = f" · {escape(row.by, NAME)}" if row.by else ""
    since = f"<!date^{int(row.since.timestamp())}^{{date_short_pretty}} {{time}}|{row.since:%Y-%m-%d %H:%M} UTC>"
    count = f"{row.findings:,} finding{'s' if row.findings != 1 else ''}"
    name = _linked(row.link, escape(row.who, NAME))
    return f"{mark} · {name} · {code(row.rules, 120)} · {count} since {since}{by} · {code(row.incident, NAME)}"


def _linked(link: str, words: str) -> str:
    """Words that are escaped already, as a link if there is one to follow."""
    there = address(link).replace("&", "&amp;")
    words = words or "-"
    return f"<{there}|{words.replace('|', '¦')}>" if there else words
