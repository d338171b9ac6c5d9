"""What a person does on the page, done in the local Slack as that person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from monitor.testing.slack.acting import Act, Values
from monitor.testing.slack.http import Body
from monitor.testing.slack.messages import Channel, Message
from monitor.testing.slack.page.parts import part, word
from monitor.testing.slack.views import View
from monitor.testing.slack.workspace import User, Workspace


class Hands(Protocol):
    """What people can do; the local Slack is one. Each waits as long as Slack does for the app."""

    def click(self, user: User, message: Message, action: str, choose: str | None = None) -> Act:
        """Press a button, or choose from a menu."""

    def submit(self, user: User, view: View, values: Values) -> Act:
        """Send a modal that is filled in."""

    def dismiss(self, user: User, view: View) -> Act | None:
        """Close a modal."""

    def screen(self, user: User) -> View | None:
        """The modal somebody looks at."""

    def slash(self, user: User, text: str, channel: Channel, command: str = "/mintwatch") -> Act:
        """Type a command."""

    def say(self, user: User, channel: Channel, text: str, *, thread: Message | None = None) -> Message:
        """Write something."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done: `kind` with what the page told of it."""

    kind: str
    user: User
    channel: Channel
    told: Body


@dataclass(frozen=True, slots=True)
class Result:
    """What the person sees of it: nothing, what went wrong, or what is wrong with each field."""

    error: str = ""
    fields: Mapping[str, str] | None = None

    @property
    def wire(self) -> Body:
        """It for the browser."""
        return {"error": self.error, "fields": dict(self.fields or {})}


def read(world: Workspace, channel: Channel, told: Body) -> Deed:
    """What the page says a person did.

    Raises
    ------
    ValueError
        If the person is unknown.
    """
    user = world.users.get(word(told, "user"))
    if user is None or user.bot:
        raise ValueError("choose who you are first")
    return Deed(word(told, "kind"), user, channel, told)


def perform(deed: Deed, hands: Hands) -> Result:
    """Do it, and wait for the app as long as Slack does.

    Raises
    ------
    ValueError
        If that cannot be done: what was pressed is gone, a field has no such option.
    """
    if deed.kind == "say":
        return _said(deed, hands)
    if deed.kind == "click":
        message = deed.channel.held.get(word(deed.told, "message"))
        if message is None:
            raise ValueError("the message is gone")
        chosen = word(deed.told, "value") if deed.told.get("value") is not None else None
        return _outcome(hands.click(deed.user, message, word(deed.told, "action"), chosen))
    view = hands.screen(deed.user)
    if view is None or view.id != word(deed.told, "view"):
        raise ValueError("the modal is closed")
    if deed.kind == "dismiss":
        hands.dismiss(deed.user, view)
        return Result()
    if deed.kind == "submit":
        return _outcome(hands.submit(deed.user, view, _values(part(deed.told, "values"))))
    raise ValueError(f"nobody can {deed.kind or 'do nothing'} here")


def _said(deed: Deed, hands: Hands) -> Result:
    text = word(deed.told, "text").strip()
    if not text:
        return Result()
    if text.startswith("/"):
        command, _, rest = text.partition(" ")
        return _outcome(hands.slash(deed.user, rest.strip(), deed.channel, command))
    thread = deed.channel.held.get(word(deed.told, "thread"))
    hands.say(
        deed.user, deed.channel, text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"), thread=thread
    )
    return Result()


def _outcome(act: Act) -> Result:
    if not act.acked:
        return Result("The app did not respond in time.")
    return Result(fields=act.errors)


def _values(told: Body) -> Values:
    """Field -> text, or texts where several may be chosen."""
    return {
        name: [str(each) for each in found]
        if isinstance(found, Sequence) and not isinstance(found, str)
        else str(found)
        for name, found in told.items()
    }
