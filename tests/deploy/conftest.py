"""What all tests of deploy/ need to know: the metrics of the daemon."""

from __future__ import annotations

from typing import Final

import pytest

from monitor.daemon.metrics import Metrics

SERIES: Final = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


@pytest.fixture(scope="session")
def metrics() -> dict[str, frozenset[str]]:
    """Every series that the daemon shows -> its labels; of a histogram, its three."""
    made = Metrics()
    made.configured(["a source"], ["a rule"], ["a notifier"], listens=True)
    labels = {one: frozenset(names) for one, names in made._labelled}  # of what was never set, no answer shows them
    alone = {one: frozenset[str]() for one in (made.connected, made.last_heard)}
    families = [(family, names) for told in (labels, alone) for one, names in told.items() for family in one.describe()]
    families += [(family, frozenset({"source"})) for family in made.lag.describe()]
    mine = {
        family.name + end: names | ({"le"} if end == "_bucket" else set())
        for family, names in families
        for end in SERIES[family.type]
    }
    process = {
        family.name + end: frozenset[str]()
        for family in made.registry.collect()
        if family.name.startswith("process_")
        for end in SERIES[family.type]
    }
    return {**mine, **process}
