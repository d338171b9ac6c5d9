"""Opening exports: what is read, what is refused, what is counted; and behaving like a workspace that grows."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.errors import InputError
from monitor.kql import DuckEngine
from monitor.model import Window
from monitor.sources import ndjson
from monitor.sources.export import ExportSource, open_exports
from monitor.sources.fold import MARGIN, QUERIES
from monitor.sources.pieces import WASTE, Group, pieces
from monitor.sources.reading import Reading
from tests.sources.rows import DAY, LATER, NOON, at, diagnostics, export, facts, fetched, service_principal, vault

SP = "AADServicePrincipalSignInLogs"


def line(key: str = "1", minutes: float = 0, **columns: object) -> str:
    return json.dumps(service_principal(key, minutes, **columns))


@pytest.mark.parametrize("name", ["", "notes.txt", "MicrosoftGraphActivityLogs.ndjson"])
def test_a_directory_without_a_table_to_read_is_refused(tmp_path: Path, engine: DuckEngine, name: str) -> None:
    if name:
        (tmp_path / name).write_text("{}\n")
    with pytest.raises(InputError, match=r"expected .*table"):
        open_exports(tmp_path, engine=engine)
    with pytest.raises(InputError, match="expected a directory"):
        open_exports(tmp_path / "missing", engine=engine)


@pytest.mark.parametrize("name", ["SignInLogs.ndjson", "AADServicePrincipalSignInLog.parquet", "AuditLog.1.ndjson.gz"])
def test_a_near_miss_of_a_table_name_is_refused_with_the_right_spelling(
    tmp_path: Path, engine: DuckEngine, name: str
) -> None:
    (tmp_path / f"{SP}.ndjson").write_text(line())
    (tmp_path / name).write_text("")
    with pytest.raises(InputError, match=r"did you mean '(SigninLogs|AADServicePrincipalSignInLogs|AuditLogs)'"):
        open_exports(tmp_path, engine=engine)


@pytest.mark.parametrize("missing", ["Id", "TimeGenerated", "ServicePrincipalId"])
@pytest.mark.parametrize("form", ["ndjson", "parquet"])
def test_a_table_without_a_key_column_is_refused(tmp_path: Path, engine: DuckEngine, missing: str, form: str) -> None:
    row = {name: value for name, value in service_principal().items() if name != missing}
    if form == "ndjson":
        (tmp_path / f"{SP}.ndjson").write_text(json.dumps(row))
    else:
        pq.write_table(pa.Table.from_pylist([row]), tmp_path / f"{SP}.parquet")
    with pytest.raises(InputError, match=f"lacks the key column {missing}|key column"):
        open_exports(tmp_path, engine=engine)


@pytest.mark.parametrize("missing", ["Id", "TimeGenerated", "ServicePrincipalId"])
def test_a_part_without_a_key_column_is_refused_by_name(tmp_path: Path, engine: DuckEngine, missing: str) -> None:
    """Its rows would take the column of another part, as null, and be counted nowhere."""
    whole = dict(service_principal(), TimeGenerated=NOON)
    pq.write_table(pa.Table.from_pylist([whole]), tmp_path / f"{SP}.1.parquet")
    pq.write_table(pa.Table.from_pylist([dict(whole)]).drop_columns([missing]), tmp_path / f"{SP}.2.parquet")
    (tmp_path / f"{SP}.3.ndjson").write_text(line("3"))
    with pytest.raises(InputError, match=rf"{SP}\.2\.parquet: .* lacks the key column {missing}"):
        open_exports(tmp_path, engine=engine)


def test_a_part_without_rows_may_lack_columns(tmp_path: Path, engine: DuckEngine) -> None:
    pq.write_table(pa.Table.from_pylist([dict(service_principal())]), tmp_path / f"{SP}.1.parquet")
    pq.write_table(pa.table({"Other": pa.array([], pa.string())}), tmp_path / f"{SP}.2.parquet")
    with open_exports(tmp_path, engine=engine) as exports:
        assert exports.sources[0].fetch(DAY, LATER).counts.kept == 1


def test_a_nested_column_in_front_does_not_shift_the_statistics(tmp_path: Path, engine: DuckEngine) -> None:
    rows = [dict(service_principal(key), TimeGenerated=NOON) for key in ("1", "")]
    table = pa.Table.from_pylist([{"LocationDetails": {"city": "x", "state": "y"}, **row} for row in rows])
    pq.write_table(table, tmp_path / f"{SP}.parquet")
    with open_exports(tmp_path, engine=engine) as exports:
        assert exports.sources[0].tables[SP].groups == (Group(NOON, NOON, 2),)
        (read,) = exports.report.tables
        assert (read.rows, read.malformed) == (1, 1)


def test_a_folder_named_like_a_table_is_refused(tmp_path: Path, engine: DuckEngine) -> None:
    (tmp_path / f"{SP}.parquet").mkdir()
    with pytest.raises(InputError, match=rf"{SP}\.parquet: expected a file, found a folder"):
        open_exports(tmp_path, engine=engine)


@pytest.mark.parametrize("absurd", ["1900-01-01T00:00:00Z", "9999-12-31T00:00:00Z", "2099-01-01T00:00:00Z"])
@pytest.mark.parametrize("form", ["ndjson", "parquet", "text in parquet"])
def test_an_absurd_time_is_a_malformed_row_and_stretches_nothing(
    tmp_path: Path, engine: DuckEngine, absurd: str, form: str
) -> None:
    rows = [dict(service_principal(str(key), key), _TimeReceived=None) for key in range(5)]
    rows.append(dict(service_principal("absurd"), TimeGenerated=absurd, CreatedDateTime=absurd, _TimeReceived=None))
    if form == "ndjson":
        (tmp_path / f"{SP}.ndjson").write_text("\n".join(map(json.dumps, rows)))
    else:
        table = pa.Table.from_pylist(rows)
        times = pa.array([datetime.fromisoformat(str(row["TimeGenerated"])) for row in rows])
        typed = table.set_column(table.column_names.index("TimeGenerated"), "TimeGenerated", times)
        pq.write_table(table if "text" in form else typed, tmp_path / f"{SP}.parquet")
    with open_exports(tmp_path, engine=engine) as exports:
        (read,) = exports.report.tables
        assert (read.rows, read.malformed) == (5, 1)
        assert "expected TimeGenerated between" in read.skipped[0].reason
        windows = exports.sources[0].changed(None, datetime(9000, 1, 1, tzinfo=UTC))
        assert [window.start.hour for window in windows] == [11, 12, 13]
        assert exports.sources[0].fetch(DAY, LATER).counts.kept == 5


def test_changed_and_fetch_agree_when_a_row_happened(tmp_path: Path, engine: DuckEngine) -> None:
    rows = [service_principal(CreatedDateTime="2027-01-01T00:00:00Z", _TimeReceived=None)]
    with export(tmp_path, {SP: rows}, engine) as exports:
        (source,) = exports.sources
        assert source.changed(None, LATER)
        assert source.fetch(DAY, LATER).counts.kept == 1


def test_malformed_lines_are_counted_shown_and_skipped(tmp_path: Path, engine: DuckEngine) -> None:
    text = "\ufeff" + "\r\n".join([line("1"), "", "{broken", "[1]", line("2", TimeGenerated="x"), line(""), line("3")])
    (tmp_path / f"{SP}.ndjson").write_bytes(text.encode() + b'\r\n{"Id": "\xff4"}')
    with open_exports(tmp_path, engine=engine) as exports:
        (table,) = exports.report.tables
        assert (table.rows, table.malformed) == (2, 5)
        assert sorted(bad.line for bad in table.skipped) == [3, 4, 5, 6, 8]
        assert all(bad.file.endswith(f"{SP}.ndjson") and "expected" in bad.reason for bad in table.skipped)
        assert [file.path.name for file in exports.report.flagged] == [f"{SP}.ndjson"]
        assert exports.sources[0].fetch(DAY, LATER).counts.kept == 2


@pytest.mark.parametrize("packed", [False, True])
def test_a_line_without_end_is_one_malformed_row_and_is_not_held(tmp_path: Path, *, packed: bool) -> None:
    lines = [line("1"), line("2"), "x" * 50_000, *(line(str(key), key) for key in range(3, 90)), "{", "y" * 50_000]
    data = "\n".join(lines).encode()
    path = tmp_path / (f"{SP}.ndjson.gz" if packed else f"{SP}.ndjson")
    path.write_bytes(gzip.compress(data) if packed else data)
    reading, sizes = Reading(), ndjson.Sizes(read=1000, block=4000, longest=16_000)
    ndjson.convert([path], {"Id": "string"}, tmp_path / "rows.parquet", reading, "100MB", sizes)
    assert (reading.rows[path], reading.malformed[path], reading.broken) == (89, 3, set())
    assert sorted(bad.line for bad in reading.skipped) == [3, 91, 92]
    assert any("got a longer one" in bad.reason for bad in reading.skipped)
    kept = pq.read_table(tmp_path / "rows.parquet")["Id"].to_pylist()
    assert sorted(filter(None, kept), key=int) == ["1", "2", *map(str, range(3, 90))]


def test_a_code_that_was_written_as_a_number_is_the_code(tmp_path: Path, engine: DuckEngine) -> None:
    rows = [
        service_principal("1", 0, ResultType=0.0, ServicePrincipalName="1.0"),
        service_principal("2", 10, ResultType=50058.0),
        service_principal("3", 20, ResultType="7000215"),
    ]
    done = fetched(tmp_path, {SP: rows}, engine)
    assert [fact["code"] for fact in facts(done.facts)] == ["0", "50058", "7000215"]
    assert [fact["outcome"] for fact in facts(done.facts)] == ["issued", "interrupted", "failed"]
    assert [name.name for name in done.names] == ["1.0"]


def test_up_to_one_percent_malformed_is_tolerated(tmp_path: Path, engine: DuckEngine) -> None:
    (tmp_path / f"{SP}.ndjson").write_text("\n".join([*(line(str(key)) for key in range(99)), "{"]))
    with open_exports(tmp_path, engine=engine) as exports:
        assert exports.report.tables[0].malformed == 1
        assert not exports.report.flagged


def test_truncated_files_give_what_they_hold(tmp_path: Path, engine: DuckEngine) -> None:
    whole = gzip.compress("\n".join(line(str(key), key / 10) for key in range(500)).encode())
    (tmp_path / f"{SP}.1.ndjson.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / f"{SP}.2.parquet").write_bytes(b"PAR1 and nothing more")
    (tmp_path / f"{SP}.3.ndjson").write_text(line("last"))
    with open_exports(tmp_path, engine=engine) as exports:
        (table,) = exports.report.tables
        assert 50 < table.rows < 500
        assert {Path(bad.file).name for bad in table.skipped} == {f"{SP}.1.ndjson.gz", f"{SP}.2.parquet"}
        assert [file.path.name for file in exports.report.flagged] == [f"{SP}.1.ndjson.gz", f"{SP}.2.parquet"]
        assert exports.sources[0].fetch(DAY, LATER).counts.kept == table.rows


def test_the_report_names_what_is_absent_extra_unused_and_skipped(tmp_path: Path, engine: DuckEngine) -> None:
    (tmp_path / f"{SP}.ndjson").write_text(json.dumps(dict(service_principal(), Mine=1, _TimeReceived=None)))
    (tmp_path / "MicrosoftGraphActivityLogs.ndjson").write_text("{}")
    (tmp_path / "notes.txt").write_text("")
    with open_exports(tmp_path, engine=engine) as exports:
        report = exports.report
        (table,) = report.tables
        assert "UserAgent" in table.absent
        assert "Id" not in table.absent
        assert (table.extra, table.arrival) == (("Mine",), False)
        assert (report.unused, [path.name for path in report.other_files]) == (
            ("MicrosoftGraphActivityLogs",),
            ["notes.txt"],
        )
        (fact,) = facts(exports.sources[0].fetch(DAY, LATER).facts)
        assert fact["seen_at"] == NOON + exports.sources[0].settle


def test_leaving_removes_what_was_written(tmp_path: Path, engine: DuckEngine) -> None:
    with export(tmp_path, {SP: [service_principal()]}, engine) as exports:
        (path,) = exports.sources[0].tables[SP].paths
        assert path.is_file()
        assert not path.is_relative_to(tmp_path)
    assert not path.parent.exists()


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Stockholm"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_parquet_times_of_any_unit_and_zone_are_utc(
    tmp_path: Path, engine: DuckEngine, zone: str | None, unit: str
) -> None:
    row = dict(service_principal(), TimeGenerated=NOON, CreatedDateTime=NOON, _TimeReceived=NOON + timedelta(minutes=3))
    table = pa.Table.from_pylist([row, dict(row, Id="2")])
    for name in ("TimeGenerated", "CreatedDateTime", "_TimeReceived"):
        times = table[name].cast(pa.timestamp("us")).cast(pa.timestamp(unit))
        aware = pa.timestamp(unit, tz="UTC")
        place = table.column_names.index(name)
        column = times if zone is None else times.cast(aware).cast(pa.timestamp(unit, tz=zone))
        table = table.set_column(place, name, column)
    place = table.column_names.index("AppId")
    table = table.set_column(place, "AppId", table["AppId"].dictionary_encode())
    pq.write_table(table, tmp_path / f"{SP}.parquet")
    with open_exports(tmp_path, engine=engine) as exports:
        (fact,) = facts(exports.sources[0].fetch(DAY, LATER).facts)
    assert (fact["at"], fact["seen_at"], fact["events"]) == (NOON, NOON, 2)


def test_changed_names_the_windows_of_new_rows_and_their_neighbours(tmp_path: Path, engine: DuckEngine) -> None:
    rows = [service_principal("1"), service_principal("2", 600, _TimeReceived=at(700))]
    with export(tmp_path, {SP: rows}, engine) as exports:
        (source,) = exports.sources
        hours = [window.start.hour for window in source.changed(None, LATER)]
        assert hours == [11, 12, 13, 21, 22, 23]
        assert [window.start.hour for window in source.changed(NOON, NOON + timedelta(minutes=10))] == [11, 12, 13]
        assert not source.changed(NOON + timedelta(minutes=10), NOON + timedelta(minutes=700))
        assert len(source.changed(NOON + timedelta(minutes=700), LATER)) == 3


def test_rows_for_a_person_are_the_raw_ones_of_whichever_table_fits(tmp_path: Path, engine: DuckEngine) -> None:
    tables = {"AZKVAuditLogs": [vault(), vault(9)], "AzureDiagnostics": [diagnostics(2)]}
    with export(tmp_path, tables, engine) as exports:
        (source,) = exports.sources
        assert len(source.rows(DAY, "HttpStatusCode == 200", 1)) == 1
        assert list(source.rows(DAY, 'OperationName == "SecretGet"', 9)["CorrelationId"]) == ["c"] * 3
        with pytest.raises(InputError, match="unknown column 'HttpStatusCod', did you mean 'HttpStatusCode'"):
            source.rows(DAY, "HttpStatusCod == 200", 1)


def test_rows_for_a_person_have_the_columns_that_no_query_reads(tmp_path: Path, engine: DuckEngine) -> None:
    with export(
        tmp_path, {SP: [service_principal(UserAgent="curl", ConditionalAccessStatus="success")]}, engine
    ) as opened:
        (source,) = opened.sources
        (path,) = source.tables[SP].paths
        assert "UserAgent" not in pq.read_schema(path).names
        (row,) = source.rows(DAY, 'UserAgent == "curl"', 9).to_dict("records")
        assert row["ConditionalAccessStatus"] == "success"


def test_a_window_in_pieces_is_the_window(tmp_path: Path, engine: DuckEngine) -> None:
    rows = [service_principal(str(key), key * 4, CreatedDateTime=at(key * 4 - 3)) for key in range(150)]
    whole = fetched(tmp_path / "whole", {SP: rows}, engine)
    folder = tmp_path / "pieces"
    folder.mkdir()
    for part in range(5):
        table = pa.Table.from_pylist([dict(row) for row in rows[part * 30 : part * 30 + 30]])
        times = table["TimeGenerated"].to_pylist()
        stamps = pa.array([NOON + timedelta(minutes=4 * (part * 30 + place)) for place in range(len(times))])
        place = table.column_names.index("TimeGenerated")
        pq.write_table(table.set_column(place, "TimeGenerated", stamps), folder / f"{SP}.{part}.parquet")
    with open_exports(folder, engine=engine) as exports:
        tables = exports.sources[0].tables
        assert len(pieces(DAY, MARGIN, tables[SP].groups, 60)) > 1
        source = ExportSource(QUERIES["service_principal"], tables, engine=engine, rows_at_once=60)
        assert facts(source.fetch(DAY, LATER).facts) == facts(whole.facts)


def test_a_file_in_no_order_is_not_read_again_for_every_piece() -> None:
    groups = [Group(DAY.start, DAY.end, 1_000_000) for _ in range(10)]
    assert len(pieces(DAY, timedelta(hours=1), groups)) <= WASTE


def test_pieces_hold_about_as_many_rows_each_and_are_the_window_again() -> None:
    quiet = [Group(DAY.start + timedelta(hours=h), DAY.start + timedelta(hours=h + 1), 10_000) for h in range(20)]
    busy = [Group(DAY.start + timedelta(hours=20), DAY.end, 200_000)]
    cut = pieces(DAY, timedelta(minutes=1), quiet + busy, 100_000)
    assert [piece.start for piece in cut] == [DAY.start + timedelta(hours=h) for h in (0, 10, 20, 22)]
    assert cut[-1].end == DAY.end
    assert all(one.end == other.start for one, other in pairwise(cut))


def test_every_real_row_is_read_and_folded_or_counted(azure_samples: Path, engine: DuckEngine) -> None:
    """Prints what became of them; nothing real may be malformed or lost."""
    told: list[str] = []
    with open_exports(azure_samples, engine=engine) as exports:
        rows = {table.table: table.rows for table in exports.report.tables}
        for name, count in rows.items():
            text = (azure_samples / f"{name}.ndjson").read_text(encoding="utf-8")
            assert count == sum(1 for row in text.split("\n") if row.strip())
        assert not any(table.malformed for table in exports.report.tables)
        for source in exports.sources:
            windows = source.changed(None, LATER)
            done = source.fetch(Window(windows[0].start, windows[-1].end), LATER)
            counts = done.counts
            told.append(f"{source.name}: {counts}, {done.facts.num_rows} facts, {len(done.names)} names")
            assert counts.read == sum(rows.get(table, 0) for table in source.tables)
            assert counts.read == counts.kept + counts.doubled + counts.late + counts.strayed + counts.ignored
            assert sum(fact["events"] for fact in done.facts.to_pylist()) == counts.kept
        print("\n".join(told))  # noqa: T201
        assert {source.name for source in exports.sources} >= {"vault", "directory", "interactive"}
