"""What happens when something is done to the state: as the tests that do it wrote it down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from docs.generate.words import heading, table

HAPPENED: Final = Path(__file__).parents[2] / "tests" / "faults" / "happened.json"


def faults() -> str:
    """Each fault, what mintwatch said of it, what it did, who was told, and what was lost."""
    rows = [
        (
            one["fault"],
            f"`{one['said']}`" if one["said"] else "",
            one["went_on"],
            "; ".join(one["journal"]),
            "; ".join(one["told"]),
            one["after"],
            one["lost"],
        )
        for one in json.loads(HAPPENED.read_text("utf-8"))
    ]
    told = """Each row was written by a test of tests/faults that did this to a mintwatch in a process of its own, in
the middle of its work: sign-ins arrive all the time, and a burst of failures has to be told once. Every cell is what
was seen of the process, its answers, its log, its journal, its state, and what people got; the tests fail if any is
another. A disk that is full is a real one, and so is a volume that is mounted read-only.

A fact file that is damaged is noticed when every file is read, once a UTC day, or before if a rule cannot read it."""
    after = """While nothing can be written nothing can be told either, because a message is kept before it is sent:
then the heartbeat's `/fail` and `/healthz` say it, and the log does. It is told as soon as that can be kept. A daemon
that goes on logs the error, and its next round comes in five minutes at the latest.
"""
    columns = ("fault", "says first", "does", "writes into its journal", "tells people", "once it is mended", "lost")
    return "\n".join([*heading("What happens when the state is harmed", told), *table(columns, rows), after])
