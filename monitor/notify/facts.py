"""Who, whose, from where and at what: label and value, most useful first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from monitor.frames import JOINED
from monitor.hostile import clean, clip
from monitor.model import Finding, Incident, Name, Owner, Owners
from monitor.notify.blindness import unseen
from monitor.notify.showing import Shown, named
from monitor.notify.wording import RESOURCES, network, who
from monitor.rules import Rule

SUBJECTS: Final = {
    "identity": "Identity",
    "ip": "Address",
    "vault": "Vault",
    "credential": "Credential",
    "tenant": "Tenant",
    "source": "Source",
}
HOSTS: Final = {
    "token.actions.githubusercontent.com": "GitHub Actions",
    "gitlab.com": "GitLab",
    "app.terraform.io": "Terraform Cloud",
}
"""Issuers of federated credentials that people know by another name."""
PLACES: Final = ("ip", "country", "asn")
AT: Final = ("resource", "object", "target", "app_id", "credential_id")
"""Columns of which the facts behind a finding know more than the finding says."""


def facts(
    incident: Incident,
    findings: Sequence[Finding],
    rules: Mapping[str, Rule],
    names: Mapping[str, Name],
    owners: Owners,
    shown: Sequence[Shown],
    streams: Mapping[str, str] | None = None,
) -> tuple[tuple[str, str], ...]:
    """Label and value, most useful first; what the message has a field for is not repeated here."""
    values = _values(findings, rules, shown)
    partly = any(one.cut for one in shown)
    told = {
        SUBJECTS.get(incident.subject.partition(":")[0], "Subject"): _subject(incident.subject, names),
        "Owner": _owner(owner(incident, names, owners), incident.last_at),
        "Trusts": _some(_trusted(values.get("credential_id", ()), owners), 1),
        "Identities": _members(findings, names),
        "From": _origin(values, shown, partly=partly),
        "Target": _some((named(one, names) for one in values.get("target", ())), partly=partly),
        "Vault": _some(values.get("vault", ()), partly=partly),
        "Object": _some(values.get("object", ()), partly=partly),
        "Resource": _some((RESOURCES.get(one, one) for one in values.get("resource", ())), partly=partly),
        "Note": _note(owner(incident, names, owners)),
        "Credential": _some(values.get("credential_id", values.get("credential", ())), partly=partly),
        "Application": _some(values.get("app_id", ()), partly=partly),
        "Evidence": _evidence(incident),
        **dict(unseen(incident, rules, shown, streams or {})),
    }
    first = next(iter(told))
    return tuple((label, value) for label, value in told.items() if value and (label == first or value != told[first]))


def owner(incident: Incident, names: Mapping[str, Name], owners: Owners) -> Owner | None:
    """Whose the incident's subject is."""
    return owners.of(incident.subject, names.get(incident.subject.removeprefix("identity:")))


def _owner(found: Owner | None, at: datetime) -> str:
    """Whom to ask, and what their clock showed at the end of it: at three in the morning it was hardly them."""
    if found is None or not (found.owner or found.team):
        return "unknown"
    important = {"high": "critical", "low": "of little importance"}.get(found.criticality, "")
    team = f"team {found.team}" if found.team else ""
    there = f"{at.astimezone(ZoneInfo(found.time_zone)):%a %H:%M} there" if found.time_zone else ""
    return " · ".join(part for part in (found.owner, team, important, there) if part)


def _note(found: Owner | None) -> str:
    return found.note if found else ""


def _trusted(credentials: Iterable[str], owners: Owners) -> list[str]:
    """Whom federated credentials trust; no row of a log says it."""
    found = [trusted for one in credentials if (trusted := owners.federated(one))]
    return [f"{one.subject} · {HOSTS.get(urlsplit(one.issuer).hostname or '', one.issuer)}" for one in found]


def _values(
    findings: Sequence[Finding], rules: Mapping[str, Rule], shown: Sequence[Shown]
) -> dict[str, tuple[str, ...]]:
    """The distinct values the findings name, by column (a vault stream's resource is its vault), strongest first.

    What the findings do not name, the facts behind them do.
    """
    values: dict[str, dict[str, None]] = {}
    for finding in findings:
        new = rules[finding.rule].new if finding.rule in rules else ()
        for column, value in (*finding.group, *zip(new, finding.term.split(JOINED), strict=False)):
            _put(values, finding.stream, column, value)
    for one in shown:
        for row in one.rows:
            for column in (*PLACES, *AT):
                _put(values, one.finding.stream, column, getattr(row, column))
    return {column: tuple(found) for column, found in values.items()}


def _put(values: dict[str, dict[str, None]], stream: str, column: str, value: str) -> None:
    if value:
        what = "vault" if (stream, column) == ("vault", "resource") else column
        values.setdefault(what, {})[value] = None


def _origin(values: Mapping[str, tuple[str, ...]], shown: Sequence[Shown], *, partly: bool) -> str:
    """From where: addresses with their country and network, else whatever is known of the place."""
    about = {row.ip: row for one in shown for row in one.rows if row.ip}
    addresses = [
        " · ".join(filter(None, (ip, about[ip].country, network(about[ip].asn)))) if ip in about else ip
        for ip in values.get("ip", ())
    ]
    if addresses:
        return _some(addresses, 2, partly=partly)
    return _some(
        [*values.get("prefix", ()), *values.get("country", ()), *map(network, values.get("asn", ()))], partly=partly
    )


def _some(values: Iterable[str], most: int = 3, *, partly: bool = False) -> str:
    """The first few values, and how many more there are: at least so many, if only a part of the facts was read."""
    listed = tuple(values)
    more = f" and {len(listed) - most:,} more{' at least' if partly else ''}" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def _subject(subject: str, names: Mapping[str, Name]) -> str:
    kind, _, value = subject.partition(":")
    if kind != "identity":
        return value
    name = names.get(value)
    return " · ".join(part for part in (_decoration(name), value.rpartition(":")[2]) if part)


def _decoration(name: Name | None) -> str:
    if not name:
        return ""
    return " · ".join(part for part in (clip(clean(name.name), 80), name.kind.replace("_", " ")) if part)


def _members(findings: Sequence[Finding], names: Mapping[str, Name]) -> str:
    members = dict.fromkeys(member for finding in findings for member in finding.members)
    return _some(who(f"identity:{member}", names) for member in members)


def _evidence(incident: Incident) -> str:
    """The independent signs, where there are several; each counts once in the score."""
    if len(incident.evidence) < 2:
        return ""
    strongest = sorted(incident.evidence, key=lambda one: -one[2])
    return _some(f"{stream.replace('_', '-')} {family}" for stream, family, _ in strongest)
