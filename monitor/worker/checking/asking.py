"""Questions a check asks of a workspace, and being refused altogether."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import pyarrow as pa

from monitor.clock import DAY
from monitor.errors import AbsentError
from monitor.model import Window
from monitor.sources.arrivals import OURS
from monitor.sources.fold import QUERIES
from monitor.sources.loganalytics.client import Workspace
from monitor.sources.loganalytics.faults import Fault, Outcome
from monitor.worker.checking import advice
from monitor.worker.checking.advice import Place
from monitor.worker.checking.answers import Checked, Verdict

LEAST: Final = "docs/azure.md, The least it needs"
PURPOSE: Final = "check"
AHEAD: Final = timedelta(hours=1)
"""How far beyond the present rows are looked for: clocks differ."""

_CREATED: Final = 'coalesce(column_ifexists("CreatedDateTime", datetime(null)), TimeGenerated)'
_HAPPENED: Final = {query.tables[0]: _CREATED for query in QUERIES.values() if query.stream == "sign_in"}
"""When a row's event happened, where TimeGenerated is something else."""


def lately(table: str) -> str:
    """KQL: how many rows, the newest of them, and in how many seconds half and 95 % of them had arrived."""
    arrival = f"datetime_diff('second', ingestion_time(), {_HAPPENED.get(table, 'TimeGenerated')})"
    return f"""{_ours(table)}| extend delay = {arrival}
| summarize held = count(), newest = max(TimeGenerated), half = percentile(delay, 50), most = percentile(delay, 95)"""


def newest(table: str) -> str:
    """KQL: the newest row."""
    return f"{_ours(table)}| summarize newest = max(TimeGenerated)"


def _ours(table: str) -> str:
    """The rows of a table that are ours, line by line."""
    return f"{table}\n" + (f"| where {OURS[table]}\n" if table in OURS else "")


@dataclass(frozen=True, slots=True)
class Lately:
    """A table over the last day: rows, the newest of them, and the arrival delay of half and of 95 % of them."""

    rows: int
    newest: datetime | None
    half: timedelta
    most: timedelta


class Shut(Exception):  # noqa: N818 - not a failure: an answer that ends the questions
    """The workspace answers nothing at all, for `reason`."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome

    def checked(self, about: str, place: Place) -> Checked:
        """What that means, and what to do."""
        if "InvalidAuthenticationTokenAudience" in str(self):
            cloud = place.login.cloud
            said = f"its endpoint {cloud.query} takes no tokens made out to {cloud.audience}"
            todo = f"# credentials.{place.login.name}.cloud: expected the cloud the workspace is in, which az names:"
            return Checked(Verdict.WRONG, about, said, (todo, advice.CLOUD))
        if self.outcome is Outcome.UNKNOWN:
            said = f"no workspace has the id {place.id} there; expected its workspace id (customerId), not its name"
            return Checked(Verdict.WRONG, about, said, (advice.IDS,))
        if self.outcome is Outcome.UNREACHABLE:
            said = f"nobody answers at {place.login.cloud.query}: {self}"
            return Checked(Verdict.WRONG, about, said, ("# docs/azure.md, Configure and check: Behind a proxy",))
        said = "may not be queried by this credential; a role that was just given may need 60 minutes"
        return Checked(Verdict.WRONG, about, said, (*place.role(), f"# the role itself: {LEAST}"))


class Asker:
    """Asks one workspace about its tables. `now` is the end of the last day that is looked at.

    Attributes
    ----------
    there
        The tables that were found.
    """

    def __init__(self, workspace: Workspace, now: datetime) -> None:
        self._workspace = workspace
        self._now = now
        self.there: list[str] = []

    def lately(self, table: str) -> Lately:
        """What the table got in the last day; errors as `Workspace.ask`."""
        row = self._ask(table, lately(table), DAY).to_pylist()[0]
        self.there.append(table)
        half, most = (timedelta(seconds=float(row[key] or 0)) for key in ("half", "most"))
        return Lately(int(row["held"]), row["newest"], half, most)

    def newest(self, table: str, within: timedelta) -> datetime | None:
        """The newest row of the table in so long; errors as `Workspace.ask`."""
        rows = self._ask(table, newest(table), within).to_pylist()
        found: datetime | None = rows[0]["newest"]
        return found

    def columns(self, table: str) -> frozenset[str]:
        """The columns the table has; errors as `Workspace.ask`."""
        return frozenset(self._ask(table, f"{table} | getschema", DAY)["ColumnName"].to_pylist())

    def readable(self, table: str) -> bool:
        """Whether the table is there and may be read."""
        try:
            self._ask(table, f"{table} | take 0", DAY)
        except (AbsentError, Shut):
            return False
        return True

    def _ask(self, table: str, kql: str, within: timedelta) -> pa.Table:
        span = Window(self._now - within, self._now + AHEAD)
        answer = self._workspace.tried(kql, span, source=table, purpose=PURPOSE)
        if not isinstance(answer, Fault):
            return answer
        if answer.outcome in _SHUT:
            raise Shut(answer.outcome, str(answer.error)) from answer.error
        raise answer.error


_SHUT: Final = frozenset({Outcome.FORBIDDEN, Outcome.UNKNOWN, Outcome.UNREACHABLE})
"""What is as true of every other question to the workspace."""
