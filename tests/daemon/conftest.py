"""What the daemon's tests share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.daemon.called import Called
from tests.daemon.shifting import Shifted


@pytest.fixture
def shifted(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Shifted]]:
    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Shifted)
    yield Shifted
    Shifted.by = timedelta(0)


@pytest.fixture
def outside() -> Iterator[Called]:
    with Called() as made:
        threading.Thread(target=made.serve_forever, args=[0.05], daemon=True).start()
        yield made
        made.hanging.set()
        made.shutdown()
