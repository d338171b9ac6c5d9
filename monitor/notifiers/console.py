"""The console notifier: one message, compactly, on a terminal."""

from __future__ import annotations

import re

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from monitor.hostile import clean, clip
from monitor.model import Level, Message, State

STYLES = {
    Level.CRITICAL: "bold white on red",
    Level.HIGH: "bold red",
    Level.MEDIUM: "bold yellow",
    Level.LOW: "yellow",
    Level.INFORMATIONAL: "blue",
}
LIMIT = 300


class ConsoleNotifier:
    """Prints each message; nothing in it is read as markup or as a terminal's control sequence."""

    name = "console"

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()

    def send(self, message: Message) -> str:
        """Print it; the reference is the incident's id."""
        self.console.print(render(message))
        return message.incident


def render(message: Message) -> Group:
    """The message as a rich renderable: a headline, and what a person asks next beneath it."""
    resolved = message.state is State.RESOLVED
    word = "RESOLVED" if resolved else message.level.upper()
    head = Text(f" {word} ", style="bold green" if resolved else STYLES[message.level])
    head.append(" ").append(_shown(message.headline), style="bold")
    head.append(f"  {message.reason}", style="dim")
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    rows = [
        ("Why", message.because),
        *message.facts,
        ("When", f"{message.since:%Y-%m-%d %H:%M} to {message.until:%m-%d %H:%M} UTC"),
        ("Rules", ", ".join(message.rules)),
        ("Next", _first_step(message.runbook)),
        ("Incident", f"{message.incident}, score {message.score:.2f}"),
    ]
    for label, value in rows:
        if value:
            facts.add_row(Text(f"  {_shown(label)}"), Text(_shown(value)))
    return Group(head, facts)


def _first_step(runbook: str) -> str:
    """The runbook up to its second step or paragraph, whatever lines it was wrapped into."""
    return re.split(r"\n\s*(?:\n|[-*] |\d+[.)] )", runbook.strip(), maxsplit=1)[0]


def _shown(text: str) -> str:
    return clip(clean(text), LIMIT)
