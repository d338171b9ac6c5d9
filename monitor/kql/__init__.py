"""The embedded query engine: KQL over Arrow tables and Parquet files, run by DuckDB.

What reaches a query here is shaped as Log Analytics would shape it: text is never null, times are UTC, `dynamic` is
parsed, and a table with a declared schema has all of its columns, absent ones as typed nulls.
"""

from monitor.kql.engine import DuckEngine, Value
from monitor.kql.keeping import cache_folder
from monitor.kql.mistakes import Problem
from monitor.kql.shaping import Columns, shaped, unfolded
from monitor.kql.views import Slice, Source

__all__ = ["Columns", "DuckEngine", "Problem", "Slice", "Source", "Value", "cache_folder", "shaped", "unfolded"]
