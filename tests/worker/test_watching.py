"""From settings to an app: who is told by which routes, and whether anybody listens."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from monitor import worker
from monitor.kql import DuckEngine
from monitor.model import Part
from monitor.notifiers.console import ConsoleNotifier
from monitor.notifiers.slack.notifier import SlackNotifier
from monitor.settings import load, routes
from monitor.store import Store
from monitor.worker.listening import with_buttons
from tests.worker.alerts import NOON, Scripted, alert

TEXT = """\
workspaces: {prod: {id: 33333333-0000-4000-8000-000000000003}}
credentials: {default: {kind: azure_cli, tenant_id: contoso}}
slack: {token: {env: BOT}, app_token: {env: APP}}
notifiers: {oncall: {kind: slack, channel: C0123ABCD}, console: {kind: console}}
routes: [{to: oncall, level: high}]
"""


@pytest.mark.parametrize("listens", [True, False])
def test_every_way_of_watching_tells_by_the_routes_of_the_settings(
    engine: DuckEngine, tmp_path: Path, listens: bool
) -> None:
    (tmp_path / "mintwatch.yml").write_text(TEXT)
    settings = load(tmp_path / "mintwatch.yml", {})
    environment = {"BOT": "xoxb-1", "APP": "xapp-1-A0-1-x"}
    with (
        Store(tmp_path / "state") as store,
        worker.watch(
            settings,
            environment,
            (),
            engine=engine,
            store=store,
            stop=Event(),
            console=lambda name: ConsoleNotifier(name=name),
            listens=listens,
        ) as watch,
    ):
        assert watch.app.routes == routes(settings) != ()
        assert watch.listens is listens
        oncall, _ = watch.app.notifiers
        assert isinstance(oncall, SlackNotifier)


def test_cards_that_were_posted_while_nobody_listened_are_brought_up_to_date(engine: DuckEngine) -> None:
    with Store() as store:
        alert(store, [Scripted("oncall")], "i1")
        for _ in range(2):  # the card, and what hangs from it
            for one in store.due(NOON):
                store.sending(one)
                store.sent(one, "1.0", NOON)
        assert store.due(NOON) == []
        with_buttons(worker.App((), (), store, engine), NOON)
        assert [(one.wanted.notifier, one.wanted.part) for one in store.due(NOON)] == [("oncall", Part.CARD)]
