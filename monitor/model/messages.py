"""Messages: what a person is told, in parts, and the proof that it was sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from monitor.model.findings import SURPRISE_HALF, Level
from monitor.model.incidents import Reason, State


class Part(StrEnum):
    """The parts in which an incident is told, in the order in which they go out.

    card: its first message, which stays true for ever. news: one message for one decision. digest: one message for a
    storm. daily: one message a day about mintwatch itself. evidence, log: one reply each, kept up to date. chart: a
    picture.
    """

    CARD = "card"
    DIGEST = "digest"
    NEWS = "news"
    DAILY = "daily"
    EVIDENCE = "evidence"
    LOG = "log"
    CHART = "chart"

    @property
    def rank(self) -> int:
        """0 for what goes out first."""
        return list(Part).index(self)


@dataclass(frozen=True, slots=True)
class Band:
    """What a chart shows: the observed values of one group, bucket by bucket, against its expected band."""

    title: str
    unit: str
    at: tuple[datetime, ...]
    observed: tuple[float, ...]
    expected: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    marked: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """What a person is told of an incident; plain data, rendered by each notifier in its own way.

    Text comes from logs and is hostile: a renderer escapes it. `headline` has under ten words; `because` is one to two
    sentences with the number against its range; `facts` are label and value, most useful first; `status` is one line on
    where it stands and who has it, `news` what changed since it was told last. `query` is KQL that shows the rows
    behind it, `link` its address in the portal. `evidence`, `log` and `related` are lines; `mention` is the id of a
    user or user group to call; `odds` say how often one such subject does as much, where that is a matter of chance.
    """

    incident: str
    reason: Reason
    state: State
    level: Level
    headline: str
    because: str
    facts: tuple[tuple[str, str], ...]
    findings: tuple[str, ...]
    rules: tuple[str, ...]
    runbook: str
    since: datetime
    until: datetime
    at: datetime
    score: float
    surprise: float
    status: str = ""
    news: str = ""
    query: str = ""
    link: str = ""
    runbook_link: str = ""
    related: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    mention: str = ""
    odds: str = ""


@dataclass(frozen=True, slots=True)
class Digest:
    """One message for all incidents of a storm that are not told one by one; `worst` are lines, the worst first."""

    id: str
    notifier: str
    since: datetime
    until: datetime
    at: datetime
    incidents: int
    findings: int
    levels: tuple[tuple[Level, int], ...]
    rules: tuple[tuple[str, int], ...]
    worst: tuple[DigestLine, ...]


@dataclass(frozen=True, slots=True)
class DigestLine:
    """One incident of a storm."""

    incident: str
    level: Level
    headline: str
    surprise: float

    @property
    def score(self) -> float:
        """As `Finding.score`."""
        return self.surprise / (self.surprise + SURPRISE_HALF)


@dataclass(frozen=True, slots=True)
class Daily:
    """The daily digest: how mintwatch itself is, in words; plain data, rendered by each notifier in its own way.

    Text in it comes from logs, too, and is hostile. `day` is the date where its readers are; it is about what was from
    `since` to `at`. `verdict` is the one line that says it all, what is wrong first; `well` whether nothing is. `wrong`
    are lines, the worst first, `facts` label and value; `open` are incidents nobody has acknowledged, the worst first,
    and `more` how many there are beside them. `notes` are small print.
    """

    id: str
    day: str
    since: datetime
    at: datetime
    well: bool
    verdict: str
    wrong: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    open: tuple[DigestLine, ...] = ()
    more: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way to one notifier.

    `key` is opaque and the same for every try: what has arrived under it is not sent again. With a `ref`, the message
    of that reference is to be changed; with a `thread`, it is a reply to that of that reference. `picture` is a PNG.
    It cannot have been sent before `since`; None is unknown.
    """

    key: str
    part: Part
    message: Message | Digest | Daily
    ref: str = ""
    thread: str = ""
    picture: bytes = b""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A message somebody is to get: of an incident, to a notifier; `about` tells news of one decision from another's.

    card, evidence, log, digest and daily have no `about`: there is one of each, and wanting it again brings it up to
    date. What is about no incident has the id of its storm, or of its day, instead.
    """

    notifier: str
    incident: str
    part: Part
    about: str = ""


@dataclass(frozen=True, slots=True)
class Queued:
    """A message in the outbox: what is wanted, how often it was tried, and what came of it.

    `ref` is '' until it was sent once; `wanted_at` is when it was wanted last, `since` when it began to wait for that,
    `not_before` when it may be tried next.
    `unsure`: an earlier try began, and nobody knows how it ended.
    """

    seq: int
    key: str
    wanted: Wanted
    revision: int
    ref: str
    tries: int
    not_before: datetime
    wanted_at: datetime
    since: datetime
    error: str = ""
    permanent: bool = False
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """Proof that a notifier took a message; by `ref` the next one can change it."""

    incident: str
    notifier: str
    at: datetime
    ref: str
    part: Part = Part.NEWS
    about: str = ""
