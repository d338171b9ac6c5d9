"""What a table lacks stands in front of the query; what is spelled alike is left alone."""

import pytest

from monitor.sources.loganalytics.schema import completed, lacking, optional


@pytest.mark.parametrize(
    ("column", "kql"),
    [
        ("id_s", 'tostring(column_ifexists("id_s", ""))'),
        ("identity_claim_oid_g", 'tostring(column_ifexists("identity_claim_oid_g", ""))'),
        ("httpStatusCode_d", 'column_ifexists("httpStatusCode_d", real(null))'),
    ],
)
def test_an_optional_column_is_text_or_a_number(column: str, kql: str) -> None:
    assert optional("AzureDiagnostics", column) == kql


def test_only_columns_that_are_named_and_declared_can_be_lacking() -> None:
    kql = "AzureDiagnostics | where Category == $id_s and CallerIPAddress != nonsense"
    assert lacking(kql, "AzureDiagnostics", frozenset({"Category"})) == ("CallerIPAddress",)


def test_a_query_without_absences_is_left_as_it_is() -> None:
    assert completed("SigninLogs | count", {}) == "SigninLogs | count"


def test_only_the_table_itself_is_renamed() -> None:
    found = completed("SigninLogs | join AADSigninLogs on Id", {"SigninLogs": ("Agent",)})
    assert found.splitlines() == [
        'let SigninLogs_ = SigninLogs | extend Agent = column_ifexists("Agent", dynamic(null));',
        "SigninLogs_ | join AADSigninLogs on Id",
    ]
