"""Incidents that were told, worst first, for a person and for a machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from monitor.cli.screen import OUT, Json, cell, say, table
from monitor.clock import iso
from monitor.model import Finding, Incident, Message, Name
from monitor.notifiers.console import STYLES
from monitor.notify import who
from monitor.store import Store
from monitor.worker.lines import bare

ROWS = 20
"""How many incidents a terminal gets; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Told:
    """An incident somebody was told of: how it stands, its worst message, and all that was found."""

    incident: Incident
    message: Message
    findings: tuple[Finding, ...]
    subject: str
    name: Name | None


def listed(incidents: Iterable[Incident], messages: Mapping[str, Message], store: Store) -> tuple[Told, ...]:
    """The incidents of which there is a message, worst first."""
    names = store.names()
    told = [
        Told(
            one,
            messages[one.id],
            tuple(finding for finding, _, _ in store.findings(one.id)),
            who(one.subject, names),
            names.get(one.subject.removeprefix("identity:")),
        )
        for one in incidents
        if one.id in messages
    ]
    return tuple(sorted(told, key=lambda one: (-one.incident.surprise, -one.incident.level.rank, one.incident.id)))


def as_json(one: Told) -> Json:
    """The incident for a machine; ids are bare."""
    incident, name = one.incident, one.name
    return {
        "incident": incident.id,
        "subject": incident.subject,
        "identity": bare(incident.subject.removeprefix("identity:")) if name else "",
        "name": name.name if name else "",
        "kind": name.kind if name else "",
        "level": incident.level.value,
        "state": incident.state.value,
        "score": round(incident.score, 6),
        "surprise": round(incident.surprise, 4),
        "headline": one.message.headline,
        "because": one.message.because,
        "rules": list(incident.rules),
        "findings": incident.findings,
        "first_at": iso(incident.first_at),
        "last_at": iso(incident.last_at),
        "told_at": iso(incident.opened_at),
    }


def show_incidents(told: tuple[Told, ...]) -> None:
    """A table of the worst of them."""
    columns = ("level", "who", "what", "since (UTC)", "score", "rules", "state", "incident")
    shown = table(*columns, numbers=("score", "rules"), prose=("what",))
    for one in told[:ROWS]:
        incident = one.incident
        what = one.message.headline.removeprefix(one.subject).lstrip(": ")
        shown.add_row(
            cell(incident.level.value, STYLES[incident.level]),
            cell(one.subject),
            cell(what),
            cell(f"{incident.first_at:%m-%d %H:%M}"),
            cell(f"{incident.score:.2f}"),
            cell(len(incident.rules)),
            cell(incident.state.value),
            cell(incident.id),
        )
    OUT.print(shown)
    if len(told) > ROWS:
        say(f"and {len(told) - ROWS:,} more")
    say()
