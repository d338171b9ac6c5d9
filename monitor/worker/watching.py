"""From settings to an app: each credential, workspace and source made once, and all of it closed together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event

from monitor.collect import Backlog
from monitor.errors import InputError
from monitor.notifiers.slack.client import SlackApi
from monitor.ports import Engine, Notifier
from monitor.rules import Rule
from monitor.settings import (
    IdentitiesFile,
    Logins,
    Settings,
    Watched,
    WorkspaceSettings,
    policy,
    routes,
    watched,
)
from monitor.sources.loganalytics.client import Workspace
from monitor.sources.loganalytics.source import LogAnalyticsSource
from monitor.store import Store
from monitor.worker.app import App, Progress, silent
from monitor.worker.daily import deaf
from monitor.worker.health import NAME, HealthSource
from monitor.worker.keeping import kept, too_short
from monitor.worker.listening import Socket, listening
from monitor.worker.notifying import Notifying
from monitor.worker.places import Places
from monitor.worker.pointing import Portal


@dataclass(frozen=True, slots=True)
class Watch:
    """An app over the configured workspaces; `every` says how often each of its sources is to be asked.

    `address` is where health and metrics are shown, `heartbeat` reveals whom to call after each cycle, None for nobody.
    `origins` are the ids of the workspaces that sources read, by the source's name: one id under two names would count
    every row twice. `portals` are where people read the rows of the same sources. `slack` is the workspace that the
    notifiers share, None without one; while `people` is entered, they can act from there, if it `listens`.
    """

    app: App
    every: Mapping[str, timedelta]
    workspaces: tuple[Workspace, ...]
    origins: Mapping[str, str]
    portals: Mapping[str, Portal]
    slack: SlackApi | None = None
    people: AbstractContextManager[Socket | None] = field(default_factory=nullcontext)
    listens: bool = False
    address: str = ""
    heartbeat: Callable[[], str] | None = None


@contextmanager
def watch(
    settings: Settings,
    environment: Mapping[str, str],
    rules: tuple[Rule, ...],
    *,
    engine: Engine,
    store: Store,
    stop: Event,
    notifiers: tuple[Notifier, ...] = (),
    console: Callable[[str], Notifier] | None = None,
    progress: Progress = silent,
    listens: bool = True,
) -> Iterator[Watch]:
    """Everything that is watched, and last mintwatch itself. Nothing is asked of anybody yet.

    Once `stop` is set, nothing in it waits any longer. Besides `notifiers` those of the settings are told if there is a
    `console`, which makes one of kind `console` of that name, and those are told by the routes of the settings. Unless
    it `listens`, nobody can act from Slack, and nothing that is posted there asks for it.

    Raises
    ------
    InputError
        If a credential or a notifier lacks something, if what is stored of a workspace is stored under another name, or
        if less is to be kept than rules look back.
    PermanentError
        If the class of a notifier cannot be loaded.
    """
    chosen, keep = watched(settings), kept(settings)
    if wrong := too_short(keep, rules):
        raise InputError("\n".join(wrong))
    with ExitStack() as closing:
        logins = Logins(settings, environment)
        closing.callback(logins.close)
        places = Places(logins, stop, closing)
        sources = [_source(one, places) for one in chosen]
        backlogs = {one.name: _backlog(one.workspace) for one in chosen}
        notifying = Notifying(settings, logins, stop, listens=listens)
        portals = {one.name: _portal(one, logins) for one in chosen}
        app = App(
            (*sources, HealthSource(store)),
            tuple(one.knowing(logins.own) for one in rules),
            store,
            engine,
            (*notifiers, *(notifying.notifiers(console) if console else ())),
            policy=policy(settings),
            progress=progress,
            backlogs=backlogs,
            routes=routes(settings) if console else (),
            identities=IdentitiesFile(settings.identities),
            portals=portals,
            keep=keep,
            daily=settings.daily,
        )
        if wrong := deaf(app):
            raise InputError("\n".join(wrong))
        every = {one.name: one.interval for one in chosen}
        quickest = min(every.values(), default=timedelta(minutes=5))
        origins = {one.name: one.workspace.id.lower() for one in chosen}
        _remember(store, sources, origins)
        slack = settings.slack
        people: AbstractContextManager[Socket | None] = nullcontext()
        if listens and slack and slack.app_token and notifying.api:
            people = listening(app, notifying.api, settings, logins.revealing(slack.app_token))
        workspaces = tuple(places.workspaces.values())
        heard = not isinstance(people, nullcontext)
        heartbeat = logins.revealing(settings.heartbeat.url) if settings.heartbeat else None
        yield Watch(
            app,
            {**every, NAME: quickest},
            workspaces,
            origins,
            portals,
            notifying.api,
            people,
            heard,
            settings.serve.address,
            heartbeat,
        )


def _remember(store: Store, sources: Sequence[LogAnalyticsSource], origins: Mapping[str, str]) -> None:
    """Tell the sources what was seen before, and the store where they read from; what is stored must be theirs.

    Under another name every row would count twice; of another workspace, rows of two would be one source's.
    """
    known = store.origins()
    where = f"{store.directory}: expected a new state, or in the settings"
    for source in sources:
        name, origin = source.name, origins[source.name]
        if name in known and known[name][0] != origin:
            raise InputError(f"{where} the id {known[name][0]}, of which {name} is stored, got {origin}")
        kind = name.partition(".")[2]
        for other, (stored, _) in known.items():
            if stored == origin and other != name and other.partition(".")[2] == kind and other not in origins:
                raise InputError(f"{where} the workspace's old name: {origin} is stored as {other}, got {name}")
    for source in sources:
        if store.writable:
            store.note_origin(source.name, origins[source.name])
        source.seen_tables = known.get(source.name, ("", frozenset[str]()))[1]


def _source(one: Watched, places: Places) -> LogAnalyticsSource:
    return LogAnalyticsSource(
        one.query,
        places.workspace(one.workspace.id, one.credential),
        name=one.name,
        issuer=one.workspace.issuer,
        settle=one.query.settle,
        overlap=one.overlap,
        bound=one.bound,
        step=one.step,
    )


def _portal(one: Watched, logins: Logins) -> Portal:
    login = logins.credential(one.credential).login
    return Portal(one.workspace.resource_id, login.tenant_id, login.cloud.portal)


def _backlog(workspace: WorkspaceSettings) -> Backlog:
    return Backlog(history=workspace.history, cap=workspace.catch_up, slice=workspace.slice)
