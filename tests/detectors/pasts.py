"""Pasts made by hand: counts per group, day and hour, as if each had been seen within its bin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from monitor.clock import BIN
from monitor.coverage import Hearing
from monitor.frames import ACTIVITY, SPANS, conform, empty
from monitor.ports import Past

START = datetime(2026, 5, 4, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BY = ("identity",)
SETTLE = timedelta(minutes=10)


def heard(days: int, silent: tuple[datetime, datetime] | None = None) -> Hearing:
    """A source that speaks in every bin, but for one stretch."""
    at = pd.Series(pd.date_range(START, periods=days * 288, freq="5min", unit="us"))
    if silent:
        at = at[(at < silent[0]) | (at >= silent[1])]
    return Hearing.of("s", SETTLE, timedelta(0), pd.DataFrame({"at": at, "seen_at": at}))


def past(length: int, hearing: Hearing | None = None, bucket: timedelta = HOUR, **frames: pd.DataFrame) -> Past:
    plain = Past(
        by=BY,
        about=BY,
        bucket=bucket,
        settle=SETTLE,
        as_of=START + length * DAY,
        activity=empty(ACTIVITY, BY),
        spans=empty(SPANS, BY),
        after=empty({}),
        days=pd.DataFrame({"identity": [], "day": [], "seen_at": []}).astype(
            {"identity": "str", "day": "datetime64[us, UTC]", "seen_at": "datetime64[us, UTC]"}
        ),
        scores=empty({}, BY),
        home=pd.DataFrame({"identity": [], "source": [], "day": [], "seen_at": []}).astype(
            {"identity": "str", "source": "str", "day": "datetime64[us, UTC]", "seen_at": "datetime64[us, UTC]"}
        ),
        hearing={"s": hearing or heard(length)},
    )
    fields = {name: getattr(plain, name) for name in Past.__dataclass_fields__}
    return Past(**(fields | frames))


def hourly(counts: npt.NDArray[np.int64], hearing: Hearing | None = None) -> Past:
    """From groups x days x 24 counts; each hour is seen whole at its end."""
    group, day, slot = np.nonzero(counts)
    bucket = pd.to_datetime(START) + pd.to_timedelta(day * 24 + slot, unit="h")
    frame = pd.DataFrame({"identity": [f"entra:{n:03d}" for n in group], "bucket": bucket})
    frame = frame.assign(seen_at=bucket + HOUR - BIN, value=counts[group, day, slot].astype(float))
    home = pd.DataFrame({"identity": frame["identity"], "source": "s", "day": bucket.floor("D"), "seen_at": bucket})
    home = home.drop_duplicates(["identity", "day"], ignore_index=True)
    return past(counts.shape[1], hearing, activity=conform(frame, ACTIVITY, BY), home=home)
