"""The console notifier: one message, compactly, on a terminal."""

from __future__ import annotations

import re

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from monitor.hostile import clean, clip
from monitor.model import Daily, Delivery, Digest, Level, Message, Part, State

STYLES = {
    Level.CRITICAL: "bold white on red",
    Level.HIGH: "bold red",
    Level.MEDIUM: "bold yellow",
    Level.LOW: "yellow",
    Level.INFORMATIONAL: "blue",
}
LIMIT = 300
RELATED = 2


class ConsoleNotifier:
    """Prints each message; nothing in it is read as markup or as a terminal's control sequence."""

    parts = frozenset({Part.NEWS, Part.DIGEST, Part.DAILY})

    def __init__(self, console: Console | None = None, name: str = "console") -> None:
        self.name = name
        self.console = console or Console()

    def send(self, delivery: Delivery) -> str:
        """Print it; the reference is the id of its incident, storm or day. What it printed it cannot change."""
        if delivery.ref:
            return delivery.ref
        message = delivery.message
        if isinstance(message, Message):
            self.console.print(render(message))
            return message.incident
        self.console.print(summary(message) if isinstance(message, Digest) else account(message))
        return message.id

    def find(self, delivery: Delivery) -> str:  # noqa: ARG002
        """Nothing: what a terminal showed is gone."""
        return ""


def summary(digest: Digest) -> Group:
    """A storm's one message: how many incidents, and the worst of them."""
    head = Text(" STORM ", style=STYLES[Level.CRITICAL])
    head.append(f" {_many(digest.incidents, 'more incident')} from {_many(digest.findings, 'finding')}", style="bold")
    lines = [Text(f"  {one.level.value:8} {_shown(one.headline)}  {one.incident}") for one in digest.worst]
    return Group(head, *lines)


def account(daily: Daily) -> Group:
    """The daily digest: the verdict, what is wrong, and the numbers beneath it."""
    head = Text(" DAILY ", style="bold green" if daily.well else STYLES[Level.HIGH])
    head.append(" ").append(_shown(daily.verdict), style="bold")
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for label, value in daily.facts:
        facts.add_row(Text(f"  {_shown(label)}"), Text(_shown(value)))
    lines = [Text(f"  ! {_shown(one)}") for one in daily.wrong]
    opened = [Text(f"  {one.level.value:8} {_shown(one.headline)}  {one.incident}") for one in daily.open]
    more = [Text(f"  and {_many(daily.more, 'more open incident')}")] if daily.more else []
    return Group(head, *lines, facts, *opened, *more, *(Text(f"  {_shown(one)}", style="dim") for one in daily.notes))


def render(message: Message) -> Group:
    """The message as a rich renderable: a headline, and what a person asks next beneath it."""
    over = message.state in {State.RESOLVED, State.FALSE_POSITIVE}
    word = message.state.upper() if over else message.level.upper()
    head = Text(f" {word} ", style="bold green" if over else STYLES[message.level])
    head.append(" ").append(_shown(message.headline), style="bold")
    head.append(f"  {message.reason}", style="dim")
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    rows = [
        ("News", message.news),
        ("Why", message.because),
        *message.facts,
        ("When", f"{message.since:%Y-%m-%d %H:%M} to {message.until:%m-%d %H:%M} UTC"),
        ("Status", message.status),
        ("Rules", ", ".join(message.rules)),
        ("Next", _first_step(message.runbook)),
        ("Related", "; ".join(message.related[:RELATED])),
        ("Incident", f"{message.incident}, {f'{message.odds}, ' if message.odds else ''}score {message.score:.2f}"),
    ]
    for label, value in rows:
        if value:
            facts.add_row(Text(f"  {_shown(label)}"), Text(_shown(value)))
    return Group(head, facts)


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _first_step(runbook: str) -> str:
    """The runbook up to its second step or paragraph, whatever lines it was wrapped into."""
    return re.split(r"\n\s*(?:\n|[-*] |\d+[.)] )", runbook.strip(), maxsplit=1)[0]


def _shown(text: str) -> str:
    return clip(clean(text), LIMIT)
