"""What `/mintwatch` says of the incidents there are, from the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from monitor.errors import InputError
from monitor.hostile import clip
from monitor.model import Decision, Entry, Finding, Incident, Part, Silence, State
from monitor.notifiers.slack.commands import Paragraph, Row, permalink
from monitor.notify import who
from monitor.store import Store
from monitor.triage.acting import standing
from monitor.worker.previewing import Lately, sweeping, warnings

ROWS: Final = 10
NOISIEST: Final = 8
LINES: Final = 8
NAMED: Final = 8
SILENCES: Final = 5
FUTURE: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rooms:
    """Which notifiers write to which channel, and where the workspace is."""

    notifiers: Mapping[str, tuple[str, ...]]
    workspace: str = ""

    def incident(self, store: Store, channel: str, ts: str) -> str:
        """The incident that a message of ours is about, '' if it is none of ours."""
        names = self.notifiers.get(channel, ()) if ts else ()
        return next(filter(None, (store.incident_of(name, f"{channel}:{ts}") for name in names)), "")

    def link(self, store: Store, incident: str) -> str:
        """Address of an incident's card, '' if there is none."""
        for name in (name for names in self.notifiers.values() for name in names):
            channel, _, ts = store.ref(name, incident, Part.CARD).partition(":")
            if ts:
                return permalink(self.workspace, channel, ts)
        return ""


def live(store: Store) -> list[Incident]:
    """What somebody was told of and is not over, the worst first."""
    found = [one for one in store.recent(FUTURE) if not one.experimental]
    told = {incident for incident, _ in store.told([one.id for one in found])}
    return sorted(
        (one for one in found if one.id in told),
        key=lambda one: (one.state is not State.OPEN, -one.level.rank, -one.surprise, one.id),
    )


def rows(store: Store, incidents: Iterable[Incident], rooms: Rooms) -> list[Row]:
    """A line for each of the first of them."""
    names = store.names()
    return [
        Row(
            one.id,
            one.level,
            one.state,
            who(one.subject, names),
            ", ".join(one.rules),
            one.findings,
            one.first_at,
            one.handled_by if one.state is not State.OPEN else "",
            rooms.link(store, one.id),
        )
        for one in list(incidents)[:ROWS]
    ]


def counted(incidents: Iterable[Incident]) -> dict[State, int]:
    """How many stand how: open ones always, and of the others what there is."""
    found = Counter(one.state for one in incidents)
    return {one: found[one] for one in State if one is State.OPEN or found[one]}


def odd(silences: Iterable[Silence], lately: Lately, now: datetime) -> list[str]:
    """Silences somebody should look at, a line each; those that mute all there is first."""
    active = [(one, warnings(one, lately.preview(one.matchers), now)) for one in silences if one.active(now)]
    found = [(one, said) for one, said in active if said]
    found.sort(key=lambda pair: not sweeping(pair[1]))
    return [f"silence {one.id} of {one.author} {' and '.join(said)}" for one, said in found]


def silenced(
    silences: Iterable[Silence], written: Collection[str], lately: Lately, now: datetime
) -> tuple[Paragraph, ...]:
    """Active silences with what they are about; `written` are those of identities.yml."""
    noted = [(one, warnings(one, lately.preview(one.matchers), now)) for one in silences]
    noted.sort(key=lambda pair: (not sweeping(pair[1]), pair[0].expires_at, pair[0].id))
    made, left = [], f"and {len(noted) - SILENCES:,} more: mintwatch silence list"
    for one, said in noted[:SILENCES]:
        source = "identities.yml" if one.id in written else one.via
        lines = [", ".join(map(str, one.matchers)), f"until {one.expires_at:%Y-%m-%d %H:%M} UTC, by {one.author}"]
        lines += [f"{one.kind}: {one.reason}", f"from {source}" if source else "", *said]
        made.append(Paragraph(f"{one.id}", tuple(filter(None, lines))))
    return (*made, *([Paragraph(left, ("",))] if len(noted) > SILENCES else []))


def noisy(store: Store, since: datetime) -> tuple[Paragraph, ...]:
    """Which subjects and rules spoke most since then, and in how many incidents that people were told of."""
    findings, recent, names = store.lately(since), store.recent(since), store.names()
    told = {incident for incident, _ in store.told([one.id for one in recent])}
    aloud = Counter(rule for one in recent if one.id in told for rule in one.rules)
    subjects, rules = Counter(one.subject for one in findings), Counter(one.rule for one in findings)
    return (
        Paragraph(
            "Who", tuple(f"{_findings(count)} of {who(one, names)}" for one, count in subjects.most_common(NOISIEST))
        ),
        Paragraph(
            "Which rules",
            tuple(f"{_findings(count)} of {one}, {_aloud(aloud[one])}" for one, count in rules.most_common(NOISIEST)),
        ),
    )


def _findings(count: int) -> str:
    return f"{count:,} finding{'s' if count != 1 else ''}"


def _aloud(count: int) -> str:
    if not count:
        return "in no incident anyone was told of"
    return f"in {count:,} incident{'s' if count != 1 else ''} people were told of"


def explained(
    incident: Incident, findings: Sequence[Finding], decisions: Sequence[Decision], entries: Sequence[Entry]
) -> tuple[Paragraph, ...]:
    """Where an incident stands, what was found, what was decided and why, what people did; the newest of each."""
    decided = [f"{one.at:%m-%d %H:%M} {one.notifier}: {one.reason}{_because(one.because)}" for one in decisions]
    seen = [f"{one.time:%m-%d %H:%M} {one.rule}: {clip(one.because, 200)}" for one in findings]
    did = [f"{one.act.at:%m-%d %H:%M} {one.act.who.shown}: {one.act.verb}, {one.outcome}" for one in entries]
    return (
        Paragraph("Status", (standing(incident), f"surprise {incident.surprise:.1f}, {incident.findings:,} findings")),
        Paragraph("Findings", tuple(seen[-LINES:])),
        Paragraph("Decisions", tuple(decided[-LINES:])),
        Paragraph("What people did", tuple(did[-LINES:])),
    )


def one_of(store: Store, start: str) -> Incident:
    """The incident of that id, or the only one whose id starts so.

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    found = store.starting(start.lower()) if start else []
    exact = [one for one in found if one == start.lower()]
    one = store.incident((exact or found)[0]) if len(exact or found) == 1 else None
    if one is not None:
        return one
    if not found:
        raise InputError(f"no incident {clip(start, 40)!r}")
    more = " ..." if len(found) > NAMED else ""
    raise InputError(f"{len(found):,} incidents start with {start!r}: {', '.join(found[:NAMED])}{more}")


def _because(text: str) -> str:
    return f" ({clip(text, 80)})" if text else ""
