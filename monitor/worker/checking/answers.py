"""What a check answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from monitor.errors import InputError, MintwatchError, PermanentError

PAGE: Final = "# docs/slack.md"


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


def failed(about: str, said: str, error: MintwatchError) -> Checked:
    """What Slack did not do: wrong if somebody has to change something, else unknown."""
    lasting = isinstance(error, PermanentError | InputError)
    return Checked(Verdict.WRONG if lasting else Verdict.UNKNOWN, about, said, (PAGE,) if lasting else ())
