"""What the worker works with, and what it reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from monitor.model import Decision, Incident
from monitor.ports import Counts, Engine, LogSource, Notifier
from monitor.rules import Rule
from monitor.store import Store
from monitor.triage import Policy

Progress = Callable[[str, float], None]
"""Called with what is being done and how much of it (0 to 1) is."""


def silent(what: str, done: float) -> None:
    """A progress nobody watches."""


@dataclass(frozen=True, slots=True)
class App:
    """Everything a tick needs: sources, rules, where state is, what runs queries, whom to tell, and how."""

    sources: tuple[LogSource, ...]
    rules: tuple[Rule, ...]
    store: Store
    engine: Engine
    notifiers: tuple[Notifier, ...] = ()
    policy: Policy = field(default_factory=Policy)
    progress: Progress = silent


@dataclass(frozen=True, slots=True)
class SourceReport:
    """One source in one tick: windows replaced, rows in them, or why it failed."""

    name: str
    windows: int = 0
    counts: Counts = field(default_factory=Counts)
    facts: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class RuleReport:
    """One rule in one tick: groups judged and not, findings, or why it failed."""

    name: str
    judged: int = 0
    unjudged: int = 0
    findings: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What one tick, or one replay, did."""

    now: datetime
    sources: tuple[SourceReport, ...]
    rules: tuple[RuleReport, ...]
    incidents: tuple[Incident, ...]
    decisions: tuple[Decision, ...]
    unsent: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether every source, rule and notifier did its work."""
        failed = any(one.error for one in self.sources) or any(one.error for one in self.rules)
        return not (failed or self.unsent)
