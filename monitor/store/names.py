"""Display names: of each identity the newest."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from monitor.model import Name
from monitor.store.opening import stamp


def remember(control: sqlite3.Connection, names: Iterable[Name]) -> None:
    """The newest name wins; first and last seen only widen."""
    control.executemany(
        """insert into names values (?, ?, ?, ?, ?, ?, ?) on conflict (identity) do update set
           name = iif(excluded.named_at >= named_at and excluded.name <> '', excluded.name, name),
           named_at = max(named_at, excluded.named_at),
           kind = iif(excluded.last_at >= last_at and excluded.kind <> '', excluded.kind, kind),
           app_id = iif(excluded.last_at >= last_at and excluded.app_id <> '', excluded.app_id, app_id),
           first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)""",
        [
            (one.identity, one.name, one.kind, one.app_id, *map(stamp, (one.first_at, one.last_at)), _named_at(one))
            for one in names
        ],
    )


def _named_at(name: Name) -> str:
    return stamp(name.last_at) if name.name else ""
