"""Replay: the daemon's ticks over a stretch of the past, at the speed of one scan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from monitor.clock import BIN, DAY, ceil, floor, now
from monitor.coverage import Hearing, stamp
from monitor.detect import ordered
from monitor.model import Decision, Finding, Incident, State, Window
from monitor.triage import quiet, triage, waiting
from monitor.worker.app import App, Report
from monitor.worker.gathering import gather
from monitor.worker.judging import Judged
from monitor.worker.telling import overdue, tell, wanted
from monitor.worker.ticking import DEFAULT_NOTIFIER, judge_all, judged_until

FOREVER = datetime.fromisoformat("9000-01-01T00:00:00+00:00")
KEPT = 400 * DAY


def replay(app: App, since: datetime | None = None, until: datetime | None = None) -> Report:
    """What the daemon would have concluded, had it ticked every 5 minutes from `since` to `until`.

    Everything is collected once and every rule judged once, over the whole stretch; then findings are triaged in the
    order in which ticks would have come upon them, and told to the notifiers, if there are any. Without bounds: from
    the first fact to the last arrival.
    """
    horizon = ceil(until, BIN) if until else None
    sources = []
    for place, source in enumerate(app.sources):
        app.progress(f"reading {source.name}", place / len(app.sources))
        sources.append(gather(app, source, horizon or FOREVER, whole=True))
    app.progress("reading", 1.0)
    stretch = _stretch(app, since, horizon)
    if stretch is None:
        return Report(horizon or floor(now()), tuple(sources), (), (), ())
    with app.store.standing({one.name for one in app.sources}) as standing:
        judged, rules, hearing = judge_all(app, standing, stretch, stretch.end)
    incidents, decisions, unsent = _triage(app, judged, hearing, stretch)
    _stand(app, judged, hearing, stretch.end)
    return Report(stretch.end, tuple(sources), tuple(rules), incidents, decisions, unsent)


def _stretch(app: App, since: datetime | None, until: datetime | None) -> Window | None:
    """From the first bin to just past the last arrival, within the bounds given; None without facts."""
    query = "facts\n| summarize begin = min(at), finish = max(seen_at)"
    tables = {"facts": app.store.live({one.name for one in app.sources})}
    if not tables["facts"]:
        return None
    row = app.engine.run(query, tables).to_pylist()[0]
    if row["begin"] is None:
        return None
    settle = max(source.settle + source.overlap for source in app.sources)
    start = max(since, row["begin"]) if since else row["begin"]
    known = ceil(row["finish"] + BIN + settle, BIN)
    end = min(until, known) if until else known  # nobody looked at what comes after, were it to the year 2099
    return Window(floor(start, BIN), end) if start < end else None


def _triage(
    app: App, judged: Sequence[Judged], hearing: Mapping[str, Hearing], stretch: Window
) -> tuple[tuple[Incident, ...], tuple[Decision, ...], tuple[str, ...]]:
    due: dict[datetime, list[Finding]] = defaultdict(list)
    for finding in ordered([one for each in judged for one in each.findings]):
        due[finding.judged_at].append(finding)
    ticks, until = _judged_until(judged, hearing, stretch)
    rules = {rule.id: rule for rule in app.rules}
    notifier = app.notifiers[0].name if app.notifiers else DEFAULT_NOTIFIER
    incidents: dict[str, Incident] = {}
    place_of: dict[str, int] = {}
    of: dict[str, set[str]] = defaultdict(set)
    open_now: set[str] = set()
    decisions: list[Decision] = []
    lost: list[str] = []
    for place, tick in enumerate(ticks):
        found = sorted(due.get(tick, []), key=lambda one: (one.time, one.key))
        reached = {rule: times[place] for rule, times in until.items()} if found or open_now else {}
        still = [incidents[one] for one in open_now]
        if not found and not any(quiet(one, reached, rules, app.policy) or waiting(one) for one in still):
            continue
        named = open_now.union(*(of[one.subject] for one in found))  # nothing is decided about any other
        held = [incidents[one] for one in sorted(named, key=place_of.__getitem__)]
        held = [one for one in held if one.id in open_now or tick - one.last_at <= KEPT]
        triaged = triage(found, held, rules, reached, app.policy, notifier, tick)
        for one in triaged.incidents:
            incidents[one.id] = one
            place_of.setdefault(one.id, len(place_of))
            of[one.subject].add(one.id)
            (open_now.add if one.state is State.OPEN else open_now.discard)(one.id)
        reasons = {one.incident: one for one in triaged.decisions}
        app.store.conclude(
            {},
            [(one, triaged.belongs[one.key], reasons[triaged.belongs[one.key]]) for one in found],
            triaged.incidents,
            triaged.decisions,
            wanted=[each for one in app.notifiers for each in wanted(triaged.decisions, one)],
            at=tick,
        )
        decisions += triaged.decisions
        lost += overdue(app, tick)
        tell(app, tick)
    return tuple(incidents.values()), tuple(decisions), (*lost, *tell(app, stretch.end))


def _stand(app: App, judged: Sequence[Judged], hearing: Mapping[str, Hearing], end: datetime) -> None:
    """Keep how far every rule was judged, so that a daemon that follows goes on from there."""
    until = judged_until(judged, hearing, dict.fromkeys(hearing, end), end)
    last = max((one.seq for one in app.store.changes()), default=0)
    app.store.conclude(
        {(rule, source): at for rule, each in until.items() for source, at in each.items()},
        [],
        [],
        [],
        {one.rule.id: last for one in judged},
        last,
    )


def _judged_until(
    judged: Sequence[Judged], hearing: Mapping[str, Hearing], stretch: Window
) -> tuple[list[datetime], dict[str, list[datetime]]]:
    """Every tick of the stretch, and per rule how far it was judged at each; rules of the same sources share a list."""
    steps = np.arange(1, (stretch.end - stretch.start) // BIN + 1)
    ticks = stamp(stretch.start) + steps * np.timedelta64(BIN)
    reach = {name: one.reaches(ticks, ticks) - np.timedelta64(one.settle) for name, one in hearing.items()}
    fed = {one.rule.id: tuple(name for name in one.sources if name in reach) for one in judged}
    least = {
        names: _moments(np.minimum.reduce([reach[name] for name in names])) for names in set(fed.values()) if names
    }
    return _moments(ticks), {rule: least[names] for rule, names in fed.items() if names}


def _moments(times: npt.NDArray[np.datetime64]) -> list[datetime]:
    """Aware UTC times; as `coverage.aware` of each, a hundred times faster."""
    return [at.replace(tzinfo=UTC) for at in times.astype("datetime64[us]").tolist()]
