"""What the daemon's tests share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.daemon.shifting import Shifted


@pytest.fixture
def shifted(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Shifted]]:
    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Shifted)
    yield Shifted
    Shifted.by = timedelta(0)
