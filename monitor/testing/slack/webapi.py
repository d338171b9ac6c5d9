"""The Web API: token, scope, pace, then the method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from monitor.testing.slack import chat, conversations, people
from monitor.testing.slack.calls import Call, Method
from monitor.testing.slack.http import Json, RefusedError, Reply, Request, refused, reply
from monitor.testing.slack.workspace import Workspace

METHODS: Final[Mapping[str, Method]] = {**chat.METHODS, **conversations.METHODS, **people.METHODS}


def answer(world: Workspace, methods: Mapping[str, Method], request: Request, base: str) -> Reply:
    """The reply to one call."""
    method = methods.get(request.method)
    headers = {"X-Oauth-Scopes": ",".join(sorted(world.app.scopes))}
    if method is None:
        return reply(200, {"ok": False, "error": "unknown_method", "req_method": request.method})
    try:
        call = _admitted(world, method, request, base)
        wait = world.meter.wait(world.limits, request.method, call.text("channel"), world.clock.now)
        if wait is not None:
            return refused("ratelimited", 429, {"Retry-After": str(wait)})
        return reply(200, method.answer(call), headers)
    except RefusedError as error:
        return reply(200, error.body, headers)


def _admitted(world: Workspace, method: Method, request: Request, base: str) -> Call:
    arguments: dict[str, Json] = request.arguments
    given = arguments.pop("token", None)
    kind = world.app.kind(request.bearer or (given if isinstance(given, str) else None))
    if kind not in method.kinds:
        raise RefusedError("not_allowed_token_type")
    if method.scope:
        world.allowed(method.scope, kind=kind)
    return Call(world, arguments, base)
