"""One tick: collect every source, then judge, triage, conclude, notify. Each source, rule and notifier is guarded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile
from typing import TypeVar

from monitor.aggregate import Held, Shelf, asked
from monitor.clock import BIN, DAY, floor, iso, midnight
from monitor.coverage import Hearing
from monitor.during import during
from monitor.model import Finding, Window
from monitor.ports import Tables
from monitor.rules import Rule
from monitor.store import Standing
from monitor.triage import OWED, Triaged, triage
from monitor.worker.app import App, Report, RuleReport, SourceReport
from monitor.worker.daily import every_day
from monitor.worker.deciding import known, muting, routes
from monitor.worker.gathering import gather
from monitor.worker.guard import guarded, told
from monitor.worker.health import note_blindness
from monitor.worker.judging import Judged, hear, judge
from monitor.worker.keeping import keep
from monitor.worker.mending import mend_for, note_refused
from monitor.worker.overhearing import Spoken, spoken
from monitor.worker.telling import overdue, tell, wanted
from monitor.worker.timing import Timing

log = logging.getLogger("mintwatch.worker")
T = TypeVar("T")
WIDEST = timedelta(hours=24)
"""No bucket is wider than a day: a changed bin touches no bucket that starts earlier than this before it."""
PATIENCE = 7 * DAY
"""For how long the work of a rule that keeps failing is kept for it, at the cost of judging all that again."""
WORKERS = 2
"""Rules judged at once."""
UNKNOWN = "judges nobody: no login says who mintwatch itself is"


def tick(app: App, now: datetime, patience: timedelta = timedelta(0)) -> Report:
    """The product in one screen: look, judge, decide, keep what was decided, tell.

    `now` is rounded down to 5 minutes, so that `as_of` always falls on a bin edge. See `tell` for `patience`.
    """
    as_of = floor(now, BIN)
    report = judge_and_decide(app, as_of, [gather(app, source, as_of) for source in app.sources])
    return replace(report, unsent=(*report.unsent, *tell(app, as_of, patience)))


def judge_and_decide(app: App, as_of: datetime, gathered: Sequence[SourceReport]) -> Report:
    """What was collected is judged, decided on and kept, and so is what people are to be told; nobody is told yet."""
    with during({"tick": iso(as_of)}):
        return _judged_and_decided(app, as_of, gathered)


def _judged_and_decided(app: App, as_of: datetime, gathered: Sequence[SourceReport]) -> Report:
    timing = Timing()
    note_refused(app.store, as_of)
    with timing.stage("judge"), app.store.standing({one.name for one in app.sources}) as standing:
        judged, rules, hearing = guarded(
            "facts",
            lambda: judge_all(app, standing, _touched(app, standing, as_of), as_of, app.shelf),
            partial(_unjudged, app),
        )
    mend_for(app.store, rules, as_of)
    guarded("watchdog", lambda: note_blindness(app.store, hearing, standing, rules, as_of), lambda _: None)
    found = [one for each in judged for one in each.findings]
    kept = app.store.known(min(one.bucket for one in found)) if found else set()
    new = sorted((one for one in found if one.key not in kept), key=lambda one: (one.time, one.key))
    triaged = conclude(app, new, judged, hearing, standing, as_of, timing)
    given_up = overdue(app, as_of)
    amiss = _amiss(app)
    every_day(app, as_of, rules, hearing)
    with timing.stage("keep"):
        keep(app, as_of)
    did = Report(as_of, tuple(gathered), tuple(rules), triaged.incidents, triaged.decisions, tuple(given_up), amiss)
    return replace(did, found=tuple(new), heard=hearing, took=timing.took)


def _amiss(app: App) -> tuple[str, ...]:
    """What is wrong with identities.yml, a line each; what it said before holds meanwhile."""
    _, error = app.identities.read()
    for one in error.splitlines():
        log.warning("amiss", extra={"part": "identities", "error": one})
    return tuple(error.splitlines())


def judge_all(
    app: App, standing: Standing, window: Window, as_of: datetime, shelf: Shelf | None = None
) -> tuple[list[Judged], list[RuleReport], dict[str, Hearing]]:
    """Every rule over the window, those that judge scores last; a rule that fails is reported and stops nobody.

    Facts are read once for all rules, those on the `shelf` not again; if that fails, because of one rule's predicate,
    every rule reads its own.
    """
    tables = {"facts": standing.live}
    if not standing.live:
        return [], [], {}
    rules = [rule.pinned() for rule in app.rules]
    reading = _read(app, rules, tables, shelf)
    hearing = hear(app.engine, tables, app.sources, standing.gaps, reading.bins() if reading else None)

    over = [rule for rule in rules if "scores" in rule.judge.needs]

    def work(rule: Rule, others: Sequence[Judged]) -> tuple[Judged | None, RuleReport]:
        def judged() -> tuple[Judged | None, RuleReport]:
            before = _before(app, rule, window) if rule in over else ()
            one = judge(rule, app.engine, tables, hearing, window, as_of, others, reading, before)
            note = UNKNOWN if rule.aimless else ""
            return one, RuleReport(rule.id, one.judged, one.unjudged, len(one.findings), note=note)

        with during({"rule": rule.id}):
            return guarded(rule.id, judged, lambda error: (None, RuleReport(rule.id, error=told(error))))

    plain = [rule for rule in rules if rule not in over]
    done = list(_side_by_side(app, plain, lambda rule: work(rule, ())))
    said = tuple(one for one, _ in done if one)
    done += [work(rule, said) for rule in over]
    app.progress("judging", 1.0)
    return [one for one, _ in done if one], [report for _, report in done], hearing


def _read(app: App, rules: Sequence[Rule], tables: Tables, shelf: Shelf | None) -> Held | None:
    """What the rules ask of facts, in memory; None if it does not fit, or cannot be read at once."""
    asks = [ask for rule in rules for ask in asked(rule)]
    about = {rule.about for rule in rules if "days" in rule.judge.needs}
    if not asks:
        return None
    return guarded("facts", lambda: Held.of(app.engine, tables, asks, about=about, shelf=shelf), lambda _: None)


def _before(app: App, rule: Rule, window: Window) -> Sequence[Spoken]:
    """What other rules said before the window, as far back as the rule looks: kept findings, which never change."""
    lookback: timedelta = getattr(rule.judge, "lookback", timedelta(0))
    return spoken(app.rules, app.store.spoke(Window(window.start - lookback, window.start))) if lookback else ()


def _side_by_side(app: App, rules: Sequence[Rule], work: Callable[[Rule], T]) -> Iterator[T]:
    """The work of each rule, in their order, `WORKERS` at a time: while one waits for the engine, another thinks."""
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="judge")
    try:
        for place, answer in enumerate([pool.submit(copy_context().run, work, rule) for rule in rules]):
            app.progress("judging", place / len(app.rules))
            yield answer.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _unjudged(app: App, error: Exception) -> tuple[list[Judged], list[RuleReport], dict[str, Hearing]]:
    """No rule was judged, because the facts all of them need could not be read."""
    return [], [RuleReport(rule.id, error=told(error)) for rule in app.rules], {}


def conclude(
    app: App,
    found: Sequence[Finding],
    judged: Sequence[Judged],
    hearing: Mapping[str, Hearing],
    standing: Standing,
    now: datetime,
    timing: Timing | None = None,
) -> Triaged:
    """Triage the new findings and keep everything that follows from them in one transaction.

    `standing` is what they were judged from: a source may have been collected further meanwhile.
    """
    timing = timing or Timing()
    watermarks = {name: standing.watermarks.get(name, now) for name in hearing}
    until = judged_until(judged, hearing, watermarks, now)
    lately = min((one.bucket for one in found), default=now) - _back(app)
    muted = muting(app, found, now)
    with app.store.deciding():
        incidents = app.store.recent(lately)
        reached = {rule: min(each.values()) for rule, each in until.items() if each}
        with timing.stage("triage"):
            knowing = known(app, found, incidents, reached, now, muted)
            triaged = triage(found, incidents, knowing, routes(app), app.policy, now)
            reasons = triaged.reasons()
        with timing.stage("conclude"):
            app.store.conclude(
                {(rule, source): at for rule, each in until.items() for source, at in each.items()},
                [(one, triaged.belongs[one.key], reasons[triaged.belongs[one.key]]) for one in found],
                triaged.incidents,
                triaged.decisions,
                *_judged_upto(app, standing, judged, now),
                wanted=[each for one in app.notifiers for each in wanted(triaged.decisions, one, triaged.wanted)],
                links=triaged.links,
                at=now,
            )
    return triaged


def _back(app: App) -> timedelta:
    """How far back incidents are decided on: findings may open them, and somebody may have to hear that one is over."""
    asleep = any(one.hours for one in app.routes)
    return max(app.policy.reopen + DAY, OWED if asleep else timedelta(0))


def judged_until(
    judged: Sequence[Judged], hearing: Mapping[str, Hearing], watermarks: Mapping[str, datetime], now: datetime
) -> dict[str, dict[str, datetime]]:
    """Per rule and source, how far the source can be judged now; late ones too, for they hold back a resolution."""
    reach = {name: one.reach(now, watermarks[name]) - one.settle for name, one in hearing.items()}
    return {one.rule.id: {name: reach[name] for name in one.sources if name in reach} for one in judged}


def _touched(app: App, standing: Standing, as_of: datetime) -> Window:
    """The buckets changed by rows that some rule has not judged yet, in whole days; at least those since yesterday.

    So a rule that failed, or a crash before its findings were kept, leaves its work to the next tick, and a source that
    comes back after days brings theirs along. Nobody judges what was before the day before the first collection.
    """
    upto = app.store.judged_upto()
    known = [upto[rule.id] for rule in app.rules if rule.id in upto]
    left = [one for one in standing.changes if known and one.seq > min(known)]
    first = min((midnight(one) - DAY for one in standing.begun.values()), default=as_of)
    starts = [max(midnight(one.start - WIDEST), first) for one in left]
    return Window(min([midnight(as_of) - DAY, *starts]), as_of)


def _judged_upto(app: App, standing: Standing, judged: Sequence[Judged], as_of: datetime) -> tuple[dict[str, int], int]:
    """Per rule up to which change it has judged, and up to which change nobody has anything left to judge.

    What was fetched less than an overlap ago is judged once more: its findings are not told before that. A rule that
    fails keeps its changes, from the first time on, for as long as our patience lasts.
    """
    slack = max((source.overlap for source in app.sources), default=timedelta(0)) + BIN
    done = max((one.seq for one in takewhile(lambda one: one.as_of + slack <= as_of, standing.changes)), default=0)
    lost = max((one.seq for one in takewhile(lambda one: one.as_of + PATIENCE <= as_of, standing.changes)), default=0)
    said = {one.rule.id for one in judged}
    before = {rule.id: done for rule in app.rules} | app.store.judged_upto()
    upto = {rule.id: max(done if rule.id in said else lost, before[rule.id]) for rule in app.rules}
    for rule in app.rules:
        if rule.id not in said and lost > before[rule.id]:
            log.error(
                "given up", extra={"part": rule.id, "error": f"what changed {PATIENCE.days} days ago is not judged"}
            )
    return upto, max(min(upto.values(), default=0), lost)
