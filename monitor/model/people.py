"""What people do: acts on incidents, silences, and who owns what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts, as far as the way they came by can say: an id that cannot be chosen, and a name that can.

    `workspace` is the one a person of Slack belongs to, else ''.
    """

    id: str
    name: str = ""
    workspace: str = ""

    @property
    def shown(self) -> str:
        """Their name, else their id."""
        return self.name or self.id


class Verb(StrEnum):
    """What a person can do."""

    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    SNOOZE = "snooze"
    RESOLVE = "resolve"
    FALSE_POSITIVE = "false positive"
    SILENCE = "silence"
    EXPECT = "expect"
    EXPIRE = "expire"
    LOOK = "look"
    """What is asked, and only kept where it is refused."""


Operator: TypeAlias = Literal["=", "!=", "=~", "!~"]


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a label of a finding must be (`=`), must not be (`!=`), must match as a whole (`=~`) or must not (`!~`)."""

    label: str
    op: Operator
    value: str

    def __str__(self) -> str:
        """As `matching.matcher` reads it: a value that it would read otherwise is in quotes."""
        value = self.value
        if value != value.strip() or value[:1] in {'"', "=", "~"} or any(each.isspace() for each in value):
            value = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"{self.label}{self.op}{value}"


@dataclass(frozen=True, slots=True)
class Silence:
    """A person's dated, signed mute: findings that all `matchers` fit are kept and not told, from start to expiry.

    `kind` says whether somebody wants quiet, or what happens was `expected` and has its reason.
    """

    id: str
    matchers: tuple[Matcher, ...]
    author: str
    reason: str
    created_at: datetime
    starts_at: datetime
    expires_at: datetime
    kind: Literal["silence", "expected"] = "silence"
    via: str = ""

    def active(self, now: datetime) -> bool:
        """Whether it has begun and has not expired."""
        return self.starts_at <= now < self.expires_at


@dataclass(frozen=True, slots=True)
class Act:
    """What a person asked for. `key` is the same for every delivery of one press of a button.

    `until` ends a snooze or a silence; `incident` is '' and `silence` an id for what is not about an incident. Once a
    silence is made, `silence` and `matchers` are its own. `everything`: whoever asks knows that it mutes all there is.
    """

    key: str
    verb: Verb
    who: Person
    via: str
    at: datetime
    incident: str = ""
    until: datetime | None = None
    reason: str = ""
    matchers: tuple[Matcher, ...] = ()
    silence: str = ""
    everything: bool = False


class Outcome(StrEnum):
    """What became of an act. `harmless`: it was so already, or came too late to change anything."""

    DONE = "done"
    REPEATED = "repeated"
    HARMLESS = "harmless"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit trail: who asked for what, from where, what became of it, and what they were told."""

    act: Act
    outcome: Outcome
    said: str


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an identity, application or vault is, as identities.yml says; nothing of it is from a log."""

    owner: str = ""
    team: str = ""
    criticality: Literal["low", "normal", "high"] = "normal"
    time_zone: str = ""
    runbook: str = ""
    note: str = ""
