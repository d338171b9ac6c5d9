"""What the sources of a state were heard to say, where only the state is at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from monitor import aggregate
from monitor.clock import BIN
from monitor.coverage import Hearing
from monitor.ports import Engine
from monitor.rules import HEALTH
from monitor.sources.fold import QUERIES
from monitor.store import Store
from monitor.worker.health import NAME

OVERLAP: Final = timedelta(minutes=15)
"""That of a workspace's source unless configured otherwise; an export has none."""
SETTLE: Final = timedelta(minutes=10)
"""That of a source nobody here knows."""


@dataclass(frozen=True, slots=True)
class _Patience:
    settle: timedelta
    overlap: timedelta
    ours: bool = False
    stream: str = ""


def recalled(engine: Engine, store: Store) -> Mapping[str, Hearing]:
    """Per source with facts in the state, as `hear` would say of it with the settle and overlap it has by default."""
    files = store.live()
    if not files:
        return {}
    bins, gaps = aggregate.bins(engine, {"facts": files}), store.gaps()
    return {
        str(name): Hearing.of(
            str(name),
            (patience := _patience(str(name))).settle,
            patience.overlap,
            own,
            [gap for gap in gaps if gap.source == name],
            ours=patience.ours,
            stream=patience.stream,
        )
        for name, own in bins.groupby("source")
    }


def _patience(source: str) -> _Patience:
    """Of a source by its name, which is `<workspace>.<query>` or, of exports, the query's alone."""
    if source == NAME:
        return _Patience(BIN, timedelta(0), ours=True, stream=HEALTH)
    workspace, _, query = source.rpartition(".")
    overlap, known = OVERLAP if workspace else timedelta(0), QUERIES.get(query)
    return _Patience(known.settle, overlap, stream=known.stream) if known else _Patience(SETTLE, overlap)
