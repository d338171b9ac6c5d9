"""Who switches the canary off hears no more of it: neither gauge, heartbeat nor digest say that one is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from monitor.daemon.rounds import Rounds
from monitor.daemon.vitals import Vitals
from monitor.notify import accounted
from monitor.settings import DailySettings
from monitor.store import Store
from monitor.worker import App
from monitor.worker.accounting import Moment, account
from monitor.worker.app import Report
from monitor.worker.canary import PATIENCE, fly, missing
from tests.daemon.asking import value
from tests.worker.alerts import DAY, NOON
from tests.worker.postal import running

SEEN = "canary_last_seen_timestamp_seconds"


@pytest.mark.parametrize("off", [DailySettings(canary=False), None], ids=["no canary", "no daily"])
def test_a_canary_that_was_lost_is_missed_only_while_one_is_sent_daily(
    tmp_path: Path, off: DailySettings | None
) -> None:
    """Off: `expected` in monitor/daemon/rounds.py or monitor/worker/accounting.py."""
    now = NOON + PATIENCE
    with Store(tmp_path / "state") as store:
        on = App((), (), store, running(), daily=DailySettings())
        fly(on, NOON, lambda at: at - DAY)
        assert missing(store, now)
        vitals = Vitals(Event(), store.directory, now=lambda: now)
        rounds = Rounds(on, {}, vitals, lambda: now)
        for app, troubles, shown in (
            (on, ("the daily canary did not come through",), 0.0),
            (replace(on, daily=off), (), None),
            (on, ("the daily canary did not come through",), 0.0),
        ):
            rounds.app = app
            rounds.look()
            said = accounted(account(app, Moment("d", now.date(), now, now), (), {}))
            assert rounds.cycle(Report(now, (), (), (), ())).troubles == troubles
            assert value(vitals.metrics.text()[1].decode(), SEEN) == shown
            assert any(one.startswith("The canary of ") for one in said.wrong) == bool(troubles)
            assert dict(said.facts)["Canary"] == ("did not come through" if troubles else "switched off")
