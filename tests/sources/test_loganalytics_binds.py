"""Every question a source can ask passes Microsoft's own parser and binder."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from threading import Event

import pyarrow as pa
import pytest

from monitor.errors import TooLargeError, TransientError
from monitor.model import Window
from monitor.sources.fold import QUERIES
from monitor.sources.loganalytics.client import Workspace
from monitor.sources.loganalytics.faults import UnresolvedError
from monitor.sources.loganalytics.gate import Gate
from monitor.sources.loganalytics.source import SHORTEST, LogAnalyticsSource
from monitor.tables import SCHEMAS
from tests.kusto.binder import Question, complaints
from tests.sources.rows import LATER, NOON
from tests.sources.wires import Pass

LACKING = {
    "SigninLogs": {"Agent", "CreatedDateTime", "AutonomousSystemNumber"},
    "AADNonInteractiveUserSignInLogs": {"CreatedDateTime"},
    "AADServicePrincipalSignInLogs": {"FederatedCredentialId"},
    "AADManagedIdentitySignInLogs": {"ServicePrincipalId"},
    "AuditLogs": {"TargetResources"},
    "AzureActivity": {"Authorization_d", "CallerIpAddress"},
    "AADServicePrincipalRiskEvents": {"LastUpdatedDateTime"},
    "AZKVAuditLogs": {"VaultProperties", "HttpStatusCode"},
    "AzureDiagnostics": {"identity_claim_oid_g", "httpStatusCode_d", "CallerIPAddress"},
}


class Listening(Workspace):
    """A workspace to which everything is too large; it says what its tables lack, and keeps what it was asked."""

    def __init__(self, lacking: Mapping[str, set[str]]) -> None:
        stop = Event()
        super().__init__("w", Pass(), endpoint="https://localhost", audience="a", gate=Gate(stop), stop=stop)
        self.asked: list[str] = []
        self._lacking = lacking
        self._told = not lacking

    def ask(self, kql: str, span: Window, *, source: str = "", purpose: str = "ask") -> pa.Table:  # noqa: ARG002
        if purpose == "schema":
            table = kql.partition(" ")[0]
            return pa.table({"ColumnName": sorted(SCHEMAS[table].keys() - self._lacking.get(table, set()))})
        if not self._told:
            self._told = True
            raise UnresolvedError("no such column", "some column")
        self.asked.append(kql)
        raise TooLargeError("everything")


def heard(name: str, lacking: Mapping[str, set[str]]) -> list[Question]:
    """Every different question of that source, with the columns its tables then have."""
    with Listening(lacking) as workspace:
        logs = LogAnalyticsSource(QUERIES[name], workspace, name=f"main.{name}", issuer='entra "quoted"')
        for window in (Window(NOON, NOON + timedelta(hours=1)), Window(NOON, NOON + SHORTEST)):
            for ask in (logs.fetch, logs.counted):
                with pytest.raises(TooLargeError):
                    ask(window, LATER)
        for arriving in (logs.changed, logs.strays):
            with pytest.raises(TransientError):
                arriving(NOON, LATER)
    tables = {
        table: {column: kind for column, kind in columns.items() if column not in lacking.get(table, ())}
        for table, columns in SCHEMAS.items()
    }
    asked = dict.fromkeys(workspace.asked)
    return [Question(f"{name} {number}", kql, tables) for number, kql in enumerate(asked)]


@pytest.mark.slow
def test_questions_bind_over_whole_tables_and_over_tables_that_lack_columns() -> None:
    questions = [question for name in QUERIES for lacking in ({}, LACKING) for question in heard(name, lacking)]
    assert len(questions) > 12 * len(QUERIES)
    found = complaints(questions)
    assert not found, "\n".join(map(str, found))
