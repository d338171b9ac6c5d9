"""Routes, hours, escalation, silences and storms: ticks and a replay decide alike, and nobody's act is lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import time, timedelta
from threading import Thread

import pytest

from monitor.kql import DuckEngine
from monitor.model import Act, Decision, Entry, Incident, Matcher, Outcome, Part, Person, Reason, Silence, State, Verb
from monitor.rules import Rule
from monitor.store import Store
from monitor.testing.sources import ScriptedSource
from monitor.triage import Escalation, Hours, Policy, Route
from monitor.worker import App, replay, tick
from monitor.worker.acting import perform
from tests.worker.scripts import DAY, HOUR, MINUTE, NOON, Memory, app, burst, tenant
from tests.worker.worlds import every

START = NOON + 2 * DAY
PATIENT = Policy(storm=2, remind=timedelta(minutes=20), storm_window=timedelta(minutes=30))
ROUTES = (
    Route("memory", escalate=Escalation(15 * MINUTE, "pager", "S1")),
    Route("late", hours=Hours(start=time(13), end=time(14))),
    Route("napping", hours=Hours(start=time(15, 10), end=time(14, 30))),
)


def muted() -> Silence:
    about = (Matcher("subject", "=", "identity:entra:2"),)
    return Silence("s1", about, "ann", "a test", START, START, START + 40 * MINUTE)


def watched(store: Store, engine: DuckEngine, rules: Mapping[str, Rule]) -> App:
    act = Act("k", Verb.SILENCE, Person("U1"), "cli", START)
    store.record(Entry(act, Outcome.DONE, "made"), None, [muted()], ())
    bursts = [one for n in range(6) for one in burst(START + (5 + 7 * n) * MINUTE, 9 + n, f"entra:{n}")]
    again = burst(START + 62 * MINUTE, 25, "entra:1")
    source = ScriptedSource(events=[*tenant(2.2), *bursts, *again], step=DAY)
    told = [Memory(name, parts=frozenset({Part.NEWS})) for name in ("memory", "pager", "late", "napping")]
    made = app([source], [rules["failures"]], store, engine, told, PATIENT)
    return replace(made, routes=ROUTES)


def kept(store: Store) -> tuple[dict[str, Incident], dict[str, list[Decision]], dict[str, list[object]]]:
    incidents = {one.id: one for one in store.incidents()}
    links = {one: list[object](store.links(one)) for one in incidents}
    return incidents, {one: store.decisions(one) for one in incidents}, links


@pytest.mark.slow
def test_ticks_and_a_replay_decide_alike_whom_to_tell_when_and_why_not(
    engine: DuckEngine, judged: dict[str, Rule]
) -> None:
    """Off: `waiting` in `_triage` of monitor/worker/replay.py."""
    end = START + 4 * HOUR
    with Store() as store, Store() as other:
        replay(watched(other, engine, judged), until=end)
        ticking = watched(store, engine, judged)
        for moment in every(5 * MINUTE, START, end):
            tick(ticking, moment)
        assert kept(store) == kept(other)
        said = {(one.notifier, one.reason) for each in kept(store)[1].values() for one in each}
    assert said >= {
        ("memory", Reason.OPENED),
        ("memory", Reason.SILENCED),
        ("memory", Reason.STORM),
        ("memory", Reason.RESOLVED),
        ("pager", Reason.ESCALATED),
        ("pager", Reason.RESOLVED),
        ("late", Reason.OFF_HOURS),
        ("late", Reason.OPENED),
        ("napping", Reason.OPENED),
        ("napping", Reason.OFF_HOURS),
        ("napping", Reason.RESOLVED),
    }


class Pressed(Store):
    """A store in which somebody does something just when a tick has read how incidents stand."""

    meanwhile: Thread | None = None

    def said(self, incidents: Iterable[str]) -> list[Decision]:
        if self.meanwhile:
            self.meanwhile.start()
            self.meanwhile.join(0.2)  # it is to wait until the tick has decided
        return super().said(incidents)


def test_what_somebody_does_while_a_tick_decides_is_not_lost(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    """Off: `deciding` in `conclude` of monitor/worker/ticking.py."""
    with Pressed() as store:
        watching = watched(store, engine, judged)
        tick(watching, START + 40 * MINUTE)
        (before,) = [one for one in store.incidents() if one.subject == "identity:entra:1"]
        act = Act("press", Verb.ACKNOWLEDGE, Person("U1", "ann"), "slack", START, before.id)
        store.meanwhile = Thread(target=perform, args=(watching, act, START + 90 * MINUTE))
        tick(watching, START + 90 * MINUTE)
        store.meanwhile.join(10)
        after = store.incident(before.id)
        assert after is not None
        assert after.findings > before.findings
        assert after.state is State.ACKNOWLEDGED
