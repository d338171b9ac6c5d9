"""What /metrics says: the names others build on, and nobody's name."""

from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.coverage import Hearing
from monitor.daemon.metrics import Metrics, covered
from monitor.model import Decision, Gap, Reason, Window
from monitor.ports import Counts
from monitor.sources.loganalytics.faults import Outcome
from monitor.sources.loganalytics.tally import Asked, Tally
from monitor.worker import Report, RuleReport, SourceReport
from tests.daemon.asking import series, value
from tests.worker.scripts import DAY, HOUR, MINUTE, NOON

CONTRACT = {
    "build_info": "version",
    "source_watermark_timestamp_seconds": "source",
    "source_last_success_timestamp_seconds": "source",
    "source_heard_timestamp_seconds": "source",
    "arrival_lag_seconds": "source",
    "rows_total": "source fate",
    "facts_total": "source",
    "live_facts": "source",
    "coverage_ratio": "source",
    "gaps": "source",
    "polls_total": "source outcome",
    "poll_duration_seconds": "source",
    "queries_total": "source purpose outcome",
    "query_duration_seconds": "source purpose",
    "throttles_total": "source",
    "groups_judged": "rule",
    "groups_unjudged": "rule",
    "findings_total": "rule level",
    "rule_errors_total": "rule",
    "incidents": "level state",
    "decisions_total": "notifier reason",
    "outbox_messages": "notifier",
    "outbox_oldest_age_seconds": "notifier",
    "messages_total": "notifier outcome",
    "slack_socket_connected": "",
    "slack_socket_last_message_timestamp_seconds": "",
    "stage_duration_seconds": "stage",
    "tick_duration_seconds": "",
    "last_tick_timestamp_seconds": "",
    "jobs_missed_total": "task reason",
    "beat_timestamp_seconds": "",
    "identities": "",
    "state_bytes": "part",
    "state_writable": "",
    "heartbeat_last_success_timestamp_seconds": "",
    "heartbeat_calls_total": "outcome",
    "canary_last_seen_timestamp_seconds": "",
    "config_last_reload_successful": "",
    "config_last_reload_success_timestamp_seconds": "",
}
"""Every name there is, and its labels: what alert rules and dashboards are built on."""
HISTOGRAMS = {
    "arrival_lag_seconds",
    "poll_duration_seconds",
    "query_duration_seconds",
    "stage_duration_seconds",
    "tick_duration_seconds",
}


def made(*sources: str) -> Metrics:
    metrics = Metrics(lambda: NOON)
    metrics.configured(sources or ("prod.sign_in",), ("spike",), ("slack",), listens=True)
    return metrics


def text(metrics: Metrics) -> str:
    return metrics.text()[1].decode()


def test_the_names_types_and_labels_are_those_that_others_build_on() -> None:
    found, kinds = {}, {}
    for family, labels in made().described():
        name = family.name.removeprefix("mintwatch_") + ("_total" if family.type == "counter" else "")
        found[name], kinds[name] = " ".join(labels), family.type
        assert family.name.startswith("mintwatch_")
        assert family.documentation.endswith("."), family
    assert found == CONTRACT
    assert not {"job", "instance"} & {one for labels in found.values() for one in labels.split()}, "Prometheus's own"
    assert {name for name, kind in kinds.items() if kind == "histogram"} == HISTOGRAMS
    assert {name for name, kind in kinds.items() if kind == "counter"} == {
        name for name in CONTRACT if name.endswith("_total")
    }


def test_it_says_of_itself_what_every_process_says_and_of_nothing_when_it_was_created() -> None:
    names = {name for name, _ in series(text(made()))}
    assert {"process_resident_memory_bytes", "process_open_fds", "process_cpu_seconds_total", "python_info"} <= names
    assert not [name for name in names if name.endswith("_created")]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here")
def test_promtool_finds_nothing_to_say() -> None:
    said = fed().text()[1]
    checked = subprocess.run(["promtool", "check", "metrics"], input=said, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def fed() -> Metrics:
    metrics = made()
    lags = {timedelta(0): 5, 10 * MINUTE: 2, 3 * DAY: 1}
    collected = SourceReport("prod.sign_in", 2, Counts(10, 7, 2, 1), 4, lags=lags)
    metrics.collected(collected, timedelta(seconds=3), NOON)
    metrics.asked(Asked("prod.sign_in", "fetch", Outcome.THROTTLED), timedelta(seconds=1))
    metrics.message("slack", "sent")
    decided = Decision("i1", "slack", NOON, Reason.OPENED)
    rules = (RuleReport("spike", 7, 3, 1, "QueryError: no"),)
    metrics.judged(Report(NOON, (), rules, (), (decided,), took={"judge": HOUR}), timedelta(seconds=9))
    return metrics


def test_a_round_shows_as_it_was() -> None:
    said, of = text(fed()), {"source": "prod.sign_in"}
    assert value(said, "rows_total", **of, fate="kept") == 7
    assert value(said, "polls_total", **of, outcome="ok") == 1
    assert value(said, "polls_total", **of, outcome="failed") == 0
    assert value(said, "source_watermark_timestamp_seconds", **of) == NOON.timestamp()
    assert value(said, "arrival_lag_seconds_bucket", **of, le="300.0") == 5
    assert value(said, "arrival_lag_seconds_bucket", **of, le="600.0") == 7
    assert value(said, "arrival_lag_seconds_bucket", **of, le="+Inf") == 8
    assert value(said, "arrival_lag_seconds_count", **of) == 8
    assert value(said, "queries_total", **of, purpose="fetch", outcome="throttled") == 1
    assert value(said, "throttles_total", **of) == 1
    assert value(said, "groups_unjudged", rule="spike") == 3
    assert value(said, "rule_errors_total", rule="spike") == 1
    assert value(said, "decisions_total", notifier="slack", reason="opened") == 1
    assert value(said, "stage_duration_seconds_sum", stage="judge") == 3600


def test_what_is_not_there_is_polled_and_what_fails_is_not() -> None:
    metrics = made("a", "b")
    metrics.collected(SourceReport("a", error="TransientError: no"), HOUR, None)
    metrics.collected(SourceReport("b", absent="no such table"), HOUR, None)
    said = text(metrics)
    assert value(said, "polls_total", source="a", outcome="failed") == 1
    assert value(said, "polls_total", source="b", outcome="absent") == 1
    assert value(said, "source_last_success_timestamp_seconds", source="a") is None
    assert value(said, "source_last_success_timestamp_seconds", source="b") == NOON.timestamp()


def test_what_is_no_longer_configured_loses_its_series_and_what_stays_keeps_its_counts() -> None:
    metrics = made("a", "b")
    for name in ("a", "b"):
        metrics.collected(SourceReport(name, counts=Counts(read=1, kept=1)), HOUR, NOON)
    metrics.configured(("b", "c"), (), ("files",))
    metrics.collected(SourceReport("a"), HOUR, NOON)  # a round that was still going on
    metrics.message("slack", "sent")
    said = text(metrics)
    labels = {pair for _, labels in series(said) for pair in labels}
    assert {value for name, value in labels if name == "source"} == {"b", "c"}
    assert {value for name, value in labels if name == "notifier"} == {"files"}
    assert value(said, "rows_total", source="b", fate="kept") == 1
    assert value(said, "polls_total", source="c", outcome="ok") == 0
    assert value(said, "slack_socket_connected") is None


@given(st.lists(st.text(max_size=40), min_size=1, max_size=5))
def test_no_name_that_is_not_configured_becomes_a_label(names: list[str]) -> None:
    metrics = made()
    before = _ours(metrics)
    for name in names:
        metrics.collected(SourceReport(name, lags={HOUR: 1}), HOUR, NOON)
        metrics.asked(Asked(name, name, Outcome.OK), HOUR)
        metrics.message(name, name)
        decided = Decision(name, name, NOON, Reason.OPENED)
        report = Report(NOON, (), (RuleReport(name),), (), (decided,), heard={name: _hearing([0])})
        metrics.judged(report, HOUR)
        metrics.covered(report.heard, {name: NOON}, NOON)
    assert _ours(metrics) == before


def _ours(metrics: Metrics) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    return {(name, labels) for name, labels in series(text(metrics)) if name.startswith("mintwatch")}


def test_a_tally_tells_of_each_question() -> None:
    told: list[tuple[Asked, timedelta]] = []
    tally, asked = Tally(), Asked("a", "fetch", Outcome.OK)
    tally.add(asked)
    tally.tell(lambda *said: told.append(said))
    tally.add(asked, HOUR)
    assert told == [(asked, HOUR)]
    assert tally.total() == 2


def _hearing(minutes: list[int], gaps: tuple[Gap, ...] = ()) -> Hearing:
    at = np.array(sorted(NOON.replace(tzinfo=None) - n * MINUTE for n in minutes), "datetime64[us]")
    return Hearing("a", 10 * MINUTE, 15 * MINUTE, at, at, np.arange(at.size), at, gaps)


def test_coverage_is_what_was_listened_to_of_the_last_day() -> None:
    steady = list(range(5, 3 * 1440, 5))
    gap = Gap("a", Window(NOON - 12 * HOUR, NOON - 6 * HOUR), "", NOON - 5 * HOUR)
    assert covered(_hearing(steady), NOON, NOON) == 1.0
    assert covered(_hearing(steady, (gap,)), NOON, NOON) == pytest.approx(0.75)
    assert covered(_hearing(steady), NOON - 12 * HOUR, NOON) == pytest.approx(0.52, abs=0.01)
    assert covered(_hearing([60 * 48]), NOON, NOON) == 1.0  # it speaks seldom, and was listened to
    assert covered(_hearing([1]), NOON, NOON) == 1.0  # there is nothing yet
