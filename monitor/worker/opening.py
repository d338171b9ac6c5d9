"""From a settings file, a folder of exports or a state to a desk."""

from __future__ import annotations

import logging
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
    logging.getLogger("mintwatch").addHandler(logging.NullHandler())  # what fails is in reports, and raised
    with ExitStack() as closing:
        scratch = Path(closing.enter_context(TemporaryDirectory(prefix="mintwatch-desk-")))
        kit = _Kit(DuckEngine(SCHEMAS, temp_directory=scratch), rules_in, closing)
        closing.callback(kit.engine.close)
        if where.suffix in SETTINGS:
            app, writes = _over_workspaces(where, kit, environment, fresh=fresh)
            return Desk(app, closing.pop_all(), where=where, writes=writes, live=True)
        if (where / CONTROL).is_file():
            store = closing.enter_context(Store(where, write=False))
            return Desk(
                App((), kit.load(), store, kit.engine), closing.pop_all(), where=where, writes=False, live=False
            )
        if not where.is_dir():
            raise InputError(f"{where}: expected a file of settings (.yml), a state, or a folder of exported tables")
        exports = closing.enter_context(open_exports(where, engine=kit.engine))
        app = App(exports.sources, kit.load(), closing.enter_context(Store()), kit.engine)
        return Desk(app, closing.pop_all(), where=where, writes=True, live=False, read=exports.report)


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
