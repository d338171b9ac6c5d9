"""A daemon that is killed at random moments ends where one ends that nobody disturbed; its state is always sound."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Final

import pytest

from monitor.model import Reason
from monitor.store import verify
from monitor.testing.azure import Limits, LocalAzure
from monitor.testing.azure import faults as azure_faults
from monitor.testing.slack import LocalSlack
from monitor.testing.slack import faults as slack_faults
from monitor.testing.slack.limits import UNPACED
from tests.soak.driven import Place, live
from tests.soak.worlds import HOUR, MINUTE, START, Ended, World, settled

CONTEXT: Final = get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.soak.driven"])
PATIENCE: Final = 60.0
HOURS: Final = 5
WEATHER: Final = 0.4


@pytest.fixture(scope="module")
def azure() -> Iterator[LocalAzure]:
    with LocalAzure(limits=Limits(requests=None)) as made:
        yield made


@pytest.fixture(scope="module")
def slack() -> Iterator[LocalSlack]:
    with LocalSlack(limits=UNPACED) as made:
        yield made


class Warden:
    """Starts daemons at a place, gives them their orders, kills them, and looks at what they leave."""

    def __init__(self, place: Place, dice: Random) -> None:
        self.place, self.dice = place, dice
        self.kills = 0
        self.took: list[float] = []
        self._start()

    def _start(self) -> None:
        self._orders, theirs = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=live, args=(self.place, theirs))
        self._process.start()
        theirs.close()

    def through(self, moment: datetime) -> None:
        """Everything of that moment."""
        begun = perf_counter()
        self._orders.send(moment)
        assert self._done(self._orders, PATIENCE), "not through in time"
        self.took.append(perf_counter() - begun)

    def killed(self, moment: datetime, within: float) -> None:
        """Killed on the way through that moment, unless it was quicker; the next one begins that moment anew."""
        self._orders.send(moment)
        if self._done(self._orders, self.dice.uniform(0, within)):
            return
        self._process.kill()
        self._process.join()
        self.kills += 1
        if (self.place.state / "control.db").exists():  # it may have died before there was one
            wrong = verify(self.place.state, moment, lambda _what, _share: None)
            assert [one for one in wrong if not one.harmless] == []
        self._start()

    def end(self) -> None:
        """No more orders; it ends by itself."""
        self._orders.send(None)
        self._process.join(PATIENCE)
        assert self._process.exitcode == 0

    def _done(self, orders: Connection, patience: float) -> bool:
        return bool(orders.poll(patience) and orders.recv())


def moments() -> list[datetime]:
    """Every 20 minutes, until everything has long been told."""
    return [START + n * 20 * MINUTE for n in range(1, 3 * HOURS)] + [START + HOURS * HOUR + n * HOUR for n in (1, 3, 6)]


def lived(azure: LocalAzure, slack: LocalSlack, folder: Path, seed: int, kills: int) -> tuple[Ended, Warden]:
    """A life of a small world in foul weather, with so many kills."""
    world = World(seed, identities=12, hours=HOURS, attacks=5)
    place, channel = settled(azure, slack, world, folder, f"{seed}-{kills}")
    warden, dice, times = Warden(place, Random(seed)), Random(seed + 1), moments()
    slack.faults.weather(WEATHER, seed, kinds=slack_faults.EVERY)
    for number, moment in enumerate(times):
        azure.clock.now = moment
        azure.faults.clear()
        if dice.random() < WEATHER:
            for _ in range(dice.randint(1, 3)):
                azure.faults.add(dice.choice(azure_faults.EVERY), skip=dice.randrange(6))
        while warden.kills < kills * (number + 1) / len(times):
            warden.killed(moment, 0.6)
        warden.through(moment)
    warden.end()
    azure.faults.clear()
    slack.faults.clear()
    return Ended.of(place.state, channel), warden


def say(line: str) -> None:
    """Where `pytest -s`, or a failure, shows it."""
    print(line)  # noqa: T201


def survived(azure: LocalAzure, slack: LocalSlack, folder: Path, seed: int, kills: int) -> None:
    """Assert that so many kills changed nothing."""
    say(f"seed {seed}: the world, the weather and the waits before kills are drawn from it")
    smooth, calm = lived(azure, slack, folder / "smooth", seed, 0)
    killed, warden = lived(azure, slack, folder / "killed", seed, kills)
    say(f"{warden.kills} kills; a moment took {max(calm.took):.2f} s at most, {sum(calm.took):.1f} s in all")
    assert warden.kills >= kills
    assert killed.findings == smooth.findings
    assert killed.incidents == smooth.incidents
    assert killed.decisions == smooth.decisions
    assert killed.messages == smooth.messages
    assert set(killed.messages.values()) == {1}
    assert (killed.gaps, smooth.gaps) == (0, 0)
    assert len(smooth.incidents) == 5
    assert {one.reason for one in smooth.decisions} >= {Reason.OPENED}


@pytest.mark.slow
def test_20_kills_change_nothing(azure: LocalAzure, slack: LocalSlack, tmp_path: Path) -> None:
    """Off: `self._queue` in `conclude` of monitor/store/state.py, or the watermark in `switch` of facts.py."""
    survived(azure, slack, tmp_path, seed=1, kills=20)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_200_kills_change_nothing(azure: LocalAzure, slack: LocalSlack, tmp_path: Path, seed: int) -> None:
    survived(azure, slack, tmp_path, seed=100 + seed, kills=20)
