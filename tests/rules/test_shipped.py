"""Every shipped rule is proved: it speaks on the events it is for, and not on their harmless twins."""

import re
from functools import cache

import pytest

from monitor import plugins, worker
from monitor.kql import DuckEngine
from monitor.rules import Rule, load, shipped
from monitor.testing import proofs

IDS = sorted(path.stem for path in shipped().glob("*.yml"))


@cache
def rules() -> dict[str, Rule]:
    return {rule.id: rule for rule in load(shipped(), plugins.detectors())}


@pytest.fixture(scope="module")
def engine() -> DuckEngine:
    return DuckEngine()


@pytest.mark.parametrize("name", IDS)
def test_a_shipped_rule_speaks_on_its_events_and_not_on_their_twins(name: str, engine: DuckEngine) -> None:
    proof = proofs.check(rules()[name], engine, worker.judge, list(rules().values()))
    assert proof.held, proof.wrong


def test_no_proof_lacks_its_rule() -> None:
    files = {path.name.split(".")[0] for path in (shipped() / "tests").glob("*.ndjson")}
    assert files == set(IDS)


def test_what_can_tell_a_theft_by_itself_is_stable() -> None:
    named = {
        "sp-issuance-spike",
        "mi-issuance-spike",
        "federated-issuance-spike",
        "token-per-request",
        "sp-new-country",
        "dormant-identity-wakes",
        "failure-burst",
        "expired-secret-tried",
        "mass-secret-retrieval",
        "first-secret-access",
    }
    assert named <= {name for name, rule in rules().items() if rule.status == "stable"}


@pytest.mark.parametrize("name", IDS)
def test_a_shipped_rule_says_what_on_call_does_next(name: str) -> None:
    rule = rules()[name]
    steps = re.findall(r"(?m)^\d\. ", rule.runbook)
    assert 3 <= len(steps) <= 6
    assert "az " in rule.runbook or "Silence it never" in rule.runbook
    assert "ilence" in rule.runbook.splitlines()[-1] + rule.runbook.splitlines()[-2]


@pytest.mark.parametrize("name", IDS)
def test_a_shipped_rule_carries_its_metadata(name: str) -> None:
    rule = rules()[name]
    assert rule.description
    assert rule.falsepositives
    assert all(one.startswith("https://") for one in rule.references)
    assert any(re.fullmatch(r"attack\.t\d{4}(\.\d{3})?", tag) for tag in rule.tags)


def test_a_move_to_another_place_is_one_family_of_evidence() -> None:
    assert len({rules()[f"sp-new-{what}"].family for what in ("country", "asn", "prefix")}) == 1


def test_a_new_vault_and_its_new_secrets_are_one_family_of_evidence() -> None:
    assert rules()["first-vault-access"].family == rules()["first-secret-access"].family


@pytest.mark.parametrize("stream", ["sign_in", "vault"])
def test_what_failed_is_not_the_same_evidence_as_what_succeeded(stream: str) -> None:
    families: dict[bool, set[str]] = {True: set(), False: set()}
    for rule in rules().values():
        if rule.stream == stream:
            succeeded = 'outcome == "issued"' in rule.where or 'outcome == "ok"' in rule.where
            families[succeeded].add(rule.family)
    assert all(families.values())
    assert families[True].isdisjoint(families[False])


def test_refused_assertions_are_failures_and_count_once() -> None:
    assert rules()["federated-assertion-rejected"].family == rules()["failure-burst"].family == "failures"
