"""Ticks whenever they come, and every five minutes, conclude what a replay concludes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

from monitor.kql import DuckEngine
from monitor.model import Decision, Finding, Incident, Message, Reason, Window
from monitor.rules import Rule
from monitor.store import Store
from monitor.worker import replay, tick
from tests.worker.drawn import Habit, Mischief, Stuck, Tenant, schedules, tenants
from tests.worker.scripts import DAY, HOUR, MINUTE, NOON, Memory, app
from tests.worker.worlds import every

NAMES = ("failures", "addresses", "expired", "spray", "surge", "country", "wakes")


@dataclass(frozen=True, slots=True)
class Concluded:
    """All that a store keeps in the end, and what a notifier was told."""

    findings: dict[str, str]
    incidents: dict[str, Incident]
    decisions: set[Decision]
    messages: list[Message]


def concluded(store: Store, told: Memory) -> Concluded:
    incidents = {one.id: one for one in store.incidents()}
    decisions = {decision for one in incidents for decision in store.decisions(one)}
    return Concluded(said(store), incidents, decisions, told.took)


def said(store: Store) -> dict[str, str]:
    return {one.key: written(one) for one, _, _ in store.findings()}


def written(finding: Finding) -> str:
    """The finding as text, because NaN is not equal to itself, but looks the same.

    Less its sources, which are those the rule has met so far in any group, and which only a chart asks for.
    """
    return repr(replace(finding, sources=()))


def replayed(
    tenant: Tenant, rules: Iterable[Rule], engine: DuckEngine, until: datetime
) -> tuple[list[Finding], Concluded]:
    told = Memory()
    with Store() as store:
        report = replay(app(tenant.sources(), rules, store, engine, [told]), until=until)
        assert report.finished, report
        return [one for one, _, _ in store.findings()], concluded(store, told)


@pytest.mark.slow
@settings(phases=[Phase.explicit, Phase.generate])
@given(data=st.data(), names=st.sets(st.sampled_from(NAMES), min_size=1, max_size=2), tenant=tenants())
def test_ticks_whenever_they_come_have_found_what_a_replay_had_by_then(
    engine: DuckEngine, judged: dict[str, Rule], data: st.DataObject, names: set[str], tenant: Tenant
) -> None:
    """Off: the last line of `_touched` of monitor/worker/ticking.py (judge since yesterday, whatever arrived)."""
    rules = [judged[name] for name in sorted(names)]
    found, _ = replayed(tenant, rules, engine, tenant.end)
    event(f"{min(len(found), 3)} findings or more")
    event("rules that spoke: " + ", ".join(sorted({one.rule for one in found})))
    with Store() as store:
        world = app(tenant.sources(), rules, store, engine)
        for moment in data.draw(schedules(tenant, 4), label="ticks"):
            report = tick(world, moment)
            assert report.finished, report
            assert said(store) == {one.key: written(one) for one in found if one.judged_at <= moment}


DAWN = NOON + 36 * HOUR
"""00:00 UTC of the day that is ticked through."""


def day() -> Tenant:
    """A day and a half of peace, and then a day of everything: late rows, copies, a table stuck over noon."""
    calm = Habit(30 * MINUTE, 4 * MINUTE, 5, 50 * MINUTE)
    doubled = Habit(45 * MINUTE, 9 * MINUTE, 3, 20 * MINUTE)
    now, soon, late = 0 * MINUTE, 6 * MINUTE, 5 * HOUR
    second = timedelta(seconds=1)
    acts = (
        Mischief("failures", 0, DAWN - 3 * MINUTE, 14, 20 * second, soon, now),
        Mischief("failures", 1, DAWN + 3 * HOUR, 25, 40 * second, soon, 11 * MINUTE),
        Mischief("failures", 1, DAWN + 4 * HOUR, 25, 7 * second, late, soon),
        Mischief("tokens", 2, DAWN + 9 * HOUR, 40, 60 * second, soon, now),
        Mischief("country", 3, DAWN + 6 * HOUR, 2, 60 * second, soon, 3 * MINUTE),
        Mischief("country", 0, DAWN + 14 * HOUR, 3, 400 * second, late, now),
        Mischief("failures", 2, DAWN + 12 * HOUR, 20, 30 * second, soon, now),
        Mischief("failures", 0, DAWN + 16 * HOUR, 20, 30 * second, soon, now),
    )
    stuck = Stuck(1, Window(DAWN + 11 * HOUR, DAWN + 15 * HOUR), lost=False)
    return Tenant(3, ((calm, doubled), (calm, doubled)), acts, (stuck,))


@pytest.mark.slow
def test_a_day_of_ticks_every_five_minutes_concludes_what_a_replay_concludes(
    engine: DuckEngine, judged: dict[str, Rule]
) -> None:
    """Findings, incidents, every decision with its moment, and every message, word for word.

    Off: `judged_at <= as_of` in `judge` of monitor/worker/judging.py (say it before the overlap is over).
    """
    rules = [judged[name] for name in ("failures", "surge", "country")]
    tenant, told = day(), Memory()
    _, wanted = replayed(tenant, rules, engine, DAWN + DAY)
    with Store() as store:
        world = app(tenant.sources(), rules, store, engine, [told])
        for moment in [NOON + HOUR, DAWN, *every(5 * MINUTE, DAWN, DAWN + DAY)]:
            report = tick(world, moment)
            assert report.finished, report
        assert concluded(store, told) == wanted
    assert {rule for one in wanted.incidents.values() for rule in one.rules} == {rule.id for rule in rules}
    assert {one.reason for one in wanted.decisions} >= {Reason.OPENED, Reason.RESOLVED}
