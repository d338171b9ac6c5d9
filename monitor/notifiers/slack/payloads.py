"""What people do, as Slack tells it: a press, a choice in a modal, a modal that was sent, a command.

What a payload lacks is ''. Ids, times and addresses in it have the shape that Slack gives them, or are '' too: nothing
of another shape gets past here. Only who did it is needed: a payload that does not say that says nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from monitor.hostile import clean, clip
from monitor.model import Person, digest
from monitor.notifiers.slack.wire import Body, items, text

INTERACTIVE: Final = "interactive"
COMMANDS: Final = "slash_commands"
LONGEST: Final = 3000
"""Characters of what somebody typed; Slack takes no more in a field."""
NAME: Final = 80

_ID: Final = re.compile(r"[A-Z][A-Z0-9]{1,31}")
_TS: Final = re.compile(r"\d{1,12}\.\d{1,9}")
_WORD: Final = re.compile(r"[A-Za-z0-9_.:/\-]{1,255}")


@dataclass(frozen=True, slots=True)
class Origin:
    """Who did it and where, as the payload claims: it is for the worker to believe.

    `who.workspace` is the person's own workspace, `team` the one in which it happened. By `trigger` a modal can be
    opened within 3 s, by `response_url` the person be answered within 30 min.
    """

    who: Person
    team: str
    app: str
    channel: str = ""
    trigger: str = ""
    response_url: str = ""
    organisation: bool = False

    @property
    def claim(self) -> tuple[str, ...]:
        """What of it goes into a key: a forged claim never has the key of the genuine one."""
        return "slack", self.team, self.app, self.who.workspace, self.who.id, str(self.organisation)


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button pressed, or an option chosen, on a message. `hint` is what the button carried: nobody may rely on it."""

    origin: Origin
    action: str
    chosen: str
    at: str
    message: str
    thread: str
    hint: str

    @property
    def key(self) -> str:
        """The same for every delivery of one press."""
        one = self.origin
        return digest(*one.claim, self.action, self.chosen, self.at, one.channel, self.message)


@dataclass(frozen=True, slots=True)
class Changed:
    """A choice made in a modal that is still open."""

    origin: Origin
    form: Form


@dataclass(frozen=True, slots=True)
class Submitted:
    """A modal that was sent."""

    origin: Origin
    form: Form

    @property
    def key(self) -> str:
        """The same for every delivery of one submission: a modal is sent with effect once."""
        return digest(*self.origin.claim, "view", self.form.id)


@dataclass(frozen=True, slots=True)
class Form:
    """A modal as somebody sees it: `about` are the ids it was given, `fields` what is filled in, by name."""

    id: str
    hash: str
    name: str
    about: Mapping[str, str]
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Typed:
    """A command, and what follows it."""

    origin: Origin
    command: str
    text: str

    @property
    def key(self) -> str:
        """The same for every delivery of one command."""
        return digest(*self.origin.claim, self.command, self.text, self.origin.trigger)


Said: TypeAlias = Pressed | Changed | Submitted | Typed


def read(kind: str, payload: Body) -> Said | None:
    """What somebody did, None if the payload does not say, or mintwatch has no use for it."""
    if kind == COMMANDS:
        return _typed(payload)
    if kind != INTERACTIVE:
        return None
    match text(payload, "type"):
        case "block_actions" if text(payload, "view", "id"):
            origin = _origin(payload)
            return Changed(origin, _form(payload)) if origin else None
        case "block_actions":
            return _pressed(payload)
        case "view_submission":
            origin = _origin(payload)
            return Submitted(origin, _form(payload)) if origin else None
        case _:
            return None


def _typed(payload: Body) -> Typed | None:
    """The team of a command is that of the person who typed it."""
    user, team = _id(text(payload, "user_id")), _id(text(payload, "team_id"))
    if not user:
        return None
    origin = Origin(
        Person(user, clip(clean(text(payload, "user_name")), NAME), team),
        team,
        _id(text(payload, "api_app_id")),
        _id(text(payload, "channel_id")),
        _word(text(payload, "trigger_id")),
        text(payload, "response_url")[:LONGEST],
        organisation=text(payload, "is_enterprise_install") == "true",
    )
    return Typed(origin, _word(text(payload, "command")), text(payload, "text")[:LONGEST])


def _pressed(payload: Body) -> Pressed | None:
    """The first of what was done to a message; Slack tells one at a time."""
    origin, done = _origin(payload), next(iter(items(payload.get("actions"))), None)
    if origin is None or not isinstance(done, Mapping):
        return None
    return Pressed(
        origin,
        _word(text(done, "action_id")),
        _word(text(done, "selected_option", "value")),
        _ts(text(done, "action_ts")),
        _ts(text(payload, "container", "message_ts") or text(payload, "message", "ts")),
        _ts(text(payload, "container", "thread_ts") or text(payload, "message", "thread_ts")),
        text(done, "value")[:LONGEST],
    )


def _origin(payload: Body) -> Origin | None:
    user = _id(text(payload, "user", "id"))
    if not user:
        return None
    name = text(payload, "user", "name") or text(payload, "user", "username")
    return Origin(
        Person(user, clip(clean(name), NAME), _id(text(payload, "user", "team_id"))),
        _id(text(payload, "team", "id")),
        _id(text(payload, "api_app_id")),
        _id(text(payload, "channel", "id") or text(payload, "container", "channel_id")),
        _word(text(payload, "trigger_id")),
        text(payload, "response_url")[:LONGEST],
        organisation=payload.get("is_enterprise_install") is True,
    )


def _form(payload: Body) -> Form:
    view = payload.get("view")
    return Form(
        _word(text(view, "id")),
        _word(text(view, "hash")),
        _word(text(view, "callback_id")),
        about(text(view, "private_metadata")),
        _fields(view),
    )


def about(metadata: str) -> dict[str, str]:
    """The ids a modal was given."""
    try:
        found = json.loads(metadata)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(name): value for name, value in found.items() if isinstance(value, str) and _WORD.fullmatch(value)}


def _fields(view: object) -> dict[str, str]:
    """What is filled in, by the name of the field: text, the value of an option, or a time as its Unix stamp."""
    state = view.get("state") if isinstance(view, Mapping) else None
    values = state.get("values") if isinstance(state, Mapping) else None
    found: dict[str, str] = {}
    for block in values.values() if isinstance(values, Mapping) else ():
        for name, field in block.items() if isinstance(block, Mapping) else ():
            moment = field.get("selected_date_time") if isinstance(field, Mapping) else None
            said = text(field, "value") or text(field, "selected_option", "value")
            found[str(name)] = str(moment) if type(moment) is int else said[:LONGEST]
    return found


def _id(value: str) -> str:
    return value if _ID.fullmatch(value) else ""


def _ts(value: str) -> str:
    return value if _TS.fullmatch(value) else ""


def _word(value: str) -> str:
    return value if _WORD.fullmatch(value) else ""
