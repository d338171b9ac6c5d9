"""How rows reach the workspace: late, doubled, replayed, held back, lost.

Every row's fate is a hash of its own key, so it does not depend on the other rows; only the weather (which table is
late when) belongs to the world. Sources of the traits: data-ingestion-time and the Entra diagnostic settings pages of
learn.microsoft.com, Azure-Sentinel issues 9463 and 10230, and the public sample rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.testing.simulate import chance
from monitor.testing.simulate.calendar import DAY, HOUR, MINUTE, SECOND, Period, Times
from monitor.testing.simulate.chance import Keys, normal, uniform

SIGN_INS: Final = (
    "SigninLogs",
    "AADNonInteractiveUserSignInLogs",
    "AADServicePrincipalSignInLogs",
    "AADManagedIdentitySignInLogs",
)
VAULTS: Final = ("AZKVAuditLogs", "AzureDiagnostics")


@dataclass(frozen=True, slots=True)
class Pace:
    """Lateness of a table: lognormal with this median (minutes) and sigma, and the share of rows that come twice."""

    median: float
    sigma: float
    doubled: float


PACES: Final[Mapping[str, Pace]] = {
    "SigninLogs": Pace(2.0, 0.6, 0.2),
    "AADNonInteractiveUserSignInLogs": Pace(4.0, 1.0, 0.02),
    "AADServicePrincipalSignInLogs": Pace(2.5, 0.6, 0.01),
    "AADManagedIdentitySignInLogs": Pace(2.5, 0.6, 0.01),
    "AuditLogs": Pace(2.0, 0.6, 0.01),
    "AZKVAuditLogs": Pace(5.0, 0.35, 0.005),
    "AzureDiagnostics": Pace(5.0, 0.35, 0.005),
    "AzureActivity": Pace(6.0, 0.5, 0.005),
    "AADServicePrincipalRiskEvents": Pace(60.0, 0.8, 0.0),
    "MicrosoftGraphActivityLogs": Pace(12.0, 0.5, 0.005),
}
DAYS_LATE: Final = 0.0004
"""Share of rows that arrive one to three days late."""
TOO_OLD: Final = 2 * DAY
"""TimeGenerated older than this on arrival is replaced by the arrival time (Azure Monitor, data ingestion time)."""


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch of one table's time."""

    table: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Weather:
    """What went wrong with whole tables: held back until the end of a spell, lost for good, or sent a second time."""

    held: tuple[Spell, ...]
    lost: tuple[Spell, ...]
    replayed: tuple[Spell, ...]
    doubled: float


@dataclass(frozen=True, slots=True)
class Parcels:
    """Rows as delivered, in order of arrival: which event, its times, which copy, whether columns are missing."""

    index: NDArray[np.int64]
    generated: Times
    received: Times
    copy: NDArray[np.int64]
    sparse: NDArray[np.bool_]


def forecast(seed: int, period: Period) -> Weather:
    """The world's weather: one table late for hours, one out for more than two days, two that lose hours, replays."""
    rng = chance.stream(seed, chance.WEATHER)
    late, out, *others = rng.permutation(np.array([*SIGN_INS]))
    start = _from(rng, period, 0.45, 0.6)
    held = [Spell(str(late), start, start + int(rng.integers(4, 9)) * HOUR)]
    if period.days >= 10:
        start = _from(rng, period, 0.12, 0.3)
        held.append(Spell(str(out), start, start + int(rng.integers(52, 62)) * HOUR))
    lost = []
    for table in (str(others[0]), "AZKVAuditLogs"):
        start = _from(rng, period, 0.62, 0.95)
        lost.append(Spell(table, start, start + int(rng.integers(2, 5)) * HOUR))
    replayed = []
    for table in rng.choice((*SIGN_INS, *VAULTS, "AuditLogs"), size=4, replace=False):
        start = _from(rng, period, 0.1, 0.9)
        replayed.append(Spell(str(table), start, start + int(rng.integers(40, 200)) * MINUTE))
    return Weather(tuple(held), tuple(lost), tuple(replayed), float(rng.uniform(0.05, 0.4)))


def _from(rng: np.random.Generator, period: Period, first: float, last: float) -> int:
    return period.at(float(rng.uniform(first, last)))


def deliver(table: str, at: Times, key: Keys, weather: Weather, period: Period) -> Parcels:
    """Rows of one table as the workspace has them at the end of the period."""
    pace = PACES[table]
    key = chance.mix(key, 200 + list(PACES).index(table))  # One event in two tables has two fates.
    generated = at + _stamping(table, key)
    minutes = pace.median * np.exp(pace.sigma * normal(key, 11))
    lateness = np.minimum(minutes, 600.0) * MINUTE
    lateness = np.where(uniform(key, 12) < DAYS_LATE, DAY * (1.0 + 2.0 * uniform(key, 13)), lateness)
    received = generated + lateness.astype(np.int64)
    for spell in _of(weather.held, table):
        inside = (generated >= spell.start) & (generated < spell.end)
        arrival = spell.end + (uniform(key, 14) * 12 * MINUTE).astype(np.int64)
        received = np.where(inside, np.maximum(received, arrival), received)
    generated = np.where(received - generated > TOO_OLD, received, generated)
    kept = np.ones(len(at), dtype=bool)
    for spell in _of(weather.lost, table):
        kept &= (at < spell.start) | (at >= spell.end)
    return _copies(table, key, generated, received, kept, weather, period)


def _of(spells: tuple[Spell, ...], table: str) -> list[Spell]:
    return [spell for spell in spells if spell.table == table]


def _stamping(table: str, key: Keys) -> Times:
    """TimeGenerated after the event: 0-1 s for half the sign-ins, up to 220 s for the others; nothing elsewhere."""
    if table not in SIGN_INS:
        return np.zeros(len(key), dtype=np.int64)
    quick = uniform(key, 15) < 0.5
    delay = np.where(quick, uniform(key, 16) * SECOND, 20 * SECOND + uniform(key, 16) * 200 * SECOND)
    return np.asarray(delay, dtype=np.int64)


def _copies(
    table: str,
    key: Keys,
    generated: Times,
    received: Times,
    kept: NDArray[np.bool_],
    weather: Weather,
    period: Period,
) -> Parcels:
    """All copies that arrived in time, in order of arrival; of a doubled row, one copy lacks some columns."""
    rate = weather.doubled if table == "SigninLogs" else PACES[table].doubled
    doubled = kept & (uniform(key, 17) < rate)
    second = received + (-np.log1p(-uniform(key, 18)) * 40 * SECOND).astype(np.int64)
    sparse_first = doubled & (uniform(key, 19) < 0.5)
    rows = [np.flatnonzero(kept), np.flatnonzero(doubled)]
    arrivals, sparse = [received[rows[0]], second[rows[1]]], [sparse_first[rows[0]], ~sparse_first[rows[1]]]
    for number, spell in enumerate(_of(weather.replayed, table)):
        again = np.flatnonzero(kept & (generated >= spell.start) & (generated < spell.end))
        rows.append(again)
        arrivals.append(received[again] + 3 * HOUR + (uniform(key[again], 20 + number) * 2 * HOUR).astype(np.int64))
        sparse.append(np.zeros(len(again), dtype=bool))
    copy = np.concatenate([np.full(len(part), number) for number, part in enumerate(rows)])
    index, arrived, lacking = np.concatenate(rows), np.concatenate(arrivals), np.concatenate(sparse)
    order = np.lexsort((copy, key[index], arrived))
    order = order[arrived[order] < period.end]
    index = index[order]
    return Parcels(index, generated[index], arrived[order], copy[order], lacking[order])
