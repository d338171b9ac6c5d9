"""An event of the log as one line: words for a person, or a JSON object for a machine.

Either way nobody can forge a line, steer a terminal, or make it carry a secret, whatever an event holds: names from
logs, answers of servers, messages of libraries.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias

from monitor.clock import iso
from monitor.during import busy
from monitor.secrecy import GONE, NAMED, scrubbed

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

OURS: Final = ("time", "level", "logger", "message", "exception")
"""Keys of a line that no field can take; one that tries gets an underscore behind it."""
LONGEST: Final = 4_000
"""Characters of a text."""
TRACEBACK: Final = 16_000
"""Characters of a traceback: its end says what happened."""
SEARCHED: Final = 100_000
"""Characters of which secrets are taken out, before the rest is cut off."""
MOST: Final = 50
"""Fields of an event, entries of a mapping, items of a list."""
DEEPEST: Final = 4

_NO_FIELDS: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_-+/")


class JsonLines(logging.Formatter):
    r"""One JSON object per line, in ASCII, with what the thread is busy with.

    >>> event = logging.makeLogRecord({"msg": "failed", "levelname": "INFO", "created": 0.0, "part": "a\n\x1b[2J"})
    >>> print(JsonLines().format(event))
    {"time":"1970-01-01T00:00:00.000Z","level":"info","logger":"None","message":"failed","part":"a\n\u001b[2J"}
    """

    def format(self, record: logging.LogRecord) -> str:
        """The event as a line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said: dict[str, Json] = {
            "time": at.removesuffix("+00:00") + "Z",
            "level": record.levelname.lower(),
            "logger": _text(str(record.name)),
            "message": _message(record),
        }
        said |= {(f"{name}_" if name in OURS else name): value for name, value in _fields(record).items()}
        if trace := _trace(self, record):
            said["exception"] = trace
        return json.dumps(said, separators=(",", ":"), allow_nan=False)


class TextLines(logging.Formatter):
    """A line of words per event; what is no plain word is quoted as JSON, so that no value can begin a line of its own.

    >>> event = logging.makeLogRecord({"msg": "failed", "levelname": "WARNING", "created": 0.0, "part": "a b"})
    >>> TextLines().format(event)
    '1970-01-01T00:00:00Z warning failed part="a b"'
    """

    def format(self, record: logging.LogRecord) -> str:
        """The event as a line; an unexpected error's traceback below it, indented."""
        at = iso(datetime.fromtimestamp(int(record.created), UTC))
        fields = [f"{_visible(name)}={_said(value)}" for name, value in _fields(record).items()]
        line = " ".join([at, record.levelname.lower(), _visible(_message(record)), *fields])
        trace = "".join(f"\n  {_visible(one)}" for one in _trace(self, record).splitlines())
        return line + trace


def _fields(record: logging.LogRecord) -> dict[str, Json]:
    """What the event says of itself, and then what it is part of."""
    own = {name: value for name, value in vars(record).items() if name not in _NO_FIELDS}
    both = list((own | {name: value for name, value in busy().items() if name not in own}).items())
    return {_text(name): GONE if NAMED.match(name) and value else _plain(value) for name, value in both[:MOST]}


def _message(record: logging.LogRecord) -> str:
    try:
        return _text(record.getMessage())
    except Exception:  # noqa: BLE001 - of a library that gives other values than it has places for
        return _text(f"{record.msg} (its values do not fit)")


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """The traceback, and the stack if one was asked for; '' without either."""
    try:
        told = [formatter.formatException(record.exc_info)] if record.exc_info and record.exc_info[0] else []
    except Exception:  # noqa: BLE001 - an error that cannot say what it is
        told = ["the error cannot be shown"]
    text = scrubbed("\n".join([*told, *([record.stack_info] if record.stack_info else [])])[-SEARCHED:])
    return _whole(text if len(text) <= TRACEBACK else f"...{text[-TRACEBACK:]}")


def _plain(value: object, deep: int = 0) -> Json:
    """The value as JSON has it, of bounded size, without secrets; what JSON does not know is the text of it."""
    if value is None or isinstance(value, (bool, int)):
        return value if value is None or isinstance(value, bool) or abs(value) < 2**63 else _text(str(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if deep < DEEPEST and isinstance(value, Mapping):
        return {
            (key := _shown(name)): GONE if NAMED.match(key) and one else _plain(one, deep + 1)
            for name, one in list(value.items())[:MOST]
        }
    if deep < DEEPEST and isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        return [_plain(one, deep + 1) for one in value[:MOST]]
    return _shown(value)


def _shown(value: object) -> str:
    try:
        return _text(value if isinstance(value, str) else str(value))
    except Exception:  # noqa: BLE001 - whatever a library put there
        return f"<{type(value).__name__}>"


def _text(text: str) -> str:
    safe = scrubbed(text[:SEARCHED])
    return _whole(safe if len(safe) <= LONGEST else f"{safe[:LONGEST]}...")


def _whole(text: str) -> str:
    """Without halves of a character, which JSON readers choke on."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _said(value: Json) -> str:
    """A value without spaces or line breaks, or quoted."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if text and set(text) <= _PLAIN else json.dumps(text)


def _visible(text: str) -> str:
    """The text with whatever moves a cursor, reorders or hides written out."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
