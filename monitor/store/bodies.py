"""Findings and incidents as the JSON text kept in control.db, and back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TypeVar

from pydantic import TypeAdapter

from monitor.model import Decision, Finding, Incident, Reason

T = TypeVar("T", Finding, Incident)
ADAPTERS: dict[type, TypeAdapter[Finding] | TypeAdapter[Incident]] = {
    Finding: TypeAdapter(Finding),
    Incident: TypeAdapter(Incident),
}


def dump(value: Finding | Incident) -> str:
    """JSON text that `load` turns back into an equal value; NaN, which a detector says where it has no number, is kept
    as such, where pydantic alone would write null.
    """
    return json.dumps(ADAPTERS[type(value)].dump_python(value, mode="json"))  # type: ignore[arg-type]


def load(kind: type[T], text: str) -> T:
    """The finding or incident that `dump` wrote."""
    value = ADAPTERS[kind].validate_json(text)
    assert isinstance(value, kind)
    return value


def decision(incident: str, notifier: str, at: str, reason: str) -> Decision:
    """A decision from the columns of its row."""
    return Decision(incident, notifier, datetime.fromisoformat(at), Reason(reason))
