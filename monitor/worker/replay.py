"""Replay: the daemon's ticks over a stretch of the past, at the speed of one scan."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from monitor.clock import BIN, DAY, ceil, floor, now
from monitor.coverage import Hearing, stamp
from monitor.detect import ordered
from monitor.model import Decision, Finding, Incident, Owner, Reason, Silence, Window
from monitor.rules import Rule
from monitor.triage import Informed, Known, Policy, Triaged, add, owes, quiet, superseded, triage, waiting
from monitor.worker.app import App, Report
from monitor.worker.composing import Composer
from monitor.worker.deciding import owned, routes, silences
from monitor.worker.gathering import gather
from monitor.worker.judging import Judged
from monitor.worker.telling import overdue, tell, wanted
from monitor.worker.ticking import judge_all, judged_until

FOREVER = datetime.fromisoformat("9000-01-01T00:00:00+00:00")
KEPT = 400 * DAY
OPENING = frozenset({Reason.OPENED, Reason.REOPENED, Reason.STORM})
"""What counts for a storm."""


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
    past, whom, composer = _Past.of(app, [one for each in due.values() for one in each]), routes(app), Composer(app)
    decisions: list[Decision] = []
    lost: list[str] = []
    for place, tick in enumerate(ticks):
        found = sorted(due.get(tick, []), key=lambda one: (one.time, one.key))
        reached = {rule: times[place] for rule, times in until.items()} if found or past.live else {}
        known = past.known(reached, app.policy, tick)
        if (
            not found
            and not past.crowded
            and not any(
                quiet(one, reached, known.rules, app.policy) or waiting(one, known, whom, app.policy, tick)
                for one in past.standing()
            )
        ):
            continue
        triaged = triage(found, past.about(found, tick), known, whom, app.policy, tick)
        past.add(triaged, app.policy)
        reasons = triaged.reasons()
        app.store.conclude(
            {},
            [(one, triaged.belongs[one.key], reasons[triaged.belongs[one.key]]) for one in found],
            triaged.incidents,
            triaged.decisions,
            wanted=[each for one in app.notifiers for each in wanted(triaged.decisions, one, triaged.wanted)],
            links=triaged.links,
            at=tick,
        )
        decisions += triaged.decisions
        lost += overdue(app, tick)
        tell(app, tick, composer=composer)
    return past.incidents(), tuple(decisions), (*lost, *tell(app, stretch.end, composer=composer))


@dataclass(slots=True)
class _Past:
    """What a replay has decided so far, at hand without asking the store at every tick."""

    rules: Mapping[str, Rule]
    owners: Mapping[str, Owner]
    silences: Sequence[Silence]
    held: dict[str, Incident] = field(default_factory=dict)
    place: dict[str, int] = field(default_factory=dict)
    of_subject: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    live: set[str] = field(default_factory=set)
    owed: set[str] = field(default_factory=set)
    crowded: bool = False
    informed: dict[str, dict[str, Informed]] = field(default_factory=dict)
    openings: deque[Decision] = field(default_factory=deque)

    @classmethod
    def of(cls, app: App, findings: Sequence[Finding]) -> _Past:
        """Before the first tick that finds any of these."""
        return cls({rule.id: rule for rule in app.rules}, owned(app, findings), silences(app))

    def known(self, reached: Mapping[str, datetime], policy: Policy, tick: datetime) -> Known:
        """What is known at a tick at which rules have been judged so far."""
        while self.openings and self.openings[0].at <= tick - policy.storm_window:
            self.openings.popleft()
        return Known(self.rules, reached, self.informed, self.silences, self.owners, self.openings)

    def standing(self) -> Iterator[Incident]:
        """Incidents that are live, and those of which somebody is still to hear that they are over."""
        return (self.held[one] for one in self.live | self.owed)

    def about(self, found: Sequence[Finding], tick: datetime) -> list[Incident]:
        """Those, and incidents about subjects that something was found about, for nothing else is decided on."""
        named = self.live.union(self.owed, *(self.of_subject[one.subject] for one in found))
        held = [self.held[one] for one in sorted(named, key=self.place.__getitem__)]
        return [one for one in held if one.id in self.live or tick - one.last_at <= KEPT]

    def add(self, triaged: Triaged, policy: Policy) -> None:
        """What was decided at a tick."""
        for one in triaged.incidents:
            self.held[one.id] = one
            self.place.setdefault(one.id, len(self.place))
            self.of_subject[one.subject].add(one.id)
            (self.live.add if one.state.live else self.live.discard)(one.id)
        add(triaged.decisions, self.informed)
        for told in {one.incident for one in triaged.decisions}:
            owed = owes(self.held[told], self.informed.get(told, {}))
            (self.owed.add if owed else self.owed.discard)(told)
        about = {other for one in triaged.incidents for other in self.of_subject[one.subject] & self.live}
        self.crowded = bool(superseded((self.held[one] for one in about), policy))
        self.openings.extend(one for one in triaged.decisions if one.reason in OPENING)

    def incidents(self) -> tuple[Incident, ...]:
        """All of them, in the order in which they were opened."""
        return tuple(self.held.values())


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
