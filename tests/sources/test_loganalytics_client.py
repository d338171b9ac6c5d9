"""One question over real sockets: the whole answer, or an error of ours, counted, and nobody waits past a stop."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import certifi
import pytest

from monitor.errors import AbsentError, PermanentError, StoppedError, TooLargeError, TransientError
from monitor.sources.loganalytics.client import ATTEMPTS, Workspace
from monitor.sources.loganalytics.faults import (
    AbsentTableError,
    Outcome,
    RefusedError,
    TimedOutError,
    UnresolvedError,
)
from tests.sources.wires import ONE, SPAN, Hurried, Pass, Said, Wire, refusal, serving, table, workspace

THROTTLED = refusal("ThrottledError", "Too many requests")
PARTIAL = {
    "code": "PartialError",
    "message": "There were some errors when processing your query.",
    "details": [{"code": "EngineError", "message": "x", "innererror": {"code": "-2133196797", "message": "(...)"}}],
}
OVERFLOW = json.loads(json.dumps(PARTIAL).replace("-2133196797", "-2133196788"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wire")


@pytest.fixture(scope="module")
def wire(folder: Path) -> Iterator[Wire]:
    with serving(folder) as served:
        yield served


@pytest.fixture
def stop() -> Hurried:
    return Hurried()


@pytest.fixture
def credential() -> Pass:
    return Pass()


@pytest.fixture
def logs(wire: Wire, folder: Path, stop: Hurried, credential: Pass) -> Iterator[Workspace]:
    wire.asked.clear()
    wire.headers.clear()
    with workspace(wire, folder / "ca.pem", stop, credential) as made:
        yield made


def test_a_question_has_its_timespan_its_patience_and_the_audience_it_was_given(
    wire: Wire, logs: Workspace, credential: Pass
) -> None:
    wire.tell(Said(body=table({"n": "long"}, [[7]]), zipped=True))
    assert logs.ask("T | count", SPAN, source="s", purpose="fetch")["n"].to_pylist() == [7]
    assert wire.asked == [
        {"query": "T | count", "timespan": "2026-05-01T00:00:00.000Z/2026-05-02T00:00:00.000Z", "workspaces": None}
    ]
    assert wire.headers[0]["Prefer"] == "wait=180"
    assert credential.scopes == {"https://api.loganalytics.io/.default"}
    assert logs.tally.total(source="s", purpose="fetch", outcome=Outcome.OK) == 1


TRANSIENT = {
    "throttled": (Said(429, THROTTLED), Outcome.THROTTLED),
    "throttled, says when": (Said(429, THROTTLED, {"Retry-After": "8"}), Outcome.THROTTLED),
    "500": (Said(500, refusal("InternalServerError", "x")), Outcome.FAILED),
    "502 of a proxy": (Said(502, "<html>Bad gateway</html>", {"Content-Type": "text/html"}), Outcome.FAILED),
    "503": (Said(503, refusal("ServiceUnavailable", "x"), {"Retry-After": "2"}), Outcome.FAILED),
    "504 of a proxy": (Said(504, "<html>Gateway time-out</html>"), Outcome.FAILED),
    "HTML": (Said(200, "<html>log in</html>", {"Content-Type": "text/html"}), Outcome.UNREADABLE),
    "204": (Said(204), Outcome.UNREADABLE),
    "redirect": (Said(302, "", {"Location": "https://localhost:1/"}), Outcome.UNREADABLE),
    "empty 200": (Said(200), Outcome.UNREADABLE),
    "truncated JSON": (Said(200, json.dumps(ONE.body)[:-9]), Outcome.UNREADABLE),
    "nested too deep": (Said(200, "[" * 100_000), Outcome.UNREADABLE),
    "no UTF-8": (Said(200, b'{"tables": "\xff"}'), Outcome.UNREADABLE),
    "cut mid-body": (Said(200, ONE.body, cut=20), Outcome.UNREACHABLE),
    "cut mid-gzip": (Said(200, ONE.body, cut=20, zipped=True), Outcome.UNREACHABLE),
    "no gzip": (Said(200, ONE.body, {"Content-Encoding": "gzip"}), Outcome.UNREACHABLE),
    "no rows": (Said(200, {"tables": [{"columns": [{"name": "n", "type": "long"}]}]}), Outcome.UNREADABLE),
    "no columns": (Said(200, {"tables": [{"rows": [[1]]}]}), Outcome.UNREADABLE),
    "long row": (Said(200, table({"n": "long"}, [[1, 2]])), Outcome.UNREADABLE),
    "null": (Said(200, "null"), Outcome.UNREADABLE),
    "half an answer": (Said(200, table({"n": "long"}, [[1]]) | {"error": OVERFLOW}), Outcome.PARTIAL),
    "strange error": (Said(200, table({"n": "long"}, [[1]]) | {"error": "yes"}), Outcome.PARTIAL),
}


@pytest.mark.parametrize("name", TRANSIENT)
def test_what_may_pass_is_asked_again_and_then_answered(name: str, wire: Wire, logs: Workspace) -> None:
    said, outcome = TRANSIENT[name]
    wire.tell(said, ONE)
    assert logs.ask("T", SPAN)["n"].to_pylist() == [1]
    assert logs.tally.total(outcome=outcome) == 1
    assert logs.tally.total() == len(wire.asked) == 2


@pytest.mark.parametrize("name", TRANSIENT)
def test_what_does_not_pass_is_given_up_after_a_few_attempts(name: str, wire: Wire, logs: Workspace) -> None:
    said, outcome = TRANSIENT[name]
    wire.tell(said)
    with pytest.raises(TransientError) as caught:
        logs.ask("T", SPAN, source="s")
    assert not isinstance(caught.value, TooLargeError)
    assert "a.b.c" not in str(caught.value)
    assert logs.tally.total(source="s", outcome=outcome) == len(wire.asked) == ATTEMPTS


FINAL = {
    "401": (Said(401, refusal("AuthenticationFailed", "x")), PermanentError, Outcome.FORBIDDEN),
    "403": (Said(403, refusal("InsufficientAccessError", "x")), PermanentError, Outcome.FORBIDDEN),
    "403, says when": (
        Said(403, refusal("InsufficientAccessError", "x"), {"Retry-After": "3600"}),
        PermanentError,
        Outcome.FORBIDDEN,
    ),
    "403 of a firewall": (Said(403, "<html>no</html>"), PermanentError, Outcome.FORBIDDEN),
    "404": (Said(404, refusal("PathNotFoundError", "x")), PermanentError, Outcome.UNKNOWN),
    "400": (Said(400, refusal("BadArgumentError", "x", ("SyntaxError", "y"))), PermanentError, Outcome.REFUSED),
    "400 of nobody": (Said(400, "no"), PermanentError, Outcome.REFUSED),
    "table absent": (
        Said(400, refusal("B", "x", ("S", "y"), ("SEM0100", "Failed to resolve table or column expression named 'T'"))),
        AbsentTableError,
        Outcome.ABSENT,
    ),
    "column absent": (
        Said(400, refusal("B", "x", ("S", "y"), ("SEM0100", "Failed to resolve scalar expression named 'C'"))),
        UnresolvedError,
        Outcome.ABSENT,
    ),
    "slower than it may be": (
        Said(504, refusal("GatewayTimeout", "x", ("GatewayTimeout", "ADX query timed out"))),
        TimedOutError,
        Outcome.TIMED_OUT,
    ),
    "too many rows": (Said(200, table({"n": "long"}, [[1]]) | {"error": PARTIAL}), TooLargeError, Outcome.TOO_LARGE),
    "too many rows, none sent": (Said(200, {"error": PARTIAL}), TooLargeError, Outcome.TOO_LARGE),
    "too many bytes": (Said(400, refusal("ResponsePayloadTooLarge", "x")), TooLargeError, Outcome.TOO_LARGE),
}


@pytest.mark.parametrize("name", FINAL)
def test_what_will_not_pass_is_asked_once(name: str, wire: Wire, logs: Workspace, stop: Hurried) -> None:
    said, kind, outcome = FINAL[name]
    wire.tell(said)
    with pytest.raises(kind) as caught:
        logs.ask("T", SPAN)
    assert type(caught.value) in {kind, RefusedError}
    assert logs.tally.total(outcome=outcome) == len(wire.asked) == 1
    assert not stop.waited


def test_a_column_that_is_not_there_is_no_absent_table(wire: Wire, logs: Workspace) -> None:
    wire.tell(FINAL["column absent"][0])
    with pytest.raises(UnresolvedError, match="named 'C'") as caught:
        logs.ask("T", SPAN)
    assert not isinstance(caught.value, AbsentError)


def test_an_absent_table_is_named(wire: Wire, logs: Workspace) -> None:
    wire.tell(FINAL["table absent"][0])
    with pytest.raises(UnresolvedError, match="named 'T'") as caught:
        logs.ask("T", SPAN)
    assert caught.value.unresolved == "T"


@pytest.mark.parametrize("header", ["8", format_datetime(SPAN.start + timedelta(seconds=8), usegmt=True)])
def test_a_short_wait_the_service_asks_for_is_kept(header: str, wire: Wire, logs: Workspace, stop: Hurried) -> None:
    wire.tell(Said(429, THROTTLED, {"Retry-After": header}), ONE)
    logs.ask("T", SPAN)
    assert stop.now - SPAN.start == timedelta(seconds=8)


@pytest.mark.parametrize("header", ["3600", "999999999", format_datetime(datetime(2099, 1, 1, tzinfo=UTC))])
@pytest.mark.parametrize("status", [429, 503])
def test_an_hour_long_wait_is_not_waited_for_and_remembered_at_most_that_long(
    status: int, header: str, wire: Wire, logs: Workspace, stop: Hurried
) -> None:
    wire.tell(Said(status, THROTTLED, {"Retry-After": header}), ONE)
    with pytest.raises(TransientError, match="not asked before 2026-05-01T01:00:00Z"):
        logs.ask("T", SPAN)
    with pytest.raises(TransientError, match="wants none before 2026-05-01T01:00:00Z"):
        logs.ask("T", SPAN)
    assert not stop.waited
    assert len(wire.asked) == 1
    assert logs.tally.total(outcome=Outcome.HELD) == 1
    stop.now += timedelta(hours=1)
    assert logs.ask("T", SPAN).num_rows == 1


def test_a_stop_ends_the_waiting_between_attempts(wire: Wire, logs: Workspace, stop: Hurried) -> None:
    wire.tell(Said(500))
    stop.stop_after = 0.5
    with pytest.raises(StoppedError):
        logs.ask("T", SPAN)
    assert len(wire.asked) == 1
    with pytest.raises(StoppedError, match="stopping"):
        logs.ask("T", SPAN)
    assert len(wire.asked) == 1


def test_an_answer_larger_than_any_the_service_gives_is_not_read_to_its_end(
    wire: Wire, folder: Path, stop: Hurried, credential: Pass
) -> None:
    wire.tell(Said(body=table({"s": "string"}, [["x" * 2**20]]), zipped=True))
    with workspace(wire, folder / "ca.pem", stop, credential, largest=2**17) as logs, pytest.raises(TooLargeError):
        logs.ask("T", SPAN)


@pytest.mark.parametrize("stalls", [0, 9])
def test_an_answer_that_never_comes_or_never_ends_is_given_up(
    stalls: int, tmp_path: Path, stop: Hurried, credential: Pass
) -> None:
    with serving(tmp_path) as silent:
        silent.tell(Said(200, ONE.body, stalls=stalls))
        with (
            workspace(silent, tmp_path / "ca.pem", stop, credential, working=1, grace=-0.8) as logs,
            pytest.raises(TransientError, match="no answer for") as caught,
        ):
            logs.ask("T", SPAN)
    assert not isinstance(caught.value, TooLargeError)
    assert logs.tally.total() == logs.tally.total(outcome=Outcome.TIMED_OUT) == 1


def test_a_server_nobody_vouches_for_is_a_persons_to_settle(tmp_path: Path, stop: Hurried, credential: Pass) -> None:
    with serving(tmp_path) as other:
        other.tell(ONE)
        trusted = certifi.where()
        with (
            workspace(other, Path(trusted), stop, credential) as logs,
            pytest.raises(PermanentError, match="ca_bundle"),
        ):
            logs.ask("T", SPAN)
        assert not other.asked


def test_nobody_there_is_unreachable(tmp_path: Path, stop: Hurried, credential: Pass) -> None:
    with serving(tmp_path) as gone:
        pass
    with workspace(gone, tmp_path / "ca.pem", stop, credential) as logs, pytest.raises(TransientError):
        logs.ask("T", SPAN)
    assert logs.tally.total(outcome=Outcome.UNREACHABLE) == ATTEMPTS


@pytest.mark.parametrize(("error", "attempts"), [(TransientError("later"), ATTEMPTS), (PermanentError("no"), 1)])
def test_a_login_that_fails_is_the_logins_error_and_asks_nothing(
    error: Exception, attempts: int, wire: Wire, logs: Workspace, credential: Pass
) -> None:
    credential.error = error
    with pytest.raises(type(error)) as caught:
        logs.ask("T", SPAN)
    assert caught.value is error
    assert not wire.asked
    assert logs.tally.total(outcome=Outcome.LOGIN) == attempts


def test_every_fault_is_a_log_line_without_the_token(
    wire: Wire, logs: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wire.tell(Said(500), ONE)
    logs.ask("T", SPAN, source="s", purpose="fetch")
    faults = [record for record in caplog.records if record.name == "mintwatch.sources.loganalytics"]
    assert [(one.message, one.__dict__["part"], one.__dict__["outcome"]) for one in faults] == [
        ("fault", "s", "failed")
    ]
    assert "a.b.c" not in caplog.text


def test_recorded_exchanges_replay(azure_samples: Path, wire: Wire, logs: Workspace) -> None:
    ends = {
        "docs_401_authentication_failed": Outcome.FORBIDDEN,
        "docs_403_invalid_audience": Outcome.FORBIDDEN,
        "docs_404_resource_not_found": Outcome.UNKNOWN,
        "error_400_semantic": Outcome.ABSENT,
        "error_404_path": Outcome.UNKNOWN,
        "error_504_server_timeout": Outcome.TIMED_OUT,
        "partial_error_overflow": Outcome.PARTIAL,
        "throttled_429_with_retry_after": Outcome.THROTTLED,
        "wazuh_no_columns_no_rows": Outcome.UNREADABLE,
    }
    for file in sorted((azure_samples / "wire").glob("*.json")):
        if file.stem.startswith("token_endpoint"):
            continue
        response = json.loads(file.read_text())["response"]
        headers = {"Retry-After": "8"} if "Retry-After" in (response["headers"] or {}) else {}
        wire.tell(Said(response["status"], response["body"], headers, zipped=True))
        expected = ends.get(file.stem, Outcome.OK)
        try:
            logs.ask("T", SPAN, source=file.stem)
        except (TransientError, PermanentError):
            assert expected is not Outcome.OK, file.stem
        assert logs.tally.total(source=file.stem, outcome=expected) == logs.tally.total(source=file.stem) > 0, file.stem
