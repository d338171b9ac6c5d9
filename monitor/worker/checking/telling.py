"""Whether what is found reaches somebody: notifiers, routes, identities.yml, and what is stuck on its way."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from threading import Event
from typing import Final

from monitor.clock import iso
from monitor.errors import MintwatchError
from monitor.settings import Logins, NotifierSettings, Settings
from monitor.store import Store
from monitor.worker.checking import owners
from monitor.worker.checking.answers import Checked, Verdict
from monitor.worker.checking.slack import slack
from monitor.worker.notifying import slack_api, webhook
from monitor.written import nearest

CONTROL: Final = "control.db"


def check_telling(
    settings: Settings, logins: Logins, rules: Collection[str], now: datetime, stop: Event
) -> Iterator[Checked]:
    """Everything there is to say, as it is found out. Nothing is posted, and nothing is written anywhere.

    `rules` are the ids of those that are judged.
    """
    api = slack_api(settings, logins, stop)
    if settings.slack is not None and api is not None:
        secret = settings.slack.app_token
        yield from slack(settings, settings.slack, api, logins.revealing(secret) if secret else None, now)
    for name, one in settings.notifiers.items():
        yield from _notifier(f"notifier {name}", one, logins)
    yield from _routes(settings, rules)
    if settings.identities is not None:
        said, found = owners.read(settings.identities)
        yield from found
        yield from owners.leads_nowhere(settings, said, now) if said else ()
    if (settings.state / CONTROL).is_file():
        yield from _state(settings)


def _notifier(about: str, one: NotifierSettings, logins: Logins) -> Iterator[Checked]:
    """What can be said of one notifier without sending anything; of Slack's is said what Slack answers."""
    try:
        if one.kind == "webhook" and one.url is not None:
            webhook(one.url, logins)()
            yield Checked(Verdict.UNKNOWN, about, "has an address; whether it works shows when something is posted")
        for secret in one.secrets.values():
            logins.reveal(secret)
    except MintwatchError as error:
        yield Checked(Verdict.WRONG, about, str(error))
    if one.directory is not None and not _writable(one.directory):
        yield Checked(Verdict.WRONG, about, f"nothing can be written to the folder {one.directory}")


def _writable(folder: Path) -> bool:
    """Whether files can be put into the folder, or where it will be made."""
    there = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _routes(settings: Settings, rules: Collection[str]) -> Iterator[Checked]:
    for index, route in enumerate(settings.routes):
        for rule in route.rules:
            if rule not in rules:
                said = f"there is no rule {rule!r}{nearest(rule, rules)}"
                yield Checked(Verdict.WRONG, f"routes.{index}", said)
    led = {one.to for one in settings.routes} | {one.escalate.to for one in settings.routes if one.escalate}
    for name in settings.notifiers:
        if settings.routes and name not in led:
            yield Checked(Verdict.NOTE, f"notifier {name}", "no route leads to it, so it is told nothing")


def _state(settings: Settings) -> Iterator[Checked]:
    """What waits to be sent, and what was refused for good."""
    try:
        with Store(settings.state, write=False) as store:
            yield from _outbox(store)
    except MintwatchError as error:
        yield Checked(Verdict.UNKNOWN, "outbox", str(error))


def _outbox(store: Store) -> Iterator[Checked]:
    backlog = store.backlog()
    if not backlog.waiting:
        yield Checked(Verdict.FINE, "outbox", "nothing waits to be sent")
    elif backlog.oldest is not None:
        what = "message waits" if backlog.waiting == 1 else "messages wait"
        yield Checked(Verdict.NOTE, "outbox", f"{backlog.waiting:,} {what} to be sent, since {iso(backlog.oldest)}")
    refused = sorted(backlog.refused, key=lambda one: (one.wanted.notifier, one.error))
    for (notifier, error), alike in groupby(refused, key=lambda one: (one.wanted.notifier, one.error)):
        count = len(list(alike))
        what = "message was" if count == 1 else "messages were"
        yield Checked(Verdict.WRONG, f"outbox, notifier {notifier}", f"{count:,} {what} refused, and wait: {error}")
