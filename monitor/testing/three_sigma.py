"""The comparison: mean + 3 sigma by hour of day, as anybody would write it in an afternoon.

For every identity, series (tokens, vault calls, failures) and hour of day: the mean and the standard deviation
(ddof = 1) of the count over all earlier UTC days since the identity was first seen in that series, hours without
events counting as 0. An hour is a finding if its count exceeds mean + 3 sigma and at least 3 such days lie before it.
Where all earlier counts were the same (sigma 0), any excess is a finding.

It is meant to be fair. It sees all rows without delay and tells at the end of the hour. For the ranking a deviation
of 0 stands for one event, which keeps the first event at an odd hour below a real burst.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from monitor.clock import DAY, iso
from monitor.errors import FrameError
from monitor.ports import Engine, Tables

SIGMAS: Final = 3.0
LEAST_DAYS: Final = 3
HALF: Final = 10.0
"""The z at which its score is 0.5; any rising map ranks alike."""

HOUR: Final = timedelta(hours=1)
HOURS: Final = 24
PORTION: Final = 4000
"""How many identities' days are laid out as one block: 35 days of them are 27 MB."""

COUNTS: Final = """facts
| where isnotempty(identity)
| extend series = case(
    stream == "sign_in" and outcome == "issued", "tokens",
    stream == "vault" and outcome == "ok", "calls",
    outcome in ("failed", "denied"), "failures",
    "")
| where series != ""
| summarize count = sum(events) by series, identity, hour = bin(at, 1h)"""

Line: TypeAlias = "dict[str, object]"
Floats = npt.NDArray[np.float64]


def three_sigma(engine: Engine, tables: Tables, since: datetime | None = None) -> list[Line]:
    """Its findings over `tables["facts"]`, from `since` on, as `score` reads them; all days before are still learnt."""
    return judge(hourly(engine, tables), since)


def hourly(engine: Engine, tables: Tables) -> pd.DataFrame:
    """Counts of facts: `series`, `identity`, `hour` (aware UTC), `count`; no row where there was nothing."""
    frame: pd.DataFrame = engine.run(COUNTS, tables).to_pandas()
    return frame


def judge(counts: pd.DataFrame, since: datetime | None = None, portion: int = PORTION) -> list[Line]:
    """The findings of hourly counts, in order of time.

    Each has `time` (end of the hour), `bucket`, `bucket_end`, `subject`, `identity` (bare), `rule`, `detector`,
    `score`, `observed`, `expected`, `low`, `high`, `because`.

    Raises
    ------
    FrameError
        If a column of `hourly` is missing.
    """
    if missing := {"series", "identity", "hour", "count"} - set(counts.columns):
        raise FrameError(f"hourly counts lack {', '.join(sorted(missing))}")
    if counts.empty:
        return []
    found = [
        _block(block).assign(series=str(name))
        for name, series in counts.groupby("series", sort=True)
        for block in _portions(series, portion)
    ]
    frame = pd.concat(found, ignore_index=True)
    if since is not None:
        frame = frame[frame["hour"] >= since]
    frame = frame.sort_values(["hour", "identity", "series"], ignore_index=True)
    hours = frame["hour"].dt.to_pydatetime()
    numbers = [frame[name].tolist() for name in ("observed", "expected", "low", "high", "z")]
    return [_line(*one) for one in zip(frame["series"], frame["identity"], hours, *numbers, strict=True)]


def _portions(counts: pd.DataFrame, portion: int) -> Iterator[pd.DataFrame]:
    """The counts of that many identities at a time."""
    number, identities = pd.factorize(counts["identity"], sort=True)
    for start in range(0, len(identities), portion):
        yield counts[(number >= start) & (number < start + portion)]


def _block(counts: pd.DataFrame) -> pd.DataFrame:
    """The hours above the threshold, from a block identities x days x hours of the day."""
    number, identities = pd.factorize(counts["identity"], sort=True)
    days = counts["hour"].dt.floor("D")
    day = ((days - days.min()) / DAY).to_numpy().astype(np.intp)
    hour = counts["hour"].dt.hour.to_numpy()
    count = np.zeros((len(identities), int(day.max()) + 1, HOURS))
    np.add.at(count, (number, day, hour), counts["count"].to_numpy(dtype=np.float64))
    first = np.full(len(count), count.shape[1])
    np.minimum.at(first, number, day)
    earlier = (np.arange(count.shape[1]) - first[:, None])[:, :, None]
    mean, sigma = _past(count, earlier)
    over = (count > mean + SIGMAS * sigma) & (earlier >= LEAST_DAYS)
    who, when, at = np.nonzero(over)
    mean, sigma = mean[over], sigma[over]
    return pd.DataFrame(
        {
            "identity": np.asarray(identities, dtype=object)[who],
            "hour": days.min() + pd.to_timedelta(when * HOURS + at, unit="h"),
            "observed": count[over],
            "expected": mean,
            "low": np.maximum(mean - SIGMAS * sigma, 0.0),
            "high": mean + SIGMAS * sigma,
            "z": (count[over] - mean) / np.where(sigma > 0, sigma, 1.0),
        }
    )


def _past(count: Floats, earlier: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Mean and deviation of the same hour over the `earlier` days, the variance as (n S2 - S1^2) / (n (n - 1)).

    Counts are whole numbers, so both terms are exact below 2^53 and equal counts give a variance of exactly 0.
    """
    total = count.cumsum(axis=1) - count
    squares = (count**2).cumsum(axis=1) - count**2
    n = np.maximum(earlier, 1)
    return total / n, np.sqrt((n * squares - total**2) / (n * np.maximum(n - 1, 1)))


def _line(
    series: str, identity: str, hour: datetime, observed: float, expected: float, low: float, high: float, z: float
) -> Line:
    return {
        "time": iso(hour + HOUR),
        "bucket": iso(hour),
        "bucket_end": iso(hour + HOUR),
        "subject": f"identity:{identity}",
        "identity": identity.rpartition(":")[2],
        "rule": f"three-sigma-{series}",
        "detector": "three_sigma",
        "score": z / (z + HALF),
        "observed": observed,
        "expected": expected,
        "low": low,
        "high": high,
        "because": f"{observed:,.0f} {series} in 1 h, mean + 3 sigma of that hour is {high:,.1f}",
    }
