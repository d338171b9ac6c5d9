"""When things happen: samplers of event times. Pure: a random stream, a clock and parameters in, sorted times out."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.testing.simulate.calendar import DAY, HOUR, MINUTE, SECOND, Clock, Period, Times, weekday

_NONE: Final = np.empty(0, dtype=np.int64)

NIGHT_AND_DAY: Final = np.array(
    [
        0.35,
        0.3,
        0.25,
        0.25,
        0.3,
        0.4,
        0.6,
        0.8,
        1.2,
        1.6,
        1.7,
        1.7,
        1.4,
        1.5,
        1.7,
        1.6,
        1.5,
        1.3,
        1.2,
        1.2,
        1.1,
        0.9,
        0.7,
        0.5,
    ]
)
"""Share of a user-facing service's load per local hour, mean about 1."""

OFFICE_HOURS: Final = np.array([0.0] * 8 + [0.6, 1.3, 1.5, 1.3, 0.6, 1.2, 1.5, 1.3, 1.0, 0.5, 0.1] + [0.0] * 5)
"""Share of working-hours load per local hour; the dip is lunch."""


@dataclass(frozen=True, slots=True)
class Swell:
    """A stretch in which load is `factor` times the usual."""

    start: int
    end: int
    factor: float


def swells(rng: np.random.Generator, period: Period, per_day: float) -> list[Swell]:
    """Harmless surges: redeployments, retries, migrations, a marketing mail; 1-5 h at mostly 2-4 times the usual."""
    count = int(rng.poisson(per_day * period.days))
    starts = rng.integers(period.start, period.end, size=count)
    lengths = (HOUR * rng.uniform(0.5, 5.0, size=count)).astype(np.int64)
    factors = (1.0 + rng.gamma(4.0, 0.55, size=count)) * np.where(rng.random(count) < 0.04, 3.0, 1.0)
    return [Swell(int(s), int(s + n), float(f)) for s, n, f in zip(starts, lengths, factors, strict=True)]


def jittered(rng: np.random.Generator, at: Times, spread: float) -> Times:
    """The times moved forward by up to `spread` microseconds each, sorted."""
    return np.sort(at + (rng.random(len(at)) * spread).astype(np.int64))


def every(rng: np.random.Generator, period: Period, step: int, jitter: int, *, skip: float = 0.003) -> Times:
    """A timer's ticks; the phase is its own, a few are skipped."""
    ticks = np.arange(period.start + int(rng.integers(step)), period.end, step, dtype=np.int64)
    return jittered(rng, ticks[rng.random(len(ticks)) >= skip], float(jitter))


def caught_up(rng: np.random.Generator, at: Times, period: Period, per_week: float) -> Times:
    """The ticks, but now and then the host was down for hours and made up for it all within minutes (anacron does)."""
    for _ in range(int(rng.poisson(per_week * period.days / 7))):
        down = int(rng.integers(period.start, period.end))
        back = down + int(rng.integers(2 * HOUR, 9 * HOUR))
        missed = (at >= down) & (at < back)
        late = back + (rng.random(int(missed.sum())) * 8 * MINUTE).astype(np.int64)
        at = np.sort(np.concatenate([at[~missed], late]))
    return at


def on_days(rng: np.random.Generator, clock: Clock, days: Times, hour: float, spread: int) -> Times:
    """Once on each local day, at an hour of the wall clock, give or take."""
    wall = days * DAY + int(hour * HOUR)
    return clock.period.within(clock.utc(jittered(rng, wall, float(spread))))


@dataclass(frozen=True, slots=True)
class Load:
    """Over-dispersed load: a Poisson process whose rate follows the hour, the day's luck and the hour's luck.

    Counts per hour are negative binomial (a gamma mixture of Poissons, Greenwood & Yule 1920) around
    `per_hour` x shape of the local hour x lognormal day factor.
    """

    per_hour: float
    shape: NDArray[np.float64]
    weekend: float = 1.0
    day_sigma: float = 0.25
    dispersion: float = 4.0

    def sample(
        self, rng: np.random.Generator, clock: Clock, surges: list[Swell], holidays: frozenset[int] = frozenset()
    ) -> Times:
        """Event times over the clock's period."""
        period = clock.period
        hours = np.arange(period.start, period.end, HOUR, dtype=np.int64)
        wall = clock.local(hours)
        day = wall // DAY
        first = int(day[0])
        luck = np.exp(rng.normal(-(self.day_sigma**2) / 2, self.day_sigma, size=int(day[-1]) - first + 1))
        free = (weekday(day) >= 5) | np.isin(day, np.array(sorted(holidays), dtype=np.int64))
        mean = self.per_hour * self.shape[(wall // HOUR) % 24] * luck[day - first] * np.where(free, self.weekend, 1.0)
        for surge in surges:
            mean = np.where((hours + HOUR > surge.start) & (hours < surge.end), mean * surge.factor, mean)
        counts = rng.poisson(mean * rng.gamma(self.dispersion, 1.0 / self.dispersion, size=len(mean)))
        return np.sort(np.repeat(hours, counts) + (rng.random(int(counts.sum())) * HOUR).astype(np.int64))


def bursts(rng: np.random.Generator, starts: Times, sizes: NDArray[np.int64], spread: float) -> tuple[Times, Times]:
    """For each start, `size` times within about `spread` microseconds; also the index of the start each belongs to."""
    if not len(starts):
        return _NONE, _NONE
    parent = np.repeat(np.arange(len(starts), dtype=np.int64), sizes)
    at = starts[parent] + (rng.random(len(parent)) * spread).astype(np.int64)
    order = np.argsort(at, kind="stable")
    return at[order], parent[order]


def refreshes(rng: np.random.Generator, start: int, end: int, mean_gap: float) -> Times:
    """Token renewals of one client while in use: gaps of 60-90 minutes times `mean_gap`, which is about 1."""
    count = int((end - start) / (60 * MINUTE * mean_gap)) + 2
    gaps = rng.uniform(60 * MINUTE, 90 * MINUTE, size=count) * mean_gap
    at = start + np.cumsum(gaps).astype(np.int64) - int(gaps[0])
    return np.asarray(at[at < end] + int(rng.integers(SECOND)), dtype=np.int64)
