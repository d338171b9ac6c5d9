"""`/mintwatch`: what may be asked, and the answers, which one person sees, and which stay small whatever is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from monitor.model import Level, State
from monitor.notifiers.slack.card import HANDLED, LEVELS
from monitor.notifiers.slack.escaping import address, code, escape, line, whole
from monitor.notifiers.slack.kit import Block, Json, marked, said, small
from monitor.notifiers.slack.naming import COMMAND

HELP, OPEN, NOISY, EXPLAIN, SILENCE, ACK = "help", "open", "noisy", "explain", "silence", "ack"
SILENCES, EXPIRE = "silences", "expire"
ASKED: Final[Mapping[str, str]] = {
    OPEN: "what is open, the worst first",
    NOISY: "who and which rules spoke most in the last 7 days",
    f"{EXPLAIN} INCIDENT": "why it was told, or not, and what people did",
    f"{ACK} INCIDENT": "acknowledge it",
    f"{SILENCE} [MATCHERS]": "keep findings quiet for a while: what, how long and why is asked",
    SILENCES: "what is kept quiet, by whom and until when",
    f"{EXPIRE} SILENCE": "end a silence now",
    HELP: "this",
}
TEXT: Final = 2800
"""Characters of JSON of one paragraph."""
NAME: Final = 80
NOTES: Final = 8


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


def which(verb: str) -> str:
    """What is asked of whoever left out what a command is about."""
    return f"which {'silence' if verb == EXPIRE else 'incident'}? {COMMAND} {_usage(verb)}"


def _usage(verb: str) -> str:
    return next(one for one in ASKED if one.partition(" ")[0] == verb)


def listed(rows: Sequence[Row], counts: Mapping[State, int], notes: Sequence[str] = ()) -> Block:
    """Incidents, a line each; `counts` says how many stand how, `notes` what else somebody should know."""
    total = sum(counts.values())
    if not total:
        return whispered("Nothing is open.", notes)
    head = f"*{', '.join(f'{count:,} {state}' for state, count in counts.items())}*"
    more = [f"and {total - len(rows):,} more: `mintwatch incidents list`"] if total > len(rows) else []
    return whispered(whole([head, *map(_line, rows), *more], TEXT), notes)


def told(
    title: str, paragraphs: Sequence[Paragraph], link: str = "", notes: Sequence[str] = (), *, name: str = ""
) -> Block:
    """A title of ours, what it is about, which may be anybody's words, with a link; and paragraphs."""
    head = _linked(link, f"*{escape(title, 300)}*") + (f" {code(name, 300)}" if name else "")
    parts = [
        whole([code(one.heading, NAME), *(code(line, 400) for line in one.lines)], TEXT // 2)
        for one in paragraphs
        if one.lines
    ]
    return whispered(head, notes, parts)


def note(text: str) -> Block:
    """One line from anywhere, shown as it is."""
    answer = whispered("-")
    return answer | {"text": line(text, 600) or "-", "blocks": [said(text, 600)]}


def whispered(text: str, notes: Sequence[str] = (), more: Sequence[str] = ()) -> Block:
    """An answer that one person sees, beside the message it is about, from mrkdwn that is safe already."""
    blocks: list[Json] = [marked(part) for part in (text, *more[:6])]
    if kept := [one for one in notes if one][:NOTES]:
        blocks.append(small(kept, 150))
    return {"response_type": "ephemeral", "replace_original": False, "text": text, "blocks": blocks}


def permalink(workspace: str, channel: str, ts: str) -> str:
    """Address of a message in the workspace of that address, '' if it has none.

    >>> permalink("https://acme.slack.com/", "C123456", "1700000000.000100")
    'https://acme.slack.com/archives/C123456/p1700000000000100'
    """
    return f"{workspace.rstrip('/')}/archives/{channel}/p{ts.replace('.', '')}" if workspace and ts else ""


def _line(row: Row) -> str:
    mark = _linked(row.link, HANDLED.get(row.state) or f"{LEVELS[row.level]} {row.level.upper()}")
    by = f" · {code(row.by, NAME)}" if row.by else ""
    since = f"<!date^{int(row.since.timestamp())}^{{date_short_pretty}} {{time}}|{row.since:%Y-%m-%d %H:%M} UTC>"
    count = f"{row.findings:,} finding{'s' if row.findings != 1 else ''}"
    about = f"{code(row.who, NAME)} · {code(row.rules, 120)} · {count} since {since}{by}"
    return f"{mark} · {about} · {code(row.incident, NAME)}"


def _linked(link: str, words: str) -> str:
    """Words of ours as a link, if there is one to follow."""
    there = address(link).replace("&", "&amp;")
    return f"<{there}|{words}>" if there else words
