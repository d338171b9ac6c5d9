"""A daemon takes over what changed, whole or not at all, without a restart, and loses and doubles nothing by it."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.clock import EPOCH, now
from monitor.model import Window
from monitor.store import Store
from monitor.testing.azure import LocalAzure
from tests.cli.conftest import RULE, Command
from tests.cli.test_running import COLLECTED, Daemon
from tests.cli.test_watch import usual
from tests.cli.watching import Place, place

pytestmark = pytest.mark.slow

RELOADED = r"info configuration reloaded part=config changed="
SEEN = RULE.replace('where: outcome == "failed"', 'where: outcome == "issued"')


@pytest.fixture(scope="module")
def azure() -> Iterator[LocalAzure]:
    with LocalAzure() as running:
        yield running


@pytest.fixture
def watched(azure: LocalAzure, tmp_path: Path, rules: Path) -> Place:
    del rules  # made where the settings look for them
    return place(azure, tmp_path, "service_principal")


@pytest.fixture
def daemon(watched: Place) -> Iterator[Daemon]:
    made = Daemon(watched)
    made.until(COLLECTED)
    yield made
    made.close()


def put(path: Path, text: str) -> None:
    """As editors do it: written aside, then renamed."""
    aside = path.with_suffix(".new")
    aside.write_text(text)
    aside.rename(path)


def times(daemon: Daemon, pattern: str, count: int) -> str:
    """What it said, once it has said so that often."""
    return daemon.until(rf"(?s)({pattern}.*?){{{count}}}")


def refusals(watched: Place) -> int:
    with Store(watched.state, write=False) as store:
        return sum(one.action == "config" for one in store.events(Window(EPOCH, now())))


def test_what_changed_is_taken_over_by_the_same_process(daemon: Daemon, watched: Place) -> None:
    """A hang-up, a file renamed into its place, and a folder behind a link that is swapped, as of a ConfigMap."""
    pid = daemon.process.pid
    put(watched.folder / "rules" / "seen.yml", SEEN.format(id="seen"))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.until(RELOADED + '"?rule seen added"?')
    daemon.until("watching 1 sources with 2 rules")

    put(watched.config, watched.config.read_text().replace("history: 1d", "history: 2d"))
    daemon.until(RELOADED + "workspaces.prod.history")

    swapped = watched.folder / "..2026"
    (watched.folder / "rules").rename(swapped)
    (watched.folder / "rules").symlink_to(swapped)
    second = watched.folder / "..2027"
    second.mkdir()
    (second / "failures.yml").write_text((swapped / "failures.yml").read_text().replace("level: high", "level: low"))
    (watched.folder / "..data").symlink_to(second)
    (watched.folder / "..data").rename(watched.folder / "rules")
    said = daemon.until(RELOADED + '"rule seen removed; rule failures changed"')
    assert "history: 2d" not in said
    assert (daemon.process.poll(), daemon.process.pid) == (None, pid)
    assert daemon.ended()[0] == 0
    assert "Traceback" not in daemon.said


def test_a_mistake_anywhere_keeps_what_was_and_is_told_once(daemon: Daemon, watched: Place) -> None:
    good = watched.config.read_text()
    put(watched.folder / "rules" / "broken.yml", SEEN.format(id="broken").replace("detector: limit", "detector: limt"))
    said = daemon.until("error configuration refused")
    assert "did you mean 'limit'?" in said
    put(watched.config, good + "workspacse: {}\n  - [")
    times(daemon, "error configuration refused", 2)
    (watched.folder / "rules" / "broken.yml").unlink()
    put(watched.config, good + "keep: {facts: 2d}\n")
    daemon.until("error configuration refused .*keep.facts: expected at least ")
    put(watched.config, good.replace("state: state", "state: elsewhere"))
    daemon.until("error configuration refused .*state: cannot be changed while mintwatch runs, needs a restart")
    assert "configuration reloaded" not in daemon.said
    assert refusals(watched) >= 1
    count = daemon.said.count("configuration refused")
    put(watched.config, good)
    daemon.until(RELOADED + '"?as before"?')
    assert daemon.said.count("configuration refused") == count
    assert daemon.said.count("watching 1 sources") == 1
    assert daemon.ended()[0] == 0


def test_ten_reloads_under_load_lose_and_double_nothing(mintwatch: Command, watched: Place) -> None:
    usual(watched)
    text = watched.config.read_text().replace("history: 1d", "history: 4d")
    watched.config.write_text(text.replace("sources: {", "sources: {service_principal: {step: 1d}, "))
    undisturbed = watched.config.with_name("undisturbed.yml")
    undisturbed.write_text(watched.config.read_text().replace("state: state", "state: undisturbed"))
    daemon = Daemon(watched)
    try:
        daemon.until("watching 1 sources")
        for count in range(1, 11):
            daemon.process.send_signal(signal.SIGHUP)
            times(daemon, RELOADED, count)
        daemon.until(COLLECTED)
        code, seconds = daemon.ended()
    finally:
        daemon.close()
    assert (code, seconds < 10) == (0, True), daemon.said
    assert not re.search("Traceback|unexpectedly", daemon.said)
    states = [(watched.config, "state"), (undisturbed, "undisturbed")]
    told = [mintwatch("tick", "--config", config, "--json").json["messages"] for config, _ in states]
    assert [len(one) for one in told] == [1, 1]
    assert mintwatch("tick", "--config", watched.config, "--json").json["messages"] == []
    kept = []
    for _, state in states:
        with Store(watched.folder / state) as store:
            assert sorted((store.directory / "facts").iterdir()) == store.live()
            findings = sorted(one.key for one, _, _ in store.findings())
            kept.append((store.counts()["prod.service_principal"], findings, len(store.incidents())))
    assert kept[0] == kept[1]


def test_a_daemon_that_reloads_is_gone_in_time_when_it_is_told_to_stop(daemon: Daemon, watched: Place) -> None:
    put(watched.folder / "rules" / "seen.yml", SEEN.format(id="seen"))
    daemon.process.send_signal(signal.SIGHUP)
    code, seconds = daemon.ended()
    assert (code in {0, 75}, seconds < 10) == (True, True), (code, seconds, daemon.said)
    assert "Traceback" not in daemon.said
