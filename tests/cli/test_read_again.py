"""What is written is read once per content, and what changes while it is read is not missed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from monitor.cli import watch
from monitor.daemon import Configuration, Halt, Making, Reloader
from monitor.errors import StateError
from monitor.testing.azure import LocalAzure
from tests.cli.conftest import RULE
from tests.cli.watching import place


@pytest.fixture(scope="module")
def azure() -> Iterator[LocalAzure]:
    with LocalAzure() as running:
        yield running


@contextmanager
def _opened(made: Configuration, stop: threading.Event) -> Iterator[Any]:
    del made, stop
    yield SimpleNamespace(people=nullcontext())


def test_a_file_is_told_once_per_content_and_what_changed_while_it_was_read_is_seen(
    azure: LocalAzure, tmp_path: Path, rules: Path
) -> None:
    del rules  # made where the settings look for them
    config = place(azure, tmp_path, "service_principal").config
    said: list[str] = []
    first = watch._read(config)
    written = tmp_path / "rules" / "seen.yml"
    written.write_text(RULE.format(id="seen"))  # read already, not watched yet
    made = Reloader(Making(partial(watch._read_again, config), _opened), config, Halt(), said.append)
    generations = made.generations(first)
    try:
        next(generations)
        for _ in range(3):
            made._glance(asked=False)
        assert said == [""]
        present = next(generations)
        assert len(present.configuration.rules) == len(first.rules) + 1
        for text in ("id: [", "id: {"):
            said.clear()
            written.write_text(text)
            for _ in range(10):
                made._glance(asked=False)
            assert len(said) == 1
            assert said[0]
    finally:
        made.halt.set()
        next(generations, None)


def test_what_a_full_disk_kept_from_being_taken_is_tried_again(azure: LocalAzure, tmp_path: Path, rules: Path) -> None:
    """Off: `LATER` in `_reload` of monitor/daemon/reloading.py."""
    del rules  # made where the settings look for them
    config = place(azure, tmp_path, "service_principal").config
    full = [True]

    @contextmanager
    def opened(made: Configuration, stop: threading.Event) -> Iterator[Any]:
        if full[0] and len(made.rules) > len(first.rules):
            raise StateError("no room")
        with _opened(made, stop) as one:
            yield one

    said: list[str] = []
    first = watch._read(config)
    made = Reloader(Making(partial(watch._read_again, config), opened), config, Halt(), said.append)
    generations = made.generations(first)
    try:
        next(generations)
        (tmp_path / "rules" / "seen.yml").write_text(RULE.format(id="seen"))
        for _ in range(5):
            made._glance(asked=False)
        assert said == ["no room"]
        full[0], made._later = False, timedelta(0)
        for _ in range(2):
            made._glance(asked=False)
        assert said == ["no room", ""]
    finally:
        made.halt.set()
        next(generations, None)
