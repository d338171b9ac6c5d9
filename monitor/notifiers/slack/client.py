"""Slack's Web API, as far as mintwatch uses it: one try each, at Slack's pace, and every failure an error of ours."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeVar

from slack_sdk import WebClient

from monitor.errors import LaterError, MintwatchError, TooLargeError, TransientError, UnsureError
from monitor.notifiers.slack import addresses
from monitor.notifiers.slack.answers import refusal, translated
from monitor.notifiers.slack.pacing import Pacer
from monitor.notifiers.slack.reading import Account, Answer, Member, Posted, Screen
from monitor.notifiers.slack.wire import FOREIGN, SILENT, SLACK, Body, Json, items, proxy_to, usable

TIMEOUT: Final = timedelta(seconds=10)
"""How long Slack may be silent before a call is given up."""
PAGE: Final = 200
MOST: Final = 2_000
"""Messages on a page, and those read at most."""

_FORMS: Final = frozenset(
    {
        "apps.connections.open",
        "auth.test",
        "chat.getPermalink",
        "conversations.history",
        "conversations.replies",
        "files.completeUploadExternal",
        "files.getUploadURLExternal",
        "usergroups.users.list",
        "users.info",
    }
)
"""Methods that take a form and, not all of them, JSON."""

_OUTCOMES: Final[Mapping[type[MintwatchError], str]] = {
    LaterError: "later",
    UnsureError: "unsure",
    TransientError: "failed",
    MintwatchError: "refused",
}

Result = TypeVar("Result")


class SlackApi:
    """One workspace, by one bot token; for any number of threads.

    Every method raises `LaterError`, `TransientError` or `SlackRefusedError` (a `PermanentError`) if it was not done,
    and `UnsureError` if nobody can say. None tries twice.

    Parameters
    ----------
    token
        Gives the bot token (``xoxb-``), asked for at every call, so that it may be renewed meanwhile.
    pacer
        Shared by all that use the token.
    url
        Address of the Web API.
    proxy
        Instead of the one the environment names; neither is used for what `NO_PROXY` names.

    Attributes
    ----------
    counts
        (method, outcome) -> requests; outcomes are ok, later, failed, unsure and refused.
    """

    def __init__(
        self,
        token: Callable[[], str],
        pacer: Pacer,
        *,
        url: str = SLACK,
        timeout: timedelta = TIMEOUT,
        proxy: str = "",
    ) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._counting = threading.Lock()
        self._token, self._pacer = token, pacer
        self._url, self._timeout, self._proxy = url, timeout, proxy
        self._client = WebClient(
            base_url=url,
            timeout=timeout.total_seconds(),  # type: ignore[arg-type]  # the socket takes parts of a second
            logger=SILENT,
            retry_handlers=[],
        )
        self._client.proxy = proxy_to(url, proxy)

    def post(self, channel: str, payload: Body, *, thread: str = "", broadcast: bool = False) -> str:
        """The `ts` of a new message; `broadcast` shows a reply in the channel too."""
        place: dict[str, Json] = {"channel": channel}
        if thread:
            place |= {"thread_ts": thread, "reply_broadcast": broadcast}
        return self._call("chat.postMessage", {**payload, **place}, channel).needed("ts")

    def update(self, channel: str, ts: str, payload: Body) -> None:
        """A message of ours says something else; text without blocks removes the blocks."""
        self._call("chat.update", {**payload, "channel": channel, "ts": ts}, channel)

    def delete(self, channel: str, ts: str) -> None:
        """A message of ours is gone."""
        self._call("chat.delete", {"channel": channel, "ts": ts}, channel)

    def whisper(self, channel: str, user: str, payload: Body, *, thread: str = "") -> None:
        """One person sees something in a channel, until the page is loaded anew."""
        place = {"channel": channel, "user": user} | ({"thread_ts": thread} if thread else {})
        self._call("chat.postEphemeral", {**payload, **place}, channel)

    def history(self, channel: str, oldest: datetime, most: int = MOST) -> Iterator[Posted]:
        """The messages of a channel since `oldest`, newest first, without replies that were not broadcast.

        Raises
        ------
        TooLargeError
            Instead of ending, if there are more than `most`.
        """
        asked: dict[str, Json] = {
            "channel": channel,
            "oldest": f"{oldest.timestamp():.6f}",
            "include_all_metadata": True,
        }
        return self._pages("conversations.history", asked, channel, most)

    def replies(self, channel: str, thread: str, oldest: datetime, most: int = MOST) -> Iterator[Posted]:
        """The message `thread` and what hangs from it since `oldest`, oldest first.

        Raises
        ------
        TooLargeError
            Instead of ending, if there are more than `most`.
        """
        since = f"{oldest.timestamp():.6f}"
        asked: dict[str, Json] = {"channel": channel, "ts": thread, "oldest": since, "include_all_metadata": True}
        return self._pages("conversations.replies", asked, channel, most)

    def upload(self, channel: str, thread: str, name: str, content: bytes, *, title: str, alt: str = "") -> str:
        """The id of a file that will show in a thread, once Slack has processed it; no metadata can be given to it.

        `UnsureError` comes only of the last of three requests: what came before it shows nothing to anybody.
        """
        promise: Body = {"filename": name, "length": len(content), **({"alt_txt": alt} if alt else {})}
        try:
            promised = self._call("files.getUploadURLExternal", promise, channel)
            file, url = promised.needed("file_id"), promised.needed("upload_url")
            self._counted(
                "upload", lambda: addresses.put(url, content, api=self._url, timeout=self._timeout, proxy=self._proxy)
            )
        except UnsureError as error:
            raise TransientError(f"{error}; but it shows nowhere") from error
        shown: dict[str, Json] = {"files": [{"id": file, "title": title}], "channel_id": channel, "thread_ts": thread}
        self._call("files.completeUploadExternal", shown, channel)
        return file

    def open_view(self, trigger: str, view: Body) -> Screen:
        """A modal on the screen of whoever did something less than 3 s ago."""
        return self._call("views.open", {"trigger_id": trigger, "view": view}).screen()

    def update_view(self, screen: Screen, view: Body) -> Screen:
        """Another modal in its place, unless it was changed meanwhile (`hash_conflict`)."""
        state = {"hash": screen.hash} if screen.hash else {}
        return self._call("views.update", {"view_id": screen.id, "view": view, **state}).screen()

    def members(self, group: str) -> frozenset[str]:
        """Ids of the people in a user group."""
        found = self._call("usergroups.users.list", {"usergroup": group}).body.get("users")
        return frozenset(str(user) for user in items(found))

    def member(self, user: str) -> Member:
        """What the workspace says of a person."""
        return self._call("users.info", {"user": user}).member()

    def permalink(self, channel: str, ts: str) -> str:
        """Address of a message."""
        return self._call("chat.getPermalink", {"channel": channel, "message_ts": ts}, channel).needed("permalink")

    def account(self) -> Account:
        """Whom the token stands for."""
        return self._call("auth.test", {}).account()

    def try_socket(self, app_token: Callable[[], str]) -> None:
        """Whether Socket Mode would let us in: it is asked where to connect, and nobody connects."""
        self._call("apps.connections.open", {}, token=app_token)

    def respond(self, url: str, payload: Body) -> None:
        """Answer what a person did, at the `response_url` that came with it (5 times within 30 minutes).

        `payload` says by `replace_original`, `delete_original` or `response_type` what becomes of it.

        Raises
        ------
        PermanentError
            If the address is not Slack's: it came in a payload, and whoever wrote that would be answered.
        """
        self._counted(
            "response_url",
            lambda: addresses.tell(url, payload, api=self._url, timeout=self._timeout, proxy=self._proxy),
        )

    def _call(
        self, method: str, arguments: Body, channel: str = "", *, token: Callable[[], str] | None = None
    ) -> Answer:
        """The answer of one call, made once, when it is its turn."""
        self._pacer.wait(method, channel)
        try:
            return self._counted(
                method, lambda: self._asked(method, arguments, channel, usable((token or self._token)()))
            )
        except LaterError as error:
            self._pacer.hold(method, channel, error.after)
            raise

    def _asked(self, method: str, arguments: Body, channel: str, token: str) -> Answer:
        headers = {"Authorization": f"Bearer {token}"}
        form = _form(arguments) if method in _FORMS else None
        try:
            answer = self._client.api_call(
                method, params=form, json=dict(arguments) if form is None else None, headers=headers
            )
        except FOREIGN as error:
            # Not `from error`: what slack-sdk raises quotes the answer, and an answer quotes the message.
            raise translated(method, error, channel) from None
        if not isinstance(answer.data, dict):
            raise refusal(method, 200, {}, None, channel)
        scopes = next((value for name, value in answer.headers.items() if name.lower() == "x-oauth-scopes"), "")
        return Answer(method, answer.data, frozenset(map(str.strip, scopes.split(","))) - {""})

    def _pages(self, method: str, arguments: Body, channel: str, most: int) -> Iterator[Posted]:
        """Every message, or an error: some of them would be taken for all."""
        cursor, read = "", 0
        while True:
            page: Body = {**arguments, "limit": min(PAGE, most)} | ({"cursor": cursor} if cursor else {})
            answer = self._call(method, page, channel)
            for message in answer.messages():
                if read == most:
                    raise TooLargeError(f"Slack, {method} of {channel}: more than {most} messages")
                read += 1
                yield message
            cursor = answer.text("response_metadata", "next_cursor")
            if not cursor:
                return

    def _counted(self, method: str, ask: Callable[[], Result]) -> Result:
        outcome = "ok"
        try:
            return ask()
        except MintwatchError as error:
            outcome = next(word for kind, word in _OUTCOMES.items() if isinstance(error, kind))
            raise
        finally:
            with self._counting:
                self.counts[method, outcome] += 1


def _form(arguments: Body) -> dict[str, str]:
    """What a form can carry: text, and JSON for what is none."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in arguments.items()}
