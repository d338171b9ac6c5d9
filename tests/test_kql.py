"""The engine: answers of the promised types, mistakes with their place, and nothing read that was not given."""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.errors import QueryError, TransientError
from monitor.frames import FACTS, TIME
from monitor.kql import DuckEngine, Slice

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
FACT = pa.Table.from_pylist(
    [
        {field.name: NOON if field.type == TIME else 3 if field.type == pa.int64() else field.name for field in FACTS},
        {field.name: NOON if field.type == TIME else 4 if field.type == pa.int64() else None for field in FACTS},
    ],
    schema=FACTS,
)


@pytest.fixture(scope="module")
def engine() -> DuckEngine:
    return DuckEngine({"Declared": {"Id": "string", "At": "datetime", "Json": "dynamic", "N": "long"}}, threads=1)


def test_times_come_back_aware_and_sums_as_integers(engine: DuckEngine) -> None:
    answer = engine.run("F | summarize n = sum(events), at = max(at), hour = max(bin(at, 1h)) by stream", {"F": FACT})
    assert answer.schema.field("at").type == answer.schema.field("hour").type == TIME
    assert answer.schema.field("n").type == pa.int64()
    assert sorted(answer["n"].to_pylist()) == [3, 4]


def test_text_is_never_null_and_json_is_text(engine: DuckEngine) -> None:
    answer = engine.run('F | where kind == "" | project kind, d = pack_array(kind)', {"F": FACT})
    assert answer.to_pylist() == [{"kind": "", "d": '[""]'}]


def test_a_declared_table_has_its_columns_whatever_the_file_holds(engine: DuckEngine, tmp_path: Path) -> None:
    pq.write_table(pa.table({"Id": pa.array([7]), "Extra": ["x"], "Json": ['"{\\"a\\": 1}"']}), tmp_path / "d.parquet")
    (row,) = engine.run("Declared | extend a = tolong(Json.a)", {"Declared": [tmp_path / "d.parquet"]}).to_pylist()
    assert row == {"Id": "7", "At": None, "Json": '{"a": 1}', "N": None, "a": 1}


def test_a_slice_reads_its_bounds_only(engine: DuckEngine, tmp_path: Path) -> None:
    times = [NOON + timedelta(hours=hour) for hour in range(5)]
    pq.write_table(pa.table({"At": pa.array(times, pa.timestamp("ns", tz="UTC"))}), tmp_path / "d.parquet")
    piece = Slice((tmp_path / "d.parquet",), "At", times[1], times[3])
    assert engine.run("T | summarize n = count(), first_at = min(At)", {"T": piece}).to_pylist() == [
        {"n": 2, "first_at": times[1]}
    ]


def test_values_are_bound_not_spelled_out(engine: DuckEngine) -> None:
    hostile = "\"; F | take 1 //'$x"
    query = "print who = name, then = at - gap"
    values: dict[str, datetime | timedelta | str] = {"name": hostile, "at": NOON, "gap": timedelta(hours=1)}
    assert engine.run(query, {}, values).to_pylist() == [{"who": hostile, "then": NOON - timedelta(hours=1)}]


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ('F | where kind == "kind" and events > 0 | count', 1),
        ('F | where kind in ("kind") // kind', 1),
        ("F | summarize n = count() by kind | where n == 1 | count", 2),
        ("F | join kind=inner (F | project kind, asn) on kind | count", 2),
        ("F | union isfuzzy=true kind=outer F | count", 4),
    ],
)
def test_kind_is_a_column_and_an_option_by_its_place(engine: DuckEngine, query: str, answer: int) -> None:
    found = engine.run(query, {"F": FACT})
    assert answer in {found.num_rows, *found.to_pylist()[0].values()}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("F | where outcme == 'x'", "line 1, column 11: unknown column 'outcme', did you mean 'outcome'"),
        ("F\n| where kind == '' and outcme == 'x'", "line 2, column 24: unknown column 'outcme'"),
        ("Facts | take 1", "line 1, column 1: unknown table 'Facts'"),
        ("F\n| wher kind == ''", "line 2, column 1: mismatched input"),
        (
            "F | where kind == '' | make-series count() on at step 1h",
            "line 1, column 24: MakeSeriesOperator is not supp",
        ),
        ("F | where ingestion_time() > ago(1h)", "line 1, column 11: function:ingestion_time is not supported"),
        ("F | where code == 0", "expected text compared with text"),
        (".show tables", "expected a query, got a control command"),
        ("['/etc/passwd'] | take 1", "unknown table '/etc/passwd'"),
        ("F | union (['/etc/passwd'])", "unknown table '/etc/passwd'"),
        ("externaldata(a:string)['https://x/y.csv']", "not supported"),
        ('database("x").F', "unknown table 'x'"),
        ('cluster("x").database("y").F', "cluster"),
    ],
)
def test_mistakes_are_named_with_their_place(engine: DuckEngine, query: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        engine.run(query, {"F": FACT})
    assert message in str(caught.value)
    problems = engine.validate(query, {"F": dict.fromkeys(FACTS.names, "string") | {"at": "datetime"}})
    assert problems


def test_validate_is_silent_over_what_runs(engine: DuckEngine) -> None:
    schema = {"F": {"kind": "string", "events": "long", "at": "datetime", "agent": "dynamic"}}
    assert not engine.validate(
        'F | where kind == "x" and events > 1 and tostring(agent.type) != "" and at > ago(1d)', schema
    )
    (problem,) = engine.validate("F | where knd == 0", schema)
    assert (problem.line, problem.column) == (1, 11)
    assert "kind" in problem.message


def test_no_query_reaches_a_network_or_a_variable(engine: DuckEngine) -> None:
    elsewhere = pa.table({"secret": ["x"]})  # DuckDB by default finds Python variables by name
    for query in ("elsewhere | take 1", "['https://127.0.0.1:1/x.parquet'] | take 1"):
        with pytest.raises(QueryError, match="unknown table"):
            engine.run(query, {"F": FACT})
    assert elsewhere.num_rows


def test_threads_do_not_see_each_others_tables(engine: DuckEngine) -> None:
    def total(number: int) -> int:
        rows = engine.run("T | summarize n = sum(x)", {"T": pa.table({"x": [number] * 100})}).to_pylist()
        return int(rows[0]["n"])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(total, range(40))) == [number * 100 for number in range(40)]


def test_threads_share_an_engine_while_their_tables_bear_one_name(tmp_path: Path) -> None:
    """Queries new and known, over Arrow and Parquet, translated, evicted and run at once."""
    shared = DuckEngine()
    paths = [tmp_path / f"{number}.parquet" for number in range(8)]
    for number, path in enumerate(paths):
        pq.write_table(pa.table({"x": [number] * 1000}), path)

    def total(number: int) -> tuple[int, int]:
        query = f"T | where x > -{1 + number % 7} | summarize n = sum(x)"
        rows = shared.run(query, {"T": pa.table({"x": [number] * 1000})}).to_pylist()
        stored = shared.run(query, {"T": [paths[number % 8]]}).to_pylist()
        return rows[0]["n"], stored[0]["n"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(total, range(80))) == [(number * 1000, number % 8 * 1000) for number in range(80)]


def test_an_interrupt_stops_what_runs_in_another_thread_and_refuses_the_rest() -> None:
    engine = DuckEngine(threads=1)
    many = pa.table({"x": range(60_000)})
    endless = (
        "T | extend k = 1 | join kind=inner (T | extend k = 1 | project k, y = x) on k | summarize n = sum(x % 7 * y)"
    )
    started = Event()

    def run() -> pa.Table:
        started.set()
        return engine.run(endless, {"T": many})

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(run)
        started.wait()
        while not answer.done():  # bound or not yet: whoever stops it may come at any moment
            engine.interrupt()
            wait([answer], timeout=0.01)
        with pytest.raises(TransientError, match="interrupted"):
            answer.result()
    with pytest.raises(TransientError, match="refused"):
        engine.run("T | count", {"T": many})


def test_files_that_differ_are_matched_by_column_and_a_file_written_anew_is_looked_at_anew(tmp_path: Path) -> None:
    engine = DuckEngine(threads=1)
    one, other = tmp_path / "one.parquet", tmp_path / "other.parquet"
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), one)
    pq.write_table(pa.table({"a": [2], "b": ["y"]}), other)
    assert engine.run("T | where b == 'y' | project a", {"T": [one, other]})["a"].to_pylist() == [2]
    pq.write_table(pa.table({"b": ["y"], "c": [3.5], "a": [4]}), other)
    assert sorted(engine.run("T | project a, c", {"T": [one, other]})["a"].to_pylist()) == [1, 4]
