"""Policy: how findings become messages, and from when on anything is worth one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from monitor.model import Incident

TELL: Final = 3.0
"""Surprise from which anything is told: once in 1,000 days of a subject."""
PAUSE: Final = timedelta(minutes=30)
"""How long nobody is told again that an incident became more surprising; a higher level is told at once.

Evidence of one attack comes in over many ticks. Each raises what was there before, the first message is kept up to
date meanwhile, and whoever was called is looking at it.
"""


@dataclass(frozen=True, slots=True)
class Policy:
    """How findings become messages.

    quiet: how far past an incident's last bucket its rules must have been judged before it resolves. reopen: how long
    after its last bucket one that is closed takes up new findings. worse: by how much surprise must grow to tell again.
    storm: how many incidents a notifier is told of one by one within `storm_window`, the worst first, and as many again
    if they are urgent (see `Room`); the others in a digest. remind: how long after it was told an incident with news
    that nobody has acknowledged is told again.
    """

    quiet: timedelta = timedelta(hours=2)
    reopen: timedelta = timedelta(hours=24)
    worse: float = 3.0
    storm: int = 10
    storm_window: timedelta = timedelta(hours=1)
    remind: timedelta = timedelta(hours=4)


def worth(incident: Incident) -> bool:
    """Whether some finding reached what its own rule tells from, or all together what anything is told from."""
    return incident.loud or incident.surprise >= TELL
