"""What a check asks of every table passes Microsoft's own parser and binder."""

from __future__ import annotations

from monitor.sources.fold import QUERIES
from monitor.tables import SCHEMAS
from monitor.worker.checking.asking import lately, newest
from tests.kusto.binder import Question, complaints

TABLES = sorted({table for query in QUERIES.values() for table in query.tables})


def test_what_a_check_asks_binds() -> None:
    asked = [Question(f"{kql.__name__} {table}", kql(table), SCHEMAS) for table in TABLES for kql in (lately, newest)]
    old = {
        name: {column: kind for column, kind in SCHEMAS[name].items() if column != "CreatedDateTime"} for name in TABLES
    }
    asked += [Question(f"{table} without CreatedDateTime", lately(table), old) for table in TABLES]
    assert [str(one) for one in complaints(asked)] == []
