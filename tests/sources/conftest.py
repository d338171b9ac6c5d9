"""One engine for all tests of sources: what it has translated once it need not translate again."""

import pytest

from monitor.kql import DuckEngine
from monitor.tables import SCHEMAS


@pytest.fixture(scope="session")
def engine() -> DuckEngine:
    return DuckEngine(SCHEMAS, threads=1)
