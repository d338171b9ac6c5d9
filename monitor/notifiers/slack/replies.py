"""What hangs from a card: news to look up for, the evidence, the log, and the words of a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from monitor.hostile import clean, clip
from monitor.model import Message
from monitor.notifiers.slack import kit
from monitor.notifiers.slack.card import state, title
from monitor.notifiers.slack.escaping import address, cost, line, listing, mention, plain
from monitor.notifiers.slack.kit import Json

NEWS: Final = 1200
STATUS: Final = 500
LISTING: Final = 2800
LOG: Final = 2600
LINE: Final = 280
"""Characters of JSON; Slack lets a text have 3,000. All lines of a log fit, as many as there may be."""
TITLE, ALT = 120, 1000


def news(message: Message) -> list[Json]:
    """What changed since it was told last, short; who is called is called here and nowhere else."""
    called = mention(message.mention)
    return [
        kit.marked(f"{called} *{state(message)}*".strip()),
        kit.lines(filter(None, (message.headline, message.news)), NEWS),
        kit.small([message.status or message.state], STATUS),
    ]


def evidence(message: Message) -> list[Json]:
    """The facts behind it, and the query for more where no link leads to it; nothing if there are neither."""
    return list(_evidence(message))


def _evidence(message: Message) -> Iterator[Json]:
    if table := listing(message.evidence, LISTING):
        yield kit.marked(f"*Evidence*, what was seen\n{table}")
    query = listing(message.query.splitlines(), LISTING)
    if query and not address(message.link):
        yield kit.marked(f"*Query*, for Log Analytics\n{query}")


def log(message: Message) -> list[Json]:
    """What was decided and done, newest last; nothing if that is nothing."""
    return [kit.small(run, LINE) for run in _runs([plain(each, LINE) for each in message.log])]


def _runs(lines: Sequence[str]) -> Iterator[list[str]]:
    """The lines, in runs that fit a text each."""
    run: list[str] = []
    used = 0
    for each in lines:
        if run and used + cost(each) + 2 > LOG:
            yield run
            run, used = [], 0
        run.append(each)
        used += cost(each) + 2
    if run:
        yield run


def fallback(message: Message, what: str) -> str:
    """The one line of a reply that a phone shows."""
    return line(f"{what}: {title(message)}", 600)


def picture(message: Message) -> tuple[str, str]:
    """Title of a chart, and what it says to who cannot see it."""
    return clip(clean(message.headline), TITLE), clip(clean(message.because), ALT)
