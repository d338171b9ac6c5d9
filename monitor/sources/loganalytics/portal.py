"""The rows behind a finding, as a person asks for them: KQL over raw tables, and a link that opens it in the portal.

Values come from logs, so whoever acts chooses them: only what looks as its column should gets into a query, quoted; of
anything else the query says nothing.
"""

from __future__ import annotations

import base64
import gzip
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from importlib.resources import files
from typing import Final
from urllib.parse import quote

from monitor.clock import iso
from monitor.kql import Value
from monitor.model import Window
from monitor.sources.fold import MARGIN, QUERIES, bound, filled
from monitor.sources.loganalytics.schema import optional

LONGEST: Final = 3000
"""Characters of a link that Slack takes for a button (Block Kit, "Button element", `url`)."""

BLADE: Final = "blade/Microsoft_OperationsManagementSuite_Workspace/Logs.ReactView"
"""The portal's page of queries, by the name it has in the links that its own "Share > Copy link to query" makes."""

OPTIONAL: Final = partial(optional, "AzureDiagnostics")
"""How Log Analytics is asked for a column that may not be there; only AzureDiagnostics has such."""


@dataclass(frozen=True, slots=True)
class Term:
    """KQL that picks rows by one column of FACTS; `value` in it stands for what matches `like`, where there is one."""

    kql: str
    like: re.Pattern[str] | None = None

    def about(self, value: str) -> str:
        """The KQL about that value, '' if the value does not look as it should."""
        if self.like is None:
            return self.kql
        found = self.like.fullmatch(value)
        if found is None:
            return ""
        given: dict[str, Value] = {"value": next((part for part in found.groups() if part), found[0])}
        return bound(self.kql, given)


@dataclass(frozen=True, slots=True)
class Raw:
    """How rows of one table are found and shown; see monitor/queries/raw.toml."""

    project: str
    terms: Mapping[str, Term]
    happened: str = ""
    ours: str = ""

    def picked(self, alike: Mapping[str, str]) -> list[str]:
        """What the rows satisfy that are alike in these columns; columns and values it knows nothing of say nothing."""
        known = [
            (self.terms.get(f"{column}={value}") or self.terms.get(column), value) for column, value in alike.items()
        ]
        return [kql for term, value in known if term is not None and (kql := term.about(value))]


def shown(
    names: Iterable[str],
    alike: Mapping[str, str],
    window: Window,
    also: Mapping[str, str] | None = None,
    column: Callable[[str], str] = OPTIONAL,
) -> str:
    """KQL for the raw rows of the sources `names` that are `alike` and happened in the window, newest first.

    `alike` and `also` are columns of FACTS with their values. A table that can be asked about none of the `alike` is
    left out, '' if that leaves none; `also` narrows where it can. `column` says how a column is named that may not be
    there.
    """
    tables = list(dict.fromkeys(table for name in names for table in QUERIES[name].tables))
    legs = [
        _leg(table, [*picked, *raw.picked(also or {})], window, typed=len(tables) > 1)
        for table in tables
        if (picked := (raw := _tables()[table]).picked(alike))
    ]
    if not legs:
        return ""
    # A table that never had a row does not exist: isfuzzy shows what there is.
    rows = legs[0] if len(legs) == 1 else "union isfuzzy=true\n(" + "),\n(".join(legs) + ")"
    return filled(f"{rows}\n| sort by TimeGenerated desc", "", column)


def columns(table: str) -> frozenset[str]:
    """The columns of FACTS by which rows of the table can be found, whatever their value."""
    return frozenset(name for name, term in _tables()[table].terms.items() if term.like is not None)


def _leg(table: str, picked: Sequence[str], window: Window, *, typed: bool) -> str:
    """The rows of one table; its name is in them if they are `typed`."""
    raw = _tables()[table]
    lines = [table, *_within("TimeGenerated", window, MARGIN if raw.happened else timedelta(0))]
    if raw.happened:
        lines += _within(f"coalesce({raw.happened}, TimeGenerated)", window, timedelta(0))
    lines += [f"where {one}" for one in [raw.ours, *picked] if one]
    return "\n| ".join([*lines, f"project {'Type, ' if typed else ''}{raw.project}"])


def _within(time: str, window: Window, margin: timedelta) -> list[str]:
    start, end = iso(window.start - margin), iso(window.end + margin)
    return [f"where {time} >= datetime({start}) and {time} < datetime({end})"]


def link(kql: str, resource_id: str, tenant: str, window: Window, host: str) -> str:
    """Address under which the portal at `host` opens the query over the workspace; '' if nobody can follow it.

    The query is gzipped, base64 and escaped twice, as in links the portal itself makes: it takes one layer off when it
    finds its page, and one when the page reads what it is given. `tenant` may be '': then it is whichever the reader is
    in. Nothing is linked without a query, a workspace or a host, and nothing longer than `LONGEST`.
    """
    if not (kql and resource_id and host):
        return ""
    packed = base64.b64encode(gzip.compress(kql.encode(), mtime=0)).decode()
    span = f"{iso(window.start - MARGIN)}/{iso(window.end + MARGIN)}"
    directory = f"@{quote(tenant, safe='')}/" if tenant else ""
    made = (
        f"{host}/#{directory}{BLADE}/resourceId/{quote(resource_id, safe='')}"
        f"/source/LogsBlade.AnalyticsShareLinkToQuery/q/{quote(quote(packed, safe=''), safe='')}"
        f"/timespan/{quote(span, safe='')}"
    )
    return made if len(made) <= LONGEST else ""


@cache
def _tables() -> Mapping[str, Raw]:
    """How the rows of each table are found, as monitor/queries/raw.toml says."""
    said = tomllib.loads((files("monitor") / "queries" / "raw.toml").read_text(encoding="utf-8"))
    like = {name: re.compile(pattern, re.ASCII) for name, pattern in said.pop("like").items()}
    return {
        table: Raw(
            project=one["project"],
            terms={
                name: Term(given) if isinstance(given, str) else Term(given[1], like[given[0]])
                for name, given in one["where"].items()
            },
            happened=one.get("happened", ""),
            ours=one.get("ours", ""),
        )
        for table, one in said.items()
    }
