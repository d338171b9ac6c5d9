"""Log events as lines on standard error: when, how bad, what, and its fields as key=value."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

from monitor.clock import iso

_OURS_ARE_NOT: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}
_NOWHERE: Final = logging.NullHandler()
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_-+/")


class Lines(logging.Formatter):
    """One line per event; what is no plain word is quoted as JSON, so that no value can begin a line of its own.

    >>> event = logging.makeLogRecord({"msg": "failed", "levelname": "WARNING", "created": 0.0, "part": "a b"})
    >>> Lines().format(event)
    '1970-01-01T00:00:00Z warning failed part="a b"'
    """

    def format(self, record: logging.LogRecord) -> str:
        """The event as a line; an unexpected error's traceback below it."""
        at = datetime.fromtimestamp(int(record.created), UTC)
        fields = [f"{name}={_said(value)}" for name, value in vars(record).items() if name not in _OURS_ARE_NOT]
        line = " ".join([iso(at), record.levelname.lower(), record.getMessage(), *fields])
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def logs(level: int | None) -> None:
    """Write mintwatch's events from that level on to standard error; with None, none: reports tell of failures already.

    Events of other libraries are written nowhere: what they meet is an event of ours, and ours are known to hold
    neither tokens nor rows.
    """
    log = logging.getLogger("mintwatch")
    log.propagate = False
    log.setLevel(logging.WARNING if level is None else level)
    handler = _NOWHERE if level is None else logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    log.handlers[:] = [handler]
    logging.getLogger().addHandler(_NOWHERE)


def _said(value: object) -> str:
    """A value without spaces or line breaks, or quoted."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if text and set(text) <= _PLAIN else json.dumps(text, ensure_ascii=True)
