"""Where an incident stands, what changed since it was told last, and how it came to that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from monitor.clock import length
from monitor.hostile import clean, clip
from monitor.model import Decision, Entry, Incident, Level, Link, Name, Outcome, Reason, Silence, State, Verb
from monitor.notify.wording import rarer, who

Life: TypeAlias = tuple[datetime, datetime]
"""When an incident began and when it ended, so far."""


@dataclass(frozen=True, slots=True)
class Hush:
    """The silences that mute an incident now; `whole` if all of its findings, else some of them."""

    silences: tuple[Silence, ...] = ()
    whole: bool = True


NOTHING: Final = Hush()
REASON: Final = 200
"""Characters of what a person wrote."""
LINES: Final = 25
"""Lines of a log; of what is longer, the first and the last are kept."""

DEEDS: Final[Mapping[Verb, str]] = {
    Verb.ACKNOWLEDGE: "acknowledged it",
    Verb.UNACKNOWLEDGE: "gave it back",
    Verb.SNOOZE: "snoozed it",
    Verb.RESOLVE: "closed it as dealt with",
    Verb.FALSE_POSITIVE: "called it a false positive",
    Verb.SILENCE: "silenced it",
    Verb.EXPECT: "said it is expected",
    Verb.EXPIRE: "ended a silence",
}
SILENT: Final = frozenset(
    {Reason.WEAK, Reason.UNCHANGED, Reason.ACKNOWLEDGED, Reason.SNOOZED, Reason.EXPERIMENTAL, Reason.UNROUTED}
)
"""Decisions that change nothing anybody sees."""
DECIDED: Final[Mapping[Reason, str]] = {
    Reason.OPENED: "opened",
    Reason.REOPENED: "it is back",
    Reason.WORSENED: "became worse",
    Reason.REMINDER: "reminded: nobody has it, and it goes on",
    Reason.ESCALATED: "escalated: nobody has acknowledged it",
    Reason.RESOLVED: "resolved: quiet",
    Reason.SILENCED: "new findings, silenced",
    Reason.INHIBITED: "held back: part of another incident",
    Reason.STORM: "told in a digest: too many at once",
    Reason.CLOSED: "new findings of the same kind, a person called it a false positive",
    Reason.OFF_HOURS: "held back until the hours of its route",
}


_ID: Final = re.compile(r"[SUW][A-Z0-9]{5,}")
"""Of a user or a group that was called by it; nobody reads such ids, nor that of a storm."""


def moment(at: datetime, incident: Incident) -> str:
    """A time of day, with its date unless that is the day on which the incident began."""
    return f"{at:%H:%M} UTC" if at.date() == incident.first_at.date() else f"{at:%Y-%m-%d %H:%M} UTC"


def status(incident: Incident, life: Life, hush: Hush = NOTHING) -> str:
    """One line: what mutes it, who has it, or why nobody needs to, and how much was found since when."""
    parts = [
        _muted(hush, incident),
        _has(incident, life),
        f"{_many(incident.findings)} since {moment(life[0], incident)}",
    ]
    if parts[0] and hush.whole and incident.state is State.OPEN:
        del parts[1]
    return " · ".join(filter(None, parts))


def _many(findings: int) -> str:
    return f"{findings:,} finding{'s' if findings != 1 else ''}"


def _muted(hush: Hush, incident: Incident) -> str:
    """By whom it is silenced, until when and why: of several silences the one that ends last."""
    if not hush.silences or not incident.state.live:
        return ""
    last = max(hush.silences, key=lambda one: (one.expires_at, one.id))
    why = clip(clean(last.reason), REASON)
    why = "expected" + (f": {why}" if why else "") if last.kind == "expected" else why
    word = "Silenced" if hush.whole else "Silenced in part"
    until = f"until {moment(last.expires_at, incident)}"
    return f"{word} by {clip(clean(last.author), 60) or 'somebody'} {until}" + (f" ({why})" if why else "")


def _has(incident: Incident, life: Life) -> str:
    note = f": {clip(clean(incident.note), REASON)}" if incident.note else ""
    at = f", {moment(incident.handled_at, incident)}" if incident.handled_at else ""
    person = clip(clean(incident.handled_by), 60) or "somebody"
    match incident.state:
        case State.ACKNOWLEDGED:
            return f"Acknowledged by {person}{at}{note}"
        case State.SNOOZED:
            until = f" until {moment(incident.snoozed_until, incident)}" if incident.snoozed_until else ""
            return f"Snoozed by {person}{until}{note}"
        case State.FALSE_POSITIVE:
            return f"False positive, said {person}{at}{note}"
        case State.RESOLVED if incident.handled_by and incident.handled_at and incident.handled_at > incident.last_at:
            return f"Closed by {person}{at}{note}"
        case State.RESOLVED:
            return f"Resolved: quiet since {moment(life[1], incident)}"
        case _:
            return "Nobody has acknowledged it"


def news(decision: Decision, incident: Incident, before: Decision | None, life: Life) -> str:
    """What changed since `before`, the last time it was told there; '' of what is told for the first time."""
    match decision.reason:
        case Reason.REOPENED:
            return f"It is back, {_grown(decision, before)}."
        case Reason.WORSENED:
            return f"Worse than when it was told{_when(before, incident)}: {_grown(decision, before)}."
        case Reason.REMINDER:
            waited = f" for {length(decision.at - before.at)}" if before else ""
            return f"Nobody has acknowledged it{waited}, and it goes on: {_grown(decision, before)}."
        case Reason.ESCALATED:
            waited = f" within {length(decision.at - before.at)}" if before else ""
            return f"Nobody has acknowledged it{waited}."
        case Reason.RESOLVED:
            return f"Quiet since {moment(life[1], incident)}."
        case _:
            return ""


def _when(before: Decision | None, incident: Incident) -> str:
    return f" at {moment(before.at, incident)}" if before else ""


def _grown(decision: Decision, before: Decision | None) -> str:
    """Numbers then and now; those that did not change are left out."""
    findings = _many(decision.findings)
    if before is None:
        return findings
    changed = []
    if before.level is not decision.level:
        changed.append(f"{_word(before.level)} → {_word(decision.level)}")
    if before.findings != decision.findings:
        changed.append(f"{before.findings:,} → {findings}")
    if change := rarer(before.surprise, decision.surprise):
        changed.append(change)
    return ", ".join(changed) or findings


def _word(level: Level) -> str:
    return level.upper()


def log(incident: Incident, decisions: Iterable[Decision], entries: Iterable[Entry]) -> tuple[str, ...]:
    """What was decided and done, with who and when, a line each, oldest first; the middle of a long one is left out."""
    dated = [*_decided(decisions), *_done(entries, incident)]
    lines = [f"{moment(at, incident)}  {said}" for at, said in sorted(dated, key=lambda one: one[0])]
    if len(lines) <= LINES:
        return tuple(lines)
    return (lines[0], f"… {len(lines) - LINES + 1:,} more …", *lines[2 - LINES :])


def _decided(decisions: Iterable[Decision]) -> Iterator[tuple[datetime, str]]:
    """Decisions that a person wants to know of; of several alike in a row, the first."""
    last: tuple[Reason, str] | None = None
    for one in sorted(decisions, key=lambda one: one.at):
        if one.reason in SILENT:
            continue
        if one.told or (one.reason, one.because) != last:
            said = "" if one.reason is Reason.STORM or _ID.fullmatch(one.because) else clip(clean(one.because), REASON)
            because = f": {said}" if said else ""
            level = f", {one.level.upper()}" if one.told and one.reason is not Reason.RESOLVED else ""
            yield one.at, f"{DECIDED.get(one.reason, one.reason)}{level}{because}"
        last = (one.reason, one.because)


def _done(entries: Iterable[Entry], incident: Incident) -> Iterator[tuple[datetime, str]]:
    for entry in entries:
        act = entry.act
        if entry.outcome is not Outcome.DONE:
            continue
        until = f" until {moment(act.until, incident)}" if act.until else ""
        reason = f": {clip(clean(act.reason), REASON)}" if act.reason else ""
        via = f" ({clip(clean(act.via), 20)})" if act.via else ""
        yield act.at, f"{clip(clean(act.who.shown), 60)} {DEEDS.get(act.verb, act.verb)}{until}{via}{reason}"


def related(linked: Sequence[tuple[Link, Incident]], names: Mapping[str, Name]) -> tuple[str, ...]:
    """Incidents that have something in common with this one, a line each."""
    return tuple(
        f"{one.id} {who(one.subject, names)} · {one.level.upper()}, {one.state}: {clip(clean(link.because), REASON)}"
        for link, one in linked
    )
