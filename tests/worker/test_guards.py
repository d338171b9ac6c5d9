"""One broken source, rule or notifier neither stops nor blinds the others, and the report names it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import pandas as pd

from monitor.kql import DuckEngine
from monitor.model import Finding, State, Window
from monitor.ports import Fetched, Past
from monitor.rules import Rule
from monitor.store import Store, Written
from monitor.testing.sources import Event, ScriptedSource
from monitor.worker import replay, tick
from monitor.worker.postman import OFTEN
from monitor.worker.telling import tell
from tests.worker.scripts import DAY, HOUR, MINUTE, NOON, Memory, app, burst, kept, tenant, truth

END = NOON + 2 * DAY


@dataclass(frozen=True, slots=True)
class Broken:
    """A detector that fails until it is mended."""

    needs: ClassVar[frozenset[str]] = frozenset({"activity"})
    least: ClassVar[float] = 1.0
    lookback: timedelta = 2 * DAY

    def score(self, past: Past, window: Window) -> pd.DataFrame:  # noqa: ARG002
        raise ZeroDivisionError("as scripted")


def test_a_source_that_fails_leaves_the_others_judged_and_is_named(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    good = ScriptedSource(name="good", events=tenant(2.1) + burst(END - HOUR, 20))
    bad = ScriptedSource(name="bad", events=tenant(2.1), fails=frozenset({END}))
    with Store() as store:
        report = tick(app([bad, good], [judged["failures"]], store, engine), END)
        assert [bool(one.error) for one in report.sources] == [True, False]
        assert not report.finished
        assert len(store.findings()) == 1
        assert store.watermark("bad") is None
        assert store.windows("bad") == {}
        report = tick(app([bad, good], [judged["failures"]], store, engine), END + 5 * MINUTE)
        assert report.finished
        assert store.watermark("bad") == END + 5 * MINUTE


def test_a_source_that_fails_halfway_leaves_no_file_behind(engine: DuckEngine) -> None:
    source = ScriptedSource(events=tenant(1), fails=frozenset({END}))
    with Store() as store:
        window = Window(NOON, NOON + HOUR)
        written = [store.write("scripted", window, source.fetch(window, END - MINUTE), END)]
        store.discard(written)
        tick(app([source], [], store, engine), END)
        assert list((store.directory / "facts").iterdir()) == []


class Full(Store):
    """A store whose disk is full from the second file on, as the library says it."""

    written = 0

    def write(self, source: str, window: Window, fetched: Fetched, as_of: datetime) -> Written:
        self.written += 1
        if self.written > 1:
            raise OSError(28, "No space left on device")
        return super().write(source, window, fetched, as_of)


def test_a_full_disk_leaves_no_file_behind(engine: DuckEngine) -> None:
    """Off: `discard` in `staged` of monitor/store/facts.py for errors that are not ours."""
    with Full() as store:
        report = tick(app([ScriptedSource(events=tenant(1))], [], store, engine), END)
        assert "No space left" in report.sources[0].error
        assert store.written == 2
        assert list((store.directory / "facts").iterdir()) == []


def test_facts_that_cannot_be_read_are_named_for_every_rule(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    rules = [judged["failures"], judged["expired"]]
    source = ScriptedSource(events=tenant(2.1) + burst(END + HOUR, 20), step=DAY)
    with Store() as store:
        tick(app([source], rules, store, engine), END)
        (path, *_) = store.live()
        good = path.read_bytes()
        path.write_bytes(b"PAR1 and then nothing")
        source.events += burst(END + HOUR, 1, "entra:2")
        quiet = ScriptedSource(name="scripted")
        report = tick(app([quiet], rules, store, engine), END + HOUR)
        assert {one.name for one in report.rules if one.error} == {"failures", "expired"}
        path.write_bytes(good)
        assert tick(app([source], rules, store, engine), END + 3 * HOUR).finished
        assert {one.subject for one, _, _ in store.findings()} == {"identity:entra:1"}


class Tampered(Store):
    """A store whose findings of an incident are gone, so that no message can be composed."""

    def strongest(self, incident: str, most: int, since: datetime | None = None, after: int = 0) -> list[Finding]:  # noqa: ARG002
        return []


def test_a_message_that_cannot_be_composed_fails_alone(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    """Off: `compose` inside the guard of `_send` of monitor/worker/telling.py."""
    source = ScriptedSource(events=tenant(2.1) + burst(END - HOUR, 20))
    with Tampered() as store:
        report = tick(app([source], [judged["failures"]], store, engine, [Memory("one"), Memory("two")]), END)
        assert [one.split(":")[0] for one in report.unsent] == ["one", "two"]
        assert all("expected at least one finding" in one for one in report.unsent)


def test_what_was_owed_for_too_long_is_said_once(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    """Off: `_lose` in `_wait` of monitor/worker/postman.py."""
    bad = Memory("bad", down=True)
    source = ScriptedSource(events=[one for one in tenant(2.1) if one.at < END] + burst(END - HOUR, 20))
    with Store() as store:
        world = app([source], [judged["failures"]], store, engine, [bad])
        (tried,) = tick(world, END).unsent
        for hours in range(1, OFTEN - 1):
            tell(world, END + hours * HOUR)
        (lost,) = [one for one in tick(world, END + OFTEN * HOUR).unsent if "given up" in one]
        assert lost.split(":")[:2] == tried.split(":")[:2]
        assert not [one for one in tick(world, END + (OFTEN + 1) * HOUR).unsent if "given up" in one]


def test_a_replay_says_what_was_not_sent_and_sends_it_if_it_can(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    """Off: the last `tell` of `_triage` of monitor/worker/replay.py."""
    events = tenant(2.1) + burst(END - 3 * HOUR, 20) + burst(END - HOUR, 20, "entra:2")
    for down, sent in ((True, 0), (False, 2)):
        told = Memory("memory", down=down)
        with Store() as store:
            report = replay(app([ScriptedSource(events=events)], [judged["failures"]], store, engine, [told]))
            opened = [one for one in told.took if one.reason == "opened"]
            assert len(opened) == sent
            assert len({one.split(":")[1] for one in report.unsent}) == 2 - sent


def test_a_rule_that_fails_is_named_stops_nobody_and_catches_up(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    """Off: `changes` in `_touched` of monitor/worker/ticking.py."""
    failures = judged["failures"]
    broken = failures.made("broken.yml", Broken())
    other = judged["expired"]
    attack = END + HOUR
    source = ScriptedSource(events=tenant(7) + burst(attack, 20, code="7000222"), step=DAY)
    with Store() as store:
        tick(app([source], [failures, other], store, engine), END)
        for days in (0.2, 1.2, 2.2, 3.2):
            report = tick(app([source], [broken, other], store, engine), END + days * DAY)
            assert {one.name: bool(one.error) for one in report.rules} == {"failures": True, "expired": False}
        assert {one.rule for one, _, _ in store.findings()} == {"expired"}
        tick(app([source], [failures, other], store, engine), END + 4 * DAY)
        assert {one.rule for one, _, _ in store.findings()} == {"expired", "failures"}


def test_a_notifier_that_fails_is_named_and_gets_its_messages_later_once(
    engine: DuckEngine, judged: dict[str, Rule]
) -> None:
    """Off: `postpone` in `_send` of monitor/worker/telling.py."""
    good, bad = Memory("good"), Memory("bad", down=True)
    source = ScriptedSource(events=tenant(2.1) + burst(END - HOUR, 20))
    with Store() as store:
        world = app([source], [judged["failures"]], store, engine, [bad, good])
        report = tick(world, END)
        assert [one.split(":")[0] for one in report.unsent] == ["bad"]
        assert (len(good.took), len(bad.took)) == (1, 0)
        bad.down = False
        assert tick(world, END + 5 * MINUTE).unsent == ()
        tick(world, END + 10 * MINUTE)
        assert [len(one.took) for one in (good, bad)] == [1, 1]


def test_an_outage_does_not_resolve_what_nobody_looked_at(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    """Off: resolution by `now` instead of `judged_until`, or `dense` counting the silence itself."""
    attack = NOON + 3 * DAY
    before = [one for one in tenant(4) if one.at < attack + HOUR]
    source = ScriptedSource(events=before + burst(attack, 20), step=DAY)

    def states(at: datetime) -> set[State]:
        tick(app([source], [judged["failures"]], store, engine), at)
        return {one.state for one in store.incidents()}

    with Store() as store:
        assert states(attack + HOUR) == {State.OPEN}
        for hours in (4, 11, 20, 35):  # over midnight, and long enough to be most of what was ever looked at
            assert states(attack + hours * HOUR) == {State.OPEN}
        back = attack + 40 * HOUR
        source.events += [Event(f"{one.key}'", one.at, max(one.arrived, back), None, one.identity) for one in tenant(5)]
        assert states(back + 30 * MINUTE) == {State.RESOLVED}


def test_nobody_behind_a_finding_does_not_blind_its_rule(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    guesses = [Event(one.key, one.at, one.arrived, None, "", "failed", ip="66.0.0.1") for one in burst(END - HOUR, 20)]
    known = [
        Event(one.key, one.at, one.arrived, None, one.identity, one.outcome, f"10.0.0.{n % 12}")
        for n, one in enumerate(tenant(2.1))
    ]
    with Store() as store:
        report = tick(app([ScriptedSource(events=known + guesses)], [judged["spray"]], store, engine), END)
        assert report.finished, report
        assert [(one.subject, one.members) for one, _, _ in store.findings()] == [("ip:66.0.0.1", ())]


def test_a_tenant_that_never_said_anything_is_no_error(engine: DuckEngine, judged: dict[str, Rule]) -> None:
    with Store() as store:
        for minutes in (0, 5):
            report = tick(app([ScriptedSource()], judged.values(), store, engine), END + minutes * MINUTE)
            assert report.finished, report
            assert (report.incidents, kept(store)) == ((), truth([]))
