"""State in one directory: immutable Parquet facts, and control.db, which says which of them are live."""

from monitor.store.aging import Gone, Keep
from monitor.store.facts import Written
from monitor.store.health import Standing
from monitor.store.state import Store

__all__ = ["Gone", "Keep", "Standing", "Store", "Written"]
