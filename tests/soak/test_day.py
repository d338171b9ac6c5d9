"""A day of a daemon in foul weather, told to it in minutes: it stays as small as it was, and tells everything once."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import median, quantiles
from time import perf_counter
from typing import Final, Self
from urllib.request import urlopen

import psutil
import pytest

from monitor import rules
from monitor.clock import BIN
from monitor.model import Part
from monitor.store import Store
from monitor.testing.azure import Limits, LocalAzure
from monitor.testing.azure import faults as azure_faults
from monitor.testing.slack import Channel, LocalSlack
from monitor.testing.slack import faults as slack_faults
from monitor.testing.slack.limits import UNPACED
from tests.soak.driven import SOURCE, Place
from tests.soak.measures import MB, Sample, Slope, slope
from tests.soak.staying import stay
from tests.soak.worlds import HOUR, START, World, oid, settled
from tests.worker.postal import key_of

CONTEXT: Final = get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.soak.staying"])
PATIENCE: Final = 300.0
PASSING: Final = (
    azure_faults.throttled(),
    azure_faults.throttled(timedelta(seconds=1)),
    azure_faults.throttled(timedelta(seconds=20)),
    azure_faults.failing(500),
    azure_faults.failing(502),
    azure_faults.failing(503),
    azure_faults.timed_out(),
    azure_faults.reset(),
    azure_faults.reset(0.5),
    azure_faults.html(502),
    azure_faults.cut_json(),
    azure_faults.no_rows(),
    azure_faults.partial(),
    azure_faults.partial(0.0),
)
"""What passes before anybody need know of it."""
OUTAGE: Final = 6
"""Steps for which Azure is gone altogether, which is one more alert."""
CALM: Final = 6
"""Steps before a count of descriptors and threads without weather, so that nothing is on its way."""
EVERY: Final = 6
"""Steps between two looks at what the server says."""
BYTES_PER_FACT: Final = 400
"""What operate.md says under Sizing: 0.4 GB for each million facts."""
RULES: Final = (
    "canary-lost",
    "clock-jumped",
    "config-refused",
    "daily-canary",
    "failure-burst",
    "logs-left-out",
    "logs-vanished",
    "notifier-stalled",
    "rule-failing",
    "source-silent",
    "source-stale",
    "source-stalled",
    "state-not-written",
)


@dataclass(frozen=True, slots=True)
class Day:
    """How long, how many, and from when on nothing may grow any more."""

    hours: float
    identities: int
    attacks: int
    warm: float
    bound: float
    """MB per hour that memory may grow by beyond what the facts take."""
    unbegun: int = 0
    """Threads of Arrow's and DuckDB's pools, which have an end, that may not have been needed before."""
    every: timedelta = HOUR
    weather: float = 0.3

    @property
    def world(self) -> World:
        """What happens; it goes on after the daemon has ended."""
        return World(7, self.identities, self.hours, self.attacks, self.every)

    @property
    def alerts(self) -> Counter[str]:
        """Of whom people are to be told, once each: who was attacked, and that Azure was gone."""
        attacked = [f"identity:entra:{oid(one)}" for one in range(self.attacks)]
        return Counter([*attacked, f"source:{SOURCE}"])

    @property
    def steps(self) -> int:
        """How often it is told the time."""
        return int(self.hours * HOUR / BIN)

    def calm(self, step: int) -> bool:
        """Whether nothing goes wrong at that step."""
        return any(end - CALM < step <= end for end in (int(self.warm * HOUR / BIN), self.steps))

    def out(self, step: int) -> bool:
        """Whether Azure is gone at that step."""
        begun = int((self.warm + 0.5) * HOUR / BIN)
        return begun <= step < begun + OUTAGE


@dataclass(slots=True)
class Lived:
    """What was measured meanwhile, and what is left in the end."""

    wall: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    facts: dict[float, int] = field(default_factory=dict)
    """Live facts by hour, as /metrics says."""
    faults: Counter[str] = field(default_factory=Counter)
    gaps: int = -1
    rows: int = 0
    seen: int = 0
    cards: Counter[str] = field(default_factory=Counter)
    """How often an incident of each subject stands in the channel."""
    twice: int = 0
    waiting: int = 0
    daily: int = 0


class Guarded:
    """A daemon in a process of its own, over local services in this one."""

    def __init__(self, place: Place, leak: str) -> None:
        self._orders, theirs = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=stay, args=(place, leak, theirs))
        self._process.start()
        theirs.close()
        self.threads = 0
        self.port = self._answer()
        self.watched = psutil.Process(self._process.pid)

    def step(self, moment: datetime) -> float:
        """Everything of that moment; the seconds it took."""
        begun = perf_counter()
        self._orders.send(moment)
        self._answer()
        return perf_counter() - begun

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    def end(self) -> None:
        """No more orders; it ends by itself."""
        self._orders.send(None)
        self._process.join(PATIENCE)
        assert self._process.exitcode == 0

    def asked(self, path: str) -> str:
        """What its server says."""
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def _answer(self) -> int:
        assert self._orders.poll(PATIENCE), "not through in time"
        port, self.threads = self._orders.recv()
        return int(port)


def lived(day: Day, azure: LocalAzure, slack: LocalSlack, folder: Path, leak: str = "") -> Lived:
    """Live through it."""
    world, found, dice = day.world, Lived(), Random(day.identities)
    place, channel = settled(azure, slack, world, folder, f"day-{day.identities}-{leak}")
    for one in RULES:
        shutil.copy(rules.shipped() / f"{one}.yml", place.rules)
    workspace = azure.workspace(place.query["id"])
    begun = perf_counter()
    with Guarded(place, leak) as daemon:
        for step in range(1, day.steps + 1):
            azure.clock.now = START + step * BIN
            workspace.asked.clear()
            weather(day, step, dice, azure, slack)
            took, hours = daemon.step(azure.clock.now), step * BIN / HOUR
            found.samples.append(Sample.of(daemon.watched, daemon.threads, hours, took))
            if step % EVERY == 0:
                found.facts[hours] = looked_at(daemon)
        daemon.end()
    found.wall = perf_counter() - begun
    found.faults = Counter(azure.faults.happened) + Counter(slack.faults.happened)
    left(found, place, channel)
    end = START + day.steps * BIN
    found.rows = len([one for one in world.rows() if one["arrived"] < end])  # type: ignore[operator]
    return found


def weather(day: Day, step: int, dice: Random, azure: LocalAzure, slack: LocalSlack) -> None:
    """What goes wrong at that step."""
    azure.faults.clear()
    slack.faults.clear()
    if day.out(step):
        azure.faults.add(azure_faults.failing(503), times=None)
    elif not day.calm(step):
        slack.faults.weather(day.weather, step, kinds=slack_faults.EVERY)
        if dice.random() < day.weather:
            for _ in range(dice.randint(1, 2)):
                azure.faults.add(dice.choice(PASSING), skip=dice.randrange(3))


def looked_at(daemon: Guarded) -> int:
    """Live facts, as the metrics say; and that it is well, whatever Azure does."""
    healthy = json.loads(daemon.asked("/healthz"))
    assert healthy["status"] == "ok", healthy
    assert json.loads(daemon.asked("/readyz"))["status"] == "ok"
    said = daemon.asked("/metrics")
    facts = re.search(rf'^mintwatch_live_facts{{source="{re.escape(SOURCE)}"}} (\S+)$', said, re.MULTILINE)
    assert facts, said
    return int(float(facts[1]))


def left(found: Lived, place: Place, channel: Channel) -> None:
    """What there is in the state and in the channel."""
    with Store(place.state) as store:
        found.gaps = len(store.gaps())
        found.seen = sum(one.read for one in store.window_counts(SOURCE).values())
        found.waiting = len(store.waiting())
        cards = {store.ref("slack", one.id, Part.CARD).partition(":")[2]: one.subject for one in store.incidents()}
        days = {store.ref("slack", one, Part.DAILY).partition(":")[2] for one in store.days()}
    keys = Counter(key_of(one) for one in channel.all)
    found.twice = sum(times > 1 for times in keys.values())
    found.cards = Counter(cards[one.ts] for one in channel.all if one.ts in cards)
    found.daily = sum(one.ts in days for one in channel.all)


def table(day: Day, found: Lived) -> str:
    """What was measured, for people."""
    took = [one.took for one in found.samples]
    warm, last = found.samples[int(day.warm * HOUR / BIN) - 1], found.samples[-1]
    grown, facts = growth(day, found)
    lines = {
        "simulated": f"{day.hours:g} h, {day.identities:,} identities, {found.rows:,} rows, {len(took)} steps",
        "wall": f"{found.wall:.0f} s; a step {median(took):.2f} s, 95 % below {quantiles(took, n=20)[-1]:.2f} s",
        "processor": f"{last.processor:.0f} s of the daemon's",
        "went wrong": f"{found.faults.total()} answers in {len(found.faults)} ways",
        "resident": f"{warm.resident / MB:.0f} MB after {day.warm:g} h, {last.resident / MB:.0f} MB at the end",
        "slope": f"{grown.per_hour:.2f} MB/h, standard error {grown.error:.2f}; facts {facts:.2f} MB/h of it",
        "descriptors": f"{warm.descriptors} after {day.warm:g} h, {last.descriptors} at the end",
        "threads": f"{warm.threads} after {day.warm:g} h, {last.threads} at the end;"
        f" with those of libraries {warm.lines}, {last.lines}",
        "coverage": f"{found.gaps} gaps, {found.seen:,} of {found.rows:,} rows",
        "alerts": f"{day.alerts.total()} expected, {len(found.cards)} told, {found.cards.total()} times;"
        f" {found.daily} daily digest; {found.twice} messages twice, {found.waiting} waiting",
    }
    return "".join(f"{name:<12} {said}\n" for name, said in lines.items())


def growth(day: Day, found: Lived) -> tuple[Slope, float]:
    """MB of memory per hour after the warm-up, and what of it the facts account for that came meanwhile."""
    after = [one for one in found.samples if one.hours >= day.warm]
    grown = slope([one.hours for one in after], [one.resident / MB for one in after])
    facts = {at: many * BYTES_PER_FACT / MB for at, many in found.facts.items() if at >= day.warm}
    first, last = min(facts), max(facts)
    return grown, (facts[last] - facts[first]) / (last - first)


def sound(day: Day, found: Lived) -> None:
    """Assert that nothing grew, nothing was missed, and everybody was told once."""
    grown, facts = growth(day, found)
    warm, last = found.samples[int(day.warm * HOUR / BIN) - 1], found.samples[-1]
    assert last.descriptors == warm.descriptors
    assert last.threads == warm.threads
    assert last.lines <= warm.lines + day.unbegun
    assert grown.surely <= facts + day.bound
    assert (found.gaps, found.seen) == (0, found.rows)
    assert found.cards == day.alerts
    assert (found.twice, found.waiting, found.daily) == (0, 0, 1)


@contextmanager
def services() -> Iterator[tuple[LocalAzure, LocalSlack]]:
    """A local Azure and a local Slack."""
    with LocalAzure(limits=Limits(requests=None)) as azure, LocalSlack(limits=UNPACED) as slack:
        yield azure, slack


def through(day: Day, folder: Path, leak: str = "") -> None:
    """Live through it, and say what was measured, whether it is sound or not."""
    with services() as (azure, slack):
        found = lived(day, azure, slack, folder, leak)
    said = table(day, found)
    (folder / "soak.txt").write_text(said)
    print(said)  # noqa: T201 - where `pytest -s`, or a failure, shows it
    sound(day, found)


HOURS: Final = Day(hours=3, identities=300, attacks=3, warm=1.5, bound=12.0, unbegun=8)
WHOLE: Final = Day(hours=24, identities=5_000, attacks=25, warm=6, bound=0.5)


@pytest.mark.slow
def test_three_hours_leave_nothing_behind(tmp_path: Path) -> None:
    through(HOURS, tmp_path)


@pytest.mark.soak
def test_a_day_leaves_nothing_behind(tmp_path: Path) -> None:
    through(WHOLE, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("leak", "seen"), [("memory", r"\.surely"), ("descriptors", r"\.descriptors"), ("threads", r"\.threads")]
)
def test_a_leak_is_seen(tmp_path: Path, leak: str, seen: str) -> None:
    with pytest.raises(AssertionError, match=seen):
        through(HOURS, tmp_path, leak)
