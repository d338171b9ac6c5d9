"""How managed identities behave: tokens cached for a day, clusters that restart, machines that read their vault."""

import numpy as np

from monitor.testing.simulate.apps import JAVA, NET, PYTHON, Resource
from monitor.testing.simulate.calendar import DAY, HOUR, MINUTE, SECOND, Times
from monitor.testing.simulate.diary import Diary
from monitor.testing.simulate.schedules import NIGHT_AND_DAY, Load, bursts, every, swells
from monitor.testing.simulate.workloads import NEW_SECRET, SURGES_PER_DAY, backend


def _in_azure(d: Diary) -> None:
    """A managed identity: its sign-in rows carry no address, its vault calls those of the virtual network's way out."""
    team = d.persona.team
    d.live_at(list(team.egress[: 1 + int(d.rng.integers(2))]), 2)
    d.sdk = int(d.rng.choice((NET, PYTHON, JAVA)))


def _cached(d: Diary, resource: Resource) -> Times:
    """About one token a day: the back end caches per resource for about 24 hours, and drifts."""
    gaps = d.rng.uniform(23.5, 24.6, size=int(d.period.days) + 2)
    start = d.period.start - int(d.rng.integers(DAY))
    at = d.period.within(start + np.cumsum(gaps * HOUR).astype(np.int64))
    d.sign_in(at, resource, ip=-1, credential=-1)
    return at


def function_app(d: Diary) -> None:
    """A managed identity that caches: one token a day per resource, a few more when deployed."""
    _in_azure(d)
    for resource in {backend(d), backend(d)}:
        _cached(d, resource)
    deployed = np.sort(d.rng.integers(d.period.start, d.period.end, size=int(d.rng.poisson(4))))
    at, _ = bursts(d.rng, deployed, d.rng.integers(1, 5, size=len(deployed)), 10.0 * MINUTE)
    d.sign_in(at, Resource.STORAGE, ip=-1, credential=-1)
    if d.chance(0.6):
        vault, runs = d.a_vault(), _cached(d, Resource.VAULT) + 2 * SECOND
        ip = d.egress.draw(d.rng, runs)
        d.open_vault(runs, vault, ip, token=False)
        d.fetch(runs, vault, d.choose_items(vault, 3), ip)
        if d.chance(NEW_SECRET):
            d.deploy_secret(vault, runs, ip)


def cluster(d: Diary) -> None:
    """A Kubernetes cluster's identity: once a day, and six tokens in eight minutes at each restart."""
    _in_azure(d)
    _cached(d, Resource.ARM)
    count = int(d.rng.poisson(d.rng.uniform(0.1, 0.6) * d.period.days))
    restarts = np.sort(d.rng.integers(d.period.start, d.period.end, size=count))
    nodes = d.rng.choice((1, 1, 1, 2, 3), size=count)
    at, _ = bursts(d.rng, restarts, 6 * nodes, 8.0 * MINUTE)
    d.sign_in(at, Resource.ARM, ip=-1, credential=-1)


def machine(d: Diary) -> None:
    """A virtual machine that reads its vault on a timer with a token it keeps for a day."""
    _in_azure(d)
    _cached(d, Resource.VAULT)
    vault = d.a_vault()
    at = every(d.rng, d.period, int(d.rng.choice((60, 120, 240, 360, 720))) * MINUTE, 30 * SECOND)
    ip = d.egress.draw(d.rng, at)
    reboots = at[d.rng.random(len(at)) < 0.02]
    d.open_vault(reboots, vault, d.egress.draw(d.rng, reboots), token=False)
    d.sign_in(reboots, Resource.VAULT, ip=-1, credential=-1)
    d.fetch(at, vault, d.choose_items(vault, int(d.rng.integers(1, 3))), ip)
    if d.chance(NEW_SECRET):
        d.deploy_secret(vault, at, ip)
    keys = d.world.vaults[vault].of("keys")
    if d.chance(0.3):
        d.fetch(at[::2] + SECOND, vault, keys[:1], ip[::2], operation="KeyUnwrap")


def scale_set(d: Diary) -> None:
    """A scale set: instances come and go with the day's load, each starts with a token and a secret."""
    _in_azure(d)
    load = Load(float(d.rng.uniform(0.2, 0.8)) * d.world.rate, NIGHT_AND_DAY, 0.6, 0.35, 1.5)
    at = load.sample(d.rng, d.clock, swells(d.rng, d.period, SURGES_PER_DAY))
    d.sign_in(at, Resource.VAULT, ip=-1, credential=-1)
    d.sign_in(at + SECOND, Resource.STORAGE, ip=-1, credential=-1)
    ip = d.egress.draw(d.rng, at)
    vault = d.a_vault()
    d.open_vault(at, vault, ip, token=False)
    d.fetch(at + SECOND, vault, d.choose_items(vault, 1), ip)
