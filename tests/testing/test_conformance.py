"""The public checks pass what keeps its promises and name what does not."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest
from rich.console import Console

from monitor.detectors.spike import Spike
from monitor.model import Delivery, Level, Message, Part, Reason, State, Window
from monitor.notifiers.console import ConsoleNotifier
from monitor.notifiers.files import FilesNotifier
from monitor.ports import Fetched, Need, Notifier, Past
from monitor.testing import conformance
from monitor.testing.sources import Event, ScriptedSource
from tests.detectors.pasts import DAY, START, hourly
from tests.detectors.test_spike import SPIKE, sparse

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
EVENTS = [
    Event(f"k{n % 30}", NOON + n % 30 * 7 * MINUTE, NOON + n * 9 * MINUTE, identity=f"entra:{n % 3}") for n in range(60)
]
MESSAGE = Message(
    "i1", Reason.OPENED, State.OPEN, Level.HIGH, "Head", "Because.", (("a", "b"),), ("f",), ("r",), "1. Look.",
    NOON, NOON, NOON, 0.6, 4.0,
)  # fmt: skip


def test_the_scripted_source_keeps_its_promises() -> None:
    assert conformance.source(ScriptedSource(events=EVENTS, overlap=15 * MINUTE), NOON + 6 * HOUR) == ()


class Forgetful(ScriptedSource):
    """Leaves out what lies near the end of a window, and shows the future."""

    def fetch(self, window: Window, now: datetime) -> Fetched:
        return super().fetch(Window(window.start, window.end - 20 * MINUTE), now + DAY)

    def changed(self, since: datetime | None, now: datetime) -> Sequence[Window]:  # noqa: ARG002
        return list(reversed(super().changed(None, now)))


def test_a_source_that_breaks_its_promises_is_told_which() -> None:
    broken = conformance.source(Forgetful(events=EVENTS), NOON + 4 * HOUR)
    words = ["oldest first", "in no time"]
    assert all(any(word in one for one in broken) for word in words), broken


@dataclass(frozen=True, slots=True)
class Prophet:
    """Judges every row by the mean of all there are, whenever they were seen."""

    needs: ClassVar[frozenset[Need]] = Spike.needs
    wants: ClassVar[tuple[str, ...]] = ()
    least: ClassVar[float] = 0.0

    def score(self, past: Past, window: Window) -> pd.DataFrame:
        scores = SPIKE.score(past, Window(window.start, past.as_of))
        return scores.assign(expected=past.activity["value"].mean())


def test_a_detector_that_looks_ahead_is_found_out() -> None:
    import numpy as np

    counts = sparse(np.random.default_rng(1), 4)
    counts[:, 18:27:2, 5] += 90
    broken = conformance.detector(Prophet(), hourly(counts), Window(START + 16 * DAY, START + 26 * DAY))
    assert any("in the window" in one for one in broken)
    assert any("without what came later" in one for one in broken)


class Silent:
    """Says nothing of where its message went."""

    name = "silent"
    parts = frozenset({Part.NEWS})

    def send(self, delivery: Delivery) -> str:  # noqa: ARG002
        return None  # type: ignore[return-value]

    def find(self, delivery: Delivery) -> str:  # noqa: ARG002
        return ""


class Eager(Silent):
    """Finds what was never sent, and moves what it changes."""

    parts = frozenset({Part.CARD, Part.DIGEST})

    def __init__(self) -> None:
        self.sent = 0

    def send(self, delivery: Delivery) -> str:  # noqa: ARG002
        self.sent += 1
        return str(self.sent)

    def find(self, delivery: Delivery) -> str:
        return f"found {delivery.key}"


class Deaf(Silent):
    """Wants what hangs from a card, and no card."""

    parts = frozenset({Part.LOG})


@pytest.mark.parametrize(
    ("sends", "words"),
    [
        (Silent(), ["news: expected a reference as text"]),
        (Eager(), ["card: expected find to say ''", "card: expected find to answer", "digest: expected a change"]),
        (Deaf(), ["expected news", "expected digest", "which hang from it"]),
    ],
)
def test_a_notifier_that_breaks_its_promises_is_told_which(sends: Notifier, words: list[str]) -> None:
    broken = conformance.notifier(sends, MESSAGE)
    assert all(any(word in one for one in broken) for word in words), broken


def test_the_notifiers_that_come_with_mintwatch_keep_their_promises(tmp_path: Path) -> None:
    quiet = Console(file=io.StringIO())
    for sends in (ConsoleNotifier(quiet), FilesNotifier(tmp_path)):
        assert conformance.notifier(sends, MESSAGE) == ()
