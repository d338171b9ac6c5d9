"""What holds for any rows: order, copies and windows change nothing, and nothing goes uncounted."""

import json
from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import MintwatchError
from monitor.frames import FACT_KEYS
from monitor.kql import DuckEngine
from monitor.model import Window
from monitor.ports import Counts
from monitor.sources.export import open_exports
from tests.sources.rows import DAY, LATER, NOON, Row, export, facts, fetched, service_principal

SP = "AADServicePrincipalSignInLogs"

few = settings(max_examples=6)

made = st.builds(
    lambda key, minutes, lag, app, name, ip: service_principal(
        key,
        minutes,
        AppId=app,
        ServicePrincipalName=name,
        IPAddress=ip,
        _TimeReceived=(NOON + timedelta(minutes=minutes + lag)).isoformat(),
    ),
    st.sampled_from("abcdefgh"),
    st.integers(0, 55),
    st.sampled_from([0, 1, 4, 7, 90, 6000]),
    st.sampled_from(["", "x", "y"]),
    st.sampled_from(["", "n", "m"]),
    st.sampled_from(["20.0.0.1", "2001:db8::1", "2001:DB8::0001"]),
)


def added(tables: list[pa.Table]) -> list[dict[str, object]]:
    table = pa.concat_tables(tables).group_by(list(FACT_KEYS))
    return facts(table.aggregate([("events", "sum"), ("first_at", "min"), ("last_at", "max")]))


@few
@given(rows=st.lists(made, min_size=1, max_size=25), data=st.data())
def test_neither_order_nor_repetition_nor_cutting_changes_a_fact(
    tmp_path_factory: pytest.TempPathFactory, engine: DuckEngine, rows: list[Row], data: st.DataObject
) -> None:
    base = tmp_path_factory.mktemp("rows")
    whole = fetched(base / "whole", {SP: rows}, engine)
    shuffled = [*data.draw(st.permutations(rows)), *rows[: len(rows) // 2]]
    cut = NOON + timedelta(minutes=data.draw(st.integers(1, 59)), seconds=7)
    with export(base / "other", {SP: shuffled}, engine) as exports:
        (source,) = exports.sources
        pieces = [source.fetch(window, LATER) for window in (Window(DAY.start, cut), Window(cut, DAY.end))]
    assert added([piece.facts for piece in pieces]) == added([whole.facts])
    counts = pieces[0].counts + pieces[1].counts
    assert counts.kept == whole.counts.kept == len({row["Id"] for row in rows}) - whole.counts.late
    assert (whole.counts.read, counts.read) == (len(rows), len(shuffled))
    for each in (whole.counts, counts):
        assert each.read == each.kept + each.doubled + each.late + each.strayed + each.ignored


@few
@given(rows=st.lists(made, min_size=1, max_size=25), minutes=st.integers(0, 120))
def test_asked_for_the_past_it_knows_no_row_that_came_later(
    tmp_path_factory: pytest.TempPathFactory, engine: DuckEngine, rows: list[Row], minutes: int
) -> None:
    now = NOON + timedelta(minutes=minutes)
    base = tmp_path_factory.mktemp("rows")
    arrived = [row for row in rows if datetime.fromisoformat(str(row["_TimeReceived"])) < now]
    past = fetched(base / "all", {SP: rows}, engine, now=now)
    if not arrived:
        assert past.counts == Counts()
        return
    assert facts(past.facts) == facts(fetched(base / "some", {SP: arrived}, engine).facts)


ODD = (
    "", "null", "NaN", "infinity", "-infinity", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z",
    "2026-05-01T12:00:00", "[", "{}", '"', "1.2.3.4:5:6", "::ffff:1.2.3.4%eth0", "\x00",
)  # fmt: skip

rubbish = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@few
@pytest.mark.parametrize(
    ("table", "columns"),
    [
        (
            SP,
            [
                "Id",
                "CreatedDateTime",
                "_TimeReceived",
                "IPAddress",
                "Agent",
                "LocationDetails",
                "ResultType",
                "Location",
            ],
        ),
        ("SigninLogs", ["Id", "UserId", "CreatedDateTime", "LocationDetails", "Agent", "IPAddress", "ResultType"]),
        ("AZKVAuditLogs", ["Identity", "Id", "RequestUri", "HttpStatusCode", "VaultProperties", "_ResourceId"]),
        ("AuditLogs", ["Id", "InitiatedBy", "TargetResources", "ActivityDateTime", "Result", "_TimeReceived"]),
    ],
)
@given(data=st.data())
def test_no_value_raises_anything_but_our_own_errors(
    tmp_path_factory: pytest.TempPathFactory, engine: DuckEngine, table: str, columns: list[str], data: st.DataObject
) -> None:
    base = {"TimeGenerated": "2026-05-01T12:00:00Z", "CorrelationId": "c", "OperationName": "o", "UserId": "u",
            "ServicePrincipalId": "s", "Id": "1", "Identity": {}, "InitiatedBy": {}}  # fmt: skip
    rows = [base | {column: data.draw(rubbish) for column in columns} for _ in range(6)]
    folder = tmp_path_factory.mktemp("rubbish")
    lines = [json.dumps(row) for row in rows] + data.draw(st.lists(st.text(max_size=20), max_size=3))
    (folder / f"{table}.ndjson").write_text("\n".join(lines), encoding="utf-8", errors="surrogatepass")
    try:
        with open_exports(folder, engine=engine) as exports:
            (source,) = exports.sources
            done = source.fetch(DAY, LATER)
            assert done.counts.read <= exports.report.tables[0].rows
            source.changed(None, LATER)
    except MintwatchError:
        pass
