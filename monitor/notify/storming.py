"""A storm in one message: how much of what, and the worst by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from monitor.model import Digest, DigestLine, Finding, Incident, Level, Name
from monitor.notify.composing import speaking, strongest
from monitor.notify.wording import headline, who
from monitor.rules import Rule

NAMED: Final = 10
"""How many incidents a digest names."""
RULES: Final = 8


def worst(incidents: Iterable[Incident]) -> list[Incident]:
    """Those of a storm that its digest names, the worst first."""
    return sorted(incidents, key=lambda one: (-one.surprise, -one.level.rank, one.id))[:NAMED]


def gathered(
    storm: str,
    notifier: str,
    incidents: Sequence[Incident],
    findings: Mapping[str, Sequence[Finding]],
    rules: Mapping[str, Rule],
    names: Mapping[str, Name],
    now: datetime,
) -> Digest:
    """The digest of a storm.

    Parameters
    ----------
    storm
        Its id, the same each time the digest is brought up to date.
    incidents
        All that it stands for; what is told one by one is not among them.
    findings
        Of the `worst` of them, by the incident's id; one without any goes by its subject.

    Raises
    ------
    ValueError
        If there are no incidents.
    """
    if not incidents:
        raise ValueError(f"storm {storm}: expected at least one incident, got none")
    levels = Counter(one.level for one in incidents)
    counted = Counter(rule for one in incidents for rule in one.rules)
    return Digest(
        id=storm,
        notifier=notifier,
        since=min(one.first_at for one in incidents),
        until=max(one.last_at for one in incidents),
        at=now,
        incidents=len(incidents),
        findings=sum(one.findings for one in incidents),
        levels=tuple((level, levels[level]) for level in reversed(Level) if levels[level]),
        rules=tuple(sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:RULES]),
        worst=tuple(digest_line(one, findings.get(one.id, ()), rules, names) for one in worst(incidents)),
    )


def digest_line(
    incident: Incident, findings: Sequence[Finding], rules: Mapping[str, Rule], names: Mapping[str, Name]
) -> DigestLine:
    """One incident in a line, by its strongest finding; without any it goes by its subject."""
    if not findings:
        return DigestLine(incident.id, incident.level, who(incident.subject, names), incident.surprise)
    shown = speaking(strongest(findings))
    said = headline(shown, rules.get(shown.rule), names, findings)
    return DigestLine(incident.id, incident.level, said, incident.surprise)
