"""The local Slack: everything mintwatch asks the real one, on one port of this machine."""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final, Self

from aiohttp import web

from monitor.testing.slack import webapi
from monitor.testing.slack.appointments import Faults
from monitor.testing.slack.clocks import Clock
from monitor.testing.slack.faults import Effect, Fault
from monitor.testing.slack.http import Reply, Request, refused
from monitor.testing.slack.limits import Limits
from monitor.testing.slack.messages import Channel, Message, Whisper
from monitor.testing.slack.server import Server, received, sent
from monitor.testing.slack.workspace import App, Group, User, Workspace

PATIENCE: Final = timedelta(seconds=5)
"""How long `until` waits unless told otherwise."""


class LocalSlack:
    """The Web API, Socket Mode, uploads and webhooks of one workspace with one app in it; a context manager.

    Parameters
    ----------
    limits
        Sizes and paces; change `limits` while it runs to let a test meet them.

    Attributes
    ----------
    url
        Address of the Web API: `base_url=` of a client.
    token, app_token
        What the app was given when it was installed: ``xoxb-`` and ``xapp-``.
    app
        The app, its scopes and its bot user; change the scopes as an administrator would.
    clock
        The present of the service.
    faults
        What will go wrong.
    requests
        How many requests each method (of anything else, each path) got, those that met a fault included.
    throttled
        How many calls of each method came too fast.
    """

    def __init__(self, *, limits: Limits | None = None) -> None:
        self.world = Workspace(limits or Limits())
        self.faults = Faults()
        self.requests: Counter[str] = Counter()
        self.throttled = self.world.meter.throttled
        self._methods = {**webapi.METHODS}
        self._server = Server(self._served)
        self.base = self._server.url
        self.url = f"{self.base}/api/"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def app(self) -> App:
        """The app that is installed."""
        return self.world.app

    @property
    def token(self) -> str:
        """Its bot token."""
        return self.world.app.token

    @property
    def app_token(self) -> str:
        """Its app-level token."""
        return self.world.app.app_token

    @property
    def clock(self) -> Clock:
        """The present of the service."""
        return self.world.clock

    @property
    def limits(self) -> Limits:
        """Sizes and paces."""
        return self.world.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self.world.limits = limits

    @property
    def whispers(self) -> list[Whisper]:
        """What single people saw, oldest first."""
        return list(self.world.whispers)

    def user(self, name: str, *, team: str | None = None) -> User:
        """A new person of the workspace; with a `team`, of another one that shares channels with it."""
        with self.world.changing():
            return self.world.user(name, team=team)

    def group(self, handle: str, users: Iterable[User] = ()) -> Group:
        """A new user group."""
        with self.world.changing():
            return self.world.group(handle, [user.id for user in users])

    def channel(self, name: str, users: Iterable[User] = (), *, private: bool = False, invited: bool = True) -> Channel:
        """A new channel with these people in it and, if `invited`, the app."""
        members = {user.id for user in users} | ({self.app.bot.id} if invited else set())
        with self.world.changing():
            return self.world.channel(name, members, private=private)

    def say(self, user: User, channel: Channel, text: str, *, thread: Message | None = None) -> Message:
        """A person writes something."""
        with self.world.changing():
            message = Message(
                channel.id, self.world.stamps.next(), user.id, text, thread_ts=thread.ts if thread else None
            )
            channel.put(message)
            return message

    def until(self, claim: Callable[[], bool], within: timedelta = PATIENCE) -> bool:
        """Whether the claim came true in time, by the machine's clock; it is asked again after every change here."""
        return self.world.until(claim, within.total_seconds())

    def close(self) -> None:
        """Stop serving and hang up."""
        self._server.close()

    async def _served(self, request: web.Request) -> web.StreamResponse:
        asked = await received(request)
        self.requests[asked.method] += 1
        fault = self.faults.due(asked)
        reply = await self._replied(asked, fault)
        return await sent(request, reply, fault.cut)

    async def _replied(self, request: Request, fault: Fault) -> Reply:
        """What is told, once what happens has happened."""
        reply = self._answered(request) if fault.effect is Effect.FIRST else Reply(200)
        if fault.delay > timedelta(0):
            await asyncio.sleep(fault.delay.total_seconds())
        if fault.effect is Effect.LATE:
            reply = self._answered(request)
        reply = fault.instead or reply
        return fault.altered(reply) if fault.altered else reply

    def _answered(self, request: Request) -> Reply:
        """The true reply; what it changed has changed when this returns."""
        try:
            with self.world.changing():
                return self._answer(request)
        except Exception:  # noqa: BLE001  # the server's thread has nobody else to tell
            return Reply(500, traceback.format_exc().encode(), {"Content-Type": "text/plain"})

    def _answer(self, request: Request) -> Reply:
        if request.path.startswith("/api/"):
            return webapi.answer(self.world, self._methods, request, self.base)
        return refused("not_found", 404)
