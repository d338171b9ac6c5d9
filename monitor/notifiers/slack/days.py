"""The daily digest: whether all is well in the first words, then the numbers."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.model import Daily
from monitor.notifiers.slack import kit
from monitor.notifiers.slack.card import LEVELS
from monitor.notifiers.slack.escaping import escape
from monitor.notifiers.slack.kit import Json

VERDICT, WRONG, LABEL, FACT, LINE, NOTE = 600, 360, 60, 200, 360, 300
"""What each part may cost in characters of JSON, as long as there is room for all."""


def heading(daily: Daily) -> str:
    """The verdict, with what tells a good day from a bad one at a glance before it."""
    return f"{'✅' if daily.well else '❗'} {daily.verdict}"


def account(daily: Daily) -> list[Json]:
    """The blocks: the verdict, of which day it is, what is wrong, the numbers, what nobody has, and the small print."""
    return kit.within(lambda room: list(_account(daily, room)))


def _account(daily: Daily, room: float) -> Iterator[Json]:
    yield kit.header(heading(daily))
    yield kit.small([f"Daily digest of {daily.day}"], int(NOTE * room))
    if daily.wrong:
        yield kit.lines([f"❗ {one}" for one in daily.wrong], int(WRONG * room))
    if daily.facts:
        yield kit.fields(
            [f"*{escape(label, LABEL)}*\n{escape(value, int(FACT * room)) or '-'}" for label, value in daily.facts]
        )
    if daily.open:
        yield kit.lines([f"Nobody has acknowledged {_these(daily)}", *_open(daily)], int(LINE * room))
    if daily.notes:
        yield kit.small(daily.notes, int(NOTE * room))


def said(daily: Daily) -> list[str]:
    """All of it in lines of words, for who reads no blocks."""
    facts = [f"{label}: {value}" for label, value in daily.facts]
    return [heading(daily), f"Daily digest of {daily.day}", *daily.wrong, *facts, *_open(daily), *daily.notes]


def _these(daily: Daily) -> str:
    many = len(daily.open) + daily.more
    return "this one" if many == 1 else f"these {many:,}, the worst first"


def _open(daily: Daily) -> list[str]:
    lines = [f"{LEVELS[one.level]} {one.headline} · {one.incident}" for one in daily.open]
    return [*lines, *([f"and {daily.more:,} more: mintwatch incidents list"] if daily.more else [])]
