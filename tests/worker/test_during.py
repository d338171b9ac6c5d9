"""Every line that is written on behalf of a tick says of which: also in threads of pools, and by libraries."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from threading import current_thread, main_thread
from typing import Any

import pytest

from monitor.cli.lines import JsonLines
from monitor.clock import iso
from monitor.kql import DuckEngine
from monitor.model import Delivery, Window
from monitor.ports import Fetched
from monitor.rules import Rule
from monitor.store import Store
from monitor.testing.sources import ScriptedSource
from monitor.worker import tick
from tests.worker.alerts import MINUTE, NOON, Scripted, alert
from tests.worker.scripts import app, tenant
from tests.worker.test_guards import Broken

library = logging.getLogger("azure.core.pipeline")


class Talkative(ScriptedSource):
    """A source whose library speaks while it fetches."""

    def fetch(self, window: Window, now: datetime) -> Fetched:
        library.warning("retried", extra={"pooled": current_thread() is not main_thread()})
        return ScriptedSource.fetch(self, window, now)


class Loud(Scripted):
    """A notifier whose library speaks while it sends."""

    def send(self, delivery: Delivery) -> str:
        library.warning("posted")
        return Scripted.send(self, delivery)


@dataclass
class Heard(logging.Handler):
    """Lines as they would be written, read again."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))

    __hash__ = logging.Handler.__hash__


@pytest.fixture
def heard() -> Iterator[Heard]:
    made = Heard()
    loggers = [library, logging.getLogger("mintwatch")]
    for one in loggers:
        one.addHandler(made)
    logging.getLogger("mintwatch").setLevel("INFO")
    yield made
    for one in loggers:
        one.removeHandler(made)


def test_a_line_says_which_round_window_rule_and_message_it_belongs_to(
    engine: DuckEngine, judged: dict[str, Rule], heard: Heard
) -> None:
    rule = judged["failures"].made("broken.yml", Broken())
    source, notifier = Talkative(name="prod.vault", events=tenant(1), lanes=2), Loud()
    with Store() as store:
        alert(store, [notifier], "i1")
        tick(app([source], [rule], store, engine, [notifier]), NOON + 7 * MINUTE)
    at = iso(NOON + 5 * MINUTE)
    fetched = [one for one in heard.lines if one["message"] == "retried"]
    assert len({one["window"] for one in fetched}) == len(fetched) > 1
    assert {(one["source"], one["round"], one["pooled"]) for one in fetched} == {("prod.vault", at, True)}
    (failed,) = [one for one in heard.lines if one["message"] == "failed unexpectedly"]  # in a thread of the judges
    assert (failed["rule"], failed["tick"]) == (rule.id, at)
    assert "Traceback" in failed["exception"]
    posted, sent = [next(one for one in heard.lines if one["message"] == what) for what in ("posted", "sent")]
    assert {"incident", "notifier"} <= posted.keys()
    assert (posted["notifier"], posted["incident"]) == (sent["notifier"], sent["incident"])
