"""The binder itself: what is wrong with a query is said, with its place; what is right is not."""

import json
from pathlib import Path

import pytest

from monitor.rules import KUSTO_FACTS
from monitor.tables import SCHEMAS
from tests.kusto.binder import Question, complaints

RIGHT = """SigninLogs
| where ResultType == "0" and ingestion_time() > ago(1d)
| extend x = tostring(column_ifexists("y", ""))"""
WRONG = {
    "a column that is not there": ("SigninLogs | where ResultTyp == '0'", "KS142", "ResultTyp"),
    "a table that is not there": ("SigninLog | count", "KS204", "SigninLog"),
    "a function nobody wrote": ("SigninLogs | where is_odd(Id)", "KS211", "is_odd"),
    "a function with too few arguments": ("SigninLogs | extend x = bin(TimeGenerated)", "KS127", "bin"),
    "text compared with a number": ("SigninLogs | where ResultType == 0", "MIXED", "ResultType"),
    "text among numbers": ("SigninLogs | where ResultType in (0, 50126)", "MIXED", "ResultType"),
    "text less than a number": ("SigninLogs | where ResultType < 5", "KS106", "<"),
    "a time compared with text": ("SigninLogs | where TimeGenerated > '2026-05-01'", "KS106", ">"),
    "a predicate that is no claim": ("SigninLogs | where ResultType", "KS141", "ResultType"),
    "an operator nobody knows": ("SigninLogs\n| wher Id == ''", "KS176", "wher"),
    "a keyword as a column": ("facts | project-rename kind=stream", "KS", "kind"),
    "a join on columns of two types": ("SigninLogs | join (AuditLogs | project Id=1) on Id", "KS", "Id"),
}
TABLES = {**SCHEMAS, "facts": KUSTO_FACTS}


def test_a_right_query_is_no_reason_to_complain() -> None:
    assert not complaints([Question("right", RIGHT, TABLES)])


@pytest.fixture(scope="module")
def found() -> dict[str, list[tuple[str, str]]]:
    questions = [Question(name, kql, TABLES) for name, (kql, _, _) in WRONG.items()]
    answers: dict[str, list[tuple[str, str]]] = {name: [] for name in WRONG}
    for one in complaints(questions):
        answers[one.question].append((one.code, one.text))
    return answers


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_named(name: str, found: dict[str, list[tuple[str, str]]]) -> None:
    _, code, quoted = WRONG[name]
    assert any(c.startswith(code) and quoted in text for c, text in found[name]), found[name]


def test_a_complaint_says_where_in_the_query_as_sent() -> None:
    (one,) = complaints([Question("q", "SigninLogs\n| where Identitty == who", TABLES, {"who": "x"})])
    assert (one.line, one.column, one.severity) == (2, 9, "Error")
    assert str(one).startswith("q:2:9: Error KS142")


def test_what_npm_installs_is_pinned_by_hash_and_named_by_no_address() -> None:
    text = Path(__file__).with_name("package-lock.json").read_text(encoding="utf-8")
    packages = {name: one for name, one in json.loads(text)["packages"].items() if name}
    assert packages
    assert "://" not in text
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())
