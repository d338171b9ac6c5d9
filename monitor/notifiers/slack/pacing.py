"""How fast Slack is asked: not faster than it takes, and not at all while it says to stay away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from monitor import clock
from monitor.errors import LaterError, TransientError

PATIENCE: Final = timedelta(seconds=10)
"""Who would have to wait longer for a turn is told when to come back instead."""


@dataclass(frozen=True, slots=True)
class Pace:
    """One call `every` so long, after a `burst` of as many; calls of one `kind` share it.

    Attributes
    ----------
    channelled
        Whether each channel has a pace of its own.
    """

    kind: str
    every: timedelta
    burst: int = 1
    channelled: bool = False


_POST: Final = Pace("post", timedelta(seconds=1.05), channelled=True)
_FILE: Final = Pace("file", timedelta(seconds=1.05), burst=4)
_VIEW: Final = Pace("view", timedelta(0))

PACES: Final[Mapping[str, Pace]] = {
    "chat.postMessage": _POST,
    "chat.postEphemeral": _POST,
    "chat.update": Pace("update", timedelta(seconds=1.35), burst=5),
    "chat.delete": Pace("delete", timedelta(seconds=1.35), burst=5),
    "conversations.history": Pace("history", timedelta(seconds=1.35), burst=5),
    "conversations.replies": Pace("replies", timedelta(seconds=1.35), burst=5),
    "files.getUploadURLExternal": _FILE,
    "files.completeUploadExternal": _FILE,
    "usergroups.users.list": Pace("members", timedelta(seconds=3.3), burst=2),
    "views.open": _VIEW,
    "views.update": _VIEW,
}
"""Slack takes a message a second in a channel and, of a method of tier 2 or 3, 20 or 50 calls a minute over all
channels (docs.slack.dev, "Rate limits"): in any minute a burst and what follows stay below that. A person waits for a
view, so nothing delays it but Slack's own word.
"""


class Pacer:
    """Turns, for all threads that ask Slack with one token.

    Parameters
    ----------
    stop
        Once set, nobody waits here any more.
    paces
        Method -> its pace; a method that is not named here always has its turn.
    """

    def __init__(
        self,
        stop: threading.Event,
        paces: Mapping[str, Pace] = PACES,
        *,
        patience: timedelta = PATIENCE,
        ticks: Callable[[], timedelta] = clock.ticks,
    ) -> None:
        self._stop, self._paces, self._patience, self._ticks = stop, paces, patience, ticks
        self._lock = threading.Lock()
        self._full: dict[tuple[str, str], timedelta] = {}
        self._away: dict[tuple[str, str], timedelta] = {}

    def wait(self, method: str, channel: str = "") -> None:
        """Return when it is this call's turn.

        Raises
        ------
        LaterError
            If Slack said to stay away, or too many wait already.
        TransientError
            If a stop came first.
        """
        pace = self._paces.get(method)
        if pace is None:
            return
        key = (pace.kind, channel if pace.channelled else "")
        turn = self._reserved(method, key, pace)
        if turn > timedelta(0) and self._stop.wait(turn.total_seconds()):
            raise TransientError(f"Slack, {method}: stopped before its turn, it was not sent")
        with self._lock:
            self._heed(method, key)

    def hold(self, method: str, channel: str, after: timedelta) -> None:
        """Nobody has a turn for `after` from now on: Slack said so."""
        if pace := self._paces.get(method):
            key = (pace.kind, channel if pace.channelled else "")
            with self._lock:
                self._away[key] = max(self._away.get(key, timedelta(0)), self._ticks() + after)

    def _reserved(self, method: str, key: tuple[str, str], pace: Pace) -> timedelta:
        """How long until the turn that is now taken (the generic cell rate algorithm, ITU-T I.371, 1996, annex A)."""
        with self._lock:
            self._heed(method, key)
            now = self._ticks()
            full = max(self._full.get(key, now), now)
            turn = full - pace.every * (pace.burst - 1) - now
            if turn > self._patience:
                raise LaterError(f"Slack, {method}: too many wait for their turn, it was not sent", turn)
            self._full[key] = full + pace.every
            return turn

    def _heed(self, method: str, key: tuple[str, str]) -> None:
        left = self._away.get(key, timedelta(0)) - self._ticks()
        if left > timedelta(0):
            raise LaterError(
                f"Slack, {method}: told to stay away for {left.total_seconds():.1f} s more, it was not sent", left
            )
