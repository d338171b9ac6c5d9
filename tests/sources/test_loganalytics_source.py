"""A workspace as a source: the same facts as from an export, whatever the workspace lacks and however little fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Barrier, Event, Lock
from uuid import uuid4

import pyarrow as pa
import pytest

from monitor.errors import AbsentError, PermanentError, QueryError, TooLargeError, TransientError
from monitor.kql import DuckEngine
from monitor.model import Window
from monitor.ports import Counts
from monitor.sources.fold import QUERIES
from monitor.sources.loganalytics.client import Workspace
from monitor.sources.loganalytics.faults import Outcome, UnresolvedError
from monitor.sources.loganalytics.gate import Gate
from monitor.sources.loganalytics.source import LogAnalyticsSource
from monitor.tables import SCHEMAS
from monitor.testing import conformance
from monitor.testing.azure import Limits, LocalAzure, faults
from monitor.testing.azure import Workspace as Held
from tests.sources.rows import (
    DAY,
    LATER,
    NOON,
    Row,
    audit,
    diagnostics,
    export,
    facts,
    service_principal,
    user,
    vault,
)
from tests.sources.wires import Pass

SP = "AADServicePrincipalSignInLogs"
TENANT = "33333333-0000-0000-0000-000000000001"
HOUR = timedelta(hours=1)
TABLES: Mapping[str, Sequence[Row]] = {
    SP: [
        *(service_principal(str(n), n * 7.3, AppId=f"app{n % 3}") for n in range(30)),
        *(service_principal(str(n), n * 7.3 + 2, ServicePrincipalName="fuller") for n in range(0, 30, 4)),
        service_principal("late", -60 * 5, _TimeReceived="2026-05-09T00:00:00Z"),
    ],
    "SigninLogs": [user(str(n), n * 3, ResultType=str(n % 2)) for n in range(9)],
    "AuditLogs": [audit(str(n), n) for n in range(5)],
    "AZKVAuditLogs": [vault(n, CorrelationId=f"c{n}") for n in range(6)],
    "AzureDiagnostics": [diagnostics(n, CorrelationId=f"c{n}") for n in range(3, 9)],
}


@pytest.fixture(scope="module")
def served() -> Iterator[LocalAzure]:
    with LocalAzure() as azure:
        azure.clock.now = LATER
        yield azure


@pytest.fixture
def azure(served: LocalAzure) -> LocalAzure:
    served.faults.clear()
    served.limits = Limits(requests=None)
    return served


@pytest.fixture
def held(azure: LocalAzure) -> Held:
    return azure.workspace(str(uuid4()))


@pytest.fixture
def reader() -> str:
    """The client id of who asks."""
    return str(uuid4())


@pytest.fixture
def asked(azure: LocalAzure, held: Held, reader: str) -> Iterator[Workspace]:
    trusted = azure.authority.trust(reader, TENANT)
    stop = Event()
    token = azure.authority.token(trusted, azure.audience)
    with Workspace(
        held.id,
        Pass(token),
        endpoint=azure.url,
        audience=azure.audience,
        gate=Gate(stop),
        stop=stop,
        connection_verify=str(azure.ca),
    ) as workspace:
        yield workspace


def fill(held: Held, tables: Mapping[str, Sequence[Row]]) -> None:
    for table, rows in tables.items():
        arrived = [datetime.fromisoformat(str(row["_TimeReceived"])) for row in rows]
        held.append(table, [{name: row[name] for name in row if name != "_TimeReceived"} for row in rows], arrived)


def source(asked: Workspace, query: str = "service_principal", step: timedelta = HOUR) -> LogAnalyticsSource:
    return LogAnalyticsSource(QUERIES[query], asked, name=f"main.{query}", step=step)


def said(table: pa.Table) -> list[str]:
    return sorted(repr({name: fact[name] for name in fact if name != "source"}) for fact in facts(table))


@pytest.mark.parametrize("query", ["service_principal", "interactive", "directory", "vault"])
def test_a_workspace_and_an_export_of_it_say_the_same(
    query: str, held: Held, asked: Workspace, tmp_path: Path, engine: DuckEngine
) -> None:
    fill(held, TABLES)
    logs = source(asked, query)
    with export(tmp_path, TABLES, engine) as exports:
        (other,) = (one for one in exports.sources if one.name == query)
        mine, theirs = logs.fetch(DAY, LATER), other.fetch(DAY, LATER)
        assert said(mine.facts) == said(theirs.facts)
        assert (mine.names, mine.counts) == (theirs.names, theirs.counts)
        assert logs.changed(None, LATER) == other.changed(None, LATER)
        assert logs.counted(DAY, LATER) == other.counted(DAY, LATER)
    assert {fact["source"] for fact in facts(mine.facts)} == {f"main.{query}"}
    assert not logs.absent


@pytest.mark.parametrize("query", ["service_principal", "vault"])
def test_it_keeps_a_sources_promises(query: str, held: Held, asked: Workspace) -> None:
    fill(held, TABLES)
    assert conformance.source(source(asked, query, step=timedelta(hours=6)), NOON + 20 * HOUR) == ()


def test_it_asks_one_question_for_what_changed_and_one_for_each_window(held: Held, asked: Workspace) -> None:
    fill(held, TABLES)
    for query in ("service_principal", "vault"):
        logs = source(asked, query)
        windows = logs.changed(NOON, NOON + HOUR)
        assert windows
        for window in windows:
            logs.fetch(window, LATER)
        assert asked.tally.total(source=logs.name, purpose="changed") == 1
        assert asked.tally.total(source=logs.name) == 1 + len(windows)
    assert asked.tally.total() == asked.tally.total(outcome=Outcome.OK) == len(held.asked)


def test_rows_that_arrive_late_change_their_window(held: Held, asked: Workspace) -> None:
    fill(held, {SP: [service_principal("1", 0, _TimeReceived="2026-05-04T11:00:00Z")]})
    arrived = datetime.fromisoformat("2026-05-04T11:00:00Z")
    windows = source(asked).changed(arrived, arrived + HOUR)
    assert [window.start for window in windows] == [NOON - HOUR, NOON, NOON + HOUR]
    assert not source(asked).changed(arrived + HOUR, arrived + 2 * HOUR)


def test_what_does_not_fit_is_split_by_time_until_it_does(azure: LocalAzure, held: Held, asked: Workspace) -> None:
    fill(held, TABLES)
    whole = source(asked).fetch(DAY, LATER)
    azure.limits = Limits(rows=4, requests=None)
    parts = source(asked).fetch(DAY, LATER)
    assert said(parts.facts) == said(whole.facts)
    assert (parts.names, parts.counts) == (whole.names, whole.counts)
    assert asked.tally.total(purpose="fetch", outcome=Outcome.TOO_LARGE) > 3


@pytest.mark.slow
def test_a_minute_that_does_not_fit_is_split_by_identity(azure: LocalAzure, held: Held, asked: Workspace) -> None:
    many = [service_principal(str(n), n / 90, ServicePrincipalId=f"sp{n % 30}") for n in range(60)]
    copies = [service_principal(str(n), n / 90 + 0.1, ServicePrincipalId=f"sp{(n + 7) % 30}") for n in range(0, 60, 5)]
    fill(held, {SP: [*many, *copies]})
    window = Window(NOON, NOON + timedelta(minutes=1))
    whole = source(asked).fetch(window, LATER)
    azure.limits = Limits(rows=3, requests=None)
    parts = source(asked).fetch(window, LATER)
    assert said(parts.facts) == said(whole.facts)
    assert parts.counts == whole.counts


def test_what_cannot_be_split_further_is_an_error_that_names_it(
    azure: LocalAzure, held: Held, asked: Workspace
) -> None:
    fill(held, {SP: [service_principal(str(n), 0, AppId=f"app{n}") for n in range(9)]})
    azure.limits = Limits(rows=3, requests=None)
    with pytest.raises(
        TooLargeError, match=r"main\.service_principal: 2026-05-01T12:00:00Z to .*identities [0-9a-f]{2}"
    ):
        source(asked).fetch(DAY, LATER)


def test_counts_that_do_not_fit_are_counted_in_halves(azure: LocalAzure, held: Held, asked: Workspace) -> None:
    fill(held, TABLES)
    whole = source(asked).counted(DAY, LATER)
    assert sum(whole.values(), Counts()) == source(asked).fetch(DAY, LATER).counts
    azure.limits = Limits(rows=2, requests=None)
    assert source(asked).counted(DAY, LATER) == whole


@pytest.mark.parametrize("ask", ["changed", "fetch", "counted"])
@pytest.mark.parametrize("query", ["service_principal", "vault"])
def test_an_absent_table_is_absent_and_not_without_rows(ask: str, query: str, asked: Workspace) -> None:
    logs = source(asked, query)
    with pytest.raises(AbsentError, match="expected a diagnostic setting"):
        logs.changed(None, LATER) if ask == "changed" else getattr(logs, ask)(DAY, LATER)
    assert None in logs.absent.values()


def test_a_table_that_appears_is_read(held: Held, asked: Workspace) -> None:
    logs = source(asked)
    with pytest.raises(AbsentError):
        logs.changed(None, LATER)
    fill(held, TABLES)
    assert logs.changed(None, LATER)
    assert not logs.absent


@pytest.mark.parametrize("shape", ["AZKVAuditLogs", "AzureDiagnostics"])
def test_a_vault_that_writes_one_shape_is_read(shape: str, held: Held, asked: Workspace) -> None:
    fill(held, {shape: TABLES[shape]})
    logs = source(asked, "vault")
    assert logs.changed(None, LATER)
    assert logs.fetch(DAY, LATER).counts.kept == 6


BOTH = {table: TABLES[table] for table in QUERIES["vault"].tables}


@pytest.mark.parametrize("gone", BOTH)
def test_one_of_two_tables_that_is_gone_is_a_failure_and_not_fewer_rows(
    gone: str, held: Held, asked: Workspace, reader: str
) -> None:
    """Off: `_miss` of monitor/sources/loganalytics/presence.py, or a union that is fuzzy."""
    fill(held, BOTH)
    logs = source(asked, "vault")
    logs.changed(None, LATER)
    assert logs.seen_tables == set(BOTH)
    held.grant(reader, [table for table in BOTH if table != gone])
    later = source(asked, "vault")
    later.seen_tables = logs.seen_tables  # as another process, told what was seen before
    for one in (logs, later):
        for ask in (partial(one.changed, NOON), partial(one.fetch, DAY)):
            with pytest.raises(PermanentError, match=f"{gone} was there before") as raised:
                ask(LATER)
            assert not isinstance(raised.value, AbsentError)
    held.grant(reader, BOTH)
    assert logs.fetch(DAY, LATER).counts.kept == source(asked, "vault").fetch(DAY, LATER).counts.kept == 9


def test_no_question_leaves_out_tables_in_silence(held: Held, asked: Workspace) -> None:
    fill(held, BOTH)
    logs = source(asked, "vault")
    logs.changed(None, LATER)
    logs.fetch(DAY, LATER)
    logs.counted(DAY, LATER)
    logs.strays(NOON, LATER)
    assert len(held.asked) == 4
    assert not any("isfuzzy" in kql or any(table not in kql for table in BOTH) for kql in map(str, held.asked))


def test_a_second_table_is_looked_for_once_an_hour_and_read_from_when_it_was_not_there(
    held: Held, asked: Workspace
) -> None:
    """Off: `newcomers` of monitor/sources/loganalytics/presence.py."""
    fill(held, {"AzureDiagnostics": [diagnostics(0)]})
    logs = source(asked, "vault")
    start = NOON + HOUR
    for minutes in range(0, 60, 5):
        logs.changed(start, start + timedelta(minutes=minutes))
    assert asked.tally.total(outcome=Outcome.ABSENT) == 1
    assert logs.absent == {"AZKVAuditLogs": None}
    fill(held, {"AZKVAuditLogs": [vault(70, CorrelationId="new", _TimeReceived="2026-05-01T13:15:00Z")]})
    since = start + timedelta(minutes=45)
    assert not logs.changed(since, since + timedelta(minutes=10))
    windows = logs.changed(since, since + timedelta(minutes=20))
    assert NOON + HOUR in {window.start for window in windows}
    assert logs.seen_tables == set(BOTH)
    assert not logs.changed(since, since + timedelta(minutes=25))
    assert not logs.absent


class Lacking(Workspace):
    """A table without a column; of the questions that name it, the first is refused before the others are."""

    def __init__(self, table: str, column: str | None, at_once: int = 1) -> None:
        stop = Event()
        super().__init__("w", Pass(), endpoint="https://localhost", audience="a", gate=Gate(stop), stop=stop)
        self._table, self._column = table, column
        self._together = Barrier(at_once)
        self._first, self._refused = Lock(), Event()

    def ask(self, kql: str, span: Window, *, source: str = "", purpose: str = "ask") -> pa.Table:  # noqa: ARG002
        if purpose == "schema":
            answer = pa.table({"ColumnName": sorted(SCHEMAS[self._table].keys() - {self._column or ""})})
            self._refused.set()
            return answer
        if self._column and f'"{self._column}"' in kql:
            raise TooLargeError("asked as it should be")
        self._together.wait(10)
        if not self._first.acquire(blocking=False):
            self._refused.wait(10)  # refused only after another lane has looked
        raise UnresolvedError("no such column", self._column or "Nowhere")


def test_lanes_that_meet_an_absent_column_at_once_all_ask_again() -> None:
    """Off: the lock, or `known` before the question, in monitor/sources/loganalytics."""
    with Lacking("SigninLogs", "AppId", at_once=3) as workspace, ThreadPoolExecutor(3) as lanes:
        logs = source(workspace, "interactive")
        counted = [lanes.submit(logs._ask, lambda _: ("SigninLogs | count", {}), DAY, LATER, "fetch") for _ in range(3)]
        assert {str(one.exception()) for one in counted} == {"asked as it should be"}


def test_a_column_nobody_can_explain_is_no_absent_table() -> None:
    with Lacking("SigninLogs", None) as workspace:
        logs = source(workspace, "interactive")
        with pytest.raises(UnresolvedError) as raised:
            logs._ask(lambda _: ("SigninLogs | count", {}), DAY, LATER, "changed")
        assert not isinstance(raised.value, AbsentError)
        assert not logs.absent


def test_rows_too_late_to_be_looked_for_are_counted(held: Held, asked: Workspace) -> None:
    day = timedelta(days=1)
    arrived = NOON + 6 * day
    late = [
        service_principal(str(n), n, _TimeReceived=(arrived + n * timedelta(minutes=1)).isoformat()) for n in range(4)
    ]
    fill(held, {SP: [*TABLES[SP][:20], *late]})
    logs = source(asked)
    assert not logs.changed(arrived, arrived + day)
    assert logs.strays(arrived, arrived + day) == 4
    assert logs.strays(arrived + timedelta(minutes=3), arrived + day) == 1
    assert logs.strays(arrived + day, arrived + 2 * day) == 0
    assert logs.strays(NOON, NOON + day) == 0


@pytest.mark.parametrize("since", [None, NOON - HOUR])
def test_what_arrived_is_asked_for_in_halves_if_it_does_not_fit(
    since: datetime | None, azure: LocalAzure, held: Held, asked: Workspace
) -> None:
    fill(held, TABLES)
    until = NOON + 30 * HOUR
    whole = source(asked).changed(since, until)
    assert len(whole) > 3
    azure.limits = Limits(rows=2, requests=None)
    assert source(asked).changed(since, until) == whole
    azure.limits = Limits(requests=None)
    azure.faults.add(faults.timed_out(), times=2)
    assert source(asked).changed(since, until) == whole


def test_what_arrived_is_not_split_for_ever(azure: LocalAzure, held: Held, asked: Workspace) -> None:
    fill(held, TABLES)
    azure.faults.add(faults.timed_out(), times=None)
    with pytest.raises(TransientError, match="nor about fewer arrivals"):
        source(asked).changed(None, LATER)
    assert asked.tally.total() == 4


def test_columns_a_table_lacks_are_null_and_reported_and_seen_when_they_appear(held: Held, asked: Workspace) -> None:
    rows = TABLES["SigninLogs"]
    lacking = {"Agent", "FederatedCredentialId", "AutonomousSystemNumber", "CreatedDateTime"}
    held.declare("SigninLogs", [name for name in SCHEMAS["SigninLogs"] if name not in lacking])
    fill(held, {"SigninLogs": [{name: row[name] for name in row if name not in lacking} for row in rows]})
    logs = source(asked, "interactive")
    assert logs.changed(None, LATER)
    assert logs.fetch(DAY, LATER).counts.kept == len(rows)
    assert set(logs.absent["SigninLogs"] or ()) == lacking
    assert asked.tally.total(purpose="schema") == 1
    held.declare("SigninLogs")
    fill(held, {"SigninLogs": [dict(row, AutonomousSystemNumber="64500") for row in rows]})
    assert {fact["asn"] for fact in facts(logs.fetch(DAY, LATER).facts)} == {"64500"}
    logs.changed(None, LATER + timedelta(days=1))
    assert not logs.absent


def test_evidence_is_raw_rows_that_satisfy_a_predicate(held: Held, asked: Workspace) -> None:
    fill(held, TABLES)
    found = source(asked).rows(DAY, 'AppId == "app1"', 4)
    assert (found["AppId"].tolist(), found["TimeGenerated"].is_monotonic_increasing) == (["app1"] * 4, True)
    both = source(asked, "vault").rows(DAY, 'OperationName == "SecretGet"', 100)
    assert len(both) == 12
    assert len(source(asked, "vault").rows(DAY, "HttpStatusCode == 200", 100)) == 6
    for wrong in ("NoSuchColumn == 1", "and and"):
        with pytest.raises(QueryError):
            source(asked).rows(DAY, wrong, 4)


FAULTS = {
    "403": (faults.forbidden(), PermanentError),
    "an hour": (faults.throttled(HOUR), TransientError),
    "slower than it may be": (faults.timed_out(), TransientError),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_stays_is_an_error_and_no_part_of_an_answer(
    name: str, azure: LocalAzure, held: Held, asked: Workspace
) -> None:
    fill(held, TABLES)
    fault, kind = FAULTS[name]
    azure.faults.add(fault, times=None)
    with pytest.raises(kind):
        source(asked).fetch(DAY, LATER)


def test_numbers_that_are_none_in_an_answer_of_facts_are_no_facts(
    azure: LocalAzure, held: Held, asked: Workspace
) -> None:
    fill(held, TABLES)
    azure.faults.add(faults.odd_numbers())
    with pytest.raises(TransientError, match="expected"):
        source(asked).fetch(DAY, LATER)


def test_a_step_that_does_not_divide_a_day_is_refused(asked: Workspace) -> None:
    with pytest.raises(ValueError, match="divides a day"):
        source(asked, step=timedelta(hours=7))


def test_margins_are_asked_for_and_nothing_beyond(held: Held, asked: Workspace) -> None:
    mine, copy = service_principal("1", 50), service_principal("1", 100)
    fill(held, {SP: [mine, copy, service_principal("2", -1), service_principal("3", 121)]})
    window = Window(NOON, NOON + HOUR)
    assert source(asked).fetch(window, LATER).counts == Counts(read=2, kept=1, doubled=1)


def test_a_service_that_is_slow_is_asked_a_few_times_and_leaves_no_gap(
    azure: LocalAzure, held: Held, asked: Workspace
) -> None:
    fill(held, TABLES)
    azure.faults.add(faults.timed_out(), times=None)
    with pytest.raises(TransientError, match="it is slow") as raised:
        source(asked).fetch(Window(NOON, NOON + 4 * HOUR), LATER)
    assert not isinstance(raised.value, TooLargeError)
    assert asked.tally.total(outcome=Outcome.TIMED_OUT) == 4


def test_what_was_not_finished_in_time_is_asked_in_halves(azure: LocalAzure, held: Held, asked: Workspace) -> None:
    fill(held, TABLES)
    window = Window(NOON, NOON + 4 * HOUR)
    whole = source(asked).fetch(window, LATER)
    azure.faults.add(faults.timed_out(), times=2)
    assert said(source(asked).fetch(window, LATER).facts) == said(whole.facts)
