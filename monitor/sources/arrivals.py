"""When rows happened and arrived, in KQL, and the windows that rows which just arrived have changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from monitor import clock
from monitor.model import Window

OURS: Final[Mapping[str, str]] = {
    "AzureDiagnostics": 'ResourceProvider =~ "MICROSOFT.KEYVAULT" and Category =~ "AuditEvent"'
}
"""Which rows are the source's, of a table that several services share."""

_CREATED: Final[Mapping[str, str]] = {
    "SigninLogs": "CreatedDateTime",
    "AADNonInteractiveUserSignInLogs": "CreatedDateTime",
    "AADServicePrincipalSignInLogs": "CreatedDateTime",
    "AADManagedIdentitySignInLogs": "CreatedDateTime",
    "AuditLogs": "ActivityDateTime",
    "AADServicePrincipalRiskEvents": "LastUpdatedDateTime",
}
"""The column that says when what a row tells of happened; of other tables TimeGenerated does."""


def arrival(received: str) -> str:
    """When a row arrived: as `received` says, else assumed; not before it happened, whatever two clocks say."""
    known = f"coalesce({received}, happened + settle)"
    return f"iff(happened > {known} and happened <= {known} + 2d, happened, {known})"


def happened(table: str) -> str:
    """When a row happened, as the queries have it: a time of creation that is missing or absurd does not count."""
    created = _CREATED.get(table)
    if created is None:
        return "TimeGenerated"
    return f"iff(isnull({created}) or {created} > TimeGenerated + 1d, TimeGenerated, {created})"


def changed(tables: Sequence[str], arrived: str) -> str:
    """The hours of TimeGenerated that have rows which arrived in [after, as_of), with the first and last of those.

    `earliest_possible` and `latest_possible` bound what is looked through.
    """
    legs = [f"{_arrived(table, arrived)} | project TimeGenerated" for table in tables]
    return united(legs) + (
        "\n| summarize earliest = min(TimeGenerated), latest = max(TimeGenerated) by start = bin(TimeGenerated, 1h)"
    )


def strays(tables: Sequence[str], arrived: str) -> str:
    """How many rows arrived in [after, as_of) later than `changed` looks, which is `reach` after TimeGenerated."""
    legs = [f"{_arrived(table, arrived)} | where TimeGenerated < arrived - reach" for table in tables]
    return united([f"{leg} | project TimeGenerated" for leg in legs]) + "\n| summarize strays = count()"


def _arrived(table: str, arrived: str) -> str:
    """The source's rows of a table that arrived in [after, as_of)."""
    return (
        f"{table} | where TimeGenerated >= earliest_possible and TimeGenerated < latest_possible"
        + (f" | where {OURS[table]}" if table in OURS else "")
        + f" | extend happened = {happened(table)} | extend arrived = {arrived}"
        " | where arrived >= after and arrived < as_of"
    )


def united(legs: Sequence[str]) -> str:
    """The rows of all the legs. A leg that cannot be read fails them all: half a log is not a quiet log."""
    return legs[0] if len(legs) == 1 else "union\n    (" + "),\n    (".join(legs) + ")"


def touched(spans: Iterable[tuple[datetime, datetime]], margin: timedelta, step: timedelta) -> list[Window]:
    """The windows of length `step` within `margin` of the spans from a first to a last row, oldest first.

    >>> from datetime import UTC
    >>> hour = timedelta(hours=1)
    >>> noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    >>> [window.start.hour for window in touched([(noon, noon)], timedelta(minutes=5), hour)]
    [11, 12]
    """
    starts: set[datetime] = set()
    for first, last in spans:
        start = clock.floor(first - margin, step)
        while start <= last + margin:
            starts.add(start)
            start += step
    return [Window(start, start + step) for start in sorted(starts)]
