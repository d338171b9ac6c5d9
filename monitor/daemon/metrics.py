"""What `/metrics` says: how far, how late, how much, how long; in base units, and never who.

The values of labels are names of the configuration and words of the code alone: no row of any log can become one.
What is state is set when a round is through, so that an answer takes no look at the state and waits for nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from monitor import __version__, clock
from monitor.clock import BIN, DAY
from monitor.coverage import Hearing, aware
from monitor.daemon.lags import Lags
from monitor.model import Level, State, Window
from monitor.sources.loganalytics.faults import Outcome
from monitor.sources.loganalytics.tally import Asked
from monitor.store.counting import Sums
from monitor.worker import Report, SourceReport

LATE: Final = tuple(timedelta(minutes=n) for n in (5, 10, 15, 20, 30, 60, 120, 240, 480, 1440, 2880))
POLLS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
QUERIES: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180)
STAGES: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 150, 300)
FATES: Final = ("kept", "doubled", "late", "strayed", "ignored")
POLLED: Final = ("ok", "failed", "absent")
SENT: Final = ("sent", "later", "failed", "unsure", "refused", "lost")

Made = TypeVar("Made", bound=MetricWrapperBase)


class Metrics:
    """One per process; it outlives a reload. What it is told of a name that is not configured any more, it ignores."""

    def __init__(self, now: Callable[[], datetime] = clock.now) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._now = now
        self._known: dict[str, frozenset[str]] = {"source": frozenset(), "rule": frozenset(), "notifier": frozenset()}
        self._labelled: list[tuple[MetricWrapperBase, tuple[str, ...]]] = []
        self._waiting: Mapping[str, tuple[int, datetime]] = {}
        self._lock = Lock()
        self.registry = CollectorRegistry()
        self._sources()
        self._judging()
        self._telling()
        self._running()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    # --- what there is ---------------------------------------------------------------------------------------------

    def _sources(self) -> None:
        of = ("source",)
        self.watermark = self._gauge(
            "source_watermark_timestamp_seconds", "Up to when rows that arrived at a source are collected.", *of
        )
        self.success = self._gauge(
            "source_last_success_timestamp_seconds", "When a source was last collected without an error.", *of
        )
        self.heard = self._gauge(
            "source_heard_timestamp_seconds", "When the newest event that a source told of happened.", *of
        )
        self.lag = Lags(
            "mintwatch_arrival_lag_seconds", "Time from an event to its arrival, in steps of five minutes.", LATE
        )
        self.registry.register(self.lag)
        self.rows = self._counter(
            "rows",
            "Rows read of a source, by what became of them; a window that is read again counts again.",
            *of,
            "fate",
        )
        self.facts = self._counter("facts", "Facts written of a source; a window that is read again counts again.", *of)
        self.live = self._gauge("live_facts", "Facts kept of a source.", *of)
        self.coverage = self._gauge(
            "coverage_ratio", "Share of the last 24 hours in which a source was listened to; 1 is all of it.", *of
        )
        self.gaps = self._gauge("gaps", "Stretches of a source that were not seen and are not mended.", *of)
        self.polls = self._counter(
            "polls", "Rounds of a source; absent means that its tables are not there.", *of, "outcome"
        )
        self.poll = self._histogram("poll_duration_seconds", "Time that a round of a source took.", POLLS, *of)
        self.queries = self._counter(
            "queries", "Questions for Log Analytics, repeated ones too, by how they ended.", *of, "purpose", "outcome"
        )
        self.query = self._histogram(
            "query_duration_seconds",
            "Time from when a question was to be asked to its answer, the wait for its turn included.",
            QUERIES,
            *of,
            "purpose",
        )
        self.throttles = self._counter("throttles", "Questions that Log Analytics told to come back later.", *of)

    def _judging(self) -> None:
        self.judged_groups = self._gauge("groups_judged", "Groups that a rule judged at the last judgement.", "rule")
        self.unjudged_groups = self._gauge(
            "groups_unjudged", "Groups of which a rule could not say anything at the last judgement.", "rule"
        )
        self.findings = self._counter("findings", "Findings that were not known before.", "rule", "level")
        self.rule_errors = self._counter("rule_errors", "Judgements at which a rule failed.", "rule")
        self.incidents = self._gauge("incidents", "Incidents that are kept.", "level", "state")
        self.stage = self._histogram(
            "stage_duration_seconds",
            "Time that a stage took: collect one source, judge, triage, conclude, keep, or notify one message.",
            STAGES,
            "stage",
        )
        self.tick = self._histogram("tick_duration_seconds", "Time from the start of a judgement to its end.", STAGES)
        self.last_tick = self._gauge("last_tick_timestamp_seconds", "When the last judgement was concluded.")
        self.identities = self._gauge("identities", "Identities that are known by name.")

    def _telling(self) -> None:
        self.decisions = self._counter(
            "decisions", "Answers of triage, one per incident and notifier each time.", "notifier", "reason"
        )
        self.outbox = self._gauge("outbox_messages", "Messages that wait for a notifier.", "notifier")
        self.oldest = self._gauge(
            "outbox_oldest_age_seconds",
            "How long the oldest message has waited for a notifier; 0 if none does.",
            "notifier",
        )
        self.messages = self._counter("messages", "Tries to send a message, by how they ended.", "notifier", "outcome")
        self.connected = Gauge(
            "mintwatch_slack_socket_connected", "1 if what people do in Slack reaches us, else 0.", registry=None
        )
        self.last_heard = Gauge(
            "mintwatch_slack_socket_last_message_timestamp_seconds", "When Slack was last heard.", registry=None
        )
        self._listens = False
        self.canary = self._gauge(
            "canary_last_seen_timestamp_seconds", "When a canary last came through the whole walk; 0 if none ever did."
        )
        self._flies = True

    def _running(self) -> None:
        info = self._gauge("build_info", "Always 1; the label says which version runs.", "version")
        info.labels(__version__).set(1)
        self.missed = self._counter(
            "jobs_missed",
            "Times at which a job did not do its work: it was still at it (overrun), or it broke off (error).",
            "task",  # `job` is Prometheus's own name for whom it asks
            "reason",
        )
        self.beat = self._gauge("beat_timestamp_seconds", "When the scheduler last gave a sign of life.")
        self.bytes = self._gauge("state_bytes", "Size of a part of the state: facts, control, backups.", "part")
        self.writable = self._gauge("state_writable", "1 if the state could be written a moment ago, else 0.")
        self.heartbeat = self._gauge(
            "heartbeat_last_success_timestamp_seconds", "When the heartbeat was last taken; 0 if never."
        )
        self.heartbeats = self._counter(
            "heartbeat_calls", "Calls of the heartbeat's address, by how they ended.", "outcome"
        )
        self.reload_ok = self._gauge(
            "config_last_reload_successful", "1 if the settings and rules that were last read are in force, else 0."
        )
        self.reload_at = self._gauge(
            "config_last_reload_success_timestamp_seconds", "When the settings and rules in force were read."
        )

    def _gauge(self, name: str, said: str, *labels: str) -> Gauge:
        return self._noted(Gauge(f"mintwatch_{name}", said, labels, registry=self.registry), labels)

    def _counter(self, name: str, said: str, *labels: str) -> Counter:
        return self._noted(Counter(f"mintwatch_{name}", said, labels, registry=self.registry), labels)

    def _histogram(self, name: str, said: str, edges: tuple[float, ...], *labels: str) -> Histogram:
        made = Histogram(f"mintwatch_{name}", said, labels, registry=self.registry, buckets=edges)
        return self._noted(made, labels)

    def _noted(self, made: Made, labels: tuple[str, ...]) -> Made:
        self._labelled.append((made, labels))
        return made

    def described(self) -> Iterator[tuple[Metric, tuple[str, ...]]]:
        """Every metric of ours without its numbers: name, type and what it says; and its labels."""
        yield next(self.lag.describe()), ("source",)
        for made, labels in (*self._labelled, (self.connected, ()), (self.last_heard, ())):
            yield next(iter(made.describe())), labels

    # --- what it is told -------------------------------------------------------------------------------------------

    def configured(
        self, sources: Collection[str], rules: Collection[str], notifiers: Collection[str], *, listens: bool = False
    ) -> None:
        """What is watched from now on; series of what is not any more are gone, those of what is new begin at 0."""
        names = {"source": frozenset(sources), "rule": frozenset(rules), "notifier": frozenset(notifiers)}
        with self._lock:
            before, self._known = self._known, names
        for label, known in names.items():
            for gone in before[label] - known:
                self._forget(label, gone)
            for new in known - before[label]:
                self._begin(label, new)
        self._hearing(listens)

    def _forget(self, label: str, name: str) -> None:
        for metric, labels in self._labelled:
            if label in labels:
                metric.remove_by_labels({label: name})
        if label == "source":
            self.lag.remove(name)

    def _begin(self, label: str, name: str) -> None:
        """What is counted starts at 0, so that its first increase shows; times and shares start when they are known."""
        if label == "source":
            self.lag.add(name, {})
            self.facts.labels(name)
            self.throttles.labels(name)
            self.poll.labels(name)
            for fate in FATES:
                self.rows.labels(name, fate)
            for outcome in POLLED:
                self.polls.labels(name, outcome)
        elif label == "rule":
            self.rule_errors.labels(name)
        else:
            for outcome in SENT:
                self.messages.labels(name, outcome)
            self.outbox.labels(name).set(0)
            self.oldest.labels(name).set_function(lambda: self._age(name))

    def _hearing(self, listens: bool) -> None:
        """The series of a socket are there if there is to be one."""
        if listens != self._listens:
            self._listens = listens
            for gauge in (self.connected, self.last_heard):
                (self.registry.register if listens else self.registry.unregister)(gauge)

    def flown(self, expected: bool, seen: datetime | None) -> None:
        """When a canary came through last; there is no series of it where none is expected."""
        if expected != self._flies:
            self._flies = expected
            (self.registry.register if expected else self.registry.unregister)(self.canary)
        if seen:
            self.canary.set(seen.timestamp())

    def knows(self, label: str, name: str) -> bool:
        """Whether a source, rule or notifier of that name is configured."""
        return name in self._known[label]

    def collected(self, report: SourceReport, took: timedelta, watermark: datetime | None) -> None:
        """A round of a source is through."""
        name = report.name
        if not self.knows("source", name):
            return
        self.polls.labels(name, "failed" if report.error else "absent" if report.absent else "ok").inc()
        self.poll.labels(name).observe(took.total_seconds())
        self.stage.labels("collect").observe(took.total_seconds())
        for fate in FATES:
            self.rows.labels(name, fate).inc(getattr(report.counts, fate))
        self.facts.labels(name).inc(report.facts)
        self.lag.add(name, report.lags)
        if watermark is not None:
            self.watermark.labels(name).set(watermark.timestamp())
        if not report.error:
            self.success.labels(name).set(self._now().timestamp())

    def asked(self, asked: Asked, took: timedelta) -> None:
        """A question was asked, or kept back; `purpose` is a word of the code."""
        name, purpose, outcome = asked
        if self.knows("source", name):
            self.queries.labels(name, purpose, outcome.value).inc()
            self.query.labels(name, purpose).observe(took.total_seconds())
            self.throttles.labels(name).inc(outcome is Outcome.THROTTLED)

    def judged(self, report: Report, took: timedelta) -> None:
        """A judgement is concluded."""
        for one in report.rules:
            if not self.knows("rule", one.name):
                continue
            self.judged_groups.labels(one.name).set(one.judged)
            self.unjudged_groups.labels(one.name).set(one.unjudged)
            self.rule_errors.labels(one.name).inc(bool(one.error))
        for finding in report.found:
            if self.knows("rule", finding.rule):
                self.findings.labels(finding.rule, finding.level.value).inc()
        for decision in report.decisions:
            if self.knows("notifier", decision.notifier):
                self.decisions.labels(decision.notifier, decision.reason.value).inc()
        for stage, length in report.took.items():
            self.stage.labels(stage).observe(length.total_seconds())
        self.tick.observe(took.total_seconds())
        self.last_tick.set(self._now().timestamp())
        self._heard(report)

    def _heard(self, report: Report) -> None:
        for name, hearing in report.heard.items():
            if self.knows("source", name) and (newest := hearing.heard(report.now)) is not None:
                self.heard.labels(name).set(newest.timestamp())

    def covered(self, heard: Mapping[str, Hearing], watermarks: Mapping[str, datetime], as_of: datetime) -> None:
        """How much of the last 24 hours each source was listened to; nothing of one that never told anything."""
        for name, hearing in heard.items():
            if self.knows("source", name) and hearing.at.size:
                self.coverage.labels(name).set(covered(hearing, watermarks.get(name, as_of), as_of))

    def message(self, notifier: str, outcome: str) -> None:
        """A try to send a message ended."""
        if self.knows("notifier", notifier):
            self.messages.labels(notifier, outcome).inc()

    def notified(self, took: timedelta) -> None:
        """A try to send a message took so long."""
        self.stage.labels("notify").observe(took.total_seconds())

    def standing(self, sums: Sums, sizes: Mapping[str, int]) -> None:
        """What the state holds now."""
        for gauge, values in ((self.live, sums.facts), (self.gaps, sums.gaps)):
            for name in self._known["source"]:
                gauge.labels(name).set(values.get(name, 0))
        for name, at in sums.watermarks.items():
            if self.knows("source", name):
                self.watermark.labels(name).set(at.timestamp())
        for level in Level:
            for state in State:
                self.incidents.labels(level.value, state.value).set(sums.incidents.get((level.value, state.value), 0))
        self.identities.set(sums.identities)
        for part, size in sizes.items():
            self.bytes.labels(part).set(size)
        self.waits(sums.outbox)

    def waits(self, outbox: Mapping[str, tuple[int, datetime]]) -> None:
        """How many messages wait for each notifier, and since when the oldest does."""
        self._waiting = outbox
        for name in self._known["notifier"]:
            self.outbox.labels(name).set(outbox[name][0] if name in outbox else 0)

    def _age(self, notifier: str) -> float:
        waiting = self._waiting.get(notifier)
        return max(0.0, (self._now() - waiting[1]).total_seconds()) if waiting else 0.0

    def reloaded(self, *, ok: bool) -> None:
        """Settings and rules were read, and are in force if they are `ok`."""
        self.reload_ok.set(ok)
        if ok:
            self.reload_at.set(self._now().timestamp())

    def text(self, accept: str = "") -> tuple[str, bytes]:
        """Content type and text, in the format that `accept` asks for."""
        encode, kind = choose_encoder(accept)
        return kind, encode(self.registry)


def covered(hearing: Hearing, watermark: datetime, as_of: datetime) -> float:
    """Share of the last 24 hours, from its first row on, in which a source that has rows was listened to.

    Holes are what rules do not judge for that reason (`Hearing.holes`), and what is not collected yet; what may still
    be on its way is left out.
    """
    end = as_of - hearing.overlap - hearing.settle - BIN
    start = max(aware(hearing.at[0]), end - DAY)
    if start >= end:
        return 1.0
    upto = min(watermark, as_of)
    holes = [(aware(begin), aware(until)) for begin, until in hearing.holes(upto)] + [(upto, end)]
    deaf = [Window(begin, until) for begin, until in holes if begin < until]
    last = Window(start, end)
    return sum((one.length for one in last.without(deaf)), timedelta(0)) / last.length
