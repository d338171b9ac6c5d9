"""One simulated tenant that the tests of this folder share: a hundred identities, so every behaviour lives in it."""

import pytest

from monitor.testing.simulate import simulate
from monitor.testing.simulate.read import Written, read


@pytest.fixture(scope="session")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Written:
    out = tmp_path_factory.mktemp("simulated") / "logs"
    simulate(out, identities=100, seed=7)
    return read(out)
