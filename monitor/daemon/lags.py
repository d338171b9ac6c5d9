"""A histogram of events that come by the thousand: each observation counts as many as there were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import accumulate
from math import inf
from threading import Lock

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Lags(Collector):
    """How late events arrived, per source; `edges` are the upper ends of its buckets, ascending.

    >>> lags = Lags("lag_seconds", "How late.", [timedelta(minutes=5), timedelta(hours=1)])
    >>> lags.add("prod.sign_in", {timedelta(minutes=5): 40, timedelta(hours=3): 2})
    >>> [sample.value for family in lags.collect() for sample in family.samples]
    [40.0, 40.0, 42.0, 42.0, 33600.0]
    """

    def __init__(self, name: str, said: str, edges: Iterable[timedelta]) -> None:
        self._name, self._said, self._edges = name, said, tuple(edges)
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        self._lock = Lock()

    def add(self, source: str, lags: Mapping[timedelta, int]) -> None:
        """So many events of the source arrived so late; earlier than they happened is not late."""
        with self._lock:
            counts = self._counts.setdefault(source, [0] * (len(self._edges) + 1))
            self._sums.setdefault(source, 0.0)
            for lag, events in lags.items():
                late = max(lag, timedelta(0))
                counts[next((at for at, edge in enumerate(self._edges) if late <= edge), len(self._edges))] += events
                self._sums[source] += late.total_seconds() * events

    def remove(self, source: str) -> None:
        """Forget a source."""
        with self._lock:
            self._counts.pop(source, None)
            self._sums.pop(source, None)

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """What it is called, without a number."""
        yield HistogramMetricFamily(self._name, self._said, labels=["source"])

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """All of it, as it is now."""
        family = HistogramMetricFamily(self._name, self._said, labels=["source"])
        ends = [*(edge.total_seconds() for edge in self._edges), inf]
        edges = [str(floatToGoString(end)) for end in ends]  # type: ignore[no-untyped-call]
        with self._lock:
            for source, counts in self._counts.items():
                upto = zip(edges, map(float, accumulate(counts)), strict=True)
                family.add_metric([source], list(upto), self._sums[source])
        yield family
