"""The Slack notifier: one card an incident, changed for ever, and what hangs from it in its thread."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Final

from monitor.errors import PermanentError
from monitor.model import Delivery, Message, Part
from monitor.notifiers.slack.answers import SlackRefusedError
from monitor.notifiers.slack.client import SlackApi
from monitor.notifiers.slack.kit import Block
from monitor.notifiers.slack.reading import Posted
from monitor.notifiers.slack.rendering import EVENT, bare, rendered
from monitor.notifiers.slack.replies import picture

log = logging.getLogger("mintwatch.notifiers.slack")

TOO_RICH: Final = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"})
"""What Slack calls blocks it does not take; it may still take the words."""
GONE: Final = frozenset({"message_not_found", "cant_update_message"})
ALONE: Final = frozenset({"thread_not_found", "cannot_reply_to_message"})
"""What Slack says of a message, and of a thread, that somebody deleted."""
SKEW: Final = timedelta(minutes=10)
"""How far Slack's clock may be behind ours."""
LONGEST: Final = timedelta(days=4)
"""How far back a message is looked for, if nobody says since when it can have been sent."""


class SlackNotifier:
    """Posts to one channel, and changes and finds again what it posted there.

    References are `channel:ts`, and of a chart the id of its file. Each message has its delivery's key in its metadata,
    by which it is found again. A card that somebody deleted is not posted anew, nor is what would hang from it; news
    then stand alone in the channel.

    Parameters
    ----------
    channel
        Its id; the bot has to be a member of it.
    interactive
        Whether messages get something to press: only if somebody listens.
    charts
        Whether it wants pictures.

    Attributes
    ----------
    degraded
        Slack's word -> how often a message was sent in words alone because of it.
    """

    def __init__(
        self, name: str, api: SlackApi, channel: str, *, interactive: bool = True, charts: bool = True
    ) -> None:
        self.name = name
        self.channel = channel
        self.parts = frozenset(Part) - (frozenset() if charts else {Part.CHART})
        self.degraded: Counter[str] = Counter()
        self._api, self._interactive = api, interactive
        self._counting = threading.Lock()

    def send(self, delivery: Delivery) -> str:
        """Post it, or change or hang it where it belongs; '' if there is nothing to say, or nowhere left to say it.

        Raises
        ------
        TransientError, PermanentError
            As `SlackApi`.
        """
        try:
            return self._sent(delivery)
        except SlackRefusedError as error:
            if delivery.ref and error.code in GONE:
                self._note("changed nothing, the message was deleted", delivery, error.code)
                return delivery.ref
            if not delivery.thread or error.code not in ALONE:
                raise
            self._note("the thread was deleted", delivery, error.code)
            return self._sent(replace(delivery, thread="")) if delivery.part is Part.NEWS else ""

    def find(self, delivery: Delivery) -> str:
        """The reference of the message with this delivery's key, '' if there is none since it was wanted.

        A chart is never found: what is uploaded has no metadata.

        Raises
        ------
        TransientError, PermanentError
            As `SlackApi`; `TooLargeError` if there are too many messages to tell.
        """
        if delivery.part is Part.CHART:
            return ""
        for one in self._standing(delivery):
            if one.event == EVENT and one.payload.get("key") == delivery.key and one.bot == self._bot:
                return f"{self._place(delivery)[0]}:{one.ts}"
        return ""

    def _standing(self, delivery: Delivery) -> Iterator[Posted]:
        """Where it would stand: in its thread, else in the channel; news whose thread is gone, in the channel."""
        since = (delivery.since or delivery.message.at - LONGEST) - SKEW
        channel, thread = self._place(delivery)
        if thread:
            try:
                yield from self._api.replies(channel, thread, since)
            except SlackRefusedError as error:
                if error.code not in ALONE:
                    raise
            else:
                return
        yield from self._api.history(channel, since)

    @cached_property
    def _bot(self) -> str:
        return self._api.account().bot

    def _sent(self, delivery: Delivery) -> str:
        if delivery.part is Part.CHART:
            return self._charted(delivery)
        payload = rendered(delivery, interactive=self._interactive)
        if not payload:
            return delivery.ref
        try:
            return self._put(delivery, payload)
        except SlackRefusedError as error:
            if error.code not in TOO_RICH:
                raise
            self._note("sent in words alone", delivery, str(error))
            with self._counting:
                self.degraded[error.code] += 1
            return self._put(delivery, bare(delivery))

    def _put(self, delivery: Delivery, payload: Block) -> str:
        channel, thread = self._place(delivery)
        if delivery.ref:
            channel, ts = _split(delivery.ref)
            self._api.update(channel, ts, payload)
            return delivery.ref
        broadcast = bool(thread) and delivery.part is Part.NEWS
        return f"{channel}:{self._api.post(channel, payload, thread=thread, broadcast=broadcast)}"

    def _charted(self, delivery: Delivery) -> str:
        """A picture in the thread; without either there is none."""
        message = delivery.message
        channel, thread = self._place(delivery)
        if not isinstance(message, Message) or not thread or not delivery.picture:
            return ""
        title, alt = picture(message)
        name = f"{message.incident}.png"
        return self._api.upload(channel, thread, name, delivery.picture, title=title, alt=alt)

    def _place(self, delivery: Delivery) -> tuple[str, str]:
        """Channel, and the `ts` of the card it hangs from, '' if it hangs from none."""
        return _split(delivery.thread) if delivery.thread else (self.channel, "")

    def _note(self, what: str, delivery: Delivery, why: str) -> None:
        log.warning(what, extra={"part": delivery.part.value, "notifier": self.name, "error": why})


def _split(ref: str) -> tuple[str, str]:
    """Channel and `ts`.

    Raises
    ------
    PermanentError
        If it is no reference of ours: another notifier had that name.
    """
    channel, colon, ts = ref.partition(":")
    if not (channel and colon and ts):
        raise PermanentError(f"Slack: expected a reference such as C0123456789:1777629600.000100, got {ref[:80]!r}")
    return channel, ts
