"""A local Azure that real clients talk to: login without a secret, logs that grow, and everything that goes wrong.

For tests of sources and for demos. `LocalAzure` serves, over HTTPS on this machine, what mintwatch asks of Azure; the
KQL it is sent runs on the embedded engine. Needs the extra `mintwatch[testing]`.

>>> from datetime import UTC, datetime
>>> from azure.identity import ClientAssertionCredential
>>> from azure.monitor.query import LogsQueryClient
>>> with LocalAzure() as azure:
...     app = azure.authority.trust("11111111-0000-0000-0000-000000000001", "contoso")
...     workspace = azure.workspace("22222222-0000-0000-0000-000000000001")
...     at = datetime(2026, 6, 1, 10, tzinfo=UTC)
...     workspace.append("SigninLogs", [{"TimeGenerated": at, "Id": "a", "ResultType": "0"}], arrived=at)
...     with (
...         ClientAssertionCredential(
...             app.tenant, app.client_id, azure.authority.assertion,
...             authority=azure.url, connection_verify=str(azure.ca),
...         ) as credential,
...         LogsQueryClient(
...             credential, endpoint=azure.url, audience=azure.audience, connection_verify=str(azure.ca)
...         ) as client,
...     ):
...         answer = client.query_workspace(workspace.id, "SigninLogs | summarize count() by ResultType", timespan=None)
...         print([list(row) for row in answer.tables[0].rows])
[['0', 1]]
"""

from monitor.testing.azure import faults
from monitor.testing.azure.appointments import Faults
from monitor.testing.azure.authority import Authority, Trusted
from monitor.testing.azure.faults import Fault
from monitor.testing.azure.http import Reply, Request
from monitor.testing.azure.limits import Limits
from monitor.testing.azure.ready import Ready, ready
from monitor.testing.azure.service import LocalAzure
from monitor.testing.azure.workspace import Question, Workspace
from monitor.testing.clocks import Clock

__all__ = [
    "Authority",
    "Clock",
    "Fault",
    "Faults",
    "Limits",
    "LocalAzure",
    "Question",
    "Ready",
    "Reply",
    "Request",
    "Trusted",
    "Workspace",
    "faults",
    "ready",
]
