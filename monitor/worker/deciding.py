"""Deciding: what triage has to know, for a tick from the store, for a replay from what it has decided so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from monitor.clock import DAY
from monitor.model import Finding, Incident, Owner, Silence
from monitor.rules import Rule
from monitor.triage import Known, Muting, Route, everything, informed
from monitor.worker.app import App

DEFAULT_NOTIFIER: Final = "console"
"""Whom decisions are about where nobody is to be told."""

LATELY: Final = DAY
"""For how long after a silence has ended another one of the same matchers is known to have taken its place."""


def routes(app: App) -> tuple[Route, ...]:
    """Who is told of what; every notifier of everything, where nobody chose."""
    return app.routes or everything([one.name for one in app.notifiers] or [DEFAULT_NOTIFIER])


def silences(app: App, now: datetime | None = None) -> tuple[Silence, ...]:
    """Those of people and those of identities.yml; only those that have not expired, if `now` is given."""
    written = [one for one in app.owners.silences if now is None or one.expires_at > now]
    return (*app.store.silences(now), *written)


def owned(app: App, about: Iterable[Finding | Incident]) -> dict[str, Owner]:
    """Whose the subjects are, as far as identities.yml says."""
    subjects = {one.subject for one in about}
    owners = app.owners
    if not subjects or not (owners.identities or owners.applications or owners.vaults):
        return {}
    names = app.store.names() if owners.applications else {}
    found = ((one, owners.of(one, names.get(one.removeprefix("identity:")))) for one in subjects)
    return {subject: owner for subject, owner in found if owner}


def known(
    app: App,
    findings: Sequence[Finding],
    incidents: Sequence[Incident],
    judged_until: Mapping[str, datetime],
    now: datetime,
    muted: Muting | None = None,
) -> Known:
    """What is known of these at a tick; `muted`, if it was looked at before."""
    rules: dict[str, Rule] = {rule.id: rule for rule in app.rules}
    return Known(
        rules,
        judged_until,
        informed(app.store.said(one.id for one in incidents)),
        silences(app, now - LATELY),
        owned(app, (*findings, *incidents)),
        app.store.openings(now - app.policy.storm_window),
        muted,
    )


def muting(app: App, findings: Sequence[Finding], now: datetime) -> Muting:
    """Which of the silences that are active hold for these; thousands of findings take their time."""
    made = Muting(findings, owned(app, findings), {rule.id: rule for rule in app.rules})
    made.of(one for one in silences(app, now) if one.active(now))
    return made
