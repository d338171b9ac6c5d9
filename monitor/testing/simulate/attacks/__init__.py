"""Labelled attacks of graded size, of the kinds that can be found in these tables; `ATTACKS` lists them."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from monitor.testing.simulate import chance
from monitor.testing.simulate.attacks.catalogue import ATTACKS, Attack
from monitor.testing.simulate.attacks.scene import Scene
from monitor.testing.simulate.calendar import DAY, HOUR, moment
from monitor.testing.simulate.delivery import Weather
from monitor.testing.simulate.diary import Diary
from monitor.testing.simulate.label import GRADES, Grade, Label
from monitor.testing.simulate.world import World

__all__ = ["ATTACKS", "plot"]

PER_IDENTITY: Final = 0.26
LEAST, MOST = 12, 280
WARM_UP: Final = 14.0
_TURNS: Final = np.array([kind for kind, attack in ATTACKS.items() for _ in range(attack.weight)])


def plot(world: World, diaries: Sequence[Diary], weather: Weather) -> tuple[Label, ...]:
    """Stage attacks into the diaries of their victims; the labels, in order of their start.

    Kinds come in turn, grades evenly, victims mostly once each; starts are spread over the days after the warm-up.
    """
    count = int(np.clip(len(diaries) * PER_IDENTITY, LEAST, MOST))
    order = chance.stream(world.seed, chance.ATTACK).permutation(_TURNS)
    taken: set[int] = set()
    labels: list[Label] = []
    for number in range(count):
        kind = str(order[number % len(order)])
        grade = GRADES[(number + number // len(order)) % len(GRADES)]
        rng = chance.stream(world.seed, chance.ATTACK, number)
        scene = _cast(world, diaries, rng, ATTACKS[kind], grade, (number + 0.5) * 0.618034 % 1.0, weather, taken)
        if scene is None:
            continue
        ATTACKS[kind].stage(scene)
        labels.append(_label(f"{number:03d}-{kind.lower()}-{grade}", kind, scene))
    return tuple(sorted(labels, key=lambda label: (label.start, label.attack)))


def _cast(
    world: World,
    diaries: Sequence[Diary],
    rng: np.random.Generator,
    attack: Attack,
    grade: Grade,
    share: float,
    weather: Weather,
    taken: set[int],
) -> Scene | None:
    """A victim the attack makes sense against, and a moment; None where the world has neither."""
    period = world.period
    warm = period.days * 0.4 if period.days < 21 and attack.after <= WARM_UP else attack.after
    room = period.days - warm - attack.before
    fitting = [one for one in diaries if attack.fits(one)]
    fresh = [one for one in fitting if one.persona.index not in taken] or fitting
    if room <= 0 or not fresh:
        return None
    victim = fresh[int(rng.integers(len(fresh)))]
    taken.add(victim.persona.index)
    start = period.start + int((warm + room * share) * DAY) + int(rng.integers(HOUR))
    scene = Scene(world, diaries, victim, rng, grade, start, weather.lost)
    scene.clear()
    return scene


def _label(name: str, kind: str, scene: Scene) -> Label:
    return Label(
        name,
        kind,
        ATTACKS[kind].title,
        scene.grade,
        tuple(sorted(scene.identities)),
        tuple(sorted(set(scene.ips))),
        tuple(sorted(scene.vaults)),
        moment(scene.first),
        moment(scene.last),
    )
