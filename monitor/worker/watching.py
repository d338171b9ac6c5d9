"""From settings to an app: each credential, workspace and source made once, and all of it closed together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from threading import Event

from monitor.collect import Backlog
from monitor.login import Credential
from monitor.ports import Engine, LogSource, Notifier
from monitor.rules import Rule
from monitor.settings import Logins, Settings, Watched, WorkspaceSettings, watched
from monitor.sources.loganalytics.client import Workspace
from monitor.sources.loganalytics.gate import Gate
from monitor.sources.loganalytics.source import LogAnalyticsSource
from monitor.store import Store
from monitor.worker.app import App, Progress, silent
from monitor.worker.health import NAME, HealthSource


@dataclass(frozen=True, slots=True)
class Watch:
    """An app over the configured workspaces; `every` says how often each of its sources is to be asked."""

    app: App
    every: Mapping[str, timedelta]
    workspaces: tuple[Workspace, ...]


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
    progress: Progress = silent,
) -> Iterator[Watch]:
    """Everything that is watched, and last mintwatch itself. Nothing is asked of anybody yet.

    Once `stop` is set, nothing in it waits any longer.

    Raises
    ------
    InputError
        If a credential lacks something.
    """
    chosen = watched(settings)
    with ExitStack() as closing:
        logins = Logins(settings, environment)
        closing.callback(logins.close)
        places = _Places(logins, stop, closing)
        sources: list[LogSource] = [_source(one, places) for one in chosen]
        backlogs = {one.name: _backlog(one.workspace) for one in chosen}
        app = App(
            (*sources, HealthSource(store)), rules, store, engine, notifiers, progress=progress, backlogs=backlogs
        )
        every = {one.name: one.interval for one in chosen}
        quickest = min(every.values(), default=timedelta(minutes=5))
        yield Watch(app, {**every, NAME: quickest}, tuple(places.workspaces.values()))


class _Places:
    """Workspaces as each credential meets them; the sources of one share it, and all of a credential its gate."""

    def __init__(self, logins: Logins, stop: Event, closing: ExitStack) -> None:
        self.workspaces: dict[tuple[str, str], Workspace] = {}
        self._logins, self._stop, self._closing = logins, stop, closing
        self._gates: dict[str, Gate] = {}

    def workspace(self, id: str, name: str) -> Workspace:  # noqa: A002
        """The workspace of that id, asked with the credential of that name."""
        if (id, name) not in self.workspaces:
            made = self._logins.credential(name)
            gate = self._gates.setdefault(name, Gate(self._stop))
            self.workspaces[id, name] = self._closing.enter_context(_opened(id, made, gate, self._stop))
        return self.workspaces[id, name]


def _opened(id: str, credential: Credential, gate: Gate, stop: Event) -> Workspace:  # noqa: A002
    login = credential.login
    return Workspace(
        id,
        credential,
        endpoint=login.cloud.query,
        audience=login.cloud.audience,
        gate=gate,
        stop=stop,
        connection_verify=str(login.ca_bundle) if login.ca_bundle else True,
    )


def _source(one: Watched, places: _Places) -> LogAnalyticsSource:
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


def _backlog(workspace: WorkspaceSettings) -> Backlog:
    return Backlog(history=workspace.history, cap=workspace.catch_up, slice=workspace.slice)
