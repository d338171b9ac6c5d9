"""What goes to Slack and comes from it, before anybody has read it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from typing import Final, TypeAlias
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

from slack_sdk.errors import SlackClientError

from monitor.errors import PermanentError

Json: TypeAlias = "str | int | float | bool | Mapping[str, Json] | Sequence[Json] | None"
Body: TypeAlias = "Mapping[str, Json]"

SLACK: Final = "https://slack.com/api/"

SILENT: Final = logging.getLogger("mintwatch.slack_sdk")
SILENT.setLevel(logging.CRITICAL + 1)
"""slack-sdk's logger: what it would say holds tickets, bodies and answers. What happened is an event of ours."""

FOREIGN: Final = (SlackClientError, OSError, HTTPException, ValueError, TypeError, LookupError, AttributeError)
"""What slack-sdk raises: its own errors, the network's, and whatever its code runs into on an answer it did not
expect.
"""

_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")


def proxy_to(url: str, proxy: str = "") -> str | None:
    """The proxy on the way to `url`: the one given, else the environment's, unless `NO_PROXY` names the host.

    slack-sdk's asynchronous clients go to the environment's proxy in spite of `NO_PROXY`; its others do not.
    """
    found = proxy or next((value for name in _PROXIES if (value := os.environ.get(name, "").strip())), "")
    return None if not found or proxy_bypass(urlsplit(url).netloc) else found


def ours(url: str, api: str) -> bool:
    """Whether `url` leads to the Slack whose Web API is at `api`: to that host or one below it, as safely.

    >>> ours("https://hooks.slack.com/actions/T1/2/x", "https://slack.com/api/")
    True
    >>> ours("https://slack.com.evil.example/x", "https://slack.com/api/")
    False
    """
    try:
        there, home = urlsplit(url), urlsplit(api)
        named = there.hostname == home.hostname or (there.hostname or "").endswith(f".{home.hostname}")
        return named and (there.scheme, there.port) == (home.scheme, home.port) and "@" not in there.netloc
    except ValueError:
        return False


def usable(token: str) -> str:
    """The token as it can stand in a header.

    Raises
    ------
    PermanentError
        If it cannot: the error of a header that cannot be sent would quote it.
    """
    found = token.strip()
    if not found or not found.isascii() or not found.isprintable() or " " in found:
        raise PermanentError("Slack: a token is empty or holds what no token holds, expected xoxb-... or xapp-...")
    return found


def text(body: object, *path: str) -> str:
    """The text at the end of the path, '' if there is none."""
    for name in path:
        body = body.get(name) if isinstance(body, Mapping) else None
    return body if isinstance(body, str) else ""


def items(body: object) -> Sequence[Json]:
    """The list something is, empty if it is none."""
    return body if isinstance(body, list) else ()
