"""`monitor.open`: one object over settings, exports or a state, that gives what the daemon has."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import cast

import pandas as pd
import pyarrow as pa
import pytest

import monitor as mintwatch
from monitor import plugins, rules, settings
from monitor.errors import InputError, QueryError
from monitor.kql import DuckEngine, Source, Value
from monitor.model import Delivery, Part, Window
from monitor.sources.export import open_exports
from monitor.store import Store
from monitor.tables import SCHEMAS
from monitor.testing.azure import LocalAzure, Ready, ready
from monitor.testing.simulate import Summary, simulate
from monitor.worker import App, replay, tick, watch
from monitor.worker.desk import Desk

HOSTILE = 'x" or true or "x'


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    """A folder of exports, and what is in it."""
    logs = tmp_path_factory.mktemp("world") / "logs"
    return logs, simulate(logs, days=9, identities=12, seed=4)


@pytest.fixture(scope="module")
def filled(world: tuple[Path, Summary]) -> Iterator[Desk]:
    """A desk over exports that were replayed."""
    with mintwatch.open(world[0]) as desk:
        assert desk.replay().finished
        yield desk


@pytest.fixture(scope="module")
def state(world: tuple[Path, Summary], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state that a replay of the same exports left."""
    place, engine = tmp_path_factory.mktemp("kept") / "state", DuckEngine(SCHEMAS)
    with open_exports(world[0], engine=engine) as exports, Store(place) as store:
        replay(App(exports.sources, rules.load(rules.shipped(), plugins.detectors()), store, engine))
    engine.close()
    return place


def counted(desk: Desk) -> pd.DataFrame:
    """The findings of rules that count facts."""
    found = desk.findings()
    return found[found["detector"] != "together"]


def test_opening_is_not_paid_for_by_importing() -> None:
    said = "import sys, monitor; print([one for one in ('pandas', 'duckdb', 'azure.identity') if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_what_is_neither_settings_nor_exports_nor_state_is_refused(tmp_path: Path) -> None:
    for where in (tmp_path / "nowhere", tmp_path / "nowhere.yml", tmp_path):
        with pytest.raises(InputError, match=str(where)):
            mintwatch.open(where)


@pytest.mark.slow
def test_exports_and_the_state_they_left_say_the_same(filled: Desk, state: Path) -> None:
    with mintwatch.open(state) as kept:
        assert len(filled.findings()) > 0
        pd.testing.assert_frame_equal(filled.findings(), kept.findings())
        pd.testing.assert_frame_equal(filled.incidents(), kept.incidents())
        kql = "facts | summarize rows = sum(events) by stream, source | sort by source asc"
        pd.testing.assert_frame_equal(filled.ask(kql), kept.ask(kql))
        heard = {name: (one.settle, one.stream) for name, one in kept.hearing().items()}
        assert heard == {name: (filled.hearing()[name].settle, filled.hearing()[name].stream) for name in heard}
        for key in counted(kept).index:
            again = {one.key for one in kept.judge(key).findings}
            assert key in again
            assert key in {one.key for one in filled.judge(key).findings}


@pytest.mark.slow
def test_everything_behind_a_finding_is_at_hand(filled: Desk) -> None:
    worst = filled.finding(str(counted(filled)["surprise"].idxmax()))
    assert filled.finding(worst) is worst
    band = filled.band(worst)
    assert band.at[-1] == worst.bucket
    assert filled.evidence(worst)["events"].sum() >= 1
    assert filled.past(worst).as_of == worst.judged_at
    assert filled.chart(worst).axes
    row = filled.findings().loc[worst.key]
    assert (row["rule"], row["bucket"].to_pydatetime(), row["score"]) == (
        worst.rule,
        worst.bucket,
        round(worst.score, 6),
    )
    story = filled.explain(str(row["incident"]))
    assert worst.key in {one.key for one, _ in story.findings}
    assert story.behind
    with pytest.raises(InputError, match="no incident"):
        filled.explain("nobody")
    with pytest.raises(InputError, match="no finding"):
        filled.evidence("nobody")
    with pytest.raises(InputError, match="filled before"):
        filled.replay()


@pytest.mark.slow
def test_text_from_a_log_is_a_value_and_never_a_piece_of_the_query(filled: Desk, world: tuple[Path, Summary]) -> None:
    everything = Window(world[1].start, world[1].end)
    assert filled.ask("facts | where identity == who", who=HOSTILE).empty
    assert len(filled.ask("names | where identity == who", who=filled.ask("names | take 1")["identity"].iloc[0])) == 1
    for who, count in ((HOSTILE, 0), ('"', 0), ("\\", 0), ("a\nb", 0)):
        raw = filled.rows(
            "service_principal", everything.start, everything.end, "ServicePrincipalId =~ who", 5, who=who
        )
        assert len(raw) == count
    whom = filled.rows("service_principal", everything.start, everything.end, limit=1)["ServicePrincipalId"].iloc[0]
    mine = filled.rows("service_principal", everything.start, everything.end, "ServicePrincipalId =~ who", 5, who=whom)
    assert set(mine["ServicePrincipalId"]) == {whom}
    with pytest.raises(QueryError):
        filled.rows("service_principal", everything.start, everything.end, "NoSuchColumn == 1")


@pytest.mark.slow
def test_what_a_person_gets_wrong_is_said(filled: Desk, state: Path) -> None:
    """Where, what, and what was expected: never an error of a library."""
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    for since in ("2026-01-05", datetime(2026, 5, 1), date(2026, 5, 1), None, pd.NaT):  # noqa: DTZ001 - that is it
        with pytest.raises(InputError, match="since: expected a time with a zone"):
            filled.rows("service_principal", cast("datetime", since), noon)
    with pytest.raises(InputError, match=r"until: expected a time after 2026-05-01T12:00:00Z"):
        filled.rows("service_principal", noon, noon)
    with pytest.raises(InputError, match=r"who: expected text, a number, a time"):
        filled.ask("facts | where identity == who", who=cast("str", ["a"]))
    with pytest.raises(InputError, match=r"there is failure-burst"):
        filled.rule("failure-brust")
    with pytest.raises(InputError, match=r"no rule 'zzz' here; there is .*failure-burst.*mass-secret"):
        filled.rule("zzz")
    key, incident = str(filled.findings().index[0]), str(filled.incidents().index[0])
    with pytest.raises(InputError, match="is an incident's id; expected a finding's key"):
        filled.band(incident)
    with pytest.raises(InputError, match="is a finding's key; expected an incident's id"):
        filled.explain(key)
    with mintwatch.open(state) as desk:
        assert re.fullmatch(r"Desk\('.*state', 0 sources, \d+ rules, \d+ files of facts, .* only read\)", repr(desk))
    assert repr(desk).endswith("state', closed)")
    for question in (desk.findings, lambda: desk.ask("facts | take 1"), lambda: desk.finding(key), desk.hearing):
        with pytest.raises(InputError, match="was closed; open another"):
            question()


@pytest.mark.slow
def test_what_judges_other_findings_has_no_facts_of_its_own(filled: Desk) -> None:
    (rule,) = [one for one in filled.app.rules if "scores" in one.judge.needs][:1]
    over = replace(filled.finding(str(filled.findings().index[0])), rule=rule.id)
    for question in (filled.chart, filled.band, filled.judge, filled.past, filled.evidence):
        with pytest.raises(InputError, match=f"{rule.id}: judges what other rules found"):
            question(over)


@pytest.mark.slow
def test_values_are_of_any_kind_a_notebook_has(filled: Desk, world: tuple[Path, Summary]) -> None:
    """Numbers and times of pandas and numpy, also where the engine takes none; a value may be named as we like."""
    taken = filled.ask("facts | sort by events desc | take n", n=5)
    assert len(taken) == 5
    most = taken["events"].iloc[0]
    assert filled.ask("facts | where events >= n | count", n=most)["Count"].iloc[0] >= 1
    assert filled.ask("facts | where events > n | count", n=float(most))["Count"].iloc[0] == 0
    assert filled.ask("facts | where at == kql | count", kql=cast("str", taken["at"].iloc[0]))["Count"].iloc[0] >= 1
    start, end = pd.Timestamp(world[1].start), pd.Timestamp(world[1].end)
    assert len(filled.rows("service_principal", start, end, "ResultType == '' or n < -2", 5, n=-3)) == 5


@pytest.mark.slow
def test_a_replay_that_went_wrong_can_be_called_again(world: tuple[Path, Summary], filled: Desk) -> None:
    """A time without a zone costs nothing, an interruption no more than what was being done."""
    with mintwatch.open(world[0]) as desk:
        with pytest.raises(InputError, match="since: expected a time with a zone"):
            desk.replay(datetime(2026, 5, 1))  # noqa: DTZ001 - that is it
        with pytest.raises(InputError, match="until: expected a time after"):
            desk.replay(world[1].end, world[1].start)
        assert desk.app.store.live() == []
        for stopping in ("judging", "telling"):
            whole = desk.app
            desk._app = replace(whole, progress=stopper(stopping), notifiers=(Stopping(),))
            with pytest.raises(KeyboardInterrupt):
                desk.replay()
            desk._app = replace(desk.app, progress=whole.progress, notifiers=())
            assert desk.app.store.live()
        assert len(desk.findings()) > 0, "some were kept before the second stop"
        assert desk.replay().finished
        pd.testing.assert_frame_equal(desk.findings(), filled.findings())
        pd.testing.assert_frame_equal(desk.incidents(), filled.incidents())
        with pytest.raises(InputError, match="filled before"):
            desk.replay()


def stopper(stage: str) -> Callable[[str, float], None]:
    """A progress that interrupts one stage, as Ctrl-C does."""

    def stop(what: str, done: float) -> None:
        if what == stage and done > 0:
            raise KeyboardInterrupt

    return stop


class Stopping:
    """A notifier during whose first message Ctrl-C is pressed."""

    name = "stopping"
    parts = frozenset({Part.NEWS})

    def send(self, delivery: Delivery) -> str:  # noqa: ARG002
        raise KeyboardInterrupt

    def find(self, delivery: Delivery) -> str:  # noqa: ARG002
        return ""


@pytest.mark.slow
def test_a_state_is_read_while_a_daemon_replaces_its_files(state: Path) -> None:
    with mintwatch.open(state) as desk:
        before = desk.ask("facts | summarize rows = sum(events)")
        meddling = Meddling(state)
        meddled = Desk(replace(desk.app, engine=meddling), ExitStack(), where=state, writes=False, live=False)
        after = meddled.ask("facts | summarize rows = sum(events)")
        assert meddling.moved
        assert not any(path.exists() for path in meddling.moved)
        pd.testing.assert_frame_equal(before, after)
        meddling.close()


class Meddling(DuckEngine):
    """An engine under whose first question a daemon replaces every file it was told to read, twice over."""

    def __init__(self, state: Path) -> None:
        super().__init__(SCHEMAS)
        self.state = state
        self.moved: list[Path] = []

    def run(self, kql: str, tables: Mapping[str, Source], values: Mapping[str, Value] | None = None) -> pa.Table:
        if not self.moved:
            with Store(self.state) as store:
                self.moved = store.live()
                for source in [*store.counts()] * 2:
                    self.renew(store, source)
        return super().run(kql, tables, values)

    def renew(self, store: Store, source: str) -> None:
        """New files of the same facts; the last but one are deleted."""
        held = [path for path in store.live() if path.name.startswith(f"{source}.")]
        windows = [*store.windows(source)]
        window = Window(windows[0].start, windows[-1].end)
        store.switch(source, [store.merge(source, window, held)], store.watermark(source) or window.end)


# --- a workspace ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def azure(world: tuple[Path, Summary]) -> Iterator[LocalAzure]:
    with LocalAzure() as azure:
        azure.clock.now = world[1].end + timedelta(hours=1)
        yield azure


@pytest.fixture
def set_up(azure: LocalAzure, world: tuple[Path, Summary], tmp_path: Path) -> Iterator[Ready]:
    yield (made := ready(azure, tmp_path, world[0], days=9))
    azure.drop(made.workspace.id)


@pytest.mark.slow
def test_a_workspace_is_asked_and_replayed_as_its_exports_are(azure: LocalAzure, set_up: Ready, filled: Desk) -> None:
    with mintwatch.open(set_up.settings, environment={}) as desk:
        assert azure.authority.refused == []
        report = desk.replay(until=azure.clock.now)
        assert report.failures == ()
        by = "stream, identity, action"
        kql = f"facts | summarize rows = sum(events) by {by} | sort by {by.replace(',', ' asc,')} asc"
        pd.testing.assert_frame_equal(desk.ask(kql), filled.ask(kql))
        source = desk.source("local.vault")
        assert len(source.changed(None, azure.clock.now)) > 5
        day = Window(azure.clock.now - timedelta(days=3), azure.clock.now)
        assert len(desk.rows("local.vault", day.start, day.end, "OperationName == what", 3, what="SecretGet")) == 3
        assert desk.rows("local.vault", day.start, day.end, "OperationName == what", 3, what=HOSTILE).empty
        with pytest.raises(InputError, match=r"there is local\.interactive"):
            desk.source("interactive")


@pytest.mark.slow
def test_the_state_of_a_daemon_is_read_and_left_alone(azure: LocalAzure, set_up: Ready) -> None:
    chosen, engine = settings.load(set_up.settings, {}), DuckEngine(SCHEMAS)
    with (
        Store(chosen.state) as store,
        watch(
            chosen, {}, rules.load(rules.shipped(), plugins.detectors()), engine=engine, store=store, stop=Event()
        ) as w,
    ):
        tick(w.app, azure.clock.now)
        with mintwatch.open(set_up.settings, environment={}) as desk:
            assert not desk.writes
            assert desk.ask("facts | count")["Count"].iloc[0] > 0
            assert set(desk.hearing()) >= {"local.vault"}
            with pytest.raises(InputError, match="fresh=True"):
                desk.replay()
        with mintwatch.open(set_up.settings, environment={}, fresh=True) as desk:
            assert desk.writes
            assert desk.ask("facts | count")["Count"].iloc[0] == 0
    engine.close()
