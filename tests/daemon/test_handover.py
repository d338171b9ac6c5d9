"""One run after another in one process: the next begins only when nothing of the one before works any more."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from monitor import clock, daemon
from monitor.daemon.running import DEADLINE
from monitor.daemon.vitals import Vitals
from monitor.kql import DuckEngine
from monitor.model import Window
from monitor.store import Store
from monitor.tables import SCHEMAS
from monitor.testing.sources import ScriptedSource
from tests.worker.scripts import MINUTE, app

EVERY = {"scripted": 5 * MINUTE}


class Hanging(ScriptedSource):
    """A source whose answer does not come before it is let."""

    asked = Event()
    let = Event()

    def changed(self, since: datetime | None, now: datetime) -> list[Window]:
        self.asked.set()
        self.let.wait(60)
        return list(super().changed(since, now))


class Run(Thread):
    """A daemon's run of its own, and what it answered."""

    def __init__(self, tmp_path: Path, vitals: Vitals, stop: Event, halt: Event, source: ScriptedSource) -> None:
        super().__init__(daemon=True)
        self._tmp, self._vitals, self._stop_, self._halt, self._source = tmp_path, vitals, stop, halt, source
        self.finished: bool | None = None

    def run(self) -> None:
        engine = DuckEngine(SCHEMAS, temp_directory=self._tmp)
        with Store(self._tmp / "state") as store:
            made = app([self._source], (), store, engine)
            self.finished = daemon.run(made, EVERY, self._stop_, vitals=self._vitals, halt=self._halt)
        engine.close()


@pytest.mark.slow
@pytest.mark.parametrize("halted", [False, True], ids=["reload", "stop"])
def test_what_follows_waits_for_what_is_in_flight_and_an_end_does_not(halted: bool, tmp_path: Path) -> None:
    """Off: `HANDOVER` in `_stopped` of monitor/daemon/running.py."""
    (tmp_path / "state").mkdir()
    stop, halt = Event(), Event()
    source = Hanging(events=[])
    source.asked, source.let = Event(), Event()
    with Vitals(halt, tmp_path / "state") as vitals:
        one = Run(tmp_path, vitals, stop, halt, source)
        one.start()
        assert source.asked.wait(20)
        if halted:
            halt.set()
        stop.set()
        begun = clock.ticks()
        one.join((DEADLINE + timedelta(seconds=1.5)).total_seconds())
        assert one.is_alive() is not halted
        assert not vitals.dead
        assert vitals.beat.age < timedelta(seconds=5)
        source.let.set()
        one.join(20)
        assert one.finished is not halted
        if halted:
            assert clock.ticks() - begun < DEADLINE + timedelta(seconds=3)


def test_the_next_run_judges_when_the_one_before_would_have(tmp_path: Path) -> None:
    """Off: `vitals.due` in `_schedule` of monitor/daemon/running.py."""
    (tmp_path / "state").mkdir()
    dues = []
    halt = Event()
    with Vitals(halt, tmp_path / "state") as vitals:
        for _ in range(2):
            stop = Event()
            one = Run(tmp_path, vitals, stop, halt, ScriptedSource(events=[]))
            one.start()
            started = threading.Event()
            started.wait(0.7)
            stop.set()
            one.join(30)
            assert one.finished
            dues.append(vitals.due)
    assert dues[0] is not None
    assert dues[0] == dues[1]
