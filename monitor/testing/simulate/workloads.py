"""How workloads behave: timers, pipelines, services, vault jobs, managed identities, agents.

Each function writes the life of one identity into its diary. Rates follow what is documented and seen: tokens live
60-90 minutes, so a caching client asks about once an hour per process and resource; managed identities about once a
day per resource, but six times in eight minutes when a cluster restarts; a Terraform run takes 4-8 tokens in 155 s.
"""

from typing import Final

import numpy as np

from monitor.testing.simulate.apps import JAVA, NET, PYTHON, TERRAFORM, Resource
from monitor.testing.simulate.calendar import DAY, HOUR, MINUTE, SECOND, Times, month_ends, weekday
from monitor.testing.simulate.diary import Diary, Indexes
from monitor.testing.simulate.places import CLOUDS, pick, prefix
from monitor.testing.simulate.schedules import (
    NIGHT_AND_DAY,
    OFFICE_HOURS,
    Load,
    bursts,
    caught_up,
    every,
    on_days,
    swells,
)

TIMERS: Final = ((5, 0.01), (10, 0.01), (15, 0.03), (30, 0.1), (60, 0.26), (120, 0.22), (240, 0.22), (360, 0.15))
"""Periods of timer jobs in minutes, with how common each is."""

BACKENDS: Final = (Resource.ARM, Resource.GRAPH, Resource.STORAGE, Resource.SQL, Resource.BUS)
SURGES_PER_DAY: Final = 0.03
NEW_PREFIXES_PER_DAY: Final = 0.02
NEW_SECRET: Final = 0.25
LEVEL_SHIFT: Final = 0.12


def backend(d: Diary) -> Resource:
    """What the identity works with."""
    return BACKENDS[int(d.rng.integers(len(BACKENDS)))]


def on_servers(d: Diary, hosts: int = 1) -> None:
    """A machine or a small pool of the team's cloud egress; some pools grow, some machines move."""
    team = d.persona.team
    if d.chance(0.4):
        d.live_at(list(team.egress[: 1 + int(d.rng.integers(3))]), hosts + int(d.rng.integers(4)))
        d.wander(NEW_PREFIXES_PER_DAY)
    else:
        d.live_at([team.egress[int(d.rng.integers(len(team.egress)))]], hosts)
        if d.chance(0.15):
            d.move()
    d.sdk = int(d.rng.choice((NET, PYTHON, JAVA)))
    d.own_secret(certificate=d.chance(0.4))


def _run(d: Diary, at: Times, resource: Resource, reads: int, *, per_run: int = 1) -> None:
    """A job's runs: a token or a few, and perhaps secrets from a vault, all from one address per run."""
    ip = d.egress.draw(d.rng, at)
    for step in range(per_run):
        d.sign_in(at + step * 11 * SECOND, resource, ip=ip)
    if reads:
        vault = d.a_vault()
        d.open_vault(at, vault, ip)
        d.fetch(at, vault, d.choose_items(vault, reads), ip)
        if d.chance(NEW_SECRET):
            d.deploy_secret(vault, at, ip)


def cron(d: Diary) -> None:
    """A timer job, from every 5 minutes to every 6 hours; two in five tick like a metronome."""
    on_servers(d)
    minutes, share = zip(*TIMERS, strict=True)
    step = int(d.rng.choice(minutes, p=share)) * MINUTE
    jitter = 2 * SECOND if d.chance(0.4) else int(d.rng.integers(5, 60)) * SECOND
    at = every(d.rng, d.period, step, jitter)
    if d.chance(0.5):
        at = caught_up(d.rng, at, d.period, per_week=0.25)
    if d.chance(LEVEL_SHIFT / 2):  # From a release on it runs twice as often, for good.
        at = np.sort(np.append(at, (at + step // 2)[at >= d.moment(0.2)]))
    for surge in swells(d.rng, d.period, SURGES_PER_DAY / 2):
        extra = int(surge.factor * (surge.end - surge.start) / step) + int(d.rng.integers(2, 12))
        at = np.sort(np.append(at, d.rng.integers(surge.start, surge.end, size=extra)))
    _run(d, at, backend(d), int(d.rng.integers(1, 4)) if d.chance(0.3) and step >= 60 * MINUTE else 0)


def watcher(d: Diary) -> None:
    """A monitor like this one: it asks for Log Analytics tokens, and so is in its own logs."""
    on_servers(d)
    d.sign_in(every(d.rng, d.period, 75 * MINUTE, 10 * MINUTE), Resource.LOGS)


def daily(d: Diary) -> None:
    """A once-a-day job at a fixed hour of the wall clock (so it moves with daylight saving)."""
    on_servers(d)
    days = d.clock.days()
    days = days[weekday(days) < 5] if d.chance(0.4) else days
    at = on_days(d.rng, d.clock, days, float(d.rng.integers(0, 24)), 4 * MINUTE)
    _run(d, at, backend(d), int(d.rng.integers(0, 7)), per_run=int(d.rng.integers(1, 4)))
    if d.chance(0.3):  # Somebody runs it by hand a few times while fixing it.
        again = d.moment() + (d.rng.random(int(d.rng.integers(2, 9))) * 2 * HOUR).astype(np.int64)
        d.sign_in(np.sort(again), backend(d))


def weekly(d: Diary) -> None:
    """A weekly batch: one weekday, an hour of many tokens."""
    on_servers(d, hosts=3)
    days = d.clock.days()
    days = days[weekday(days) == int(d.rng.integers(7))]
    starts = on_days(d.rng, d.clock, days, float(d.rng.integers(0, 24)), 20 * MINUTE)
    at, _ = bursts(d.rng, starts, d.rng.poisson(d.rng.uniform(8, 40), size=len(starts)) + 1, float(HOUR))
    _run(d, at, backend(d), 0)
    vault = d.a_vault()
    d.open_vault(starts, vault, d.egress.draw(d.rng, starts))
    d.fetch(starts, vault, d.choose_items(vault, 4), d.egress.draw(d.rng, starts))


def monthly(d: Diary) -> None:
    """A month-end batch: quiet but for a daily check, then hours of work."""
    on_servers(d, hosts=3)
    check = on_days(d.rng, d.clock, d.clock.days(), 6.0, 10 * MINUTE)
    d.sign_in(check, Resource.SQL)
    starts = on_days(d.rng, d.clock, month_ends(d.clock.days()), 19.0, HOUR)
    at, _ = bursts(d.rng, starts, d.rng.poisson(90, size=len(starts)), 5.0 * HOUR)
    _run(d, at, Resource.SQL, 0)


def returning(d: Diary) -> None:
    """A quarterly job: daily for some days, silent for weeks, then back: legitimate, and it looks like a sleeper."""
    on_servers(d)
    at = every(d.rng, d.period, 6 * HOUR, 30 * MINUTE)
    asleep = d.moment(0.1, 0.35)
    awake = asleep + int(d.rng.integers(15, 20)) * DAY
    _run(d, at[(at < asleep) | ((at >= awake) & (at < awake + 5 * DAY))], backend(d), 2)


def pipeline(d: Diary) -> None:
    """CI with federated credentials: runs in working hours, each 4-8 tokens in 155 s from a fresh runner.

    Source: the Terraform runs of the public sample rows; hosted runners rotate over many prefixes of one network.
    """
    team, rng = d.persona.team, d.rng
    cloud = pick(rng, CLOUDS[2:4])
    known = [prefix(rng, cloud) for _ in range(int(rng.integers(6, 16)))]
    d.own_federation(int(rng.integers(1, 4)))
    d.sdk = TERRAFORM
    load = Load(per_hour=float(rng.gamma(2.0, 0.18)) * d.world.rate, shape=OFFICE_HOURS, weekend=0.05, dispersion=2.0)
    runs = load.sample(rng, d.clock, swells(rng, d.period, SURGES_PER_DAY), team.holidays)
    if d.chance(0.5):
        runs = np.sort(np.append(runs, on_days(rng, d.clock, d.clock.days(), 2.5, 10 * MINUTE)))
    fresh = rng.random(len(runs)) < 0.04
    ip = np.array(
        [
            d.world.address((prefix(rng, cloud) if new else known[int(rng.integers(len(known)))]).any(rng))
            for new in fresh
        ],
        dtype=np.int64,
    )
    credential = d.keyring.draw(rng, runs)
    sizes = rng.integers(3, 7, size=len(runs))
    at, parent = bursts(rng, runs, sizes, 155.0 * SECOND)
    d.sign_in(at, Resource.ARM, ip=ip[parent], credential=credential[parent])
    d.sign_in(runs + 30 * SECOND, Resource.GRAPH, ip=ip, credential=credential)
    _pipeline_failures(d, runs, ip)
    if d.chance(0.6):
        vault = d.a_vault()
        d.open_vault(runs, vault, ip)
        d.fetch(runs + 5 * SECOND, vault, d.choose_items(vault, int(rng.integers(1, 4))), ip)
        if d.chance(NEW_SECRET):
            d.deploy_secret(vault, runs, ip)


def _pipeline_failures(d: Diary, runs: Times, ip: Indexes) -> None:
    """Branches without a federated record (700213), assertions grown old in a slow job (700024): daily life."""
    bad = np.flatnonzero(d.rng.random(len(runs)) < 0.012)
    at, parent = bursts(d.rng, runs[bad], d.rng.integers(1, 4, size=len(bad)), 60.0 * SECOND)
    code = d.rng.choice((700213, 700024), size=len(at), p=(0.7, 0.3))
    d.sign_in(at, Resource.ARM, code=code, ip=ip[bad][parent], credential=-1)


def service(d: Diary) -> None:
    """An autoscaled, user-facing service: over-dispersed load by night and day; releases shift its level for good."""
    on_servers(d, hosts=3)
    per_hour = float(d.rng.lognormal(-0.7, 0.7)) * d.world.rate
    surges = swells(d.rng, d.period, SURGES_PER_DAY)
    sigma, dispersion = float(d.rng.uniform(0.15, 0.5)), float(d.rng.uniform(1.0, 6.0))
    load = Load(per_hour, NIGHT_AND_DAY, float(d.rng.uniform(0.4, 1.0)), sigma, dispersion)
    at = load.sample(d.rng, d.clock, surges, d.persona.team.holidays)
    if d.chance(LEVEL_SHIFT):
        more = Load(per_hour * float(d.rng.uniform(0.6, 2.0)), NIGHT_AND_DAY, 0.8, sigma, dispersion)
        since = d.moment(0.2)
        extra = more.sample(d.rng, d.clock, [])
        at = np.sort(np.append(at, extra[extra >= since]))
    ip = d.egress.draw(d.rng, at)
    d.sign_in(at, backend(d), ip=ip)
    starts = at[:: max(1, int(d.rng.integers(3, 9)))]
    where = d.egress.draw(d.rng, starts)
    vault = d.a_vault()
    d.open_vault(starts, vault, where)
    d.fetch(starts, vault, d.choose_items(vault, int(d.rng.integers(1, 4))), where)
    if d.chance(NEW_SECRET):
        d.deploy_secret(vault, starts, where)
    if d.chance(0.08):  # Scaled out to another region: a new resource, a new place, for good.
        since = d.moment(0.2)
        d.move()
        d.sign_in(at[at >= since][::3] + 7 * SECOND, backend(d))


def office_app(d: Diary) -> None:
    """An internal application people use in working hours."""
    on_servers(d)
    load = Load(float(d.rng.uniform(0.3, 1.5)) * d.world.rate, OFFICE_HOURS, 0.02, 0.3, 3.0)
    at = load.sample(d.rng, d.clock, swells(d.rng, d.period, SURGES_PER_DAY), d.persona.team.holidays)
    d.sign_in(at, Resource.GRAPH)
    d.sign_in(at[::4] + 3 * SECOND, backend(d))


def chatty(d: Diary) -> None:
    """An application that asks for a token per request, and always has (what a caching rule must learn to know)."""
    on_servers(d, hosts=1)
    load = Load(float(d.rng.uniform(7, 13)) * d.world.rate, NIGHT_AND_DAY, 0.6, 0.2, 5.0)
    d.sign_in(load.sample(d.rng, d.clock, swells(d.rng, d.period, SURGES_PER_DAY)), backend(d))


def misconfigured(d: Diary) -> None:
    """A timer job whose secret expires or is mistyped a few times: hours of 7000222 or 7000215 until somebody looks."""
    on_servers(d)
    step = int(d.rng.choice((60, 120, 240))) * MINUTE
    at = every(d.rng, d.period, step, 40 * SECOND)
    for _ in range(int(d.rng.integers(2, 6))):
        broken = d.moment(0.0, 1.0)
        fixed = broken + int(d.rng.lognormal(0.9, 0.8) * HOUR)
        code = 7000222 if d.chance(0.5) else 7000215
        retries = every(d.rng, d.period, int(d.rng.choice((30, 60, 300, 600))) * SECOND, 20 * SECOND)
        d.sign_in(retries[(retries >= broken) & (retries < fixed)], Resource.ARM, code=code)
        at = at[(at < broken) | (at >= fixed)]
    d.sign_in(at, Resource.ARM)


def newcomer(d: Diary) -> None:
    """An identity born within the period, then an ordinary timer job or service."""
    (cron if d.chance(0.5) else service)(d)
    born = d.moment(0.1, 0.9)
    d.only(born, d.period.end)
    d.note(born - 3 * HOUR, "principal", actor=-1)
    d.note(born - 2 * HOUR, "secret", "initial", actor=-1)


def leaver(d: Diary) -> None:
    """An identity that is switched off within the period; its failures linger a while."""
    cron(d)
    end = d.moment(0.3, 0.9)
    d.only(d.period.start, end)
    retries = every(d.rng, d.period, 30 * MINUTE, MINUTE)
    d.sign_in(retries[(retries >= end) & (retries < end + 6 * HOUR)], Resource.ARM, code=7000112)


def agent(d: Diary) -> None:
    """An AI agent: erratic bursts whenever somebody asks it something; its rows carry the Agent column."""
    on_servers(d)
    load = Load(float(d.rng.uniform(0.05, 0.2)) * d.world.rate, OFFICE_HOURS, 0.15, 0.6, 1.0)
    asked = load.sample(d.rng, d.clock, swells(d.rng, d.period, SURGES_PER_DAY), d.persona.team.holidays)
    sizes = np.minimum(d.rng.lognormal(1.6, 0.9, size=len(asked)).astype(np.int64) + 1, 120)
    at, parent = bursts(d.rng, asked, sizes, float(d.rng.uniform(2, 25)) * MINUTE)
    where = d.egress.draw(d.rng, asked)
    d.sign_in(at, Resource.GRAPH, ip=where[parent])
    vault = d.a_vault()
    d.open_vault(asked, vault, where)
    d.fetch(asked, vault, d.choose_items(vault, int(d.rng.integers(1, 4))), where)
