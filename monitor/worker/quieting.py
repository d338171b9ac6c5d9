"""Quieting: which incidents a silence is about, so that whoever looks at their messages learns of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from monitor.model import Act, Entry, Finding, Incident, Matcher, Outcome, Owner, Owners, Person, Silence, Verb
from monitor.rules import Rule
from monitor.store import Store
from monitor.triage.acting import silence_id
from monitor.triage.silencing import preview

FUTURE: Final = datetime.max.replace(tzinfo=UTC)


def touched(store: Store, matchers: Sequence[Matcher], rules: Mapping[str, Rule], owners: Owners) -> list[Incident]:
    """The live incidents of which a silence with these matchers mutes some evidence."""
    live = store.recent(FUTURE)
    owned = _owned(store, [one.subject for one in live], owners)
    return [one for one in live if preview(matchers, _evidence(store, one), owned, rules)]


def quieted(
    store: Store,
    incident: Incident,
    findings: Sequence[Finding],
    entries: Iterable[Entry],
    rules: Mapping[str, Rule],
    owners: Owners,
) -> list[Entry]:
    """Silences that people made elsewhere and that mute evidence of an incident, as entries of its own.

    `entries` are what people did to the incident itself: what silenced it there is not told twice.
    """
    own = {silence_id(one.act) for one in entries}
    made = [one for one in store.silences(incident.opened_at) if one.id not in own]
    if not made:
        return []
    owned = _owned(store, [incident.subject], owners)
    return [_entry(one, incident.id) for one in made if preview(one.matchers, findings, owned, rules)]


def _evidence(store: Store, incident: Incident) -> list[Finding]:
    return [finding for finding, _, _ in store.findings(incident.id)]


def _owned(store: Store, subjects: Iterable[str], owners: Owners) -> dict[str, Owner]:
    known = set(subjects)
    names = store.names({one.removeprefix("identity:") for one in known}) if owners.applications else {}
    found = {one: owners.of(one, names.get(one.removeprefix("identity:"))) for one in known}
    return {subject: owner for subject, owner in found.items() if owner is not None}


def _entry(silence: Silence, incident: str) -> Entry:
    """What the audit trail says of it, as it stands: one that was ended was until then."""
    act = Act(
        silence.id,
        Verb.EXPECT if silence.kind == "expected" else Verb.SILENCE,
        Person(silence.author),
        silence.via,
        silence.created_at,
        incident,
        silence.expires_at,
        silence.reason,
        silence.matchers,
        silence.id,
    )
    return Entry(act, Outcome.DONE, "")
