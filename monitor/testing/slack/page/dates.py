"""Times as Slack writes them, in the reader's zone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

_TOKEN: Final = re.compile(r"\{(\w+)\}")


def spelled(pattern: str, at: datetime, now: datetime) -> str:
    """A pattern as ``{date_short_pretty} {time}`` filled in, with a capital; `at` and `now` are in the reader's zone.

    >>> from datetime import UTC
    >>> spelled("{date_long} {time}", datetime(2026, 3, 2, 9, 5, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC))
    'Monday, March 2nd, 2026 09:05'
    """
    text = _TOKEN.sub(lambda found: _SPELLED[found[1]](at, now) if found[1] in _SPELLED else found[0], pattern)
    return text[:1].upper() + text[1:]


def day(at: datetime, now: datetime) -> str:
    """The day as it stands between the messages of two days."""
    return _pretty(at, now).capitalize() or f"{at:%A}, {at:%B} {_nth(at.day)}"


def _pretty(at: datetime, now: datetime) -> str:
    """The day in a word, if there is one."""
    return {0: "today", -1: "yesterday", 1: "tomorrow"}.get((at.date() - now.date()).days, "")


def _nth(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _date(at: datetime, now: datetime) -> str:
    """Slack leaves the year out of a day less than six months away."""
    return f"{at:%B} {_nth(at.day)}" + ("" if abs(now - at) < timedelta(days=183) else f", {at.year}")


def _short(at: datetime, _: datetime) -> str:
    return f"{at:%b} {at.day}, {at.year}"


def _long(at: datetime, _: datetime) -> str:
    return f"{at:%A}, {at:%B} {_nth(at.day)}, {at.year}"


def _ago(at: datetime, now: datetime) -> str:
    length = abs(now - at)
    units = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))
    count, unit = next(((length // unit, name) for name, unit in units if length >= unit), (0, "minute"))
    words = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"in {words}" if at > now else f"{words} ago"


_SPELLED: Final[Mapping[str, Callable[[datetime, datetime], str]]] = {
    "ago": _ago,
    "date": _date,
    "date_long": _long,
    "date_long_pretty": lambda at, now: _pretty(at, now) or _long(at, now),
    "date_num": lambda at, _: f"{at:%Y-%m-%d}",
    "date_pretty": lambda at, now: _pretty(at, now) or _date(at, now),
    "date_short": _short,
    "date_short_pretty": lambda at, now: _pretty(at, now) or _short(at, now),
    "time": lambda at, _: f"{at:%H:%M}",
    "time_secs": lambda at, _: f"{at:%H:%M:%S}",
}
