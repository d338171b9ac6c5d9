"""Where the log goes, which events it holds, and what of libraries never gets there."""

from __future__ import annotations

import logging
import sys
from typing import IO, Final

from monitor.cli.lines import JsonLines, TextLines
from monitor.settings import LogSettings

OURS: Final = "mintwatch"
LIBRARIES: Final = logging.WARNING
"""From which level on libraries are heard unless the settings name them."""

FLOORS: Final = {
    "azure": logging.INFO,  # at debug its policies print bodies
    "azure.core.pipeline.policies.http_logging_policy": logging.WARNING,  # at info, addresses and headers
    "azure.identity": logging.ERROR,  # its warnings repeat what Entra said, claims of the assertion included
    "msal": logging.ERROR,
    "slack_sdk": logging.INFO,  # at debug it prints bodies and tickets
    "mintwatch.slack_sdk": logging.CRITICAL + 1,  # the same, handed to it by us: what happened is an event of ours
    "urllib3": logging.INFO,  # at debug, the paths of addresses, and of a webhook that is its secret
    "requests": logging.INFO,
    "requests_oauthlib": logging.INFO,
    "aiohttp": logging.INFO,
    "http": logging.INFO,
    "asyncio": logging.INFO,  # at debug, what a callback was given
}
"""Below these nothing is written, whatever the settings say, and the most specific name counts: what would be written
there holds bodies, headers or addresses. What is above is searched for secrets all the same."""

_NOWHERE: Final = logging.NullHandler()


class Lines(logging.StreamHandler[IO[str]]):
    """Events as lines on a stream. If nobody can read it any more, they are lost, and nothing else is."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Nothing below the floor of its logger."""
        return record.levelno >= floor(record.name) and bool(super().filter(record))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - it is logging's
        """Nothing: what could be said of a stream that is closed, or a disk that is full, would go there, too."""


def floor(logger: str) -> int:
    """The level below which nothing of this logger is written.

    >>> floor("urllib3.connectionpool") == logging.INFO, floor("mintwatch.worker")
    (True, 0)
    """
    name = logger
    while name:
        if name in FLOORS:
            return FLOORS[name]
        name = name.rpartition(".")[0]
    return logging.NOTSET


def logs(level: int | None) -> None:
    """Write mintwatch's events from that level on to standard error; with None, none: reports tell of failures already.

    Events of other libraries are written nowhere: what they meet is an event of ours, and ours are known to hold
    neither tokens nor rows.
    """
    handler: logging.Handler = _NOWHERE if level is None else Lines(sys.stderr)
    handler.setFormatter(TextLines())
    _attach(handler, _NOWHERE)
    logging.getLogger(OURS).setLevel(logging.WARNING if level is None else level)


def daemon_logs(chosen: LogSettings) -> logging.Formatter:
    """Write what the settings ask for to standard error: events of ours and of libraries, and warnings.

    May be called again: then the new settings count, and loggers that they do not name any more are as at first.

    Returns
    -------
    logging.Formatter
        What makes lines of events, for who has to write one without a log.
    """
    terminal = chosen.format == "text" or (chosen.format == "auto" and sys.stderr.isatty())
    handler = Lines(sys.stderr)
    made: logging.Formatter = TextLines() if terminal else JsonLines()
    handler.setFormatter(made)
    _attach(handler, handler)
    for name in _named:
        logging.getLogger(name).setLevel(logging.NOTSET)
    _named.clear()
    logging.getLogger().setLevel(LIBRARIES)
    logging.getLogger(OURS).setLevel(_number(chosen.level))
    for name, level in chosen.levels.items():
        logging.getLogger(name).setLevel(_number(level))
        _named.add(name)
    logging.captureWarnings(True)
    return made


_named: Final[set[str]] = set()
"""Loggers whose level the settings say."""


def _attach(ours: logging.Handler, libraries: logging.Handler) -> None:
    """One handler for our events and one for those of others, in place of earlier ones of ours."""
    log, root = logging.getLogger(OURS), logging.getLogger()
    log.propagate = False
    log.handlers[:] = [ours]
    root.handlers[:] = [one for one in root.handlers if not isinstance(one, Lines) and one is not _NOWHERE]
    root.addHandler(libraries)


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]
