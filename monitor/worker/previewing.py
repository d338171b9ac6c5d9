"""What a silence would have muted: said before it is made, and of those there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from monitor.clock import DAY
from monitor.model import Finding, Matcher, Owner, Owners, Silence, names_something
from monitor.rules import Rule
from monitor.store import Store
from monitor.triage import silencing

BACK: Final = 7 * DAY
"""How far back it is looked."""
ENDING: Final = timedelta(hours=24)
"""A silence that expires sooner is said to."""
SWEEPS: Final = "names nothing: it mutes whatever comes"
SWEPT: Final = f"mutes everything that was found in {BACK.days} days"


@dataclass(frozen=True, slots=True)
class Lately:
    """The findings of the last days, and what labels them."""

    findings: tuple[Finding, ...]
    owners: Mapping[str, Owner]
    rules: Mapping[str, Rule]

    @staticmethod
    def of(store: Store, rules: Sequence[Rule], owners: Owners, now: datetime) -> Lately:
        """Those of a state."""
        findings, names = store.lately(now - BACK), store.names()
        subjects = {one.subject for one in findings}
        owned = {one: owners.of(one, names.get(one.removeprefix("identity:"))) for one in subjects}
        return Lately(
            tuple(findings),
            {subject: owner for subject, owner in owned.items() if owner is not None},
            {rule.id: rule for rule in rules},
        )

    def preview(self, matchers: Sequence[Matcher]) -> Preview:
        """What these matchers would have muted of it."""
        muted = silencing.preview(matchers, self.findings, self.owners, self.rules)
        subjects: dict[str, int] = {}
        for one in muted:
            subjects[one.subject] = subjects.get(one.subject, 0) + 1
        return Preview(len(muted), len(self.findings), subjects)


@dataclass(frozen=True, slots=True)
class Preview:
    """How many findings of the last days would have been muted, of how many, and how many about each subject."""

    muted: int
    of: int
    subjects: Mapping[str, int]

    @property
    def words(self) -> str:
        """In one line."""
        if not self.of:
            return f"Nothing was found in the last {BACK.days} days, so nobody can say what it would have muted."
        count, about = len(self.subjects), "subject" if len(self.subjects) == 1 else "subjects"
        said = f"In the last {BACK.days} days it would have muted {self.muted:,} of {self.of:,} findings"
        return f"{said}, about {count:,} {about}." if self.muted else f"{said}."

    @property
    def warning(self) -> str:
        """What looks like a mistake, '' if nothing does."""
        if self.of and not self.muted:
            return "It matches nothing that was found lately: is it spelt as the labels are?"
        return "It matches everything that was found lately." if self.of > 1 and self.muted == self.of else ""


def warnings(silence: Silence, preview: Preview, now: datetime) -> list[str]:
    """What somebody should know of an active silence: that it is about to end, or that it is of no use."""
    said = []
    if not names_something(silence.matchers):
        said.append(SWEEPS)
    elif preview.of > 1 and preview.muted == preview.of:
        said.append(SWEPT)
    if now < silence.expires_at <= now + ENDING:
        hours = max(1, round((silence.expires_at - now) / timedelta(hours=1)))
        said.append(f"expires within {hours} h")
    if silence.active(now) and preview.of and not preview.muted and silence.created_at <= now - BACK:
        said.append(f"matched nothing in {BACK.days} days")
    elif silence.active(now) and preview.of and not preview.muted:
        said.append("matched nothing yet")
    return said


def sweeping(said: Collection[str]) -> bool:
    """Whether one of these warnings is that it mutes everything."""
    return SWEEPS in said or SWEPT in said
