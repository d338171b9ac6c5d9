"""Each way of going blind is told within two ticks, once, and is over when it is; a healthy month tells of none.

Driven by ticks at simulated times against a local Azure and a local Slack, with the rules as they are shipped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import get_args

import pandas as pd
import pytest

from monitor import plugins
from monitor.clock import BIN, iso
from monitor.collect import Backlog
from monitor.coverage import Hearing
from monitor.detectors.alarm import Alarm
from monitor.entra import scope
from monitor.kql import DuckEngine
from monitor.login.claims import application
from monitor.model import Gap, GapKind, Level, State, Window
from monitor.notifiers.slack.client import SlackApi
from monitor.notifiers.slack.notifier import SlackNotifier
from monitor.notifiers.slack.pacing import Pacer
from monitor.ports import Past
from monitor.rules import HEALTH, Rule, load, shipped
from monitor.settings import Logins
from monitor.settings import load as load_settings
from monitor.sources.fold import QUERIES
from monitor.sources.loganalytics.client import Workspace
from monitor.sources.loganalytics.gate import Gate
from monitor.sources.loganalytics.source import LogAnalyticsSource
from monitor.store import Store
from monitor.testing.azure import LocalAzure, faults, ready
from monitor.testing.azure import Workspace as Tables
from monitor.testing.slack import UNPACED, LocalSlack
from monitor.testing.slack import faults as refusals
from monitor.watchdog import blindness, stale
from monitor.worker import App, Report, tick
from monitor.worker.health import HealthSource
from tests.sources import rows
from tests.sources.wires import Pass
from tests.worker.alerts import alert
from tests.worker.scripts import Memory
from tests.worker.worlds import every

START = datetime(2026, 5, 4, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LIVE = START + 9 * DAY + 9 * HOUR
"""When mintwatch comes to watch; what happened before is history."""
TWO = 2 * BIN
OWN = "11111111-0000-4000-8000-00000000000a"


@pytest.fixture(scope="module")
def shipped_rules() -> dict[str, Rule]:
    return {rule.id: rule for rule in load(shipped(), plugins.detectors())}


@pytest.fixture(scope="module")
def azure() -> Iterator[LocalAzure]:
    with LocalAzure() as served:
        yield served


class Hurried(Event):
    """Nobody waits for it: what is retried is retried at once."""

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        return self.is_set()


@dataclass
class World:
    """One source of a workspace, the rules about ourselves and some others, and what was told."""

    azure: LocalAzure
    tables: Tables
    app: App
    told: Memory
    now: datetime = LIVE
    reports: list[Report] = field(default_factory=list)

    def until(self, end: datetime, step: timedelta = BIN) -> World:
        """Ticks up to and with `end`."""
        for moment in every(step, self.now, end):
            self.azure.clock.now = self.now = moment
            self.reports.append(tick(self.app, moment))
        return self

    def first(self, rule: str, end: datetime) -> datetime:
        """The tick at which people were told of it."""
        while self.now < end:
            self.until(self.now + BIN)
            if said := [one for one in self.told.took if rule in one.rules]:
                assert [one.reason.value for one in said] == ["opened"]
                return self.now
        raise AssertionError(f"{rule} was not told by {iso(end)}: {self.told.took}")

    def over(self) -> None:
        """Three hours later it has been said once that it is over, and nothing else."""
        self.until(self.now + 3 * HOUR, 30 * MINUTE)
        assert [one.reason.value for one in self.told.took] == ["opened", "resolved"]
        assert [one.state for one in self.app.store.incidents()] == [State.RESOLVED]


Made = Callable[..., World]


@pytest.fixture
def made(azure: LocalAzure, engine: DuckEngine, shipped_rules: dict[str, Rule]) -> Iterator[Made]:
    """Makes a world whose source has spoken every five minutes for nine days, and was collected once."""
    closing: list[Callable[[], object]] = []

    def make(
        events: Sequence[tuple[datetime, datetime]] = (),
        *,
        kind: str = "service_principal",
        given: Sequence[tuple[rows.Row, datetime]] = (),
        also: Iterable[Rule] = (),
    ) -> World:
        name = f"44444444-0000-4000-8000-{id(closing) % 10**12:012d}"
        azure.faults.clear()
        azure.clock.now = START
        tables = azure.workspace(name)
        query = QUERIES[kind]
        lines = [*given, *((_row(at), arrived) for at, arrived in events)]
        tables.append(query.tables[0], [one for one, _ in lines], [arrived for _, arrived in lines])
        stop = Hurried()
        token = azure.authority.token(azure.authority.trust(name, "contoso"), azure.audience)
        asked = Workspace(
            name,
            Pass(token),
            endpoint=azure.url,
            audience=azure.audience,
            gate=Gate(stop, now=lambda: azure.clock.now),
            stop=stop,
            connection_verify=str(azure.ca),
            now=lambda: azure.clock.now,
        )
        kept, told = Store(), Memory()
        closing.extend([asked.close, kept.close, lambda: azure.drop(name)])
        source = LogAnalyticsSource(query, asked, name=f"main.{kind}", step=DAY)
        about_us = [rule for rule in shipped_rules.values() if rule.stream == HEALTH]
        backlog = Backlog(history=20 * DAY, cap=2 * DAY, compare=None)
        app = App(
            (source, HealthSource(kept)), (*about_us, *also), kept, engine, (told,), backlogs={source.name: backlog}
        )
        azure.clock.now = LIVE
        return World(azure, tables, app, told).until(LIVE + BIN)

    yield make
    for close in closing:
        close()


def _row(at: datetime, **columns: object) -> rows.Row:
    return dict(rows.service_principal(iso(at), TimeGenerated=iso(at), CreatedDateTime=iso(at))) | columns


def spoken(end: datetime, begin: datetime = START) -> list[tuple[datetime, datetime]]:
    """A row every five minutes, each there three minutes later."""
    return [(at, at + 3 * MINUTE) for at in every(BIN, begin, end)]


REFUSALS = {
    "failed": faults.failing(503),
    "forbidden": faults.forbidden(),
    "throttled": faults.throttled(),
}


@pytest.mark.parametrize("how", REFUSALS)
def test_a_source_that_cannot_be_read_is_told_by_the_second_round(how: str, made: Made) -> None:
    """Off: `app.store.failed` in `gather` of monitor/worker/gathering.py."""
    world = made(spoken(LIVE + 6 * HOUR))
    begin = world.now + BIN
    world.azure.faults.add(REFUSALS[how], times=None)
    assert world.first("source-stalled", LIVE + HOUR) - begin <= TWO
    world.azure.faults.clear()
    world.over()


def test_one_lost_round_is_told_to_nobody(made: Made) -> None:
    world = made(spoken(LIVE + 6 * HOUR))
    for _ in range(2):
        world.azure.faults.add(faults.forbidden(), times=None)
        world.until(world.now + BIN)
        world.azure.faults.clear()
        world.until(world.now + BIN)
    assert (world.told.took, world.app.store.findings()) == ([], [])


def test_a_source_that_falls_silent_is_told_when_that_is_longer_than_it_ever_pauses(
    made: Made, shipped_rules: dict[str, Rule]
) -> None:
    """Off: `note_blindness` in `judge_and_decide` of monitor/worker/ticking.py."""
    cut = LIVE + 10 * MINUTE
    world = made([*spoken(cut), *spoken(LIVE + 6 * HOUR, cut + HOUR)], also=[shipped_rules["failure-burst"]])
    first = world.first("source-silent", cut + HOUR)
    assert first - (cut + BIN + 30 * MINUTE) <= TWO
    said = world.told.took[0]
    assert "main.service_principal" in said.headline
    assert ("Last word", "2026-05-13 09:15 UTC") in said.facts
    assert ("Not seen meanwhile", "its part of sign_in, for failure-burst") in said.facts
    world.until(cut + HOUR + 10 * MINUTE).over()


def test_a_source_that_tells_of_long_ago_is_told_when_that_is_far_later_than_ever(made: Made) -> None:
    """Off: `stale` in `blindness` of monitor/watchdog.py."""
    slow = LIVE + 10 * MINUTE
    late = [(at, slow + 3 * MINUTE + 2 * (at - slow)) for at, _ in spoken(slow + HOUR, slow)]
    world = made([*spoken(slow), *late])
    known = slow + 95 * MINUTE  # half as fast as time: three arrivals in a row are more than half an hour late
    assert world.first("source-stale", slow + 2 * HOUR) - known <= TWO
    assert dict(world.told.took[0].facts)["Last word"].startswith("2026-05-13 ")


@pytest.mark.parametrize("kind", get_args(GapKind))
def test_a_stretch_that_was_not_seen_is_told_by_the_next_tick(
    kind: GapKind, engine: DuckEngine, shipped_rules: dict[str, Rule]
) -> None:
    """Off: `_write` in `note_gaps` of monitor/store/health.py."""
    told = Memory()
    with Store() as store:
        app = App((HealthSource(store),), tuple(shipped_rules.values()), store, engine, (told,))
        tick(app, LIVE)
        store.note_gaps([Gap("main.service_principal", Window(LIVE - DAY, LIVE), "why", LIVE + BIN, kind)])
        tick(app, LIVE + BIN)
        name = "logs-vanished" if kind == "shrunk" else "logs-left-out"
        assert [(one.reason.value, one.rules) for one in told.took] == [("opened", (name,))]


def test_what_was_left_out_after_a_stop_is_told_at_once(made: Made) -> None:
    world = made(spoken(LIVE + 4 * DAY))
    back = world.now + 3 * DAY
    world.now = back - BIN
    assert world.first("logs-left-out", back + HOUR) - back <= TWO


def test_an_outbox_that_is_stuck_is_told_through_another_notifier(made: Made) -> None:
    """Off: `note_untold` in `gather` of monitor/worker/gathering.py."""
    with LocalSlack(limits=UNPACED) as slack:
        channel = slack.channel("alerts")
        api = SlackApi(lambda: slack.token, Pacer(Hurried(), paces={}), url=slack.url)
        notifier = SlackNotifier("slack", api, channel.id, charts=False)
        world = made(spoken(LIVE + 6 * HOUR))
        world.app = replace(world.app, notifiers=(notifier, world.told))
        slack.faults.add(refusals.refusing("invalid_auth"), times=None)
        alert(world.app.store, [notifier], "i1", world.now)
        wanted = world.now
        assert world.first("notifier-stalled", LIVE + HOUR) - wanted <= TWO
        slack.faults.clear()
        world.until(world.now + 3 * HOUR, 30 * MINUTE)
        assert [one.reason.value for one in world.told.took if "notifier-stalled" in one.rules] == [
            "opened",
            "resolved",
        ]
        assert world.app.store.waiting() == []


class Broken(Alarm):
    """Fails when it is asked."""

    def score(self, past: Past, window: Window) -> pd.DataFrame:
        raise ArithmeticError(f"fails at {window.end} on {len(past.activity)} rows, as scripted")


def test_a_rule_that_fails_twice_is_told_by_the_others(made: Made, shipped_rules: dict[str, Rule]) -> None:
    """Off: `failed` in `note_blindness` of monitor/worker/health.py."""
    bad = shipped_rules["failure-burst"].made("scripted", Broken(count=1))
    world = made(spoken(LIVE + 6 * HOUR))
    begin = world.now + BIN
    world.app = replace(world.app, rules=(*world.app.rules, bad))
    assert world.first("rule-failing", LIVE + HOUR) - begin <= TWO
    assert "failure-burst" in world.told.took[0].headline
    world.app = replace(world.app, rules=world.app.rules[:-1])
    world.over()


GROUP = "/subscriptions/s/resourcegroups/g"


def call(key: str, at: datetime, who: int, what: str, where: str = GROUP) -> tuple[rows.Row, datetime]:
    """A row of AzureActivity, there three minutes later."""
    claims = {"http://schemas.microsoft.com/identity/claims/objectidentifier": f"{who:08d}-0000-4000-8000-000000000000"}
    columns = {"TimeGenerated": iso(at), "OperationNameValue": what, "Claims": json.dumps(claims), "_ResourceId": where}
    return dict(rows.activity(key)) | columns | {"Claims_d": claims}, at + 3 * MINUTE


def test_a_removed_diagnostic_setting_is_told_as_soon_as_its_row_shows(
    made: Made, shipped_rules: dict[str, Rule]
) -> None:
    """Off: `prompt` in `judge` of monitor/worker/judging.py."""
    deploys = [
        call(f"{who} {day}", START + day * DAY + who * MINUTE, who, "MICROSOFT.RESOURCES/DEPLOYMENTS/WRITE")
        for who in range(30)
        for day in range(9)
    ]
    removed = LIVE + 11 * MINUTE
    cut = call("cut", removed, 3, "MICROSOFT.INSIGHTS/DIAGNOSTICSETTINGS/DELETE")
    world = made(kind="control", given=[*deploys, cut], also=[shipped_rules["diagnostic-setting-removed"]])
    assert world.first("diagnostic-setting-removed", LIVE + 2 * HOUR) - (removed + 3 * MINUTE) <= TWO


FEEDS = {
    "a vault": f"{GROUP}/providers/microsoft.keyvault/vaults/kv-shop/providers/microsoft.insights",
    "the directory": "/providers/microsoft.aadiam",
    "a subscription": "/subscriptions/s/providers/microsoft.insights",
    "a workspace": f"{GROUP}/providers/microsoft.operationalinsights/workspaces/main/providers/microsoft.insights",
}


@pytest.mark.parametrize("feed", FEEDS)
def test_what_feeds_us_and_is_cut_is_told_where_nothing_is_known_yet(
    feed: str, made: Made, shipped_rules: dict[str, Rule]
) -> None:
    """Off: `prompt` in `judge` of monitor/worker/judging.py; and the feed in `where` of rules/feed-cut.yml."""
    removed, place = LIVE + 11 * MINUTE, FEEDS[feed]
    what = f"{place.rpartition('/')[2]}/diagnosticSettings/delete".upper()
    cut = call("cut", removed, 3, what, f"{place}/diagnosticSettings/audit".upper())
    world = made(kind="control", given=[cut], also=[shipped_rules["feed-cut"]])
    assert world.first("feed-cut", LIVE + 2 * HOUR) - (removed + 3 * MINUTE) <= TWO
    assert world.told.took[0].level is Level.HIGH


def test_our_own_identity_from_elsewhere_for_something_else_and_refused(
    made: Made, shipped_rules: dict[str, Rule]
) -> None:
    """Off: `knowing` in `watch` of monitor/worker/watching.py."""
    ours = [one.knowing(lambda: frozenset({OWN})) for one in shipped_rules.values() if one.ours]
    logs = {"AppId": OWN.upper(), "ResourceIdentity": "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5"}
    usual = [(_row(at, **logs), at + 3 * MINUTE) for at in every(HOUR, START, LIVE + 3 * HOUR)]
    theft = LIVE + 11 * MINUTE
    stolen: list[dict[str, object]] = [
        {"IPAddress": "66.1.2.3"},
        {"ResourceIdentity": "00000003-0000-0000-c000-000000000000"},
        {"ResultType": "7000222"},
    ]
    odd = [(_row(theft + n * MINUTE, **logs | one), theft + 3 * MINUTE) for n, one in enumerate(stolen)]
    world = made(given=[*usual, *odd], also=ours).until(LIVE + 10 * MINUTE)
    assert (world.told.took, world.app.store.findings()) == ([], [])
    world.until(theft + 3 * MINUTE + TWO)
    assert {name for one in world.app.store.incidents() for name in one.rules} == {one.id for one in ours}
    assert [one.reason.value for one in world.told.took] == ["opened"]


def test_where_no_login_says_who_we_are_its_rules_say_so(made: Made, shipped_rules: dict[str, Rule]) -> None:
    world = made(spoken(LIVE + HOUR), also=[one for one in shipped_rules.values() if one.ours])
    notes = {one.name: one.note for one in world.reports[-1].rules if one.note}
    assert set(notes) == {one.id for one in shipped_rules.values() if one.ours} != set()
    assert all("no login says who mintwatch itself is" in one for one in notes.values())


def test_a_login_says_who_we_are_by_its_token(azure: LocalAzure, tmp_path: Path) -> None:
    with ExitStack() as closing:
        settings = load_settings(ready(azure, tmp_path, tmp_path).settings, {})
        logins = Logins(settings, {})
        closing.callback(logins.close)
        assert logins.own() == frozenset()
        made = logins.credential("default")
        made.warm(azure.audience)
        assert logins.own() == {application(made.get_token_info(scope(azure.audience)).token)} == {made.login.client_id}


def test_the_page_about_blindness_names_every_rule_about_it(shipped_rules: dict[str, Rule]) -> None:
    page = (shipped().parent / "docs" / "explanation" / "blindness.md").read_text("utf-8")
    named = set(re.findall(r"shipped-rules\.md#([a-z-]+)", page))
    looked_at = re.compile(r'action == "(collect|judge|notify)"')
    assert {name for name, one in shipped_rules.items() if one.ours or looked_at.search(one.where)} <= named
    assert named <= set(shipped_rules)


# What a month without trouble looks like: nothing is said of any source, whatever its rhythm.

OFFICE = [
    (at, at + 4 * MINUTE)
    for at in every(10 * MINUTE, START - 28 * DAY, START + 28 * DAY)
    if at.weekday() < 5 and 8 <= at.hour < 17 and at.date() != (START + 14 * DAY).date()
]
"""A source of people at work; one Monday everybody is off."""


def heard(events: Iterable[tuple[datetime, datetime]]) -> dict[str, Hearing]:
    bins = pd.DataFrame([(at, arrived) for at, arrived in events], columns=["at", "seen_at"])
    bins = bins.astype("datetime64[us, UTC]").apply(lambda column: column.dt.floor("5min"))
    return {"main.x": Hearing.of("main.x", 10 * MINUTE, 15 * MINUTE, bins.drop_duplicates("at"))}


def said(hearing: dict[str, Hearing], begin: datetime, end: datetime, step: timedelta = HOUR) -> list[datetime]:
    return [now for now in every(step, begin, end) if list(blindness(hearing, {}, now))]


def test_nights_weekends_and_a_holiday_are_no_silence() -> None:
    """Off: `OFF` in monitor/watchdog.py (0)."""
    assert said(heard(OFFICE), START - 28 * DAY, START + 28 * DAY) == []


def test_a_source_of_people_that_falls_silent_at_noon_is_told_that_afternoon() -> None:
    cut = START + 22 * DAY + 11 * HOUR
    first = said(heard([one for one in OFFICE if one[0] < cut]), cut, cut + 3 * DAY)[0]
    assert first - cut <= 5 * HOUR


def test_who_never_spoke_or_hardly_ever_or_only_since_yesterday_is_not_missed() -> None:
    seldom = [(at, at + 3 * MINUTE) for at in (START, START + 9 * DAY, START + 11 * DAY)]
    young = spoken(START + 3 * DAY)
    for events in ([], seldom, young):
        assert said(heard(events), START, START + 20 * DAY) == []


def test_a_source_that_was_silent_when_we_first_came_is_told() -> None:
    """Rows came until a week before mintwatch did: the setting was cut, and nobody noticed."""
    now = START + 30 * DAY
    assert [one.outcome for one in blindness(heard(spoken(START + 23 * DAY)), {}, now)] == ["silent"]


def test_time_in_which_nobody_listened_is_no_silence() -> None:
    """Off: `listened` in `blindness` of monitor/watchdog.py."""
    hearing, last = heard(spoken(START + 9 * DAY)), START + 9 * DAY
    assert not list(blindness(hearing, {"main.x": last + 10 * MINUTE}, last + DAY))
    assert list(blindness(hearing, {"main.x": last + DAY}, last + DAY))


def test_a_late_batch_is_not_a_stale_feed() -> None:
    """Off: `SOME` in monitor/watchdog.py (1)."""
    now = START + 9 * DAY
    batch = [(now - 5 * HOUR + n * BIN, now) for n in range(3)]
    hearing = heard([*spoken(now - 5 * HOUR - BIN), *batch])
    assert stale(hearing["main.x"], now + BIN) is None
