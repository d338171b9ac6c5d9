"""Incidents: findings that belong together, where they stand, and who was told why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from monitor.model.findings import SURPRISE_HALF, Level


class State(StrEnum):
    """Where an incident stands. `false positive` is closed by a person, who said why."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    FALSE_POSITIVE = "false positive"

    @property
    def live(self) -> bool:
        """Whether it is not over."""
        return self in {State.OPEN, State.ACKNOWLEDGED, State.SNOOZED}


class Reason(StrEnum):
    """Why an incident was, or was not, told to a notifier."""

    OPENED = "opened"
    REOPENED = "reopened"
    WORSENED = "worsened"
    REMINDER = "reminder"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    WEAK = "weak"
    UNCHANGED = "unchanged"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    EXPERIMENTAL = "experimental"
    STORM = "storm"
    CLOSED = "closed"
    OFF_HOURS = "off hours"
    UNROUTED = "unrouted"

    @property
    def told(self) -> bool:
        """Whether a message goes out for this reason."""
        return self in {
            Reason.OPENED,
            Reason.REOPENED,
            Reason.WORSENED,
            Reason.REMINDER,
            Reason.ESCALATED,
            Reason.RESOLVED,
        }


@dataclass(frozen=True, slots=True)
class Incident:
    """Findings about one subject that belong together, first to last.

    `first_at` is the start of the earliest bucket, `last_at` the end of the latest; `surprise` sums the strongest
    surprise of each distinct evidence (see `together`). Findings of experimental rules make incidents of their own,
    `experimental`, that are kept and never told. Once `reopened` (at `reopened_at`), evidence and what was told are
    those since then. `loud`: some finding reached what its own rule tells from. Findings under a silence are kept
    apart, in `muted` and what begins with it, with the ids of those silences (`muted_by`); `muted_rules` found nothing
    else. What was expected counts for nothing, and `expected_by` says who did. `members` are identities its findings
    name beside the subject, `marks` addresses and credentials by which it is linked to others. `handled_by`
    acknowledged, snoozed or closed it last, said why in `note`, and had `handled_findings`, `handled_level` and
    `handled_surprise` before them; `snoozed_until` is when a snooze ends, or ended. What it was told is kept nowhere in
    it: that follows from decisions.
    """

    id: str
    subject: str
    state: State
    level: Level
    surprise: float
    evidence: tuple[tuple[str, str, float], ...]
    rules: tuple[str, ...]
    findings: int
    first_at: datetime
    last_at: datetime
    opened_at: datetime
    updated_at: datetime
    experimental: bool = False
    reopened: bool = False
    loud: bool = False
    muted: tuple[tuple[str, str, float], ...] = ()
    muted_loud: bool = False
    muted_by: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    handled_by: str = ""
    handled_at: datetime | None = None
    snoozed_until: datetime | None = None
    note: str = ""
    reopened_at: datetime | None = None
    muted_level: Level = Level.INFORMATIONAL
    muted_rules: tuple[str, ...] = ()
    muted_findings: int = 0
    expected_by: tuple[str, ...] = ()
    expected_findings: int = 0
    marks: tuple[str, ...] = ()
    handled_findings: int = 0
    handled_level: Level = Level.INFORMATIONAL
    handled_surprise: float = 0.0

    @property
    def heard(self) -> int:
        """How many of its findings nobody silenced or expected."""
        return self.findings - self.muted_findings - self.expected_findings

    @property
    def score(self) -> float:
        """As `Finding.score`, of the incident's surprise."""
        return self.surprise / (self.surprise + SURPRISE_HALF)


@dataclass(frozen=True, slots=True)
class Decision:
    """Triage's answer for one incident and one notifier at one tick, and how the incident stood then.

    `because` says what the reason alone does not: which silences (by their ids), which incident inhibits it, the storm
    in whose digest it is, whom an escalation calls by name. `findings` are those nobody silenced (`Incident.heard`).
    """

    incident: str
    notifier: str
    at: datetime
    reason: Reason
    because: str = ""
    surprise: float = 0.0
    level: Level = Level.INFORMATIONAL
    findings: int = 0

    @property
    def told(self) -> bool:
        """Whether people are to be told; that a notifier took the message is a `Notice`."""
        return self.reason.told


@dataclass(frozen=True, slots=True)
class Link:
    """Two incidents that have something in common: an address, a credential, a minute."""

    incident: str
    other: str
    because: str
