"""What a person gives a desk: times and values, checked where they come in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from numbers import Integral, Real
from typing import Final

from monitor import clock
from monitor.errors import InputError
from monitor.kql import Value
from monitor.model import Window

_LARGEST: Final = 2**63
_TAKEN: Final = re.compile(r"(?P<operator>\|\s*(?:take|limit|top)\s+)(?P<name>[A-Za-z_]\w*)\b")


def moment(at: object, what: str) -> datetime:
    """A time in UTC; `InputError` if it is none, or has no zone."""
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise InputError(f"{what}: expected a time with a zone, as datetime(2026, 5, 1, tzinfo=UTC), got {at!r}")
    utc = clock.aware(at, what)
    return datetime.combine(utc.date(), utc.time(), UTC)  # a Timestamp of pandas is a datetime, but no plain one


def stretch(since: object, until: object) -> Window:
    """The times between; `InputError` if one is no time, or there are none."""
    start, end = moment(since, "since"), moment(until, "until")
    if not start < end:
        raise InputError(f"until: expected a time after {clock.iso(start)}, got {clock.iso(end)}")
    return Window(start, end)


def values(given: Mapping[str, object]) -> dict[str, Value]:
    """What a query may use by name, numbers and times of pandas and numpy, too; `InputError` of any other kind."""
    return {name: _value(name, value) for name, value in given.items()}


def counted(kql: str, given: Mapping[str, Value]) -> str:
    """`kql` with numbers in place of names after `take`, `limit` and `top`, which the engine cannot bind.

    >>> counted("facts | where code == n | take n", {"n": 5})
    'facts | where code == n | take 5'
    """

    def number(found: re.Match[str]) -> str:
        value = given.get(found["name"])
        return f"{found['operator']}{value}" if type(value) is int else found[0]

    return _TAKEN.sub(number, kql)


def _value(name: str, value: object) -> Value:
    if isinstance(value, datetime):
        return moment(value, name)
    if isinstance(value, timedelta):
        return timedelta(value.days, value.seconds, value.microseconds)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral) and -_LARGEST <= int(value) < _LARGEST:
        return int(value)
    if isinstance(value, Real) and not isinstance(value, Integral):
        return float(value)
    raise InputError(f"{name}: expected text, a number, a time with a zone or a timedelta, got {value!r}")
