"""What the worker's tests share: an engine, rules with small thresholds, and notifiers that remember."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from monitor.kql import DuckEngine
from monitor.rules import Rule
from monitor.tables import SCHEMAS
from tests.worker.desks import Desk, opened
from tests.worker.worlds import rules


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckEngine]:
    made = DuckEngine(SCHEMAS, threads=1)
    yield made
    made.close()


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rule]:
    """The small rules, by id."""
    return {rule.id: rule for rule in rules(tmp_path_factory.mktemp("rules"))}


@pytest.fixture
def desk(engine: DuckEngine) -> Iterator[Desk]:
    """A local Slack with one card in it, and mintwatch at the other end."""
    with opened(engine) as made:
        yield made
