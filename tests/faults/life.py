"""A mintwatch of its own process over scripted sign-ins, which ticks when it is told to, by the clock it is told.

`python -m tests.faults.life DIRECTORY` reads lines of two times, what the clock shows and what time it is, and answers
each with a line of JSON: what failed, what was logged as a warning or worse, and what somebody was told.
"""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from monitor import plugins, rules
from monitor.errors import MintwatchError
from monitor.kql import DuckEngine
from monitor.model import Delivery, Message, Part
from monitor.store import Keep, Store
from monitor.tables import SCHEMAS
from monitor.testing.sources import Event, ScriptedSource
from monitor.worker import App, tick
from monitor.worker.health import HealthSource

NOON: Final = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)
RULES: Final = {
    "failure-burst",
    "state-not-written",
    "clock-jumped",
    "logs-left-out",
    "logs-vanished",
    "source-stalled",
}

BURST: Final = """\
title: Burst of failures
id: burst
status: stable
level: high
stream: sign_in
where: outcome == "failed"
by: [identity]
bucket: 10m
detector: alarm
params: {count: 10, surprise: 5.0}
runbook: |
  Look at which credential failed and from where.
"""


def events() -> list[Event]:
    """A token every five minutes from eight on, and a burst of failures at ten past noon."""
    quiet = [NOON + 5 * n * MINUTE for n in range(-48, 60)]
    burst = [NOON + 10 * MINUTE + n * timedelta(seconds=2) for n in range(60)]
    return [
        *(Event(f"q{n}", at, at + MINUTE) for n, at in enumerate(quiet)),
        *(
            Event(f"b{n}", at, at + MINUTE, outcome="failed", code="7000215", ip="198.51.100.7")
            for n, at in enumerate(burst)
        ),
    ]


@dataclass(slots=True)
class Told:
    """A notifier that remembers what it was told."""

    name: str = "memory"
    parts: frozenset[Part] = frozenset({Part.NEWS})
    took: list[str] = field(default_factory=list)

    def send(self, delivery: Delivery) -> str:
        if isinstance(delivery.message, Message):
            self.took.append(f"{delivery.message.headline} ({delivery.message.reason})")
        return delivery.key

    def find(self, delivery: Delivery) -> str:  # noqa: ARG002
        return ""


class Logged(logging.Handler):
    """Remembers what was logged as a warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        extra = (f"{key}={vars(record)[key]}" for key in ("part", "start", "error") if key in vars(record))
        self.lines.append(" ".join([record.getMessage(), *extra]))


def main(directory: Path) -> None:
    logged = Logged()
    logging.getLogger("mintwatch").addHandler(logged)
    happened, source, told = events(), ScriptedSource("main", overlap=15 * MINUTE), Told()
    judged = [one for one in rules.load(rules.shipped(), plugins.detectors()) if one.id in RULES]
    with TemporaryDirectory() as folder:
        (Path(folder) / "burst.yml").write_text(BURST)
        judged += rules.load(Path(folder), plugins.detectors())
    with Store(directory) as store:
        app = App(
            (source, HealthSource(store)), tuple(judged), store, DuckEngine(SCHEMAS, threads=1), (told,), keep=Keep()
        )
        _say("ready")
        for line in sys.stdin:
            clock, truth = map(datetime.fromisoformat, line.split())
            source.events[:] = [one for one in happened if one.arrived < truth]
            told.took.clear()
            logged.lines.clear()
            try:
                failures = list(tick(app, clock).failures)
            except MintwatchError as error:  # as the daemon, whose next round comes all the same
                failures = [str(error)]
            _say(json.dumps({"failures": failures, "logged": logged.lines, "told": told.took}))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
