"""One digest a day, whatever clocks, restarts and crashes do; what is wrong comes first in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path

import pytest

from monitor import plugins
from monitor.kql import DuckEngine
from monitor.model import Daily, Gap, Part, Window
from monitor.rules import Rule, load, shipped
from monitor.settings import DailySettings
from monitor.store import Store
from monitor.testing.slack import UNPACED, LocalSlack
from monitor.testing.sources import ScriptedSource
from monitor.worker import App, tick
from monitor.worker.accounting import Moment, account
from monitor.worker.app import RuleReport
from monitor.worker.composing import Composer
from monitor.worker.daily import deaf, due_at, every_day
from monitor.worker.health import HealthSource
from monitor.worker.postman import OWED, Lane
from tests.worker.alerts import DAY, HOUR, MINUTE, NOON, SLACKISH, Scripted, alert
from tests.worker.postal import Dying, Fate, Killed, Mortal, Post, address, running
from tests.worker.scripts import steady
from tests.worker.worlds import every

EIGHT = DailySettings(at=time(8), canary=False)
TAKES = SLACKISH | {Part.DAILY}
MIDNIGHT = NOON - 12 * HOUR


@pytest.fixture(scope="module")
def own() -> tuple[Rule, ...]:
    """The shipped rules about mintwatch itself that need nothing else."""
    names = {"daily-canary", "canary-lost", "source-stalled"}
    return tuple(rule for rule in load(shipped(), plugins.detectors()) if rule.id in names)


def reader(name: str = "slack", parts: frozenset[Part] = TAKES) -> Scripted:
    return Scripted(name, parts)


def world(store: Store, *takers: Scripted, chosen: DailySettings = EIGHT) -> App:
    return App((), (), store, running(), takers, daily=chosen)


def lived(app: App, moments: Iterable[datetime], patience: timedelta = timedelta(0)) -> None:
    """What a tick at each of these does of what is done daily, and what is due is sent."""
    for now in moments:
        every_day(app, now, (), {})
        for one in app.notifiers:
            lane = Lane(Composer(app), one, lambda at=now: at + patience)  # type: ignore[misc]
            while lane.step():
                pass


def days(taker: Scripted) -> list[str]:
    return [one.message.id for one in taker.given if isinstance(one.message, Daily)]


def only(taker: Scripted) -> Daily:
    (delivery,) = taker.given
    assert isinstance(delivery.message, Daily)
    return delivery.message


def dated(first: date, count: int) -> list[str]:
    return [f"daily-{first + n * timedelta(days=1)}" for n in range(count)]


@pytest.mark.parametrize(
    ("zone", "at", "start"),
    [
        ("Europe/Berlin", "02:30", datetime(2026, 3, 27, tzinfo=UTC)),  # there is none on the 29th
        ("Europe/Berlin", "02:30", datetime(2026, 10, 23, tzinfo=UTC)),  # there are two on the 25th
        ("Africa/Cairo", "00:00", datetime(2026, 4, 22, tzinfo=UTC)),  # the 24th begins at 01:00
        ("Asia/Kathmandu", "23:55", datetime(2026, 5, 1, tzinfo=UTC)),
        ("America/St_Johns", "00:00", datetime(2026, 10, 30, tzinfo=UTC)),
    ],
)
def test_every_day_has_one_digest_whatever_clocks_do(zone: str, at: str, start: datetime) -> None:
    taker, chosen = reader(), DailySettings(at=time.fromisoformat(at), zone=zone, canary=False)
    with Store() as store:
        app = world(store, taker, chosen=chosen)
        lived(app, every(15 * MINUTE if at != "23:55" else 5 * MINUTE, start, start + 5 * DAY))
        told = days(taker)
    assert len(told) == 5
    assert sorted(set(told)) == told == dated(date.fromisoformat(told[0].removeprefix("daily-")), 5)


def test_it_is_due_where_its_readers_are() -> None:
    chosen = DailySettings(at=time(8), zone="Europe/Berlin")
    assert [due_at(chosen, day).hour for day in (date(2026, 3, 28), date(2026, 3, 29))] == [7, 6]
    skipped = DailySettings(at=time(2, 30), zone="Europe/Berlin")
    assert due_at(skipped, date(2026, 3, 29)) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert due_at(skipped, date(2026, 10, 25)) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_restart_tells_nobody_twice_and_a_second_tick_of_one_time_neither(tmp_path: Path) -> None:
    """Off: `id in known` in `digest` of monitor/worker/daily.py."""
    taker = reader()
    for hours in (7, 8, 8, 9, 23):
        with Store(tmp_path) as store:
            lived(world(store, taker), [MIDNIGHT + hours * HOUR] * 2)
    assert days(taker) == ["daily-2026-05-04"]


def test_the_first_day_has_none_if_its_time_is_past() -> None:
    """Off: `BEGUN` in `digest` of monitor/worker/daily.py."""
    taker = reader()
    with Store() as store:
        lived(world(store, taker), every(HOUR, NOON, NOON + DAY))
    assert days(taker) == ["daily-2026-05-05"]


def test_one_that_was_missed_is_late_while_its_day_lasts_and_else_the_next_one_says_so() -> None:
    """Off: `skipped` in `digest` of monitor/worker/daily.py."""
    taker = reader()
    with Store() as store:
        app = world(store, taker)
        lived(app, [MIDNIGHT + hours * HOUR for hours in (0, 8, 24 + 7, 24 + 15, 4 * 24 + 9)])
    assert days(taker) == ["daily-2026-05-04", "daily-2026-05-05", "daily-2026-05-08"]
    first, second, third = (one.message for one in taker.given)
    assert isinstance(first, Daily)
    assert isinstance(second, Daily)
    assert isinstance(third, Daily)
    assert not any("No digest" in note or "Late" in note for note in first.notes)
    assert second.notes[0] == "Late: it was due at 05-05 08:00 UTC"
    assert third.notes[0].startswith("No digest was sent on 05-06, 05-07:")


def test_a_clock_that_was_a_year_ahead_silences_neither_digest_nor_canary() -> None:
    taker = reader()
    with Store() as store:
        app = world(store, taker, chosen=DailySettings(at=time(8)))
        ahead = NOON + 365 * DAY
        lived(app, [ahead, ahead + DAY, NOON, *every(HOUR, NOON, NOON + 2 * DAY)])
        sent = [one for one in store.events(Window(NOON - DAY, NOON + 3 * DAY)) if one.outcome == "sent"]
    assert days(taker) == ["daily-2027-05-05", "daily-2026-05-05", "daily-2026-05-06"]
    assert len(sent) == 3


def test_it_goes_to_those_who_are_named_and_take_it_whatever_routes_and_silences_say() -> None:
    """Off: `takes` in monitor/worker/daily.py."""
    slack, mail, pager = reader("slack"), reader("mail"), reader("pager", SLACKISH - {Part.CARD})
    with Store() as store:
        lived(world(store, slack, mail, pager), [MIDNIGHT, MIDNIGHT + 8 * HOUR])
        assert (len(days(slack)), len(days(mail)), len(pager.given)) == (1, 1, 0)
        named = world(store, slack, mail, pager, chosen=EIGHT.model_copy(update={"to": ("mail",)}))
        lived(named, [MIDNIGHT + 32 * HOUR])
        assert (len(days(slack)), len(days(mail)), len(pager.given)) == (1, 2, 0)
        assert deaf(named) == []
        (said,) = deaf(world(store, pager, chosen=EIGHT.model_copy(update={"to": ("pager",)})))
        assert "pager" in said


def test_switched_off_there_is_none() -> None:
    taker = reader()
    with Store() as store:
        off = DailySettings(digest=False, canary=False)
        lived(world(store, taker, chosen=off), every(HOUR, MIDNIGHT, NOON))
        lived(replace(world(store, taker), daily=None), every(HOUR, MIDNIGHT, NOON))
        assert (taker.given, store.events(Window(MIDNIGHT, NOON)), store.mark("daily")) == ([], [], "")


def test_one_that_waits_says_what_was_true_when_it_was_due_and_the_next_does_not_push_it_out() -> None:
    """Off: `noted` in `digest` of monitor/worker/daily.py (what a digest says is not written down with it)."""
    down = OWED - DAY
    taker = Scripted("slack", TAKES, always=lambda _: None)
    with Store() as store:
        app = world(store, taker)
        every_day(app, MIDNIGHT, (), {})
        for n in range(2):
            every_day(app, MIDNIGHT + n * DAY + 8 * HOUR, (), {})
        assert [one.wanted.incident for one in store.waiting()] == dated(date(2026, 5, 4), 2)
        lived(replace(app, daily=None), [MIDNIGHT + 8 * HOUR + down])
        assert [one.message.at for one in taker.given] == [MIDNIGHT + 8 * HOUR, MIDNIGHT + 32 * HOUR]


def test_killed_at_any_step_between_outbox_and_slack_it_stands_there_once(tmp_path: Path) -> None:
    """Off: `sending` before `send` in `_send` of monitor/worker/postman.py, or `Part.DAILY` in `ALONE`."""
    with LocalSlack(limits=UNPACED) as slack:
        died = 0
        for step in range(12):
            alerts = slack.channel(f"alerts{step}", [slack.user(f"ann{step}")])
            state, fate = tmp_path / str(step), Fate(step)
            Mortal.fate = fate
            try:
                with Mortal(state) as store:
                    post = Post(store, address(slack, alerts), MIDNIGHT, partial(Dying, fate=fate))
                    app = App((), (), store, running(), (post.notifier,), daily=EIGHT)
                    for hours in (0, 8):
                        every_day(app, MIDNIGHT + hours * HOUR, (), {})
                    post.now = MIDNIGHT + 8 * HOUR
                    post.until()
            except Killed:
                died += 1
            Mortal.fate = Fate()
            with Store(state) as store:
                post = Post(store, address(slack, alerts), MIDNIGHT + 9 * HOUR)
                every_day(App((), (), store, running(), (post.notifier,), daily=EIGHT), post.now, (), {})
                post.until()
                assert store.waiting() == []
            assert alerts.posted == len(alerts.held) == 1
        assert 4 <= died < 12


def test_a_store_that_dies_while_it_queues_keeps_both_or_neither(tmp_path: Path) -> None:
    """Off: `transaction` in `want` of monitor/store/outbox.py."""

    class Torn(Store):
        def _queue(self, *_: object) -> None:
            raise Killed

    taker = reader()
    with Torn(tmp_path) as store:
        app = world(store, taker)
        every_day(app, MIDNIGHT, (), {})
        with pytest.raises(Killed):
            every_day(app, MIDNIGHT + 8 * HOUR, (), {})
    with Store(tmp_path) as whole:
        lived(world(whole, taker), [MIDNIGHT + 8 * HOUR + 5 * MINUTE])
    assert days(taker) == ["daily-2026-05-04"]


def test_what_is_wrong_comes_first(engine: DuckEngine, own: tuple[Rule, ...]) -> None:
    """Off: `_covered` or `_stretches` of monitor/worker/accounting.py."""
    start, end = NOON - DAY, NOON
    broken = frozenset({end - 2 * HOUR, end - HOUR, end})
    vault = ScriptedSource(name="main.vault", events=steady(1.2, start=start), fails=broken)
    audit = ScriptedSource(name="main.audit", events=steady(1.2, identity="entra:2", start=start))
    other = ScriptedSource(name="main.risk")
    taker, chosen = reader(), DailySettings(at=time(12), canary=False)
    gap = Gap("main.audit", Window(end - 6 * HOUR, end - 5 * HOUR), "down for too long", end - 4 * HOUR)
    with Store() as store:
        app = App((vault, audit, other, HealthSource(store)), own, store, engine, (taker,), daily=chosen)
        for now in (start + HOUR, end - 2 * HOUR - 5 * MINUTE):
            tick(app, now)
        store.note_gaps([gap])
        alert(store, [taker], "i1", end - HOUR)
        alert(store, [taker], "i2", end - 3 * DAY)
        for now in (end - 2 * HOUR, end - HOUR, end):
            tick(app, now)
        said = next(one.message for one in taker.given if isinstance(one.message, Daily))
    facts = dict(said.facts)
    assert not said.well
    assert said.verdict.startswith("main.vault cannot be read since 05-04 10:55 UTC (and ")
    assert "; 1 of 2 sources healthy, 2 identities watched, " in said.verdict
    assert said.wrong[0].startswith("main.vault cannot be read since 05-04 10:55 UTC: main.vault: fails at")
    assert "main.audit was not read from 05-04 06:00 UTC to 05-04 07:00 UTC: down for too long" in said.wrong
    assert facts["Coverage"].startswith("93.7 %; main.vault 91.6 %, main.audit 95.8 %")
    assert facts["Incidents"] == "2: 2 high"
    assert facts["Open, nobody has them"] == "3"
    assert {"i1", "i2"} < {one.incident for one in said.open}
    assert "Never had a row: main.risk" in said.notes
    assert int(facts["Log rows read"]) == 24 * 2 * 2 - 2 * 2


def test_rules_that_fail_are_said_and_if_all_do_nothing_is_judged(own: tuple[Rule, ...]) -> None:
    taker = reader()
    with Store() as store:
        app = App((), own, store, running(), (taker,), daily=EIGHT)
        every_day(app, MIDNIGHT, (), {})
        some = [RuleReport(own[0].id, error="<no>"), RuleReport(own[1].id, 3, 1)]
        for days_on, reports in enumerate((some, [RuleReport(one.id, error="no facts") for one in own])):
            every_day(app, MIDNIGHT + days_on * DAY + 8 * HOUR, reports, {})
            lived(replace(app, daily=None), [MIDNIGHT + days_on * DAY + 8 * HOUR])
    one, all_ = (each.message for each in taker.given)
    assert isinstance(one, Daily)
    assert isinstance(all_, Daily)
    assert f"Rule {own[0].id} fails: <no>" in one.wrong
    assert dict(one.facts)["Groups judged"] == "3, 1 not yet known well enough"
    assert all_.verdict.startswith("Nothing is judged; health of the sources unknown, ")
    assert all_.wrong[0] == "Nothing is judged: no facts"


def test_who_cannot_be_told_is_named() -> None:
    taker, dead = reader(), reader("pager")
    with Store() as store:
        alert(store, [dead], "i1", MIDNIGHT + 7 * HOUR)
        app = world(store, taker)
        lived(app, [MIDNIGHT, MIDNIGHT + 8 * HOUR])
    assert only(taker).wrong[-1] == "pager cannot be told, 1 message since 05-04 07:00 UTC"


def test_a_source_that_is_not_watched_any_more_is_no_trouble() -> None:
    """Off: `watched` in `account` of monitor/worker/accounting.py."""
    with Store() as store:
        for name in ("kept", "removed"):
            store.failed(name, NOON - DAY, "no access", "403")
        app = App((ScriptedSource("kept"),), (), store, running())
        said = account(app, Moment("d", NOON.date(), NOON, NOON), (), {})
        assert [one.part for one in said.stretches if one.what == "cannot be read"] == ["kept"]
