"""Listening: whoever sits at the desk that people reach from Slack, for as long as mintwatch runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib.util import find_spec
from typing import Final, Protocol

from monitor.errors import InputError
from monitor.model import Part, State
from monitor.notifiers.slack.client import SlackApi
from monitor.settings import Settings, SlackSettings
from monitor.worker.allowing import Allowed
from monitor.worker.answering import Answers
from monitor.worker.app import App

_APP: Final = re.compile(r"xapp-\d+-(A[A-Z0-9]+)-")


class Socket(Protocol):
    """What can be seen of whoever listens: whether Slack reaches us, when it last did, and whether anybody is there."""

    @property
    def connected(self) -> bool:
        """Whether Slack reaches us, as far as anybody can know."""
        ...

    @property
    def last_heard(self) -> datetime | None:
        """When Slack was last heard; None if never."""
        ...

    @property
    def alive(self) -> bool:
        """Whether its threads run."""
        ...


@contextmanager
def listening(app: App, api: SlackApi, settings: Settings, app_token: Callable[[], str]) -> Iterator[Socket | None]:
    """Meanwhile people can act from Slack.

    Raises
    ------
    InputError
        If what Socket Mode needs is not installed.
    """
    slack = settings.slack
    if slack is None:
        yield None
        return
    if find_spec("aiohttp") is None:
        raise InputError('slack.app_token: expected aiohttp to be installed: pip install "mintwatch[slack]"')
    from monitor.notifiers.slack.socket import Listener

    allowed = _allowed(slack, api, app_token)
    answers = Answers(app, api, allowed, channels(settings))
    with allowed, Listener(app_token, answers.handle, answers.answer, api_url=slack.api_url) as socket:
        yield socket


def with_buttons(app: App, now: datetime) -> None:
    """What was posted while nobody listened gets its buttons: the cards of what is not over are brought up to date."""
    live = [one.id for state in State if state.live for one in app.store.incidents(state)]
    cards = [each for one in live for each in app.store.kept_true(one) if each.part is Part.CARD]
    app.store.conclude({}, [], [], [], wanted=cards, at=now)


def channels(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """Channel id -> the notifiers that write there."""
    found: dict[str, tuple[str, ...]] = {}
    for name, one in settings.notifiers.items():
        if one.kind == "slack":
            found[one.channel] = (*found.get(one.channel, ()), name)
    return found


def app_of(token: str) -> str:
    """Id of the app whose app-level token it is, '' if it does not say.

    >>> app_of("xapp-1-A012ABCD0A0-123-abc"), app_of("xoxb-1")
    ('A012ABCD0A0', '')
    """
    found = _APP.match(token.strip())
    return found[1] if found else ""


def _allowed(slack: SlackSettings, api: SlackApi, app_token: Callable[[], str]) -> Allowed:
    named = slack.may_act
    return Allowed(
        api,
        workspace=slack.workspace,
        app=lambda: app_of(app_token()),
        users=named.users if named else (),
        groups=named.groups if named else (),
    )
