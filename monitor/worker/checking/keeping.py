"""Whether as much is kept as rules look back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from monitor.rules import Rule
from monitor.settings import Settings
from monitor.worker.checking.answers import Checked, Verdict
from monitor.worker.keeping import kept, too_short

LONGER: Final = "Keep it longer, or let the rule look back less; `mintwatch run` does not start like this."


def check_keeping(settings: Settings, rules: Iterable[Rule]) -> Iterator[Checked]:
    """What is kept for too short a time, if anything is."""
    for one in too_short(kept(settings), rules):
        about, _, said = one.partition(": ")
        yield Checked(Verdict.WRONG, about, said, (LONGER,))
