"""The local Slack: everything mintwatch asks the real one, on one port of this machine."""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final, Self

from aiohttp import web

from monitor.testing.clocks import Clock
from monitor.testing.slack import chat, webapi
from monitor.testing.slack.acting import Act, Payloads, Values
from monitor.testing.slack.appointments import Faults
from monitor.testing.slack.blocks import Surface
from monitor.testing.slack.calls import Method
from monitor.testing.slack.faults import Effect, Fault
from monitor.testing.slack.files import Files
from monitor.testing.slack.hooks import Hooks
from monitor.testing.slack.http import Body, Reply, Request, refused
from monitor.testing.slack.limits import Limits
from monitor.testing.slack.messages import Channel, Message, Whisper
from monitor.testing.slack.naming import named
from monitor.testing.slack.page import PLACES, Page
from monitor.testing.slack.server import Server, received, sent
from monitor.testing.slack.sockets import Sockets
from monitor.testing.slack.views import View, Views
from monitor.testing.slack.workspace import App, Group, User, Workspace

LINK: Final = "/link/"
OPEN: Final = "apps.connections.open"

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
    sockets
        The app's sockets, and what goes wrong with them.
    files
        What was uploaded, and how long Slack takes over it.
    throttled
        How many calls of each method came too fast.
    """

    def __init__(self, *, limits: Limits | None = None) -> None:
        self.world = Workspace(limits or Limits())
        self.faults = Faults()
        self.requests: Counter[str] = Counter()
        self.throttled = self.world.meter.throttled
        self._server = Server(self._served)
        self.base = self._server.url
        self.url = f"{self.base}/api/"
        self.sockets = Sockets(self.world, self._server.loop)
        self.files, self._views, self._hooks = Files(self.world), Views(self.world), Hooks(self.world)
        self._payloads = Payloads(self.world, self._views, self._hooks, self.base)
        opening = Method(self.sockets.ticket, "connections:write", frozenset({"app"}))
        self._page = Page(self.world, self.files, self._views, self)
        self._methods = {**webapi.METHODS, **self.files.methods, **self._views.methods, OPEN: opening}

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

    def user(self, name: str, *, team: str | None = None, guest: bool = False) -> User:
        """A new person of the workspace, perhaps a guest; with a `team`, of another one that shares channels."""
        with self.world.changing():
            return self.world.user(name, team=team, guest=guest)

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

    def webhook(self, channel: Channel) -> str:
        """Address of a new incoming webhook."""
        with self.world.changing():
            return self.base + self._hooks.webhook(channel.id)

    def page(self, channel: Channel) -> str:
        """Where a browser on this machine shows the channel as a person would see it, with everything to press."""
        return f"{self.base}/page/{channel.id}"

    def click(self, user: User, message: Message, action: str, choose: str | None = None) -> Act:
        """A person presses what is named `action` on a message, as that stands now, or chooses from it by value.

        Raises
        ------
        ValueError
            If there is no such thing on it.
        """
        with self.world.changing():
            payload = self._payloads.click(user, message, action, choose)
        return self.deliver(payload)

    def screen(self, user: User) -> View | None:
        """The modal a person looks at."""
        with self.world.changing():
            return self._views.screen(user.id)

    def submit(self, user: User, view: View, values: Values) -> Act:
        """A person fills in a modal (action id -> text, or the value of an option) and sends it.

        It closes unless the app answers with errors, an update, or another modal on top; or not at all.

        Raises
        ------
        ValueError
            If it is closed, has no such field or offers no such option, or an answer is missing.
        """
        with self.world.changing():
            payload = self._payloads.submit(user, view, values)
        act = self.deliver(payload, answers=True)
        with self.world.changing():
            self._views.answered(view, act.acked, act.answer)
        return act

    def dismiss(self, user: User, view: View) -> Act | None:
        """A person closes a modal; the app hears of it only if the modal says so."""
        with self.world.changing():
            self._views.close(view)
            payload = self._payloads.dismiss(user, view)
        return self.deliver(payload) if view.body.get("notify_on_close") else None

    def slash(self, user: User, text: str, channel: Channel, command: str = "/mintwatch") -> Act:
        """A person types a command; what is answered with the acknowledgement is in the act, and whispered.

        Raises
        ------
        RefusedError
            If the answer has blocks that Slack would not show.
        """
        with self.world.changing():
            payload = self._payloads.slash(user, command, text, channel)
        act = self.deliver(payload, "slash_commands", answers=True)
        if act.text or act.blocks:
            with self.world.changing():
                chat.checked(self.world, act.blocks, Surface.MESSAGE)
                stamp = self.world.stamps.next()
                self.world.whispers.append(Whisper(channel.id, user.id, act.text, named(act.blocks), ts=stamp))
        return act

    def deliver(self, payload: Body, kind: str = "interactive", *, answers: bool = False) -> Act:
        """Send the app any payload, a forged or an old one too, and wait as long as Slack does."""
        envelope_id, ack = self._server.run(self.sockets.deliver(kind, payload, answers=answers)).result()
        return Act(kind, payload, envelope_id, ack.after if ack else None, ack.answer if ack else None)

    def close(self) -> None:
        """Stop serving and hang up; once is enough."""
        if self._server.closed:
            return
        self._server.run(self.sockets.end()).result()
        self._server.close()

    async def _served(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith(PLACES):
            return await self._page.serve(request)
        asked = await received(request)
        self.requests[asked.method] += 1
        fault = self.faults.due(asked)
        if asked.path == LINK and fault.instead is None and fault.cut is None:
            await asyncio.sleep(fault.delay.total_seconds())
            return await self.sockets.serve(request)
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
                self.files.settle()
                return self._answer(request)
        except Exception:  # noqa: BLE001  # the server's thread has nobody else to tell
            return Reply(500, traceback.format_exc().encode(), {"Content-Type": "text/plain"})

    def _answer(self, request: Request) -> Reply:
        if request.path.startswith("/api/"):
            return webapi.answer(self.world, self._methods, request, self.base)
        if request.path.startswith("/upload/"):
            return self.files.take(request)
        if request.path.startswith("/files-pri/"):
            return self.files.give(request)
        if request.path.startswith(("/services/", "/actions/")):
            return self._hooks.take(request, self.base)
        return refused("not_found", 404)
