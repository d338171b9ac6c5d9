"""Findings and incidents as the JSON text kept in control.db, and back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter

from monitor.model import Decision, Finding, Incident, Reason

FINDING: Final = TypeAdapter(Finding)
INCIDENT: Final = TypeAdapter(Incident)


def dump(value: Finding | Incident) -> str:
    """JSON text that `finding` or `incident` turns back into an equal value.

    NaN, which a detector says where it has no number, is kept as such, where pydantic alone would write null.
    """
    if isinstance(value, Finding):
        return json.dumps(FINDING.dump_python(value, mode="json"))
    return json.dumps(INCIDENT.dump_python(value, mode="json"))


def finding(text: str) -> Finding:
    """The finding that `dump` wrote."""
    return FINDING.validate_json(text)


def incident(text: str) -> Incident:
    """The incident that `dump` wrote."""
    return INCIDENT.validate_json(text)


def decision(about: str, notifier: str, at: str, reason: str) -> Decision:
    """A decision from the columns of its row."""
    return Decision(about, notifier, datetime.fromisoformat(at), Reason(reason))
