"""State in one directory: immutable Parquet facts, and control.db, which says which of them are live."""

from monitor.store.state import Store, Written

__all__ = ["Store", "Written"]
