"""The local Log Analytics answers what the real one would: what exists, what is seen, and how it is written."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from azure.monitor.query import LogsQueryPartialResult

from monitor.kql import DuckEngine
from monitor.model import Window
from monitor.sources import fold
from monitor.testing.azure import Limits, LocalAzure
from monitor.testing.azure.tables import Moments
from monitor.testing.simulate import simulate
from tests.testing.clients import START, app, asker, minutes, sign_ins, workspace


def test_a_row_is_seen_from_the_moment_it_becomes_visible_and_says_when_it_arrived(
    azure: LocalAzure, tmp_path: Path
) -> None:
    held = workspace(azure)
    held.append("SigninLogs", sign_ins(3), arrived=minutes([3, 2, 1]), visible=minutes([5, 20, 10]))
    with asker(azure, tmp_path, held=held) as client:
        azure.clock.now = START + timedelta(minutes=4)
        assert client.refusal("SigninLogs | count") == (400, "SEM0100")
        for passed, seen in ((1, ["id-0"]), (5, ["id-0", "id-2"]), (10, ["id-0", "id-1", "id-2"])):
            azure.clock.advance(timedelta(minutes=passed))
            assert client.rows("SigninLogs | project Id | sort by Id asc") == [[name] for name in seen]
        arrivals = client.rows("SigninLogs | extend arrived = ingestion_time() | project Id, arrived | sort by Id asc")
        assert [row[1] for row in arrivals] == minutes([3, 2, 1])


@pytest.mark.parametrize(
    ("span", "count"),
    [
        (None, 60),
        ((START + timedelta(minutes=10), START + timedelta(minutes=20)), 10),
        (timedelta(hours=11, minutes=30), 30),
        ((START + timedelta(minutes=10), timedelta(minutes=5)), 5),
        ((START - timedelta(days=2), START), 0),
    ],
)
def test_the_time_span_filters_time_generated_beside_the_query(
    azure: LocalAzure, tmp_path: Path, span: tuple[datetime, datetime] | None, count: int
) -> None:
    held = workspace(azure)
    held.append("SigninLogs", sign_ins(60), arrived=START)
    with asker(azure, tmp_path, held=held) as client:
        assert client.rows("SigninLogs | count", span) == [[count]]
        assert client.rows("SigninLogs | where TimeGenerated < datetime(2000-01-01) | count", span) == [[0]]


def test_ago_counts_from_the_clock_of_the_data(azure: LocalAzure, tmp_path: Path) -> None:
    held = workspace(azure)
    held.append("SigninLogs", sign_ins(60), arrived=START)
    azure.clock.now = START + timedelta(hours=1)
    with asker(azure, tmp_path, held=held) as client:
        assert client.rows("SigninLogs | where TimeGenerated >= ago(15m) | count") == [[15]]
        assert client.rows("print now()") == [[START + timedelta(hours=1)]]


@pytest.mark.parametrize(
    "kql",
    [
        "AuditLogs | count",
        "NeverHeard | count",
        'table("AuditLogs") | count',
        "SigninLogs | where Misspelt == 1",
        "SigninLogs | join kind=inner (AuditLogs | project Id) on Id",
        "union isfuzzy=true AuditLogs, AzureActivity | count",
        "let Changes = AuditLogs | project Id; union SigninLogs, Changes | count",
    ],
)
def test_what_is_not_there_is_sem0100(azure: LocalAzure, tmp_path: Path, kql: str) -> None:
    held = workspace(azure)
    held.append("SigninLogs", sign_ins(1), arrived=START)
    with asker(azure, tmp_path, held=held) as client:
        assert client.refusal(kql) == (400, "SEM0100")


def test_a_query_that_does_not_parse_is_a_syntax_error(azure: LocalAzure, tmp_path: Path) -> None:
    with asker(azure, tmp_path) as client:
        assert client.refusal("print (((") == (400, "SYN0002")


def test_a_fuzzy_union_leaves_out_what_is_not_there(azure: LocalAzure, tmp_path: Path) -> None:
    held = workspace(azure)
    held.append("SigninLogs", sign_ins(4), arrived=START)
    with asker(azure, tmp_path, held=held) as client:
        kql = "union kind=outer isfuzzy=true (AuditLogs | project Id), (SigninLogs | project Id) | count"
        assert client.rows(kql) == [[4]]


def test_a_custom_column_exists_once_some_row_needed_it(azure: LocalAzure, tmp_path: Path) -> None:
    held = workspace(azure)
    held.append("AzureDiagnostics", [{"TimeGenerated": START, "id_s": "a"}], arrived=START)
    held.append(
        "AzureDiagnostics", [{"TimeGenerated": START, "requestUri_s": "b"}], arrived=START + timedelta(hours=13)
    )
    asking = (
        'AzureDiagnostics | extend uri = tostring(column_ifexists("requestUri_s", "")),'
        ' other = column_ifexists("requestUri_s", "none") | project uri, other, Category | sort by uri asc'
    )
    with asker(azure, tmp_path, held=held) as client:
        assert client.refusal("AzureDiagnostics | project requestUri_s") == (400, "SEM0100")
        assert client.rows(asking) == [["", "none", ""]]
        azure.clock.advance(timedelta(hours=2))
        assert client.rows(asking) == [["", "", ""], ["b", "b", ""]]
        columns = client.ask("AzureDiagnostics | take 1").tables[0].columns  # type: ignore[union-attr]
        assert {"id_s", "requestUri_s", "Category"} <= set(columns)
        assert "httpStatusCode_d" not in columns
        assert "_ingestion_time" not in columns


def test_a_column_that_is_added_is_not_taken_for_one_that_was_there(azure: LocalAzure, tmp_path: Path) -> None:
    held = workspace(azure)
    held.append("AzureDiagnostics", [{"TimeGenerated": START}], arrived=START)
    with asker(azure, tmp_path, held=held) as client:
        added = 'AzureDiagnostics | extend id_s = column_ifexists("id_s", "none")'
        assert client.rows(f"{added} | project id_s") == [["none"]]
        kept = f'let Completed = {added}; Completed | extend again = column_ifexists("id_s", "lost") | project again'
        assert client.rows(kept) == [["none"]]


def test_a_table_may_grow_between_two_questions(azure: LocalAzure, tmp_path: Path) -> None:
    held = workspace(azure)
    held.before = lambda _: held.append("SigninLogs", sign_ins(1), arrived=START)
    with asker(azure, tmp_path, held=held) as client:
        assert [client.rows("SigninLogs | count") for _ in range(3)] == [[[1]], [[2]], [[3]]]
    assert [question.kql for question in held.asked] == ["SigninLogs | count"] * 3


def test_an_older_workspace_lacks_columns_until_the_query_adds_them(azure: LocalAzure, tmp_path: Path) -> None:
    held = workspace(azure)
    held.declare("SigninLogs", ["TimeGenerated", "Id", "ResultType"])
    held.append("SigninLogs", sign_ins(2, ResultType="0"), arrived=START)
    with asker(azure, tmp_path, held=held) as client:
        assert client.refusal("SigninLogs | where UserId != ''") == (400, "SEM0100")
        schema = client.rows("SigninLogs | getschema")
        assert [(row[0], row[3]) for row in schema] == [
            ("TimeGenerated", "datetime"),
            ("ResultType", "string"),
            ("Id", "string"),
        ]
        added = 'let SigninLogs = table("SigninLogs") | extend UserId = "", Agent = dynamic(null); '
        kql = added + "SigninLogs | where UserId == '' and tostring(Agent) == '' | extend a = ingestion_time() | count"
        assert client.rows(kql) == [[2]]


def test_cells_are_written_as_the_service_writes_them(azure: LocalAzure, tmp_path: Path) -> None:
    held = workspace(azure)
    at = datetime(2026, 6, 1, 13, 4, 50, tzinfo=UTC)
    times = [at, at + timedelta(microseconds=900_000), at + timedelta(microseconds=388_088)]
    rows: list[dict[str, object]] = [
        {"TimeGenerated": time, "Id": str(n), "Status": {"errorCode": n}} for n, time in enumerate(times)
    ]
    azure.clock.now = at + timedelta(hours=1)
    held.append("SigninLogs", rows, arrived=at)
    with asker(azure, tmp_path, held=held) as client:
        raw: list[str] = []
        client.client.query_workspace(
            held.id,
            "SigninLogs | sort by Id asc | project TimeGenerated, Status, Id, UserId, CreatedDateTime,"
            " nan = real(nan), ratio = 0.5, length = 26h + 1s, n = tolong(7), yes = true",
            timespan=None,
            raw_response_hook=lambda response: raw.append(response.http_response.text()),
        )
    table = json.loads(raw[0])["tables"][0]
    assert [row[0] for row in table["rows"]] == [
        "2026-06-01T13:04:50Z",
        "2026-06-01T13:04:50.9Z",
        "2026-06-01T13:04:50.388088Z",
    ]
    assert table["rows"][0][1:] == ['{"errorCode":0}', "0", "", None, "NaN", 0.5, "1.02:00:01", 7, True]
    kinds = [column["type"] for column in table["columns"]]
    assert kinds == ["datetime", "dynamic", "string", "string", "datetime", "real", "real", "timespan", "long", "bool"]


def test_an_answer_beyond_the_limits_is_cut_and_says_so(azure: LocalAzure, tmp_path: Path) -> None:
    held = workspace(azure)
    held.append("SigninLogs", sign_ins(100), arrived=START)
    with asker(azure, tmp_path, held=held) as client:
        for limits, most in ((Limits(rows=10, requests=None), 10), (Limits(bytes=900, requests=None), 40)):
            azure.limits = limits
            answer = client.ask("SigninLogs | project TimeGenerated, Id")
            assert isinstance(answer, LogsQueryPartialResult)
            assert 0 < len(answer.partial_data[0].rows) <= most
            assert answer.partial_error is not None
            assert "-2133196797" in str(answer.partial_error.details)


def test_too_many_questions_at_a_time_are_throttled(azure: LocalAzure, tmp_path: Path) -> None:
    with asker(azure, tmp_path) as client:
        azure.limits = Limits(requests=2, per=timedelta(hours=1))
        assert [client.rows("print 1"), client.rows("print 1")] == [[[1]], [[1]]]
        assert client.refusal("print 1") == (429, "ThrottledError")
        azure.limits = Limits(requests=None, concurrent=0)
        assert client.refusal("print 1") == (429, "ThrottledError")


def test_rights_can_end_at_a_table(azure: LocalAzure, tmp_path: Path) -> None:
    trusted, held = app(azure), workspace(azure)
    for table in ("SigninLogs", "AuditLogs"):
        held.append(table, [{"TimeGenerated": START, "Id": "a"}], arrived=START)
    held.grant(trusted.client_id, ["SigninLogs"])
    with asker(azure, tmp_path, trusted, held) as client:
        assert client.rows("SigninLogs | count") == [[1]]
        assert client.refusal("AuditLogs | take 0") == (400, "SEM0100")


def test_unknown_workspaces_and_paths_are_404(azure: LocalAzure, tmp_path: Path) -> None:
    with asker(azure, tmp_path) as client:
        azure.drop(client.workspace.id)
        assert client.refusal("print 1") == (404, "ResourceNotFoundError")


def test_questions_asked_at_once_get_their_own_answers(azure: LocalAzure, tmp_path: Path) -> None:
    azure.limits = Limits(requests=None, concurrent=None)
    with ExitStack() as stack:
        clients = []
        for count in range(1, 5):
            held = workspace(azure)
            held.append("SigninLogs", sign_ins(count), arrived=START)
            clients.append(stack.enter_context(asker(azure, tmp_path, held=held)))
        pool = stack.enter_context(ThreadPoolExecutor(len(clients)))
        answers = list(pool.map(lambda client: [client.rows("SigninLogs | count") for _ in range(10)], clients))
    assert answers == [[[[count]]] * 10 for count in range(1, 5)]


def later(arrived: Moments) -> Moments:
    """Up to ten minutes, differing from row to row."""
    moved: Moments = arrived // 7 % np.int64(600_000_000)
    return moved


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "logs"
    simulate(out, days=3, identities=100, end=START + timedelta(days=1), attacks=False)
    return out


def test_an_export_folds_to_what_the_engine_alone_makes_of_it(
    azure: LocalAzure, tmp_path: Path, exported: Path
) -> None:
    held = workspace(azure)
    assert held.load(exported, delay=later) > 1000
    azure.clock.now = START + timedelta(days=8)
    window = Window(START, START + timedelta(days=1))
    engine = DuckEngine(azure.schemas)
    with asker(azure, tmp_path, held=held) as client:
        for name in ("service_principal", "vault"):
            query = fold.QUERIES[name]
            values = fold.values(query, window, azure.clock.now, "entra")
            files = {table: [exported / f"{table}.parquet"] for table in query.tables}
            here = fold.filled(fold.text(name), "_TimeReceived", lambda column: column)
            expected = sorted(tuple(row.values()) for row in engine.run(here, files, values).to_pylist())
            there = fold.filled(fold.text(name), "ingestion_time()", _optional)
            assert sorted(map(tuple, client.rows(fold.lets(values) + there, None))) == expected
            assert expected
    engine.close()


def _optional(column: str) -> str:
    if column.endswith("_d"):
        return f'column_ifexists("{column}", real(null))'
    return f'tostring(column_ifexists("{column}", ""))'
