"""Replying: telling one person what became of what they did, where they did it."""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import replace
from datetime import timedelta
from threading import Lock
from typing import Final

from monitor import clock
from monitor.errors import MintwatchError
from monitor.notifiers.slack.client import SlackApi
from monitor.notifiers.slack.payloads import Origin
from monitor.notifiers.slack.wire import Body

log = logging.getLogger("mintwatch.worker")
GOOD: Final = timedelta(minutes=30)
"""How long Slack takes an answer to a press or a command."""
OPEN: Final = 1_000
"""How many modals are remembered."""


class Replies:
    """Answers for one person's eyes.

    A modal that is sent says neither where its button stood nor how to answer; the press that opened it did. So that is
    remembered here by the modal's id, in memory only: after a restart the person is told in the channel, if the bot is
    in it.
    """

    def __init__(self, api: SlackApi) -> None:
        self._api = api
        self._asked: OrderedDict[str, tuple[Origin, timedelta]] = OrderedDict()
        self._known = Lock()

    def remember(self, view: str, origin: Origin) -> None:
        """A modal was opened because of that."""
        with self._known:
            self._asked[view] = origin, clock.ticks()
            while len(self._asked) > OPEN:
                self._asked.popitem(last=False)

    def recalled(self, view: str, origin: Origin) -> Origin:
        """Who sent a modal, with the way to answer them, if it was they who opened it."""
        with self._known:
            asked, at = self._asked.get(view, (origin, timedelta(0)))
        if asked.who.id != origin.who.id or clock.ticks() - at > GOOD:
            return origin
        return replace(origin, response_url=origin.response_url or asked.response_url)

    def say(self, origin: Origin, body: Body, thread: str = "") -> None:
        """Tell one person, by the address they came with, else in the channel; if neither works, nothing changes."""
        if origin.response_url:
            try:
                self._api.respond(origin.response_url, {**body, "thread_ts": thread} if thread else body)
            except MintwatchError as error:
                log.warning("failed", extra={"part": "slack", "error": str(error)})
            else:
                return
        if origin.channel:
            said = {name: part for name, part in body.items() if name in {"text", "blocks"}}
            try:
                self._api.whisper(origin.channel, origin.who.id, said, thread=thread)
            except MintwatchError as error:
                log.warning("failed", extra={"part": "slack", "error": str(error)})
