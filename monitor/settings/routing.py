"""Who is told of what, when, and what happens if nobody answers; and how patient triage is."""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from monitor.model import Level
from monitor.settings.notifying import MentionId
from monitor.settings.parts import Length, LevelName, Name, Part, StreamName, Zone

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = f"({'|'.join(DAYS)})"
WEEK: Final = f"^{_DAY}(-{_DAY})?(,{_DAY}(-{_DAY})?)*$"
CLOCK: Final = r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$"


def weekdays(text: object) -> frozenset[int]:
    """Days of the week, Monday is 0, from text such as `mon-fri` or `mon,wed,fri`; `sat-mon` goes over the week's end.

    >>> sorted(weekdays("mon-wed,sat")), sorted(weekdays("sat-mon"))
    ([0, 1, 2, 5], [0, 5, 6])

    Raises
    ------
    ValueError
        If it is anything else.
    """
    if isinstance(text, frozenset):
        return text
    if not isinstance(text, str) or not re.search(WEEK, text):
        raise ValueError(f"expected days such as mon-fri or mon,wed,fri, got {text!r}")
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        start, end = DAYS.index(first), DAYS.index(last or first)
        found |= {day % 7 for day in range(start, end + 1 + 7 * (end < start))}
    return frozenset(found)


def clock_time(text: object) -> time:
    """A time of day from `08:00`; `24:00` is midnight.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    if isinstance(text, time):
        return text
    if not isinstance(text, str) or not re.search(CLOCK, text):
        raise ValueError(f'expected a time of day such as "08:00", got {text!r}')
    hour, minute = map(int, text.split(":"))
    return time(hour % 24, minute)


Days: TypeAlias = Annotated[
    frozenset[int], BeforeValidator(weekdays), WithJsonSchema({"type": "string", "pattern": WEEK})
]
TimeOfDay: TypeAlias = Annotated[
    time, BeforeValidator(clock_time), WithJsonSchema({"type": "string", "pattern": CLOCK})
]


class HoursSettings(Part):
    """When a route tells. What comes at another time is told when its hours begin, if still worth it; critical at once.

    Hours that end before they begin go over midnight, and belong to the day on which they begin.
    """

    days: Days = Field(default="mon-sun", validate_default=True, description="Days, such as mon-fri or mon,wed,fri.")
    start: TimeOfDay = Field(
        default="00:00", validate_default=True, alias="from", description='When they begin, such as "08:00".'
    )
    end: TimeOfDay = Field(
        default="24:00", validate_default=True, alias="to", description='When they end, such as "18:00".'
    )
    zone: Zone = Field(default="UTC", description="Whose clock, such as Europe/Berlin.")

    @model_validator(mode="after")
    def _some(self) -> HoursSettings:
        whole = self.start == self.end == time()
        if self.start == self.end and not whole:
            raise ValueError("expected hours that end at another time than they begin; left out, all day")
        if whole and len(self.days) == len(DAYS):
            raise ValueError("these hours are always; leave them out, or say days, from or to")
        return self


class EscalationSettings(Part):
    """What happens when nobody acknowledges what was told."""

    after: Length = Field(description="How long after it was told.")
    to: Name = Field(default="", description="Another notifier, which gets the message, too; left out, the same.")
    mention: MentionId = Field(default="", description="User group (S...) or member (U...) to call by name.")

    @model_validator(mode="after")
    def _something(self) -> EscalationSettings:
        if not self.to and not self.mention:
            raise ValueError("expected to, mention or both: whom else to tell")
        return self


class RouteSettings(Part):
    """What one notifier is told. Every route that fits tells its notifier, once; what is left out, fits all."""

    to: Name = Field(description="Name of a notifier.")
    level: LevelName = Field(default=Level.INFORMATIONAL, description="The least it tells.")
    streams: tuple[StreamName, ...] = Field(
        default=(), strict=False, description="Only what was seen in one of these streams."
    )
    teams: tuple[str, ...] = Field(
        default=(), strict=False, description="Only what belongs to one of these teams, as identities.yml says."
    )
    rules: tuple[str, ...] = Field(default=(), strict=False, description="Only what one of these rules found.")
    hours: HoursSettings | None = Field(default=None, description="Left out, always.")
    escalate: EscalationSettings | None = Field(default=None, description="Left out, never.")


class PolicySettings(Part):
    """How patient triage is, and what it holds back."""

    quiet: Length = Field(
        default=timedelta(hours=2), description="How far past its last bucket must be looked before it resolves."
    )
    reopen: Length = Field(
        default=timedelta(hours=24), description="How long after its last bucket new findings re-open an incident."
    )
    worse: float = Field(
        default=3.0, gt=0, allow_inf_nan=False, description="By how much surprise must grow to be told again."
    )
    storm: int = Field(
        default=10, ge=1, description="How many openings are told one by one within `storm_window`; others in a digest."
    )
    storm_window: Length = Field(default=timedelta(hours=1), description="How long openings count for a storm.")
    remind: Length = Field(
        default=timedelta(hours=4), description="How long after it was told an incident with news is told again."
    )
