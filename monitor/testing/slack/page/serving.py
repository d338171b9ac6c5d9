"""The page over HTTP: one document, a long poll that answers when something changed, and what people do."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import html
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from importlib.resources import files as resources
from typing import Final
from urllib.parse import quote, urlencode

from aiohttp import web

from monitor.testing.slack.files import PICTURES, Files, kind
from monitor.testing.slack.http import Body, Json, RefusedError, written
from monitor.testing.slack.messages import Channel
from monitor.testing.slack.page.deeds import Hands, Result, perform, read
from monitor.testing.slack.page.reader import Reader, zone
from monitor.testing.slack.page.screen import screen
from monitor.testing.slack.views import Views
from monitor.testing.slack.workspace import Workspace

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
"""What the page may load and do: only what comes from here; no text becomes a script, or HTML."""

GUARDED: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

PLACES: Final = ("/page/", "/archives/")
"""What of the server is the page's."""

PATIENCE: Final = 20.0
"""Seconds after which a long poll answers though nothing changed."""

CALM: Final = 0.04
"""Seconds to let changes gather before they are shown; more where drawing takes long."""

SHARE: Final = 4
"""Times as long as drawing took the server does nothing but serve the app, however much happens."""

TOKEN: Final = "X-Page-Token"  # noqa: S105  # the name of a header
_STATIC: Final = {"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}


class Page:
    """Serves every channel of a workspace as a page.

    Only this machine can ask (the server listens nowhere else), only under its own name (another name that leads here
    is some other site's), and only a script of the page itself knows the token that everything but the document needs.
    """

    def __init__(self, world: Workspace, files: Files, views: Views, hands: Hands) -> None:
        self._world, self._files, self._views, self._hands = world, files, views, hands
        self._token = secrets.token_urlsafe(24)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The answer to anything below `PLACES`."""
        if request.host.partition(":")[0] not in {"127.0.0.1", "localhost"}:
            return _error(403, "this is not the name of the local Slack")
        if request.path.startswith("/archives/"):
            return _forwarded(request)
        name, _, what = request.path.removeprefix("/page/").partition("/")
        if name in _STATIC:
            return _static(name)
        if name == "files":
            return self._file(what)
        channel = self._world.channels.get(name)
        if channel is None:
            return _error(404, "no such channel")
        if not what:
            return self._document(channel)
        if not secrets.compare_digest(request.headers.get(TOKEN, "").encode(), self._token.encode()):
            return _error(403, "load the page again")
        if what == "now" and request.method == "GET":
            return await self._now(channel, request)
        if what == "act" and request.method == "POST":
            return await self._act(channel, request)
        return _error(404, "no such thing")

    def _document(self, channel: Channel) -> web.Response:
        """The document: empty but for the token, which other sites cannot read."""
        text = _resource("page.html").replace("{token}", self._token).replace("{channel}", html.escape(channel.name))
        return web.Response(text=text, content_type="text/html", headers=GUARDED)

    def _file(self, name: str) -> web.Response:
        """A file; what is no picture is only ever saved."""
        file = self._files.held.get(name)
        if file is None or file.content is None:
            return _error(404, "no such file")
        headers = {**GUARDED, "Content-Type": kind(file), "Cache-Control": "private, max-age=3600"}
        if kind(file) not in PICTURES:
            headers |= {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"}
        return web.Response(body=file.content, headers=headers)

    async def _now(self, channel: Channel, request: web.Request) -> web.Response:
        """What is in the window, as soon as it is not what the browser has seen."""
        asked = request.query
        with self._watched() as changed, contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while True:
                    begun = time.perf_counter()
                    state = self._state(channel, asked)
                    spent = time.perf_counter() - begun
                    if state["seen"] != asked.get("seen"):
                        break
                    await changed.wait()
                    await asyncio.sleep(max(CALM, SHARE * spent))
                    changed.clear()
        return _json(state)

    def _state(self, channel: Channel, asked: Mapping[str, str]) -> Body:
        with self._world.looking():
            user = asked.get("as") or self._first(channel)
            user = user if user in self._world.users else ""
            reader = Reader(
                self._world, self._files.held, user, zone(asked.get("zone", "")), asked.get("thread", ""), bool(user)
            )
            tree = screen(channel, reader, self._views.screen(user)).wire
        return {"seen": hashlib.sha256(written(tree).encode()).hexdigest(), "user": user, "tree": tree}

    def _first(self, channel: Channel) -> str:
        """Who looks unless somebody else is chosen."""
        return next((user.id for user in self._world.users.values() if user.id in channel.members and not user.bot), "")

    @contextlib.contextmanager
    def _watched(self) -> Iterator[asyncio.Event]:
        """An event that is set with every change."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        with self._world.watched(lambda: loop.call_soon_threadsafe(changed.set)):
            yield changed

    async def _act(self, channel: Channel, request: web.Request) -> web.Response:
        """Do what somebody did; the app's answer is awaited in another thread, because it comes through this one."""
        try:
            deed = read(self._world, channel, _told(await request.read()))
            result = await asyncio.to_thread(perform, deed, self._hands)
        except (ValueError, RefusedError) as error:
            result = Result(f"{error}.")
        return _json(result.wire)


def _forwarded(request: web.Request) -> web.Response:
    """From the permalink of a message to its thread on the page."""
    channel, _, name = request.path.removeprefix("/archives/").partition("/")
    ts = request.query.get("thread_ts") or f"{name[1:-6]}.{name[-6:]}"
    target = f"/page/{quote(channel, safe='')}?{urlencode({'thread': ts})}"
    return web.Response(status=302, headers={**GUARDED, "Location": target})


def _told(body: bytes) -> Body:
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("what was done must be an object")
    return found


def _json(body: Json) -> web.Response:
    return web.Response(text=written(body), content_type="application/json", headers=GUARDED)


def _error(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text, headers=GUARDED)


def _static(name: str) -> web.Response:
    return web.Response(body=_resource(name).encode(), headers={**GUARDED, "Content-Type": _STATIC[name]})


@functools.cache
def _resource(name: str) -> str:
    return (resources("monitor.testing.slack.page") / name).read_text(encoding="utf-8")
