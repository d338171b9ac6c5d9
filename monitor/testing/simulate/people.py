"""How people behave: working days, lunch, weekends, holidays, travel, two devices, forgotten passwords."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.testing.simulate import chance
from monitor.testing.simulate.apps import (
    BROWSER,
    CLI,
    OFFICE_APP,
    OFFICE_HOME,
    PHONE,
    PORTAL,
    TEAMS_APP,
    Resource,
)
from monitor.testing.simulate.calendar import DAY, HOUR, MINUTE, SECOND, Clock, Times, working
from monitor.testing.simulate.diary import Diary, Indexes, Pool
from monitor.testing.simulate.places import ABROAD, Prefix, pick, prefix, spellings
from monitor.testing.simulate.schedules import refreshes
from monitor.testing.simulate.world import TEAM_SIZE

LAPTOP: Final = ((TEAMS_APP, Resource.TEAMS), (OFFICE_APP, Resource.MAIL), (OFFICE_HOME, Resource.OFFICE))
INTERRUPTS: Final = (50058, 50140, 50074, 16000, 50158, 65001)
"""Codes on the way to a sign-in that are neither success nor failure."""


@dataclass(frozen=True, slots=True)
class Journey:
    """A stay abroad: first and last day, the wall clock there, the addresses of hotel and mobile network."""

    first: int
    last: int
    clock: Clock
    ips: Indexes

    def covers(self, days: Times) -> NDArray[np.bool_]:
        """Which of the days are spent there."""
        return np.asarray((days >= self.first) & (days <= self.last))


def person(d: Diary) -> None:
    """An office worker: a laptop in working hours, a phone all day, sometimes abroad, sometimes without a password."""
    _live(d, _days_at_work(d))


def _live(d: Diary, days: Times) -> None:
    home = _addresses(d, prefix(d.rng, d.persona.team.home))
    d.egress = Pool.fixed([int(ip) for ip in home])
    away = _trip(d)
    begin = float(d.rng.normal(8.8, 0.7))
    length = float(d.rng.normal(8.5, 0.6))
    apps = LAPTOP[: int(d.rng.integers(1, 4))]
    for day in days:
        if d.chance(0.04):
            continue
        clock, ip = _whereabouts(d, int(day), away, home)
        start = _utc(clock, day, begin + float(d.rng.normal(0, 0.4)))
        end = start + int(max(3.0, length + float(d.rng.normal(0, 0.8))) * HOUR)
        _arrive(d, start, ip, apps[0])
        _work(d, start, end, ip, apps)
    _phone(d, away)
    if d.chance(0.25):
        _forgets_password(d, days, home)


def admin(d: Diary) -> None:
    """A person who also keeps the tenant running: portal, command line, vaults in the browser, directory changes."""
    days = _days_at_work(d)
    _live(d, days)
    d.sdk = BROWSER
    office = _offices(d)
    for day in days[d.rng.random(len(days)) < 0.5]:
        start = _utc(d.clock, day, float(d.rng.uniform(9.5, 16.0)))
        ip = int(d.rng.choice(office))
        _sign_in(d, np.array([start]), PORTAL, Resource.ARM, ip, interactive=True)
        vault = d.a_vault()
        at = np.array([start + 3 * MINUTE])
        _sign_in(d, at, PORTAL, Resource.VAULT, ip)
        d.call(at + SECOND, vault, "SecretList", ip=ip)
        d.fetch(at + 20 * SECOND, vault, d.choose_items(vault, int(d.rng.integers(1, 4))), np.array([ip]))
        d.call(at - MINUTE, vault, "VaultGet", ip=ip)
        if d.chance(0.4):
            _sign_in(d, np.array([start + 40 * MINUTE]), CLI, Resource.ARM, ip)
        if d.chance(0.5):
            _administer(d, start + 30 * MINUTE, ip)


def _administer(d: Diary, at: int, ip: int) -> None:
    """A change in the directory about somebody or something of the team."""
    first = d.persona.team.number * TEAM_SIZE
    target = d.world.personas[first + int(d.rng.integers(d.persona.index - first + 1))]
    workload = target.kind in {"service_principal", "agent"}
    changes = ("secret", "federation", "owner", "app_role", "deployment") if workload else ("member", "user", "consent")
    d.note(at, str(d.rng.choice(changes)), chance.guid(d.rng), target=target.index, ip=ip)


def _offices(d: Diary) -> Indexes:
    """Addresses of the team's offices."""
    return np.array([d.world.address(place.host(n)) for place in d.persona.team.offices for n in (3, 4)])


def _utc(clock: Clock, day: int, hour: float) -> int:
    return int(clock.utc(np.array([int(day) * DAY + int(hour * HOUR)]))[0])


def _days_at_work(d: Diary) -> Times:
    days = working(d.clock.days(), d.persona.team.holidays)
    days = days[(days * DAY > d.period.start) & (days * DAY < d.period.end - DAY)]
    if d.chance(0.3) and len(days):  # A holiday of up to two weeks.
        first = int(d.rng.choice(days))
        days = days[(days < first) | (days > first + int(d.rng.integers(2, 14)))]
    return days


def _addresses(d: Diary, place: Prefix) -> Indexes:
    """Office most of the time, home otherwise; some homes are IPv6, in whatever spelling."""
    homes = spellings(d.rng, place.place) if d.chance(0.3) else (place.any(d.rng),)
    office = _offices(d)
    return np.concatenate([office, np.array([d.world.address(home) for home in homes])])


def _trip(d: Diary) -> Journey | None:
    """Perhaps a journey."""
    if not d.chance(0.3):
        return None
    place = pick(d.rng, ABROAD)
    first = d.moment(0.05, 0.9) // DAY
    hotel, mobile = prefix(d.rng, place), prefix(d.rng, place)
    ips = np.array([d.world.address(hotel.any(d.rng)), d.world.address(mobile.any(d.rng))])
    return Journey(first, first + int(d.rng.integers(2, 9)), d.world.clock(place), ips)


def _whereabouts(d: Diary, day: int, away: Journey | None, home: Indexes) -> tuple[Clock, int]:
    if away and away.first <= day <= away.last:
        return away.clock, int(d.rng.choice(away.ips))
    return d.clock, int(d.rng.choice(home))


def _sign_in(
    d: Diary,
    at: Times,
    client: int,
    resource: Resource,
    ip: int | Indexes,
    *,
    code: int = 0,
    interactive: bool = False,
    thread: int | None = None,
) -> None:
    inside = (at >= d.period.start) & (at < d.period.end)
    where = ip if isinstance(ip, int) else ip[inside]
    d.sign_in(
        at[inside], resource, code=code, ip=where, credential=-1, client=client, interactive=interactive, thread=thread
    )


def _arrive(d: Diary, start: int, ip: int, app: tuple[int, Resource]) -> None:
    """The morning's interactive sign-in, often after interrupts, sometimes after a typing error."""
    codes = [int(d.rng.choice(INTERRUPTS)) for _ in range(int(d.rng.choice((0, 1, 2), p=(0.5, 0.35, 0.15))))]
    if d.chance(0.05):
        codes.append(50126)
    at, thread = start, int(chance.keys(d.rng, 1)[0])
    for code in (*codes, 0):
        _sign_in(d, np.array([at]), app[0], app[1], ip, code=code, interactive=True, thread=thread)
        at += int(d.rng.integers(3, 25)) * SECOND


def _work(d: Diary, start: int, end: int, ip: int, apps: tuple[tuple[int, Resource], ...]) -> None:
    lunch = (start + end) // 2 - int(d.rng.integers(0, HOUR))
    for client, resource in apps:
        at = refreshes(d.rng, start + 5 * SECOND, end, float(d.rng.uniform(1.4, 2.4)) / d.world.rate)
        _sign_in(d, at[(at < lunch) | (at > lunch + 45 * MINUTE)], client, resource, ip)


def _phone(d: Diary, away: Journey | None) -> None:
    """The phone renews by day and evening, weekends too, from the mobile network."""
    gap = float(d.rng.uniform(4.0, 12.0)) / d.world.rate
    at = refreshes(d.rng, d.period.start + int(d.rng.integers(6 * HOUR)), d.period.end, gap)
    hour = (d.clock.local(at) // HOUR) % 24
    at = at[(hour >= 7) & (hour < 23)]
    mobile = prefix(d.rng, d.persona.team.home)
    nearby = np.array([d.world.address(mobile.any(d.rng)) for _ in range(4)])
    ip = d.rng.choice(nearby, size=len(at))
    if away:
        ip = np.where(away.covers(at // DAY), away.ips[-1], ip)
    _sign_in(d, at, PHONE, Resource.MAIL, ip)


def _forgets_password(d: Diary, days: Times, home: Indexes) -> None:
    """A new password, forgotten at once: a burst of 50126, a lock-out, and a phone that keeps trying for hours."""
    if not len(days):
        return
    ip = int(d.rng.choice(home))
    start = _utc(d.clock, int(d.rng.choice(days)), float(d.rng.uniform(8.5, 15.0)))
    tries = start + np.cumsum(d.rng.integers(4, 40, size=int(d.rng.integers(4, 18)))) * SECOND
    _sign_in(d, tries, OFFICE_HOME, Resource.OFFICE, ip, code=50126, interactive=True)
    if d.chance(0.4):
        _sign_in(d, tries[-1:] + 20 * SECOND, OFFICE_HOME, Resource.OFFICE, ip, code=50053, interactive=True)
    _sign_in(d, tries[-1:] + 12 * MINUTE, OFFICE_HOME, Resource.OFFICE, ip, interactive=True)
    stale = start + np.arange(int(d.rng.integers(6, 30))) * int(d.rng.integers(5, 20)) * MINUTE
    _sign_in(d, stale, PHONE, Resource.MAIL, ip, code=50126)
