"""An incident's first message, which stays true: what it is, who has it, what to do, and what can be pressed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from monitor.model import Level, Message, Reason, State, digest
from monitor.notifiers.slack import kit, naming
from monitor.notifiers.slack.escaping import address, anchor, code, cost, escape, mention, plain, whole
from monitor.notifiers.slack.kit import Block, Json

LEVELS: Final = {
    Level.CRITICAL: "🚨",
    Level.HIGH: "🔴",
    Level.MEDIUM: "🟠",
    Level.LOW: "🟡",
    Level.INFORMATIONAL: "🔵",
}
HANDLED: Final = {
    State.ACKNOWLEDGED: "👀 ACKNOWLEDGED",
    State.SNOOZED: "💤 SNOOZED",
    State.RESOLVED: "✅ RESOLVED",
    State.FALSE_POSITIVE: "🚫 FALSE POSITIVE",
}
AGAIN: Final = {
    Reason.REOPENED: " again",
    Reason.WORSENED: ", worse",
    Reason.REMINDER: ", still going on",
    Reason.ESCALATED: ", nobody has it",
}

LINE, BECAUSE, STATUS, FIELD, RUNBOOK, SMALL = 600, 1200, 500, 280, 1000, 300
"""What each part may cost in characters of JSON, as long as there is room for all."""
FACTS: Final = 6
STEPS: Final = 4
RELATED: Final = 3
PORTAL: Final = "Query in Azure portal"
RUNBOOK_PAGE: Final = "Open runbook"


def card(message: Message, *, interactive: bool = True) -> list[Json]:
    """The blocks of a card; without anything to press unless `interactive`."""
    return kit.within(lambda room: list(_card(message, room, interactive=interactive)))


def announcement(message: Message) -> list[Json]:
    """The blocks of a message that stands alone and is never changed: a card, and what changed since the last one."""
    return kit.within(lambda room: list(_announced(message, room)))


def _announced(message: Message, room: float) -> Iterator[Json]:
    head, status, *rest = _card(message, room, interactive=False)
    yield from (head, status)
    if called := mention(message.mention):
        yield kit.marked(called)
    if message.news:
        yield kit.said(message.news, int(STATUS * room))
    yield from rest


def _card(message: Message, room: float, *, interactive: bool) -> Iterator[Json]:
    portal = kit.leading(PORTAL, "query", address(message.link)) if interactive else None
    yield kit.header(title(message))
    yield kit.small([message.status or message.state], int(STATUS * room))
    yield kit.said(message.because, int(BECAUSE * room), portal)
    yield kit.fields(_fields(message, int(FIELD * room)))
    if message.runbook.strip() and message.state.live:
        page = kit.leading(RUNBOOK_PAGE, "runbook", address(message.runbook_link)) if interactive else None
        yield kit.marked(_runbook(message.runbook, int(RUNBOOK * room)), page)
    if message.related:
        yield kit.context(_related(message, int(SMALL * room)))
    if interactive:
        yield _actions(message)
    elif links := " · ".join(filter(None, _links(message))):
        yield kit.marked(links)
    yield kit.context(_small(message, int(SMALL * room)))


def title(message: Message) -> str:
    """The one line: what differs at a glance between handled and open messages comes first."""
    return f"{state(message)} · {message.headline}"


def state(message: Message) -> str:
    """Emoji and word of where it stands: of an open one its level, and why it is told again."""
    word = HANDLED.get(message.state)
    return word or f"{LEVELS[message.level]} {message.level.upper()}{AGAIN.get(message.reason, '')}"


def _fields(message: Message, limit: int) -> list[str]:
    facts = [(label, code(value, limit)) for label, value in message.facts[:FACTS]]
    rare = f"{message.odds} (score {message.score:.2f})" if message.odds else f"score {message.score:.2f}"
    facts += [
        ("When", _when(message)),
        ("How rare" if message.odds else "Score", code(rare.removeprefix("score "), limit)),
    ]
    return [f"*{escape(label, 60)}*\n{value}" for label, value in facts]


def _when(message: Message) -> str:
    """The reader's own time, which Slack fills in, and UTC, which logs have."""
    utc = f"{message.since:%Y-%m-%d %H:%M} to {message.until:%H:%M} UTC"
    if message.until - message.since < timedelta(minutes=1):
        utc = f"{message.since:%Y-%m-%d %H:%M} UTC"
    elif message.since.date() != message.until.date():
        utc = f"{message.since:%Y-%m-%d %H:%M} to {message.until:%Y-%m-%d %H:%M} UTC"
    return f"{local(message)}\n{utc}"


def local(message: Message) -> str:
    """Since when, in the reader's time."""
    stamp = int(message.since.timestamp())
    return f"<!date^{stamp}^{{date_short_pretty}} {{time}}|{message.since:%Y-%m-%d %H:%M} UTC>"


def _runbook(text: str, limit: int) -> str:
    """The first steps, as many whole ones as fit."""
    steps = [escape(line, limit) for line in filter(None, map(str.strip, text.splitlines()))]
    left = len(steps) - STEPS
    more = [f"… and {left} more step{'s' if left > 1 else ''}"] if left > 0 else []
    return whole(["*What to do*", *steps[:STEPS], *more], limit + cost("*What to do*\n"))


def _related(message: Message, limit: int) -> str:
    left = len(message.related) - RELATED
    more = [f"and {left:,} more"] if left > 0 else []
    return "\n".join(["*Related*", *(code(line, limit) for line in message.related[:RELATED]), *more])


def _links(message: Message) -> tuple[str, str]:
    return anchor(message.link, PORTAL), anchor(message.runbook_link, RUNBOOK_PAGE)


def _small(message: Message, limit: int) -> str:
    count = len(message.rules)
    rules = f"{'rule' if count == 1 else f'{count} rules'} {code(', '.join(message.rules), limit)}"
    return f"incident {code(message.incident, limit)} · {rules}"


def _actions(message: Message) -> Block:
    """What can be done now; of what is over, only what is about the next time."""
    value = plain(message.incident, 200)
    options = [one for one in naming.MENU if message.state.live or one[0] in {naming.SILENCE, naming.EXPECTED}]
    elements: list[Json] = []
    if message.state in {State.OPEN, State.SNOOZED}:
        elements.append(kit.button("Acknowledge", naming.ACKNOWLEDGE, value, first=message.state is State.OPEN))
    if message.state.live:
        elements.append(kit.menu("Snooze", naming.SNOOZE, naming.SNOOZES))
    if message.state in {State.ACKNOWLEDGED, State.SNOOZED}:
        options.append(naming.BACK)
    elements.append(kit.overflow(naming.MORE, options))
    renewed = digest(message.incident, message.state, message.status, message.at.isoformat())
    return {"type": "actions", "block_id": f"actions-{renewed}", "elements": elements}
