"""A local Slack, and what of ours talks to it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from monitor.notifiers.slack.client import SlackApi
from monitor.notifiers.slack.pacing import Pacer
from monitor.testing.slack import LocalSlack

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy")


def api(
    slack: LocalSlack,
    *,
    token: Callable[[], str] | None = None,
    timeout: timedelta = timedelta(seconds=5),
    pacer: Pacer | None = None,
) -> SlackApi:
    """The Web API as the product has it, at no pace unless one is given."""
    return SlackApi(
        token or (lambda: slack.token), pacer or Pacer(threading.Event(), {}), url=slack.url, timeout=timeout
    )
