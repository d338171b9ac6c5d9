"""On which plan tables are: only on one of them can they be asked what mintwatch asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from monitor import bearer
from monitor.errors import MintwatchError
from monitor.login import Credential
from monitor.worker.checking.advice import Place
from monitor.worker.checking.answers import Checked, Verdict

ANALYTICS: Final = "Analytics"
VERSION: Final = "2022-10-01"
"""Of the interface of Resource Manager, one that tells plans."""


class Plans:
    """The plans of one workspace's tables, as far as the credential may see them in Resource Manager."""

    def __init__(self, place: Place, credential: Credential) -> None:
        self._place = place
        self._credential = credential
        self._known: dict[str, str] = {}
        self._why = "workspaces.<name>.resource_id is not set"

    def of(self, table: str) -> str:
        """The plan of a table; empty if it cannot be seen."""
        if table not in self._known and self._place.resource_id:
            try:
                self._known[table] = self._asked(table)
            except MintwatchError as error:
                self._known[table], self._why = "", str(error)
        return self._known.get(table, "")

    def refused(self, about: str, table: str) -> Checked:
        """What it means that a table is on another plan."""
        said = f"is on the plan {self.of(table)}: billed per question, and refuses most of them"
        return Checked(Verdict.WRONG, f"{about}, {table}", said, self._place.analytics_plan(table))

    def of_all(self, about: str, tables: Sequence[str]) -> Iterator[Checked]:
        """What there is to say of these tables, which could be asked."""
        unknown = [table for table in tables if not self.of(table)]
        if len(unknown) < len(tables):
            yield Checked(Verdict.FINE, about, f"tables on the plan {ANALYTICS}: {len(tables) - len(unknown)}")
        if unknown:
            said = f"on which plan {', '.join(unknown)} are ({self._why}); expected {ANALYTICS}, see for yourself"
            yield Checked(Verdict.UNKNOWN, about, said, self._place.show_plans())

    def _asked(self, table: str) -> str:
        login = self._credential.login
        address = f"{login.cloud.arm}{self._place.resource_id}/tables/{table}?api-version={VERSION}"
        properties = bearer.ask(address, self._credential, login.cloud.arm, login.ca_bundle).get("properties")
        plan = properties.get("plan") if isinstance(properties, dict) else None
        return plan if isinstance(plan, str) else ""
