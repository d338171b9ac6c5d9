"""Whatever step a tick dies at, the next one ends where an undisturbed one would have, and no alert is lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from monitor.kql import DuckEngine
from monitor.model import Incident, Queued, Reason, Window
from monitor.ports import Fetched, Notifier
from monitor.rules import Rule
from monitor.store import Store, Written
from monitor.testing.sources import ScriptedSource
from monitor.worker import tick
from tests.worker.scripts import DAY, HOUR, MINUTE, NOON, Memory, app, burst, kept, tenant, truth

END = NOON + 2 * DAY


class Killed(BaseException):
    """As if the process had been killed: no guard catches it."""


class Dying(Store):
    """A store that dies at one step, the `nth` time it comes there; before the step or after it."""

    step = ""
    after = False
    left = 0

    def _maybe(self, step: str, *, after: bool) -> None:
        if step == self.step and after == self.after:
            self.left -= 1
            if self.left == 0:
                raise Killed(step)

    def write(self, source: str, window: Window, fetched: Fetched, as_of: datetime) -> Written:
        self._maybe("write", after=False)
        written = super().write(source, window, fetched, as_of)
        self._maybe("write", after=True)
        return written

    def switch(self, source: str, written: Sequence[Written], watermark: datetime | None) -> None:
        self._maybe("switch", after=False)
        super().switch(source, written, watermark)
        self._maybe("switch", after=True)

    def conclude(self, *concluded: object, **wanted: object) -> None:
        self._maybe("conclude", after=False)
        super().conclude(*concluded, **wanted)  # type: ignore[arg-type]
        self._maybe("conclude", after=True)

    def sending(self, one: Queued) -> None:
        self._maybe("sending", after=False)
        super().sending(one)
        self._maybe("sending", after=True)

    def sent(self, one: Queued, ref: str, at: datetime) -> None:
        self._maybe("sent", after=False)
        super().sent(one, ref, at)
        self._maybe("sent", after=True)


def script() -> ScriptedSource:
    """Days of peace, then a burst of failures."""
    return ScriptedSource(events=tenant(2.2) + burst(END - HOUR, 20), step=6 * HOUR)


def end_state(store: Store) -> tuple[list[str], list[Incident], list[tuple[str, Reason]]]:
    found = [repr(one) for one, _, _ in store.findings()]  # NaN is not equal to itself, but looks the same
    decided = [(one.incident, one.reason) for incident in store.incidents() for one in store.decisions(incident.id)]
    return found, store.incidents(), decided


def run(
    state: Path, kind: type[Store], judged: Iterable[Rule], engine: DuckEngine, told: Notifier, at: datetime
) -> None:
    with kind(state) as store:
        tick(app([script()], judged, store, engine, [told]), at)


STEPS = [(step, after) for step in ("write", "switch", "conclude", "sending", "sent") for after in (False, True)]


@pytest.mark.parametrize(("step", "after"), STEPS)
def test_a_crash_at_any_step_loses_nothing(
    engine: DuckEngine, judged: dict[str, Rule], tmp_path: Path, step: str, after: bool
) -> None:
    """Off: `wanted` in `conclude`, or `changes` in `_touched`, of monitor/worker/ticking.py.

    A notifier that cannot look up what arrived is sent a message once more after a crash between the two.
    """
    rules = [judged["failures"]]
    smooth, crashed = Memory(), Memory()
    run(tmp_path / "smooth", Store, rules, engine, smooth, END)
    dying = type("DyingHere", (Dying,), {"step": step, "after": after, "left": 2 if step == "write" else 1})
    with pytest.raises(Killed):
        run(tmp_path / "crashed", dying, rules, engine, crashed, END)
    run(tmp_path / "crashed", Store, rules, engine, crashed, END)
    with Store(tmp_path / "smooth") as one, Store(tmp_path / "crashed") as other:
        assert kept(one) == kept(other) == truth(event for event in script().events if event.arrived < END)
        assert end_state(one) == end_state(other)
        assert len(end_state(one)[0]) > 0
        assert sorted((other.directory / "facts").iterdir()) == other.live()
        assert all(len(other.notices(incident.id)) == 1 for incident in other.incidents())
    assert [one.incident for one in smooth.took] == sorted({one.incident for one in crashed.took})
    assert len(crashed.took) == (2 if (step, after) == ("sent", False) else 1)


def test_a_backlog_that_arrives_before_a_crash_is_judged_after_it(
    engine: DuckEngine, judged: dict[str, Rule], tmp_path: Path
) -> None:
    """Off: `changes` in `_touched` of monitor/worker/ticking.py (judge since yesterday, whatever happened)."""
    rules = [judged["failures"]]
    attack, back = NOON + 2 * DAY, NOON + 6 * DAY
    source = ScriptedSource(events=tenant(2), step=DAY)
    with Store(tmp_path) as store:
        tick(app([source], rules, store, engine), attack - 2 * HOUR)
    missed = list(burst(attack, 20))
    source.events += [type(one)(one.key, one.at, back - HOUR, None, one.identity, one.outcome) for one in missed]
    dying = type("DyingHere", (Dying,), {"step": "conclude", "left": 1})
    with pytest.raises(Killed), dying(tmp_path) as store:
        tick(app([source], rules, store, engine), back)
    with Store(tmp_path) as store:
        tick(app([source], rules, store, engine), back + 5 * MINUTE)
        assert [one.bucket.date() for one, _, _ in store.findings()] == [attack.date()]


def test_ticking_twice_at_the_same_moment_adds_nothing(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    told = Memory()
    with Store() as store:
        world = app([script()], [judged["failures"]], store, engine, [told])
        tick(world, END)
        before = end_state(store), kept(store), len(told.took)
        again = tick(world, END)
        assert (end_state(store), kept(store), len(told.took)) == before
        assert again.decisions == ()
        assert before[2] == 1
