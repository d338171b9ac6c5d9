"""Triage: findings into incidents, and one reason per incident and notifier."""

from monitor.triage.deciding import OWED, owes
from monitor.triage.informing import Informed, add, informed
from monitor.triage.policy import PAUSE, TELL, Policy, worth
from monitor.triage.routing import Escalation, Hours, Route, everything, matched
from monitor.triage.silencing import LABELS, Muting, labels, matches, preview
from monitor.triage.triaging import Known, Triaged, quiet, superseded, triage, waiting

__all__ = [
    "LABELS",
    "OWED",
    "PAUSE",
    "TELL",
    "Escalation",
    "Hours",
    "Informed",
    "Known",
    "Muting",
    "Policy",
    "Route",
    "Triaged",
    "add",
    "everything",
    "informed",
    "labels",
    "matched",
    "matches",
    "owes",
    "preview",
    "quiet",
    "superseded",
    "triage",
    "waiting",
    "worth",
]
