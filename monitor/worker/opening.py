"""From a settings file, a folder of exports or a state to a desk."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Final

from monitor import plugins, rules, settings
from monitor.errors import InputError
from monitor.kql import DuckEngine
from monitor.rules import Rule
from monitor.sources.export import open_exports
from monitor.store import Store
from monitor.tables import SCHEMAS
from monitor.worker.app import App
from monitor.worker.desk import Desk
from monitor.worker.watching import watch

SETTINGS: Final = frozenset({".yml", ".yaml"})
CONTROL: Final = "control.db"


@dataclass(frozen=True, slots=True)
class _Kit:
    """What every desk has: an engine, rules, and what is to be closed."""

    engine: DuckEngine
    rules: Path | None
    closing: ExitStack

    def load(self, configured: Path | None = None) -> tuple[Rule, ...]:
        return rules.load(self.rules or configured or rules.shipped(), plugins.detectors())


def opened(where: Path, rules_in: Path | None, environment: Mapping[str, str], *, fresh: bool) -> Desk:
    """See `monitor.open`."""
    with ExitStack() as closing:
        scratch = Path(closing.enter_context(TemporaryDirectory(prefix="mintwatch-desk-")))
        kit = _Kit(DuckEngine(SCHEMAS, temp_directory=scratch), rules_in, closing)
        closing.callback(kit.engine.close)
        live = where.suffix in SETTINGS
        if live:
            app, writes = _over_workspaces(where, kit, environment, fresh=fresh)
        elif (where / CONTROL).is_file():
            app, writes = _over_state(where, kit), False
        elif where.is_dir():
            app, writes = _over_exports(where, kit), True
        else:
            raise InputError(f"{where}: expected a file of settings (.yml), a state, or a folder of exported tables")
        return Desk(app, closing.pop_all(), writes=writes, live=live)


def _over_workspaces(where: Path, kit: _Kit, environment: Mapping[str, str], *, fresh: bool) -> tuple[App, bool]:
    """Live sources, and whether the state is our own: it is the daemon's if there is one and no fresh one is wanted."""
    chosen = settings.load(where, environment)
    kept = not fresh and (chosen.state / CONTROL).is_file()
    store = kit.closing.enter_context(Store(chosen.state, write=False) if kept else Store())
    stop = Event()
    watching = watch(chosen, environment, kit.load(chosen.rules), engine=kit.engine, store=store, stop=stop)
    app = kit.closing.enter_context(watching).app
    kit.closing.callback(stop.set)
    return replace(app, backlogs={}), not kept


def _over_state(where: Path, kit: _Kit) -> App:
    store = kit.closing.enter_context(Store(where, write=False))
    return App((), kit.load(), store, kit.engine)


def _over_exports(where: Path, kit: _Kit) -> App:
    exports = kit.closing.enter_context(open_exports(where, engine=kit.engine))
    store = kit.closing.enter_context(Store())
    return App(exports.sources, kit.load(), store, kit.engine)
