"""Triage: findings into incidents, and one reason per incident and notifier."""

from monitor.triage.hearing import Heard, add, hear
from monitor.triage.policy import PAUSE, TELL, Policy, worth
from monitor.triage.routing import Escalation, Hours, Route, everything, matched
from monitor.triage.silencing import LABELS, labels, matches, preview
from monitor.triage.triaging import Known, Triaged, quiet, triage, waiting

__all__ = [
    "LABELS",
    "PAUSE",
    "TELL",
    "Escalation",
    "Heard",
    "Hours",
    "Known",
    "Policy",
    "Route",
    "Triaged",
    "add",
    "everything",
    "hear",
    "labels",
    "matched",
    "matches",
    "preview",
    "quiet",
    "triage",
    "waiting",
    "worth",
]
