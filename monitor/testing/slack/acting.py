"""What people do: click, fill in, type a command; and what the app answered, how fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from monitor.testing.slack.hooks import Hooks
from monitor.testing.slack.http import Body, Json
from monitor.testing.slack.messages import Channel, Message
from monitor.testing.slack.naming import interactive
from monitor.testing.slack.views import View, Views
from monitor.testing.slack.workspace import User, Workspace

Values: TypeAlias = "Mapping[str, str | Sequence[str]]"
"""What is filled in: action id -> text, the value of an option, or the values of several."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something a person did.

    Attributes
    ----------
    kind
        ``interactive`` or ``slash_commands``.
    payload
        What the app was sent; change it and `deliver` it to forge, or `deliver` it again to replay.
    after
        How long the app took to acknowledge it; None: longer than Slack waits, and the person saw an error.
    answer
        What came with the acknowledgement.
    """

    kind: str
    payload: Body
    envelope_id: str
    after: timedelta | None
    answer: Json = None

    @property
    def acked(self) -> bool:
        """Whether the app acknowledged it in time."""
        return self.after is not None

    @property
    def errors(self) -> Mapping[str, str]:
        """Of a submitted modal: block id -> what the app has against what was filled in."""
        found = self.answer.get("errors") if isinstance(self.answer, dict) else None
        return {name: str(text) for name, text in found.items()} if isinstance(found, dict) else {}

    @property
    def text(self) -> str:
        """The text that came with the acknowledgement, as to a command."""
        return str(self.answer.get("text", "")) if isinstance(self.answer, dict) else ""

    @property
    def blocks(self) -> list[Body]:
        """The blocks that came with the acknowledgement, as to a command."""
        found = self.answer.get("blocks") if isinstance(self.answer, dict) else None
        return [block for block in _listed(found) if isinstance(block, dict)]


class Payloads:
    """What the app is told of what people do."""

    def __init__(self, world: Workspace, views: Views, hooks: Hooks, base: str) -> None:
        self._world, self._views, self._hooks, self._base = world, views, hooks, base

    def click(self, user: User, message: Message, action: str, choose: str | None) -> Body:
        """A button pressed, or one of the options of a menu chosen.

        Raises
        ------
        ValueError
            If the message as it stands has nothing of that name, or the menu no such option.
        """
        channel = self._world.channels[message.channel]
        stands = channel.now(message)
        block_id, element = _named(stands, action)
        act = {
            "action_id": action,
            "block_id": block_id,
            "action_ts": self._world.stamps.next(),
            **_done(element, choose),
        }
        app = self._world.app
        return {
            **self._who(user, "block_actions"),
            "container": {
                "type": "message",
                "message_ts": stands.ts,
                "channel_id": channel.id,
                "is_ephemeral": False,
                **({"thread_ts": stands.thread_ts} if stands.thread_ts else {}),
            },
            "channel": {"id": channel.id, "name": channel.name},
            "message": stands.wire(app.id, self._world.team, metadata=True),
            "state": {"values": {}},
            "response_url": self._base + self._hooks.answer(channel.id, user.id, stands.ts),
            "actions": [act],
        }

    def submit(self, user: User, view: View, values: Values) -> Body:
        """A modal filled in.

        Raises
        ------
        ValueError
            If the modal is not open, has no such field, or one that must be filled in is empty: Slack sends nothing.
        """
        if not self._views.held[view.id].open:
            raise ValueError(f"modal {view.id} is not open")
        fields = list(interactive(_blocks(view)))
        names = {str(element["action_id"]) for _, element in fields}
        if unknown := sorted(set(values) - names):
            raise ValueError(f"modal has no field named {', '.join(unknown)}, only: {', '.join(sorted(names))}")
        self._complete(view, values)
        state: dict[str, dict[str, Json]] = {}
        for block_id, element in fields:
            name = str(element["action_id"])
            state.setdefault(block_id, {})[name] = _filled(element, values.get(name))
        shown = {**self._views.wire(view), "state": {"values": state}}
        return {**self._who(user, "view_submission"), "view": shown, "response_urls": []}

    def dismiss(self, user: User, view: View) -> Body:
        """A modal closed without an answer."""
        return {**self._who(user, "view_closed"), "view": self._views.wire(view), "is_cleared": False}

    def slash(self, user: User, command: str, text: str, channel: Channel) -> Body:
        """A command typed in a channel."""
        payload = self._who(user, "slash")
        return {
            "token": "local-verification",
            "team_id": user.team,
            "team_domain": self._world.domain,
            "channel_id": channel.id,
            "channel_name": channel.name,
            "user_id": user.id,
            "user_name": user.name,
            "command": command,
            "text": text,
            "api_app_id": self._world.app.id,
            "is_enterprise_install": "false",
            "response_url": self._base + self._hooks.answer(channel.id, user.id),
            "trigger_id": payload["trigger_id"],
        }

    def _who(self, user: User, kind: str) -> dict[str, Json]:
        return {
            "type": kind,
            "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team},
            "api_app_id": self._world.app.id,
            "token": "local-verification",
            "trigger_id": self._views.trigger(user.id),
            "team": {"id": user.team, "domain": self._world.domain},
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _complete(self, view: View, values: Values) -> None:
        for block in _blocks(view):
            element = block.get("element")
            if block.get("type") != "input" or block.get("optional") or not isinstance(element, dict):
                continue
            if _empty(_filled(element, values.get(str(element["action_id"])))):
                raise ValueError(f"modal needs an answer to {element['action_id']!r}")


def _named(message: Message, action: str) -> tuple[str, Body]:
    """What is to be pressed, with the id of its block."""
    found = {str(element["action_id"]): (block_id, element) for block_id, element in interactive(message.blocks)}
    if action not in found:
        raise ValueError(f"message {message.ts} has nothing to press named {action!r}, only: {', '.join(found) or '-'}")
    return found[action]


def _done(element: Body, choose: str | None) -> dict[str, Json]:
    """What pressing it, or choosing from it, says."""
    kind = str(element["type"])
    if kind == "button":
        return {"type": kind, **{name: element[name] for name in ("text", "value", "style", "url") if name in element}}
    if choose is None:
        raise ValueError(f"{element['action_id']!r} is a menu: say which value to choose")
    return {"type": kind, **_picked(element, [choose])}


def _filled(element: Body, given: str | Sequence[str] | None) -> Json:
    """The state of one field: as given, else as it was at first."""
    kind = str(element["type"])
    if kind.endswith("_input"):
        text = given if isinstance(given, str) else element.get("initial_value")
        return {"type": kind, "value": text or None}
    if given is None:
        first = {name.removeprefix("initial_"): part for name, part in element.items() if name.startswith("initial_")}
        return {"type": kind, **{f"selected_{name}": part for name, part in first.items()}}
    return {"type": kind, **_picked(element, [given] if isinstance(given, str) else list(given))}


def _picked(element: Body, values: list[str]) -> dict[str, Json]:
    kind = str(element["type"])
    several = kind.startswith("multi_") or kind == "checkboxes"
    for ending, name in _DIRECT.items():
        if kind.endswith(ending):
            return (
                {f"selected_{name}s": list(values)}
                if several
                else {f"selected_{name}": int(values[0]) if name == "date_time" else values[0]}
            )
    offered = {str(option["value"]): option for option in _options(element)}
    if missing := [value for value in values if value not in offered]:
        raise ValueError(f"{element['action_id']!r} offers no {missing[0]!r}, only: {', '.join(offered)}")
    chosen: list[Json] = [offered[value] for value in values]
    return {"selected_options": chosen} if several else {"selected_option": chosen[0]}


_DIRECT = {
    "users_select": "user",
    "conversations_select": "conversation",
    "channels_select": "channel",
    "datetimepicker": "date_time",
    "datepicker": "date",
    "timepicker": "time",
}


def _options(element: Body) -> list[Body]:
    groups = element.get("option_groups")
    held = [element, *(groups if isinstance(groups, list) else [])]
    found = [option for each in held if isinstance(each, dict) for option in _listed(each.get("options"))]
    return [option for option in found if isinstance(option, dict)]


def _listed(value: Json) -> list[Json]:
    return list(value) if isinstance(value, list | tuple) else []


def _blocks(view: View) -> list[Body]:
    return [block for block in _listed(view.body.get("blocks")) if isinstance(block, dict)]


def _empty(state: Json) -> bool:
    return isinstance(state, dict) and not any(part for name, part in state.items() if name != "type")
