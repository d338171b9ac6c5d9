"""Whether what is found reaches somebody: notifiers, routes, identities.yml, and what is stuck on its way."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from pathlib import Path
from threading import Event
from typing import Final

from monitor.clock import DAY, iso
from monitor.errors import MintwatchError
from monitor.model import Owner, Owners, names_something
from monitor.rules import Rule
from monitor.settings import Logins, NotifierSettings, Settings
from monitor.settings.notifying import USED
from monitor.store import Store
from monitor.triage.silencing import preview
from monitor.worker.checking import owners
from monitor.worker.checking.answers import Checked, Verdict
from monitor.worker.checking.slack import slack
from monitor.worker.checking.untold import untold
from monitor.worker.notifying import Notifying, plugin
from monitor.written import nearest

CONTROL: Final = "control.db"
ONE: Final = "# notifiers: {oncall: {kind: slack, channel: C...}}"


def check_telling(
    settings: Settings, logins: Logins, rules: Mapping[str, Rule], now: datetime, stop: Event
) -> Iterator[Checked]:
    """Everything there is to say, as it is found out. Nothing is posted, and nothing is written anywhere.

    `rules` are those that are judged, by id.
    """
    notifying = Notifying(settings, logins, stop)
    if settings.slack is not None and notifying.api is not None:
        secret = settings.slack.app_token
        yield from slack(settings, settings.slack, notifying.api, logins.revealing(secret) if secret else None, now)
    if settings.slack is not None and not {"slack", "webhook"} & {one.kind for one in settings.notifiers.values()}:
        yield Checked(Verdict.NOTE, "slack", "nothing is posted there: no notifier is of kind slack", (ONE,))
    for name, one in settings.notifiers.items():
        yield from _notifier(name, one, logins, notifying)
    yield from _routes(settings, rules)
    said = Owners()
    if settings.identities is not None:
        said, found = owners.read(settings.identities)
        yield from found
        yield from owners.leads_nowhere(settings, said, now)
    yield from untold(settings, rules, said)
    if (settings.state / CONTROL).is_file():
        yield from _state(settings, rules, said, now)


def _notifier(name: str, one: NotifierSettings, logins: Logins, notifying: Notifying) -> Iterator[Checked]:
    """What can be said of one notifier without sending anything; of Slack's is said what Slack answers."""
    about = f"notifier {name}"
    try:
        if one.url is not None:
            notifying.webhook(one.url)()
            yield Checked(Verdict.UNKNOWN, about, "has an address; whether it works shows when something is posted")
        if one.kind not in USED:
            made = plugin(name, one, logins)
            for secret in one.secrets.values():
                logins.reveal(secret)
            yield Checked(Verdict.UNKNOWN, about, f"is a {type(made).__name__}; it shows when something is sent")
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


def _state(settings: Settings, rules: Mapping[str, Rule], said: Owners, now: datetime) -> Iterator[Checked]:
    """What waits to be sent, what was refused for good, and silences that expire soon or match nothing."""
    try:
        with Store(settings.state, write=False) as store:
            yield from _outbox(store)
            yield from _ending(store, now)
            yield from _silences(store, rules, said, now)
            yield from _sweeping(store, now)
    except MintwatchError as error:
        yield Checked(Verdict.UNKNOWN, "state", str(error))


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


def _ending(store: Store, now: datetime) -> Iterator[Checked]:
    """Silences that expire within a day: what they keep quiet speaks again then, if it goes on."""
    for one in store.silences(now):
        if one.active(now) and one.expires_at - now <= DAY:
            what = ", ".join(map(str, one.matchers))
            yield Checked(
                Verdict.NOTE, f"silence {one.id}", f"{what}, by {one.author}: expires at {iso(one.expires_at)}"
            )


def _sweeping(store: Store, now: datetime) -> Iterator[Checked]:
    """Silences that name nothing in particular, and so mute whatever comes."""
    for one in store.silences(now):
        if one.active(now) and not names_something(one.matchers):
            what = ", ".join(map(str, one.matchers))
            text = f"{what}, by {one.author}: mutes whatever comes, until {iso(one.expires_at)}"
            yield Checked(Verdict.NOTE, f"silence {one.id}", text, (f"mintwatch silence expire {one.id}",))


def _silences(store: Store, rules: Mapping[str, Rule], said: Owners, now: datetime) -> Iterator[Checked]:
    """Silences that have held for a day and matched nothing: misspelt, or of something that is over."""
    held = [one for one in (*store.silences(now), *said.silences) if one.active(now) and now - one.starts_at >= DAY]
    if not held:
        return
    names, whose = store.names(), dict[str, Owner]()
    findings = store.lately(min(one.starts_at for one in held))
    for finding in findings:
        if owner := said.of(finding.subject, names.get(finding.identity)):
            whose[finding.subject] = owner
    for one in held:
        since = [finding for finding in findings if finding.time >= one.starts_at]
        if not preview(one.matchers, since, whose, rules):
            what = ", ".join(map(str, one.matchers))
            where = f"by {one.author} via {one.via}" if one.via else f"by {one.author}"
            text = f"{what}, {where}: has matched nothing since {iso(one.starts_at)}"
            yield Checked(Verdict.NOTE, f"silence {one.id}", text)
