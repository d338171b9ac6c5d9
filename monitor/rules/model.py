"""The rule: what it is called, what it counts, how it is judged, what on-call does next."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, field_validator

from monitor.clock import BIN, DAY
from monitor.frames import DIMENSIONS, FACTS
from monitor.model import Level
from monitor.rules.owning import Own, nobody, owned, owns
from monitor.written import nearest

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
STREAMS = ("sign_in", "vault", "directory", "control", "risk", "health")
HEALTH = "health"
"""What mintwatch writes about itself: which source it could not read, and when."""
AFTER: Final = 90 * DAY
"""How far back it is looked for what a rule's `after` asks for; facts are kept at least that long for it."""
KUSTO_FACTS = {
    field.name: "long" if field.name == "events" else "datetime" if str(field.type).startswith("time") else "string"
    for field in FACTS
}
"""FACTS in KQL's types, against which every rule predicate is bound."""


def duration(text: object) -> timedelta:
    """A length of time from `15m`, `28d`, `1h` or `30s`.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    if isinstance(text, timedelta):
        return text
    match = re.fullmatch(r"(\d+)([smhd])", str(text))
    if not match:
        raise ValueError(f"expected a duration such as 15m, 1h or 28d, got {text!r}")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


Duration: TypeAlias = Annotated[timedelta, BeforeValidator(duration)]


def _dimension(value: object) -> str:
    if value not in DIMENSIONS:
        raise ValueError(f"no such column of FACTS: {value!r}{nearest(str(value), DIMENSIONS)}")
    return str(value)


Dimension: TypeAlias = Annotated[str, BeforeValidator(_dimension)]


_WORDS = re.compile(r"""(@"[^"]*"|@'[^']*'|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|//[^\n]*)|(?<![\w.])kind(?!\w)""")


def bracketed(predicate: str) -> str:
    """The predicate with the column `kind` in brackets: it is a keyword of KQL, which people need not know.

    >>> print(bracketed('kind == "kind" and outcome == "issued"'))
    ['kind'] == "kind" and outcome == "issued"
    """
    return _WORDS.sub(lambda word: word[1] or "['kind']", predicate)


def _level(value: object) -> Level:
    if value not in list(Level):
        raise ValueError(f"expected one of {', '.join(Level)}, got {value!r}{nearest(str(value), Level)}")
    return Level(str(value))


class Measure(BaseModel):
    """What is counted: `events`, or how many different values of a column."""

    model_config = ConfigDict(frozen=True)
    name: Literal["events", "distinct"]
    column: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.column}".strip()


def _measure(value: object) -> Measure:
    if isinstance(value, Measure):
        return value
    words = str(value).split()
    if words == ["events"]:
        return Measure(name="events")
    if len(words) == 2 and words[0] == "distinct":
        return Measure(name="distinct", column=_dimension(words[1]))
    raise ValueError(f"expected 'events' or 'distinct <column>', got {value!r}")


class Rule(BaseModel):
    """Everything that can alert: what it is called, what it counts, how it is judged, what on-call does next."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: str = Field(min_length=3, max_length=80)
    many: str = Field(default="", max_length=80, pattern=r"^$|\{count\}")
    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    status: Literal["experimental", "stable"]
    level: Annotated[Level, BeforeValidator(_level)]
    description: str = ""
    tags: tuple[str, ...] = Field(default=(), strict=False)
    references: tuple[str, ...] = Field(default=(), strict=False)
    falsepositives: tuple[str, ...] = Field(default=(), strict=False)
    stream: Literal["sign_in", "vault", "directory", "control", "risk", "health", "scores"]
    where: str = "true"
    after: str = ""
    measure: Annotated[Measure, BeforeValidator(_measure)] = Measure(name="events")
    new: tuple[Dimension, ...] = Field(default=(), strict=False)
    by: tuple[Dimension, ...] = Field(min_length=1, strict=False)
    bucket: Duration = timedelta(hours=1)
    slide: bool | None = None
    prompt: bool = False
    detector: str
    evidence: str = Field(default="", pattern="^[a-z]*$")
    params: dict[str, Any] = Field(default_factory=dict)
    tell: float = Field(default=3.0, ge=1.0, le=30.0, strict=False)
    runbook: str = Field(min_length=20)
    _file: str = PrivateAttr(default="")
    _judge: Any = PrivateAttr(default=None)
    _own: Own = PrivateAttr(default_factory=lambda: nobody)

    @field_validator("where", "after")
    @classmethod
    def _brackets(cls, value: str) -> str:
        return bracketed(value)

    @field_validator("bucket")
    @classmethod
    def _whole_bins(cls, value: timedelta) -> timedelta:
        if not value or value % BIN or DAY % value:
            raise ValueError("expected a multiple of 5m that divides a day, such as 5m, 15m, 1h or 3h")
        return value

    @property
    def predicate(self) -> str:
        """The KQL over FACTS that picks the rule's facts."""
        return self._of_stream(self.where)

    @property
    def earlier(self) -> str:
        """The KQL over FACTS that picks those of its `after`; '' if it has none."""
        return self._of_stream(self.after) if self.after else ""

    def _of_stream(self, predicate: str) -> str:
        return f'stream == "{self.stream}" and (\n{owned(predicate.strip(), self._own())}\n)'

    @property
    def ours(self) -> bool:
        """Whether it is about mintwatch's own identities."""
        return owns(self.where) or owns(self.after)

    @property
    def aimless(self) -> bool:
        """Whether it judges nobody, because it is about mintwatch's own identities, and these are not known."""
        return self.ours and not self._own()

    @property
    def family(self) -> str:
        """Measure family: rules of one stream and family look at the same tokens, which count once in an incident.

        A new country comes with a new network and a new address range, a new vault with new secrets: one family each.
        A rule that counts what others of its stream do not even look at says so by `evidence`: failures are no tokens.
        """
        if self.evidence:
            return self.evidence
        if self.new:
            return f"new {', '.join(sorted({FAMILIES.get(column, column) for column in self.new}))}"
        return getattr(self._judge, "family", "") or str(self.measure)

    @property
    def sliding(self) -> bool:
        """Whether buckets start every 5 minutes or stand side by side: as `slide` says, else as the detector would."""
        return bool(getattr(self._judge, "slides", False)) if self.slide is None else self.slide

    @property
    def judge(self) -> Any:
        """The detector, made with `params` when the rule was loaded."""
        return self._judge

    @property
    def file(self) -> str:
        """Where the rule was read from."""
        return self._file

    def made(self, file: str, judge: Any) -> Rule:
        """The same rule as read from `file`, judged by `judge`."""
        rule = self.model_copy()
        rule._file, rule._judge = file, judge
        return rule

    def knowing(self, own: Own) -> Rule:
        """The same rule, where `own` says who mintwatch is."""
        rule = self.model_copy()
        rule._own = own
        return rule

    def pinned(self) -> Rule:
        """The same rule with who mintwatch is now, for as long as one judgement takes: an id may be learned in it."""
        if not self.ours:
            return self
        known = self._own()
        return self.knowing(lambda: known)

    @property
    def subject(self) -> tuple[str, str]:
        """(what a finding is about, the column that names it): identity, else ip, vault, credential, tenant.

        The resource of mintwatch's own health is one of its sources.
        """
        for column, word in SUBJECTS.items():
            if column in self.by:
                return ("source" if self.stream == HEALTH else word), column
        return "tenant", ""

    @property
    def about(self) -> tuple[str, ...]:
        """The columns that name the subject: what the chance of a day is counted by, however finely `by` cuts it."""
        _, column = self.subject
        return (column,) if column else self.by


FAMILIES = {
    "ip": "place",
    "prefix": "place",
    "asn": "place",
    "country": "place",
    "object": "resource",
    "credential_id": "credential",
}
"""What a new value of a column is new of, where several columns move together."""

SUBJECTS = {
    "identity": "identity",
    "ip": "ip",
    "prefix": "ip",
    "resource": "vault",
    "credential_id": "credential",
    "tenant": "tenant",
}
