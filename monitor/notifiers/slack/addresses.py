"""Addresses of Slack's that need no token: where the bytes of a file go, and where a person's act is answered."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from slack_sdk.webhook import WebhookClient

from monitor.errors import PermanentError
from monitor.notifiers.slack.answers import refusal, translated
from monitor.notifiers.slack.wire import FOREIGN, SILENT, Body, Json, ours, proxy_to


def put(url: str, content: bytes, *, api: str, timeout: timedelta, proxy: str = "") -> None:
    """The bytes of a file are where Slack wants them; it shows nowhere yet.

    Raises
    ------
    TransientError, PermanentError
        As `answers` says; permanent too if the address is not of the Slack whose Web API is at `api`.
    """
    _checked("upload", url, api)
    request = Request(url, content, {"Content-Type": "application/octet-stream"}, method="POST")  # noqa: S310 - checked
    way = proxy_to(url, proxy)
    opener = build_opener(ProxyHandler({"http": way, "https": way} if way else {}), HTTPSHandler())
    try:
        with opener.open(request, timeout=timeout.total_seconds()) as answer:
            answer.read()
    except HTTPError as error:
        with error:
            raise refusal("upload", error.code, dict(error.headers.items()), None) from None
    except FOREIGN as error:
        raise translated("upload", error) from None


def tell(url: str, payload: Body, *, api: str, timeout: timedelta, proxy: str = "", what: str = "response_url") -> None:
    """Something is said at an address that says by itself where: a `response_url`, an incoming webhook.

    Raises
    ------
    TransientError, PermanentError
        As `answers` says; permanent too if the address is not of the Slack whose Web API is at `api`.
    """
    _checked(what, url, api)
    seconds = timeout.total_seconds()
    client = WebhookClient(url, timeout=seconds, logger=SILENT, retry_handlers=[])  # type: ignore[arg-type]  # as urllib
    client.proxy = proxy_to(url, proxy)
    try:
        answer = client.send_dict(dict(payload))
    except FOREIGN as error:
        raise translated(what, error) from None
    if answer.status_code != 200:
        raise refusal(what, answer.status_code, answer.headers, _read(answer.body))


def _checked(what: str, url: str, api: str) -> None:
    """The address came from outside: whoever wrote it would be sent what is meant for Slack."""
    if not ours(url, api):
        raise PermanentError(f"Slack, {what}: the address does not lead to Slack, nothing was sent")


def _read(body: str) -> Json:
    """What was answered: JSON, or Slack's bare word for an error."""
    try:
        found: Json = json.loads(body)
    except ValueError:
        return {"error": body.strip()}
    return found
