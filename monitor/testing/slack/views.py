"""views.*: modals, opened by somebody's click and changed while they look."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from monitor.testing.slack import blocks as kit
from monitor.testing.slack.blocks import Surface
from monitor.testing.slack.calls import Call, Method
from monitor.testing.slack.http import Body, Json, RefusedError, written
from monitor.testing.slack.naming import named
from monitor.testing.slack.shapes import Shape, flag, items, one_of, plain, string
from monitor.testing.slack.workspace import Workspace

TRIGGER: Final = timedelta(seconds=3)
"""How long after a click a modal may be opened."""

_MODAL: Final = Shape(
    {"type": one_of("modal"), "title": plain(24), "blocks": items(lambda _, __: iter(()), 100, 0)},
    {
        "submit": plain(24),
        "close": plain(24),
        "private_metadata": string(3000),
        "callback_id": string(255),
        "external_id": string(255),
        "clear_on_close": flag,
        "notify_on_close": flag,
        "submit_disabled": flag,
    },
)


@dataclass(frozen=True, slots=True)
class View:
    """A modal on somebody's screen; `open` until it is submitted or closed."""

    id: str
    user: str
    hash: str
    body: Body
    open: bool = True


@dataclass(frozen=True, slots=True)
class _Trigger:
    user: str
    until: datetime


class Views:
    """Every modal there was, and the clicks that may still open one."""

    def __init__(self, world: Workspace) -> None:
        self._world = world
        self._triggers: dict[str, _Trigger] = {}
        self.held: dict[str, View] = {}
        self.methods: Mapping[str, Method] = {"views.open": Method(self._opened), "views.update": Method(self._updated)}

    def trigger(self, user: str) -> str:
        """A new right to open one modal, soon."""
        name = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**12)}.{secrets.token_hex(8)}"
        self._triggers[name] = _Trigger(user, self._world.clock.now + TRIGGER)
        return name

    def screen(self, user: str) -> View | None:
        """What somebody looks at: the modal opened last that is still open."""
        return next((view for view in reversed(list(self.held.values())) if view.user == user and view.open), None)

    def put(self, user: str, body: Body, view_id: str | None = None) -> View:
        """Show a modal, in place of another if that is named.

        Raises
        ------
        RefusedError
            ``invalid_arguments`` with what is wrong with it, and where.
        """
        wrong = [*_MODAL(body, "/view"), *kit.wrong(_blocks(body), Surface.MODAL)]
        if any(block.get("type") == "input" for block in _blocks(body)) and "submit" not in body:
            wrong.append("missing required field: submit [json-pointer:/view]")
        if wrong:
            told: list[Json] = [f"[ERROR] {each}" for each in wrong]
            raise RefusedError("invalid_arguments", {"response_metadata": {"messages": told}})
        if len(written(body)) > 250_000:
            raise RefusedError("view_too_large")
        shown = {**body, "blocks": named(_blocks(body))}
        stamp = f"{self._world.stamps.next().partition('.')[0]}.{secrets.token_hex(4)}"
        view = View(view_id or f"V{len(self.held) + 1:010}", user, stamp, shown)
        self.held[view.id] = view
        return view

    def close(self, view: View) -> None:
        """Take it off the screen."""
        self.held[view.id] = replace(self.held[view.id], open=False)

    def answered(self, view: View, acked: bool, answer: Json) -> None:
        """What becomes of a modal that was sent, by what came with the acknowledgement."""
        said = answer if isinstance(answer, dict) else {}
        action, body = said.get("response_action"), said.get("view")
        if not acked or action == "errors":
            return
        if action == "update" and isinstance(body, dict):
            self.put(view.user, body, view.id)
        elif action == "push" and isinstance(body, dict):
            self.put(view.user, body)
        elif action == "clear":
            for each in [each for each in self.held.values() if each.user == view.user and each.open]:
                self.close(each)
        else:
            self.close(view)

    def wire(self, view: View) -> Body:
        """It in the Web API and in payloads."""
        app = self._world.app
        return {
            "id": view.id,
            "team_id": self._world.team,
            "app_id": app.id,
            "bot_id": app.bot_id,
            "app_installed_team_id": self._world.team,
            "private_metadata": "",
            "callback_id": "",
            "external_id": "",
            "state": {"values": {}},
            "hash": view.hash,
            "clear_on_close": False,
            "notify_on_close": False,
            "close": None,
            "submit": None,
            "previous_view_id": None,
            "root_view_id": view.id,
            **view.body,
        }

    def _opened(self, call: Call) -> Body:
        trigger = self._triggers.pop(call.needed("trigger_id", "invalid_trigger_id"), None)
        if trigger is None:
            raise RefusedError("exchanged_trigger_id")
        if self._world.clock.now > trigger.until:
            raise RefusedError("expired_trigger_id")
        return {"ok": True, "view": self.wire(self.put(trigger.user, _view(call)))}

    def _updated(self, call: Call) -> Body:
        name, outside = call.text("view_id"), call.text("external_id")
        found = self.held.get(name) or next(
            (view for view in self.held.values() if outside and view.body.get("external_id") == outside), None
        )
        if found is None or not found.open:
            raise RefusedError("not_found")
        if call.has("hash") and call.text("hash") != found.hash:
            raise RefusedError("hash_conflict")
        return {"ok": True, "view": self.wire(self.put(found.user, _view(call), found.id))}


def _view(call: Call) -> Body:
    view = call.object("view", "invalid_arguments")
    if view is None:
        raise RefusedError("invalid_arguments")
    return view


def _blocks(body: Body) -> list[Body]:
    blocks = body.get("blocks")
    return [block for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
