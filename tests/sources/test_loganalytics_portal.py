"""The rows behind a finding as a person asks for them: found, and nothing hostile in the question."""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import unquote

import pyarrow as pa
import pytest

from monitor.kql import DuckEngine
from monitor.model import Window
from monitor.sources.fold import QUERIES
from monitor.sources.loganalytics.portal import LONGEST, link, shown
from tests.sources import rows
from tests.sources.rows import NOON, Row

HOUR = Window(NOON, NOON + timedelta(hours=1))
WHO = f"entra:{rows.SOMEONE.lower()}"
WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w"
LOGS: Mapping[str, tuple[str, Row]] = {
    "service_principal": ("AADServicePrincipalSignInLogs", rows.service_principal()),
    "managed_identity": ("AADManagedIdentitySignInLogs", rows.service_principal(IPAddress="")),
    "interactive": ("SigninLogs", rows.user()),
    "non_interactive": ("AADNonInteractiveUserSignInLogs", rows.user()),
    "directory": ("AuditLogs", rows.audit()),
    "control": ("AzureActivity", rows.activity()),
    "risk": ("AADServicePrincipalRiskEvents", rows.risk()),
    "vault": ("AZKVAuditLogs", rows.vault()),
    "vault, shared table": ("AzureDiagnostics", rows.diagnostics()),
}


def asked(engine: DuckEngine, kql: str, tables: Mapping[str, Row | list[Row]]) -> int:
    """How many of the rows the query shows; tables that it does not name are empty."""
    listed = {name: one if isinstance(one, list) else [one] for name, one in tables.items()}
    given = {
        name: rows.arrow(listed[name]) if name in listed else pa.table({"Type": pa.array([], pa.string())})
        for query in QUERIES.values()
        for name in query.tables
    }
    return len(engine.run(kql, given))


def here(name: str, alike: Mapping[str, str], window: Window = HOUR, also: Mapping[str, str] | None = None) -> str:
    """The query where every column is there, as in an export."""
    return shown([name.partition(",")[0]], alike, window, also, str)


@pytest.mark.parametrize("name", LOGS)
def test_the_rows_of_an_identity_are_found_and_those_of_another_are_not(name: str, engine: DuckEngine) -> None:
    table, row = LOGS[name]
    assert asked(engine, here(name, {"identity": WHO}), {table: row}) == 1
    assert asked(engine, here(name, {"identity": WHO.replace("0002", "0009")}), {table: row}) == 0


@pytest.mark.parametrize("name", LOGS)
def test_only_rows_of_the_window_are_shown(name: str, engine: DuckEngine) -> None:
    table, row = LOGS[name]
    for later in (HOUR.length, -HOUR.length):
        moved = Window(HOUR.start + later, HOUR.end + later)
        assert asked(engine, here(name, {"identity": WHO}, moved), {table: row}) == 0


def test_when_a_sign_in_happened_decides_not_when_it_was_written_down(engine: DuckEngine) -> None:
    late = rows.service_principal(minutes=50, TimeGenerated=rows.at(70))
    early = rows.service_principal(minutes=-5, TimeGenerated=rows.at(5))
    tables = {"AADServicePrincipalSignInLogs": [late, early]}
    assert asked(engine, here("service_principal", {"identity": WHO}), tables) == 1


SEEN = [
    ("service_principal", "ip", "20.1.2.3", "20.1.2.30"),
    ("service_principal", "prefix", "20.1.2.0/24", "20.1.0.0/24"),
    ("service_principal", "country", "SE", "NO"),
    ("interactive", "tenant", rows.TENANT.lower(), rows.PRINCIPAL.lower()),
    ("vault", "resource", "kv", "kv2"),
    ("vault", "object", "secrets/db", "secrets/dbs"),
    ("vault", "ip", "20.1.2.3", "20.1.2.4"),
    ("vault, shared table", "resource", "kv", "kv2"),
    ("vault, shared table", "object", "secrets/db", "keys/db"),
    ("vault, shared table", "code", "200", "403"),
    ("directory", "action", "Add service principal credentials", "Add application"),
    ("control", "target", f"entra:{rows.PRINCIPAL.lower()}", f"entra:{rows.TENANT.lower()}"),
    ("risk", "outcome", "atRisk", "dismissed"),
    ("risk", "credential_id", "k", "l"),
]


@pytest.mark.parametrize(("name", "column", "right", "wrong"), SEEN)
def test_a_column_of_facts_finds_its_raw_rows(
    name: str, column: str, right: str, wrong: str, engine: DuckEngine
) -> None:
    table, row = LOGS[name]
    assert asked(engine, here(name, {"identity": WHO, column: right}), {table: row}) == 1
    assert asked(engine, here(name, {"identity": WHO, column: wrong}), {table: row}) == 0


def test_an_ipv6_network_is_a_beginning(engine: DuckEngine) -> None:
    row = rows.service_principal(IPAddress="2a01:111:f400:7e00::17")
    for prefix, found in {"2a01:111:f400:7e00::/64": 1, "2a01:111:f400:7e01::/64": 0}.items():
        kql = here("service_principal", {"identity": WHO, "prefix": prefix})
        assert asked(engine, kql, {"AADServicePrincipalSignInLogs": row}) == found


@pytest.mark.parametrize(
    ("code", "outcome", "found"), [("0", "issued", 1), ("0", "failed", 0), ("7000215", "failed", 1)]
)
def test_what_the_rule_says_narrows_the_rows(code: str, outcome: str, found: int, engine: DuckEngine) -> None:
    row = rows.service_principal(ResultType=code)
    kql = here("service_principal", {"identity": WHO}, also={"outcome": outcome, "kind": "service_principal"})
    assert asked(engine, kql, {"AADServicePrincipalSignInLogs": row}) == found


def test_both_shapes_of_a_vault_are_shown_together(engine: DuckEngine) -> None:
    tables = {"AZKVAuditLogs": rows.vault(), "AzureDiagnostics": rows.diagnostics(minutes=3)}
    assert asked(engine, here("vault", {"identity": WHO}), tables) == 2


def test_rows_of_several_sources_are_shown_together(engine: DuckEngine) -> None:
    kql = shown(QUERIES, {"identity": WHO}, HOUR, column=str)
    assert asked(engine, kql, dict(LOGS.values())) == len(LOGS)


HOSTILE = [
    'x" or true',
    "entra:*",
    f'{WHO}" or 1 == 1 //',
    f"{WHO}\n| union *",
    "entra:" + "a" * 10_000 + "@b.c",
    "<!channel>",
    "",
    f"{WHO}\u202e",
]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", QUERIES)
def test_what_does_not_look_as_it_should_is_left_out(name: str, value: str) -> None:
    columns = ("identity", "tenant", "app_id", "target", "ip", "prefix", "country", "credential_id", "object")
    assert shown([name], dict.fromkeys(columns, value), HOUR) == ""
    both = shown([name], {**dict.fromkeys(columns, value), "identity": WHO}, HOUR)
    assert both == shown([name], {"identity": WHO}, HOUR)


def test_nothing_to_go_by_is_no_query() -> None:
    assert shown(["service_principal"], {}, HOUR, {"outcome": "issued"}) == ""
    assert shown(["service_principal"], {"marks": "x"}, HOUR) == ""


def test_the_link_opens_the_query_over_the_workspace_in_its_time() -> None:
    kql = shown(["vault"], {"identity": WHO}, HOUR)
    made = link(kql, WORKSPACE, "contoso.example", HOUR, "https://portal.azure.us")
    found = re.fullmatch(
        r"https://portal\.azure\.us/#@contoso\.example/blade/Microsoft_OperationsManagementSuite_Workspace"
        r"/Logs\.ReactView/resourceId/(?P<id>[^/]+)/source/LogsBlade\.AnalyticsShareLinkToQuery"
        r"/q/(?P<q>[A-Za-z0-9%]+)/timespan/(?P<span>[^/]+)",
        made,
    )
    assert found
    assert unquote(found["id"]) == WORKSPACE
    assert gzip.decompress(base64.b64decode(unquote(unquote(found["q"])), validate=True)).decode() == kql
    assert unquote(found["span"]) == "2026-05-01T11:00:00Z/2026-05-01T14:00:00Z"


def test_the_same_query_has_the_same_link() -> None:
    made = {link("T | count", WORKSPACE, "t", HOUR, "https://portal.azure.com") for _ in range(3)}
    assert len(made) == 1


@pytest.mark.parametrize(("kql", "workspace", "host"), [("", WORKSPACE, "h"), ("T", "", "h"), ("T", WORKSPACE, "")])
def test_what_is_missing_is_not_linked(kql: str, workspace: str, host: str) -> None:
    assert link(kql, workspace, "t", HOUR, host) == ""


def test_a_directory_may_be_unknown() -> None:
    assert link("T", WORKSPACE, "", HOUR, "https://portal.azure.com").startswith("https://portal.azure.com/#blade/")


def test_what_a_button_cannot_hold_is_not_linked() -> None:
    text = "".join(f"{number * 7919 % 100_003:x}" for number in range(1_500))
    assert link(text, WORKSPACE, "t", HOUR, "https://portal.azure.com") == ""
    whole = link(shown(QUERIES, {"identity": WHO}, HOUR), WORKSPACE, rows.TENANT, HOUR, "https://portal.azure.com")
    assert 0 < len(whole) <= LONGEST
