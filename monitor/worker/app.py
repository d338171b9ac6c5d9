"""What the worker works with, and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.aggregate import Shelf
from monitor.collect import Backlog
from monitor.coverage import Hearing
from monitor.model import Decision, Finding, Gap, Incident, Owners, Window
from monitor.ports import Counts, Engine, LogSource, Notifier
from monitor.rules import Rule
from monitor.settings import DailySettings, IdentitiesFile
from monitor.store import Keep, Store
from monitor.triage import Policy, Route
from monitor.worker.pointing import Portal

Progress = Callable[[str, float], None]
"""Called with what is being done and how much of it (0 to 1) is."""


def silent(what: str, done: float) -> None:
    """A progress nobody watches."""


@dataclass(frozen=True, slots=True)
class App:
    """Everything a tick needs: sources, rules, where state is, what runs queries, whom to tell, and how.

    Without `routes` every notifier is told everything; without `keep` nothing is ever dropped,
    and without `daily` there is neither a daily digest nor a canary.
    """

    sources: tuple[LogSource, ...]
    rules: tuple[Rule, ...]
    store: Store
    engine: Engine
    notifiers: tuple[Notifier, ...] = ()
    policy: Policy = field(default_factory=Policy)
    progress: Progress = silent
    backlogs: Mapping[str, Backlog] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    identities: IdentitiesFile = field(default_factory=IdentitiesFile)
    portals: Mapping[str, Portal] = field(default_factory=dict)
    shelf: Shelf = field(default_factory=Shelf, compare=False)
    """What was read of fact files, from one tick to the next."""
    keep: Keep | None = None
    daily: DailySettings | None = None

    @property
    def owners(self) -> Owners:
        """Who owns what, as identities.yml says now."""
        return self.identities.read()[0]

    def backlog(self, source: str) -> Backlog:
        """How much of that source's past is collected; without a limit, unless one was given."""
        return self.backlogs.get(source, Backlog())


@dataclass(frozen=True, slots=True)
class SourceReport:
    """One source in one tick: windows replaced, rows in them, or why it failed.

    `absent` says that its tables are not there; that is no failure, and no silence either. `missed` are rows that only
    the daily comparison found, `strays` came too late for even that. `gaps` are stretches that were not seen, `shrunk`
    windows of which rows are gone. `lags` says how many of the events that arrived in this round did so how long after
    they happened, in 5-minute bins, a negative one where they bear a later time than they arrived at.
    """

    name: str
    windows: int = 0
    counts: Counts = field(default_factory=Counts)
    facts: int = 0
    error: str = ""
    absent: str = ""
    missed: int = 0
    strays: int = 0
    shrunk: tuple[Window, ...] = ()
    gaps: tuple[Gap, ...] = ()
    lags: Mapping[timedelta, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleReport:
    """One rule in one tick: groups judged and not, findings, or why it failed; `note` is why it judges nobody."""

    name: str
    judged: int = 0
    unjudged: int = 0
    findings: int = 0
    error: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What one tick, or one replay, did. `amiss` is what a person has to mend that is nobody's failure, a line each.

    `found` are the findings that were not known before, `heard` what each source was heard to say, and `took` says how
    long which stage took.
    """

    now: datetime
    sources: tuple[SourceReport, ...]
    rules: tuple[RuleReport, ...]
    incidents: tuple[Incident, ...]
    decisions: tuple[Decision, ...]
    unsent: tuple[str, ...] = ()
    amiss: tuple[str, ...] = ()
    found: tuple[Finding, ...] = ()
    heard: Mapping[str, Hearing] = field(default_factory=dict)
    took: Mapping[str, timedelta] = field(default_factory=dict)

    @property
    def failures(self) -> tuple[str, ...]:
        """What could not be done, a line each."""
        parts = [(one.name, one.error) for one in self.sources] + [(one.name, one.error) for one in self.rules]
        return (*(f"{name}: {error}" for name, error in parts if error), *self.amiss, *self.unsent)

    @property
    def finished(self) -> bool:
        """Whether every source, rule and notifier did its work."""
        return not self.failures
