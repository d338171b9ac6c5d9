"""One tick: collect every source, then judge, triage, conclude, notify. Each source, rule and notifier is guarded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from monitor.clock import BIN, DAY, floor, midnight
from monitor.collect import collect
from monitor.coverage import Hearing
from monitor.errors import MintwatchError
from monitor.model import Finding, Notice, Window
from monitor.notify import compose
from monitor.ports import Counts, LogSource
from monitor.triage import Triaged, triage
from monitor.worker.app import App, Report, RuleReport, SourceReport
from monitor.worker.judging import Judged, hear, judge

log = logging.getLogger("mintwatch.worker")
T = TypeVar("T")
WIDEST = timedelta(hours=24)
"""No bucket is wider than a day: a changed bin touches no bucket that starts earlier than this before it."""
DEFAULT_NOTIFIER = "console"


def tick(app: App, now: datetime) -> Report:
    """The product in one screen: look, judge, decide, keep what was decided, tell.

    `now` is rounded down to 5 minutes, so that `as_of` always falls on a bin edge.
    """
    as_of = floor(now, BIN)
    before = [app.store.watermark(source.name) for source in app.sources]
    sources = [gather(app, source, as_of) for source in app.sources]
    window = _touched(app, before, as_of)
    judged, rules, hearing = judge_all(app, window, as_of)
    known = app.store.known(window.start)
    found = [one for each in judged for one in each.findings if one.key not in known]
    triaged = conclude(app, sorted(found, key=lambda one: (one.time, one.key)), judged, hearing, as_of)
    unsent = notify(app, triaged, as_of)
    return Report(as_of, tuple(sources), tuple(rules), triaged.incidents, triaged.decisions, tuple(unsent))


def gather(app: App, source: LogSource, as_of: datetime, *, whole: bool = False) -> SourceReport:
    """Fetch the source's changed windows, put them on disk, and make all of them live in one switch."""

    def work() -> SourceReport:
        written, total, facts = [], Counts(), 0
        since, live = app.store.watermark(source.name), app.store.windows(source.name)
        for window, fetched in collect(source, since, live, as_of, whole=whole):
            written.append(app.store.write(source.name, window, fetched))
            total, facts = total + fetched.counts, facts + fetched.facts.num_rows
        app.store.switch(source.name, written, as_of)
        return SourceReport(source.name, len(written), total, facts)

    return guarded(source.name, work, lambda error: SourceReport(source.name, error=error))


def judge_all(app: App, window: Window, as_of: datetime) -> tuple[list[Judged], list[RuleReport], dict[str, Hearing]]:
    """Every rule over the window, those that judge scores last; a rule that fails is reported and stops nobody."""
    tables = {"facts": app.store.live()}
    judged: list[Judged] = []
    reports: list[RuleReport] = []
    if not tables["facts"]:
        return judged, reports, {}
    hearing = hear(app.engine, tables, app.sources)
    last = [rule for rule in app.rules if "scores" in rule.judge.needs]
    for place, rule in enumerate([*(rule for rule in app.rules if rule not in last), *last]):
        app.progress("judging", place / len(app.rules))

        def work(rule: object = rule) -> RuleReport:
            one = judge(rule, app.engine, tables, hearing, window, as_of, tuple(judged))  # type: ignore[arg-type]
            judged.append(one)
            return RuleReport(one.rule.id, one.judged, one.unjudged, len(one.findings))

        reports.append(guarded(rule.id, work, lambda error, rule=rule: RuleReport(rule.id, error=error)))  # type: ignore[misc]
    app.progress("judging", 1.0)
    return judged, reports, hearing


def conclude(
    app: App, found: Sequence[Finding], judged: Sequence[Judged], hearing: Mapping[str, Hearing], now: datetime
) -> Triaged:
    """Triage the new findings and keep everything that follows from them in one transaction."""
    until = judged_until(judged, hearing, {name: app.store.watermark(name) or now for name in hearing}, now)
    notifier = app.notifiers[0].name if app.notifiers else DEFAULT_NOTIFIER
    triaged = triage(
        found,
        app.store.incidents(),
        {rule.id: rule for rule in app.rules},
        {rule: min(each.values()) for rule, each in until.items() if each},
        app.policy,
        notifier,
        now,
    )
    reasons = {one.incident: one for one in triaged.decisions}
    app.store.conclude(
        {(rule, source): at for rule, each in until.items() for source, at in each.items()},
        [(one, triaged.belongs[one.key], reasons[triaged.belongs[one.key]]) for one in found],
        triaged.incidents,
        triaged.decisions,
    )
    return triaged


def judged_until(
    judged: Sequence[Judged], hearing: Mapping[str, Hearing], watermarks: Mapping[str, datetime], now: datetime
) -> dict[str, dict[str, datetime]]:
    """Per rule and source, how far the source can be judged now; late ones too, for they hold back a resolution."""
    reach = {name: one.reach(now, watermarks[name]) - one.settle for name, one in hearing.items()}
    return {one.rule.id: {name: reach[name] for name in one.sources if name in reach} for one in judged}


def notify(app: App, triaged: Triaged, now: datetime) -> list[str]:
    """Send what was decided to be told; a notice is written after each send. Returns what could not be sent."""
    incidents = {one.id: one for one in triaged.incidents}
    names, rules = app.store.names(), {rule.id: rule for rule in app.rules}
    unsent = []
    for decision in triaged.decisions:
        if not decision.told:
            continue
        findings = [one for one, _, _ in app.store.findings(decision.incident)]
        message = compose(decision, incidents[decision.incident], findings, rules, names, now)
        for notifier in app.notifiers:

            def work(notifier: object = notifier) -> str:
                ref = notifier.send(message)  # type: ignore[attr-defined]
                app.store.note(Notice(decision.incident, notifier.name, now, ref))  # type: ignore[attr-defined]
                return ""

            error = guarded(notifier.name, work, lambda error: error)
            if error:
                unsent.append(f"{notifier.name}: {decision.incident}: {error}")
    return unsent


def guarded(name: str, work: Callable[[], T], failed: Callable[[str], T]) -> T:
    """The one guard: whatever goes wrong with one source, rule or notifier stays with it."""
    try:
        return work()
    except MintwatchError as error:
        log.warning("failed", extra={"part": name, "error": str(error)})
        return failed(str(error))
    except Exception as error:
        log.exception("failed unexpectedly", extra={"part": name})
        return failed(f"{type(error).__name__}: {error}")


def _touched(app: App, before: Sequence[datetime | None], as_of: datetime) -> Window:
    """The buckets that rows seen since the last tick may have changed, in whole days; at most a day back at first."""
    known = [one for one in before if one]
    if not known or not app.store.live():
        return Window(midnight(as_of) - DAY, as_of)
    since = min(known) - max((source.overlap for source in app.sources), default=timedelta(0)) - BIN
    query = "facts\n| where seen_at >= since and seen_at < as_of\n| summarize at = min(at)"
    answer = app.engine.run(query, {"facts": app.store.live()}, {"since": since, "as_of": as_of})
    (first,) = answer.column("at").to_pylist()
    start = midnight((first or as_of) - WIDEST)
    return Window(min(start, midnight(as_of) - DAY), as_of)
