"""The real clients, pointed at the local Azure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError
from azure.identity import WorkloadIdentityCredential
from azure.monitor.query import LogsQueryClient, LogsQueryPartialResult, LogsQueryResult

from monitor.testing.azure import LocalAzure, Workspace
from monitor.testing.azure.authority import Trusted

START = datetime(2026, 6, 1, tzinfo=UTC)
SPAN = (START - timedelta(days=1), START + timedelta(days=1))
TENANT = "33333333-0000-0000-0000-000000000001"


def app(azure: LocalAzure, *, secret: str | None = None) -> Trusted:
    """A new app the authority trusts."""
    return azure.authority.trust(str(uuid4()), TENANT, secret=secret)


def workspace(azure: LocalAzure) -> Workspace:
    """A new workspace with nothing in it, at noon of the first day."""
    azure.clock.now = START + timedelta(hours=12)
    return azure.workspace(str(uuid4()))


@contextmanager
def credential(azure: LocalAzure, who: Trusted, assertion: str, folder: Path) -> Iterator[TokenCredential]:
    """The credential of a pod: ids, and a file with an assertion in it."""
    file = folder / f"token-{uuid4()}"
    file.write_text(assertion)
    with WorkloadIdentityCredential(
        tenant_id=who.tenant,
        client_id=who.client_id,
        token_file_path=str(file),
        authority=azure.authority.url,
        connection_verify=str(azure.ca),
    ) as made:
        yield made


class Asker:
    """Asks one workspace and keeps nothing from the test."""

    def __init__(self, client: LogsQueryClient, workspace: Workspace) -> None:
        self.client = client
        self.workspace = workspace

    def ask(
        self,
        kql: str,
        span: tuple[datetime, datetime] | timedelta | None = SPAN,
        read_timeout: float = 5,
        server_timeout: int | None = None,
    ) -> LogsQueryResult | LogsQueryPartialResult:
        answer: LogsQueryResult | LogsQueryPartialResult = self.client.query_workspace(
            self.workspace.id, kql, timespan=span, read_timeout=read_timeout, server_timeout=server_timeout
        )
        return answer

    def rows(self, kql: str, span: tuple[datetime, datetime] | timedelta | None = SPAN) -> list[list[object]]:
        """The rows of a whole answer."""
        answer = self.ask(kql, span)
        assert isinstance(answer, LogsQueryResult)
        return [list(row) for row in answer.tables[0].rows]

    def refusal(self, kql: str) -> tuple[int | None, str]:
        """Status and innermost code of an error."""
        try:
            self.ask(kql)
        except HttpResponseError as error:
            inner = json.loads(error.response.text())["error"] if error.response else {}
            while "innererror" in inner:
                inner = inner["innererror"]
            return error.status_code, inner["code"]
        raise AssertionError("expected a refusal")


@contextmanager
def asker(
    azure: LocalAzure, folder: Path, who: Trusted | None = None, held: Workspace | None = None
) -> Iterator[Asker]:
    """A client of a workspace, logged in by a token file; no retries but ours."""
    trusted = who or app(azure)
    with (
        credential(azure, trusted, azure.authority.assertion(), folder) as made,
        LogsQueryClient(
            made, endpoint=azure.url, audience=azure.audience, connection_verify=str(azure.ca), retry_total=0
        ) as client,
    ):
        yield Asker(client, held or workspace(azure))


def sign_ins(count: int, **columns: object) -> list[dict[str, object]]:
    """Rows of SigninLogs, a minute apart."""
    return [{"TimeGenerated": START + timedelta(minutes=n), "Id": f"id-{n}", **columns} for n in range(count)]


def minutes(numbers: Sequence[int]) -> list[datetime]:
    """Moments that many minutes after the start."""
    return [START + timedelta(minutes=n) for n in numbers]
