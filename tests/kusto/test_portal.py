"""Every query that a person opens in the portal passes Microsoft's own parser and binder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product

from monitor.frames import DIMENSIONS
from monitor.model import Window
from monitor.sources.fold import QUERIES
from monitor.sources.loganalytics.portal import shown
from monitor.tables import SCHEMAS
from tests.kusto.binder import Question, complaints

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = Window(NOON, NOON + timedelta(hours=1))
SOMEONE = "cccccccc-0000-4000-8000-000000000003"
VALUES = (
    f"entra:{SOMEONE}",
    "entra:ann@contoso.example",
    SOMEONE,
    "20.1.2.3",
    "20.1.2.0/24",
    "2a01:111:f400:7e00::/64",
    "SE",
    "200",
    "kv-shop",
    "secrets/db",
    "/subscriptions/s/resourcegroups/g",
    "microsoft.keyvault",
    "SecretGet",
    "federatedIdentityCredential",
    *("issued", "failed", "ok", "denied", "throttled", "success", "failure"),
)


def questions(*names: str) -> list[Question]:
    """The sources asked about each column with each value it takes; of a table without any, nothing."""
    asked = {}
    for column, value in product(DIMENSIONS, VALUES):
        for kql in (
            shown(names, {column: value}, HOUR),
            shown(names, {"identity": VALUES[0]}, HOUR, {column: value}),
        ):
            asked[kql] = Question(f"{', '.join(names)}: {column} {value}", kql, SCHEMAS)
    asked.pop("", None)
    return list(asked.values())


def test_what_a_person_opens_binds() -> None:
    asked = [one for name in QUERIES for one in questions(name)]
    assert len(asked) > 10 * len(QUERIES)
    assert [str(one) for one in complaints(asked)] == []


def test_rows_of_several_sources_bind_together() -> None:
    sign_ins = [name for name, query in QUERIES.items() if query.stream == "sign_in"]
    assert [str(one) for one in complaints([*questions(*sign_ins), *questions(*QUERIES)])] == []


def test_where_no_row_needed_a_column_yet_its_absence_is_no_mistake() -> None:
    bare = {name: dict(types) for name, types in SCHEMAS.items()}
    bare["AzureDiagnostics"] = {k: v for k, v in bare["AzureDiagnostics"].items() if not k.endswith(("_s", "_g", "_d"))}
    ask = partial(shown, ["vault"], window=HOUR)
    asked = [Question(column, ask({column: value}), bare) for column, value in product(DIMENSIONS, VALUES)]
    assert [str(one) for one in complaints([one for one in asked if one.kql])] == []
