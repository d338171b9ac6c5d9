"""What a check answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How it is. `unknown`: it could not be found out, which is said and nobody's fault."""

    FINE = "fine"
    NOTE = "note"
    UNKNOWN = "unknown"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was looked at: what it is `about`, how it is, and what to `do`, command by command."""

    verdict: Verdict
    about: str
    said: str
    do: tuple[str, ...] = ()
