"""Inhibition: what is said of many at once is not said again of each."""

from __future__ import annotations

from monitor.model import Incident, State
from monitor.triage.policy import TELL, Policy


class Inhibitors:
    """Incidents about many identities that notifiers were told of, each by itself, by the identities they name."""

    def __init__(self) -> None:
        self._naming: dict[tuple[str, str], list[Incident]] = {}

    def add(self, notifier: str, incident: Incident) -> None:
        """One more that it was told of."""
        for member in incident.members:
            self._naming.setdefault((notifier, f"identity:{member}"), []).append(incident)

    def of(self, notifier: str, incident: Incident, policy: Policy) -> str:
        """The id of the incident that says as much as this one, '' if none does."""
        for one in self._naming.get((notifier, incident.subject), ()):
            if one.id != incident.id and _covers(one, incident, policy):
                return one.id
        return ""


def inhibits(incident: Incident, *, past: bool) -> bool:
    """Whether it can: it names others, is about none of them, and somebody heard it and does not sleep over it.

    One that a person closed as a false positive said why its identities are odd, until its rules have looked `past` it.
    """
    if not incident.members or incident.subject.startswith("identity:"):
        return False
    if incident.state is State.FALSE_POSITIVE:
        return not past
    return incident.state in {State.OPEN, State.ACKNOWLEDGED}


def _covers(many: Incident, one: Incident, policy: Policy) -> bool:
    """Whether what is worth telling of one is the same kind of evidence, no worse, and of no higher level."""
    known = {(stream, family) for stream, family, _ in many.evidence}
    shown = {(stream, family) for stream, family, _ in one.evidence}
    strong = {(stream, family) for stream, family, surprise in one.evidence if surprise >= TELL}
    alike = bool(known & shown) and strong <= known
    return alike and one.level.rank <= many.level.rank and one.surprise < many.surprise + policy.worse
