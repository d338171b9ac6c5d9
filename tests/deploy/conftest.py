"""What all tests of deploy/ need to know: the metrics of the daemon."""

from __future__ import annotations

import pytest

from tests.deploy.contract import METRICS


@pytest.fixture(scope="session")
def metrics() -> dict[str, frozenset[str]]:
    """Every series the daemon shows -> its labels; of a histogram, its three."""
    return METRICS
