"""One simulated tenant and one local Azure that the tests of this folder share."""

from collections.abc import Iterator

import pytest

from monitor.testing.azure import Limits, LocalAzure
from monitor.testing.simulate import simulate
from monitor.testing.simulate.read import Written, read


@pytest.fixture(scope="session")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Written:
    out = tmp_path_factory.mktemp("simulated") / "logs"
    simulate(out, identities=100, seed=7)
    return read(out)


@pytest.fixture(scope="session")
def served() -> Iterator[LocalAzure]:
    with LocalAzure() as azure:
        yield azure


@pytest.fixture
def azure(served: LocalAzure) -> LocalAzure:
    """The local Azure as new: nothing will go wrong, and nobody counts how often it is asked."""
    served.faults.clear()
    served.limits = Limits(requests=None)
    return served
