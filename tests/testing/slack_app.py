"""The real clients of slack-sdk, pointed at the local Slack."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias, TypeVar

from slack_sdk import WebClient
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from monitor.testing.slack import LocalSlack
from monitor.testing.slack.http import Body, Json

Answer: TypeAlias = "Callable[[SocketModeRequest], Body | None]"
Block: TypeAlias = "dict[str, Json]"
Result = TypeVar("Result")


def web(slack: LocalSlack, token: str | None = None, timeout: int = 5) -> WebClient:
    """A client that never tries again by itself."""
    return WebClient(token or slack.token, base_url=slack.url, timeout=timeout, retry_handlers=[])


class Listener:
    """An app that acknowledges what it is sent, with what `answer` says; `heard` keeps it."""

    def __init__(self, slack: LocalSlack, answer: Answer, pings: float) -> None:
        self.heard: list[SocketModeRequest] = []
        self._slack, self._answer, self._pings = slack, answer, pings
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.client = self.do(self._connected())

    def do(self, work: Coroutine[object, object, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        self.do(self._closed())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _connected(self) -> SocketModeClient:
        client = SocketModeClient(
            self._slack.app_token,
            web_client=AsyncWebClient(base_url=self._slack.url, retry_handlers=[]),
            ping_interval=self._pings,
        )
        client.socket_mode_request_listeners.append(self._taken)
        await client.connect()  # type: ignore[no-untyped-call]
        return client

    async def _taken(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        self.heard.append(request)
        answer = self._answer(request)
        payload = dict(answer) if answer is not None else None
        await client.send_socket_mode_response(SocketModeResponse(request.envelope_id, payload))

    async def _closed(self) -> None:
        await self.client.close()  # type: ignore[no-untyped-call]
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


@contextmanager
def listening(slack: LocalSlack, answer: Answer = lambda _: None, *, pings: float = 0.2) -> Iterator[Listener]:
    listener = Listener(slack, answer, pings)
    try:
        assert slack.until(lambda: slack.sockets.fresh == 1)
        yield listener
    finally:
        listener.close()


def section(text: str, **more: Json) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(action: str, text: str = "Press", **more: Json) -> Block:
    return {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": text}, **more}


def actions(*elements: Json) -> Block:
    return {"type": "actions", "block_id": "actions", "elements": list(elements)}


def menu(action: str, values: Sequence[str]) -> Block:
    options: list[Json] = [{"text": {"type": "plain_text", "text": value}, "value": value} for value in values]
    return {"type": "overflow", "action_id": action, "options": options}
