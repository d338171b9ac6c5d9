"""The webhook notifier: for teams that cannot install an app. It posts, and that is all a webhook can do."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from monitor.errors import LaterError
from monitor.model import Delivery, Part
from monitor.notifiers.slack import addresses
from monitor.notifiers.slack.answers import SlackRefusedError
from monitor.notifiers.slack.client import TIMEOUT
from monitor.notifiers.slack.kit import Block
from monitor.notifiers.slack.notifier import TOO_RICH
from monitor.notifiers.slack.pacing import Pacer
from monitor.notifiers.slack.rendering import bare, rendered
from monitor.notifiers.slack.wire import SLACK

log = logging.getLogger("mintwatch.notifiers.slack")

_POST: Final = "chat.postMessage"
"""Slack lets a webhook post as often as the method."""


class WebhookNotifier:
    """Posts to an incoming webhook: no buttons, no threads, no pictures, and what is posted is never changed.

    Each told decision is a message of its own. Whether a message that was cut off arrived cannot be found out, so it is
    posted again: at least once, where `SlackNotifier` posts exactly once.

    Parameters
    ----------
    url
        Gives the webhook's address, which is a secret: whoever has it can post. It is in no log and no error.
    api
        Address of the Web API of the same Slack; anything else than an address there is refused.

    Attributes
    ----------
    degraded
        Slack's word -> how often a message was sent in words alone because of it.
    """

    parts = frozenset({Part.NEWS, Part.DIGEST, Part.DAILY})

    def __init__(
        self,
        name: str,
        url: Callable[[], str],
        pacer: Pacer,
        *,
        api: str = SLACK,
        timeout: timedelta = TIMEOUT,
        proxy: str = "",
    ) -> None:
        self.name = name
        self.degraded: Counter[str] = Counter()
        self._url, self._pacer, self._api, self._timeout, self._proxy = url, pacer, api, timeout, proxy

    def send(self, delivery: Delivery) -> str:
        """Post it, once; the reference is the delivery's key, by which nothing can be changed.

        Raises
        ------
        TransientError, PermanentError
            As `SlackApi`.
        """
        if delivery.ref:
            return delivery.ref
        try:
            self._post(rendered(delivery, interactive=False))
        except SlackRefusedError as error:
            if error.code not in TOO_RICH:
                raise
            log.warning("sent in words alone", extra={"part": delivery.part.value, "error": str(error)})
            self.degraded[error.code] += 1
            self._post(bare(delivery))
        return delivery.key

    def find(self, delivery: Delivery) -> str:  # noqa: ARG002
        """Nothing: a webhook tells nobody what it posted."""
        return ""

    def _post(self, payload: Block) -> None:
        said = {name: value for name, value in payload.items() if name != "metadata"}
        self._pacer.wait(_POST, self.name)
        try:
            addresses.tell(self._url(), said, api=self._api, timeout=self._timeout, proxy=self._proxy, what="webhook")
        except LaterError as error:
            self._pacer.hold(_POST, self.name, error.after)
            raise
