"""Inhibition: what is said of many at once is not said again of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from monitor.model import Incident
from monitor.triage.policy import TELL, Policy


class Inhibitors:
    """Incidents about many identities that one notifier is told of, by the identities they name."""

    def __init__(self, incidents: Iterable[Incident]) -> None:
        self._naming: dict[str, list[Incident]] = {}
        for one in incidents:
            for member in one.members:
                self._naming.setdefault(f"identity:{member}", []).append(one)

    def of(self, incident: Incident, policy: Policy) -> str:
        """The id of the incident that says as much as this one, '' if none does."""
        for one in self._naming.get(incident.subject, ()):
            if one.id != incident.id and _covers(one, incident, policy):
                return one.id
        return ""


def inhibits(incident: Incident) -> bool:
    """Whether it can: it names others, and is about none of them."""
    return bool(incident.members) and not incident.subject.startswith("identity:")


def inhibitors(told: Mapping[str, Iterable[Incident]]) -> dict[str, Inhibitors]:
    """Of each notifier, by the incidents it is told of."""
    return {notifier: Inhibitors(each) for notifier, each in told.items()}


def _covers(many: Incident, one: Incident, policy: Policy) -> bool:
    """Whether what is worth telling of one is the same kind of evidence, no worse, and of no higher level."""
    known = {(stream, family) for stream, family, _ in many.evidence}
    shown = {(stream, family) for stream, family, _ in one.evidence}
    strong = {(stream, family) for stream, family, surprise in one.evidence if surprise >= TELL}
    alike = bool(known & shown) and strong <= known
    return alike and one.level.rank <= many.level.rank and one.surprise < many.surprise + policy.worse
