"""Every fault reaches the real client as the real one would, and recorded exchanges byte for byte."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceResponseError
from azure.monitor.query import LogsQueryPartialResult, LogsQueryResult

from monitor.testing.azure import Fault, LocalAzure, faults
from tests.testing.clients import START, Asker, app, asker, credential, sign_ins, workspace

COUNT = "SigninLogs | project Id, n = 1.5, m = 2.5"


@pytest.fixture
def client(azure: LocalAzure, tmp_path: Path) -> Iterator[Asker]:
    held = workspace(azure)
    held.append("SigninLogs", sign_ins(10, Id="7"), arrived=START)
    with asker(azure, tmp_path, held=held) as made:
        yield made


@pytest.mark.parametrize(
    ("fault", "refusal"),
    [
        (faults.throttled(), (429, "ThrottledError")),
        (faults.throttled(timedelta(hours=1)), (429, "ThrottledError")),
        (faults.forbidden(), (403, "InsufficientAccessError")),
        (faults.failing(500), (500, "InternalServerError")),
        (faults.failing(502), (502, "BadGatewayError")),
        (faults.failing(503), (503, "ServiceUnavailableError")),
        (faults.timed_out(), (504, "GatewayTimeout")),
    ],
)
def test_an_error_happens_once_and_then_the_truth_is_told(
    azure: LocalAzure, client: Asker, fault: Fault, refusal: tuple[int, str]
) -> None:
    azure.faults.add(fault)
    assert client.refusal(COUNT) == refusal
    assert len(client.rows(COUNT)) == 10


def test_a_long_wait_is_asked_for_in_the_header(azure: LocalAzure, client: Asker) -> None:
    azure.faults.add(faults.throttled(timedelta(hours=1)))
    with pytest.raises(HttpResponseError) as raised:
        client.ask(COUNT)
    assert raised.value.response is not None
    assert raised.value.response.headers["Retry-After"] == "3600"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.reset(), ServiceResponseError),
        (faults.reset(0.5), HttpResponseError),
        (faults.html(), json.JSONDecodeError),
        (faults.html(502), json.JSONDecodeError),
        (faults.no_content(), json.JSONDecodeError),
        (faults.empty(), json.JSONDecodeError),
        (faults.cut_json(), HttpResponseError),
        (faults.no_rows(), TypeError),
        (faults.long_row(), IndexError),
    ],
)
def test_what_breaks_the_client_breaks_it_as_measured(
    azure: LocalAzure, client: Asker, fault: Fault, error: type[Exception]
) -> None:
    azure.faults.add(fault)
    with pytest.raises(error):
        client.ask(COUNT)
    assert len(client.rows(COUNT)) == 10


@pytest.mark.parametrize(
    ("fault", "rows"),
    [
        (faults.no_columns(), []),
        (faults.odd_numbers(), [["7", "Infinity"], ["7", "-Infinity"], ["7", "nan"]]),
        (faults.null_cells("string"), [[None, "1.5"]] * 3),
    ],
)
def test_odd_cells_pass_the_client_unseen(
    azure: LocalAzure, client: Asker, fault: Fault, rows: list[list[object]]
) -> None:
    azure.faults.add(fault)
    answer = client.ask("SigninLogs | take 3 | project Id, n = 1.5" if rows else COUNT)
    assert isinstance(answer, LogsQueryResult)
    assert [[row[0], str(row[1])] for row in answer.tables[0].rows] == rows


def test_null_guids_become_the_text_none_in_the_client(azure: LocalAzure, client: Asker) -> None:
    client.workspace.append("AADServicePrincipalRiskEvents", [{"TimeGenerated": START, "Id": "a"}], arrived=START)
    client.workspace.append(
        "AzureDiagnostics", [{"TimeGenerated": START, "identity_claim_oid_g": "a"}, {"TimeGenerated": START}], START
    )
    rows = client.rows("AzureDiagnostics | project identity_claim_oid_g | sort by identity_claim_oid_g asc")
    assert rows == [["None"], ["a"]]
    azure.faults.add(faults.null_cells())
    assert client.rows("AzureDiagnostics | project identity_claim_oid_g") == [["None"], ["None"]]


def test_a_partial_answer_looks_like_one(azure: LocalAzure, client: Asker) -> None:
    azure.faults.add(faults.partial(0.3))
    answer = client.ask(COUNT)
    assert isinstance(answer, LogsQueryPartialResult)
    assert len(answer.partial_data[0].rows) == 3
    azure.faults.add(faults.partial(tables=False))
    answer = client.ask(COUNT)
    assert isinstance(answer, LogsQueryPartialResult)
    assert not answer.partial_data


def test_a_slow_answer_outlasts_the_patience_of_the_client_or_of_the_service(azure: LocalAzure, client: Asker) -> None:
    azure.faults.add(faults.slow(timedelta(milliseconds=300)), times=2)
    with pytest.raises(ServiceResponseError):
        client.ask(COUNT, read_timeout=0.05)
    assert len(client.rows(COUNT)) == 10
    azure.faults.add(faults.slow(timedelta(minutes=9)))
    with pytest.raises(HttpResponseError, match="GatewayTimeout"):
        client.ask(COUNT, server_timeout=1)


def test_faults_keep_their_appointments(azure: LocalAzure, client: Asker) -> None:
    azure.faults.add(faults.timed_out(), skip=1, times=2)
    azure.faults.add(faults.forbidden(), when=lambda request: b"take 0" in request.body, times=None)
    assert len(client.rows(COUNT)) == 10
    assert client.refusal(COUNT) == (504, "GatewayTimeout")
    assert client.refusal(COUNT) == (504, "GatewayTimeout")
    assert len(client.rows(COUNT)) == 10
    assert client.refusal("SigninLogs | take 0") == (403, "InsufficientAccessError")
    assert azure.faults.waiting() == 1


@pytest.mark.parametrize("fault", faults.EVERY, ids=lambda fault: fault.name)
def test_no_fault_outlives_its_request(azure: LocalAzure, client: Asker, fault: Fault) -> None:
    azure.faults.add(fault)
    with contextlib.suppress(Exception):
        client.ask(COUNT)
    assert client.rows(COUNT) == [["7", 1.5, 2.5]] * 10
    assert azure.faults.waiting() == 0


def test_the_token_endpoint_can_fail_too(azure: LocalAzure, tmp_path: Path) -> None:
    azure.faults.add(faults.failing(400), service="token")
    with (
        credential(azure, app(azure), azure.authority.assertion(), tmp_path) as made,
        pytest.raises(ClientAuthenticationError),
    ):
        made.get_token("https://api.loganalytics.io/.default")


def test_recorded_exchanges_come_out_byte_for_byte(azure: LocalAzure, client: Asker, azure_samples: Path) -> None:
    recordings = sorted((azure_samples / "wire").glob("*.json"))
    assert len(recordings) > 10
    with requests.Session() as session:
        for path in recordings:
            exchange = json.loads(path.read_text(encoding="utf-8"))
            azure.replay(exchange)
            recorded = exchange["response"]
            where = (
                "/t/oauth2/v2.0/token"
                if path.stem.startswith("token")
                else f"/v1/workspaces/{client.workspace.id}/query"
            )
            answer = session.post(azure.url + where, data=b"{}", verify=str(azure.ca), timeout=5)
            assert answer.status_code == recorded["status"], path.stem
            expected = json.dumps(recorded["body"], ensure_ascii=False, separators=(",", ":"))
            assert answer.content == expected.encode(), path.stem
            assert {name: answer.headers.get(name) for name in recorded["headers"] or {}} == (recorded["headers"] or {})


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("scalar_types", lambda answer: list(answer.tables[0].rows[0])[3:] == [100, 101, 102.1]),
        ("grafana_null_reals", lambda answer: answer.tables[0].rows[0][5] is None),
        ("wazuh_no_columns_no_rows", lambda answer: answer.tables[0].columns == []),
        ("partial_error_overflow", lambda answer: isinstance(answer, LogsQueryPartialResult)),
        ("dynamic_and_odd_cells", lambda answer: answer.tables[0].rows[0][3] == "NaN"),
        ("statistics_and_render", lambda answer: answer.visualization["yMin"] == "NaN"),
    ],
)
def test_the_client_reads_a_recorded_answer(
    azure: LocalAzure, client: Asker, azure_samples: Path, name: str, check: Callable[[object], bool]
) -> None:
    azure.replay(json.loads((azure_samples / "wire" / f"{name}.json").read_text(encoding="utf-8")))
    assert check(client.ask(COUNT))
