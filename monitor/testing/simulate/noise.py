"""What no resident does: Microsoft's own services looking at vaults, and notices that have no caller."""

import numpy as np

from monitor.testing.simulate import chance
from monitor.testing.simulate.apps import (
    GRAPH_CALLER,
    NO_SDK,
    NOBODY,
    OPERATION,
    POLICY,
    POLICY_CALLER,
    RESOURCE_GRAPH,
)
from monitor.testing.simulate.calendar import HOUR
from monitor.testing.simulate.diary import Note
from monitor.testing.simulate.events import Events, calls
from monitor.testing.simulate.places import CLOUDS, Prefix
from monitor.testing.simulate.schedules import every
from monitor.testing.simulate.world import TEAM_SIZE, World

_AZURE = Prefix((20, 49, 99), CLOUDS[0], 8075)


def first_party(world: World) -> list[Events]:
    """Azure Resource Graph and Policy read every vault now and then; notices of expiry and rotation have no caller.

    Beside each vault stands a database, whose rows share a table with those of the vault.
    """
    found: list[Events] = []
    ip = world.address(_AZURE.host(17))
    for number in range(len(world.vaults)):
        rng = chance.stream(world.seed, chance.NOISE, number)
        get = OPERATION["VaultGet"]
        looks = every(rng, world.period, 8 * HOUR, 3 * HOUR, skip=0.2)
        found.append(calls(rng, GRAPH_CALLER, looks, vault=number, operation=get, ip=ip, client=RESOURCE_GRAPH))
        checks = every(rng, world.period, 24 * HOUR, 2 * HOUR, skip=0.1)
        found.append(calls(rng, POLICY_CALLER, checks, vault=number, operation=get, ip=ip, client=POLICY))
        for name, per_period in (
            ("SecretNearExpiryEventGridNotification", 4.0),
            ("VaultAccessPolicyChangedEventGridNotification", 0.5),
            ("KeyRotateIfDue", 2.0),
            ("DatabaseWaitStatisticsEvent", 60.0),
        ):
            at = np.sort(rng.integers(world.period.start, world.period.end, size=int(rng.poisson(per_period))))
            found.append(calls(rng, NOBODY, at, vault=number, operation=OPERATION[name], item=0, client=NO_SDK))
    return found


def directory_sync(world: World) -> list[Note]:
    """Directory synchronisation updates people by day and night; now and then Identity Protection suspects somebody."""
    found: list[Note] = []
    residents = sum(one.behaviour != "attacker" for one in world.personas)
    for team in world.teams:
        rng = chance.stream(world.seed, chance.RECORD, team.number)
        for at in rng.integers(world.period.start, world.period.end, size=int(rng.poisson(0.8 * world.period.days))):
            number, luck, key = (
                team.number * TEAM_SIZE + int(rng.integers(TEAM_SIZE)),
                rng.random(),
                chance.keys(rng, 1),
            )
            if number >= residents:
                continue
            target = world.personas[number]
            what = "user" if target.kind == "user" else "deployment" if luck < 0.2 else ""
            if target.kind == "service_principal" and luck > 0.97:
                what = "risk"
            if what:
                actor = target.index if what == "deployment" else -1
                found.append(Note(int(at), what, actor, target.index, -1, int(key[0])))
    return found
