"""What every test may use: how hard hypothesis tries, and real rows where they are at hand.

`pytest --hypothesis-profile explore` draws other examples each time, and many more of them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.testing.browser import Browser

settings.register_profile(
    "ci", deadline=None, derandomize=True, max_examples=25, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", settings.get_profile("ci"), derandomize=False, max_examples=500, print_blob=True)
settings.load_profile("ci")


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """A command sets up the log of its process; what is logged in the next test is caught again."""
    log = logging.getLogger("mintwatch")
    propagate, level, handlers = log.propagate, log.level, log.handlers[:]
    yield
    log.propagate, log.handlers[:] = propagate, handlers
    log.setLevel(level)


@pytest.fixture(scope="session")
def azure_samples() -> Path:
    """Real rows of every table, which the project may read but does not carry."""
    found = Path(__file__).parents[1].parent / "shared" / "azure" / "samples"
    if not found.is_dir():
        pytest.skip("the real sample rows are not beside this checkout")
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser without a window; without chromium the test is skipped, in CI failed."""
    from tests.testing.browser import chromium

    with chromium() as browser:
        yield browser
