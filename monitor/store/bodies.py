"""Findings, incidents, acts and silences as the JSON text kept in control.db, and back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter

from monitor.model import Act, Decision, Finding, Incident, Level, Reason, Silence

FINDING: Final = TypeAdapter(Finding)
INCIDENT: Final = TypeAdapter(Incident)
ACT: Final = TypeAdapter(Act)
SILENCE: Final = TypeAdapter(Silence)


def dump(value: Finding | Incident | Act | Silence) -> str:
    """JSON text that `finding`, `incident`, `act` or `silence` turns back into an equal value.

    NaN, which a detector says where it has no number, is kept as such, where pydantic alone would write null.
    """
    match value:
        case Finding():
            return json.dumps(FINDING.dump_python(value, mode="json"))
        case Incident():
            return json.dumps(INCIDENT.dump_python(value, mode="json"))
        case Act():
            return json.dumps(ACT.dump_python(value, mode="json"))
        case Silence():
            return json.dumps(SILENCE.dump_python(value, mode="json"))


def finding(text: str) -> Finding:
    """The finding that `dump` wrote."""
    return FINDING.validate_json(text)


def incident(text: str) -> Incident:
    """The incident that `dump` wrote."""
    return INCIDENT.validate_json(text)


def act(text: str) -> Act:
    """The act that `dump` wrote."""
    return ACT.validate_json(text)


def silence(text: str) -> Silence:
    """The silence that `dump` wrote."""
    return SILENCE.validate_json(text)


def decision(
    about: str, notifier: str, at: str, reason: str, because: str, surprise: float, level: str, findings: int
) -> Decision:
    """A decision from the columns of its row."""
    return Decision(
        about, notifier, datetime.fromisoformat(at), Reason(reason), because, surprise, Level(level), findings
    )
