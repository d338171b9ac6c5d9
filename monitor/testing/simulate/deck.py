"""Which behaviours there are, and how common each is among a hundred identities."""

from collections.abc import Callable, Mapping
from typing import Final

from monitor.testing.simulate import chance, managed, people, vaultwork, workloads
from monitor.testing.simulate.diary import Diary
from monitor.testing.simulate.world import Kind, Persona, World

Life = Callable[[Diary], None]

DECK: Final[Mapping[str, tuple[int, Kind, Life]]] = {
    "person": (22, "user", people.person),
    "admin": (4, "user", people.admin),
    "cron": (11, "service_principal", workloads.cron),
    "watcher": (1, "service_principal", workloads.watcher),
    "daily": (7, "service_principal", workloads.daily),
    "weekly": (2, "service_principal", workloads.weekly),
    "monthly": (2, "service_principal", workloads.monthly),
    "returning": (1, "service_principal", workloads.returning),
    "pipeline": (8, "service_principal", workloads.pipeline),
    "service": (7, "service_principal", workloads.service),
    "office_app": (3, "service_principal", workloads.office_app),
    "chatty": (1, "service_principal", workloads.chatty),
    "misconfigured": (2, "service_principal", workloads.misconfigured),
    "scanner": (1, "service_principal", vaultwork.scanner),
    "backup": (1, "service_principal", vaultwork.backup),
    "newcomer": (2, "service_principal", workloads.newcomer),
    "leaver": (1, "service_principal", workloads.leaver),
    "agent": (5, "agent", workloads.agent),
    "function_app": (7, "managed_identity", managed.function_app),
    "cluster": (4, "managed_identity", managed.cluster),
    "machine": (6, "managed_identity", managed.machine),
    "scale_set": (2, "managed_identity", managed.scale_set),
}
"""Behaviour -> how many of 100 identities, their kind, how they live."""

STUMBLES: Final[Mapping[int, float]] = {403: 0.15, 404: 0.08, 429: 0.06}
"""How likely an identity is to be refused for some hours: a lost role, a secret renamed, a vault under load."""

HICCUP: Final = 0.1
"""How likely a workload is to hit a few minutes of refusals because the tenant is throttled."""

_CARDS: Final = tuple(name for name, (count, _, _) in DECK.items() for _ in range(count))


def deal(seed: int, number: int) -> tuple[str, Kind]:
    """Behaviour and kind of an identity: each hundred is one shuffled deck, so every behaviour occurs in its share."""
    shuffled = chance.stream(seed, chance.DECK, number // len(_CARDS)).permutation(len(_CARDS))
    name = _CARDS[int(shuffled[number % len(_CARDS)])]
    return name, DECK[name][1]


def live(world: World, persona: Persona) -> Diary:
    """One identity's life over the period."""
    diary = Diary(world, persona, chance.stream(world.seed, chance.IDENTITY, persona.index, 1))
    DECK[persona.behaviour][2](diary)
    diary.only(world.period.start, world.period.end)
    if persona.kind != "user" and diary.chance(HICCUP):
        diary.hiccup()
    for status, probability in STUMBLES.items():
        if diary.chance(probability):
            diary.stumble(status)
    return diary
