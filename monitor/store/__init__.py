"""State in one directory: immutable Parquet facts, and control.db, which says which of them are live."""

from monitor.store.aging import Gone, Keep
from monitor.store.describing import Described, Held, describe, sizes
from monitor.store.exporting import export
from monitor.store.facts import Written
from monitor.store.health import STATE, Standing
from monitor.store.locking import Holder, holder
from monitor.store.state import Store
from monitor.store.verifying import Fault, verify

__all__ = [
    "STATE",
    "Described",
    "Fault",
    "Gone",
    "Held",
    "Holder",
    "Keep",
    "Standing",
    "Store",
    "Written",
    "describe",
    "export",
    "holder",
    "sizes",
    "verify",
]
