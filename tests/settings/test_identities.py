"""identities.yml: who owns what, what is expected until when, and a file that changes under the watch."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from ruamel.yaml import YAML

from monitor.errors import InputError
from monitor.model import Federated, Matcher, Name, Owner, Owners
from monitor.settings import IdentitiesFile, identities_schema, load_identities

OID = "bbbbbbbb-0000-4000-8000-000000000002"
APP = "cccccccc-0000-4000-8000-000000000003"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)

WHOLE = f"""\
identities:
  entra:{OID.upper()}: {{team: payments, note: the nightly run}}
applications:
  {APP}: {{owner: bob@example.org, criticality: high, time_zone: America/New_York, runbook: "https://wiki/bob"}}
vaults:
  Payroll: {{team: payments, owner: eve@example.org}}
teams:
  payments: {{owner: ann@example.org, criticality: low, time_zone: Europe/Berlin, runbook: "https://wiki/payments"}}
federated_credentials:
  FED-1: {{issuer: "https://token.actions.githubusercontent.com", subject: "repo:contoso/pay:ref:refs/heads/main"}}
exceptions:
  - matchers: ["identity=entra:{OID}", 'rule=~"sp-.*"']
    author: ann
    reason: load test
    from: 2026-05-01
    until: 2026-06-01T10:00:00+02:00
"""


def read(folder: Path, text: str) -> Owners:
    (folder / "identities.yml").write_text(text)
    return load_identities(folder / "identities.yml")


def wrong(folder: Path, text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(folder, text)
    return [line.removeprefix(f"{folder}/") for line in str(caught.value).splitlines()]


def named(app_id: str, name: str = "payroll") -> Name:
    return Name("entra:x", name, "service_principal", app_id, NOON, NOON)


def test_an_entry_says_what_it_says_and_its_team_the_rest(tmp_path: Path) -> None:
    owners = read(tmp_path, WHOLE)
    assert owners.of(f"identity:entra:{OID}") == Owner(
        "ann@example.org", "payments", "low", "Europe/Berlin", "https://wiki/payments", "the nightly run"
    )
    vault = owners.of("vault:payroll")
    assert vault is not None
    assert (vault.owner, vault.team, vault.time_zone) == ("eve@example.org", "payments", "Europe/Berlin")


def test_an_application_counts_for_identities_without_an_entry(tmp_path: Path) -> None:
    owners = read(tmp_path, WHOLE)
    found = owners.of("identity:entra:other", named(APP))
    assert found is not None
    assert (found.owner, found.criticality) == ("bob@example.org", "high")
    own = owners.of(f"identity:entra:{OID}", named(APP))
    assert own is not None
    assert own.owner == "ann@example.org"


def test_nobody_owns_what_is_not_there_whatever_it_calls_itself(tmp_path: Path) -> None:
    owners = read(tmp_path, WHOLE)
    assert owners.of("identity:entra:other", named("", name=f"entra:{OID}")) is None
    assert owners.of(f"ip:entra:{OID}") is None
    assert owners.of("tenant:payroll") is None


def test_a_federated_credential_has_whom_it_trusts(tmp_path: Path) -> None:
    owners = read(tmp_path, WHOLE)
    assert owners.federated("fed-1") == Federated(
        "https://token.actions.githubusercontent.com", "repo:contoso/pay:ref:refs/heads/main"
    )
    assert owners.federated("fed-2") is None


def test_an_exception_is_a_silence_with_the_same_id_every_time(tmp_path: Path) -> None:
    (one,) = read(tmp_path, WHOLE).silences
    assert one.matchers == (Matcher("identity", "=", f"entra:{OID}"), Matcher("rule", "=~", "sp-.*"))
    assert (one.author, one.kind, one.via) == ("ann", "expected", "identities.yml")
    assert (one.starts_at, one.expires_at) == (datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, 8, tzinfo=UTC))
    assert type(one.expires_at) is datetime
    assert read(tmp_path, WHOLE + "# a remark\n").silences == (one,)


def test_all_mistakes_are_said_at_once_with_line_and_nearest_spelling(tmp_path: Path) -> None:
    said = wrong(
        tmp_path,
        """\
identity: {}
identities:
  payroll: {owner: ann}
  entra:1: {ownr: ann, criticality: hihg, time_zone: Europe/Berln, runbook: wiki}
vaults:
  pay: {owner: 7}
exceptions:
  - {matchers: [ruel=x, "rule=~("], author: ann, reason: "", from: tomorrow, until: 2026-05-01 10:00}
  - {matchers: [], author: ann, reason: x, from: 2026-05-01, till: 2026-06-01}
""",
    )
    assert [line.split(": ")[0] for line in said] == [
        f"identities.yml:{number}" for number in (1, 3, 4, 4, 4, 4, 6, 8, 8, 8, 8, 8, 9, 9, 9)
    ]
    for expected in (
        "unknown key 'identity', did you mean 'identities'?",
        "identities.payroll: expected an identity such as entra:OBJECT-ID",
        "unknown key 'identities.entra:1.ownr', did you mean 'owner'?",
        "got 'hihg', did you mean 'high'?",
        "did you mean 'Europe/Berlin'?",
        "expected an address that starts with https://, got 'wiki'",
        "exceptions.0.matchers.0: no label 'ruel', did you mean 'rule'?",
        "exceptions.0.matchers.1: expected a pattern of RE2",
        "exceptions.0.from: expected a date such as 2026-05-01",
        "exceptions.0.until: expected a date such as 2026-05-01, or a time with its zone",
        "unknown key 'exceptions.1.till', did you mean 'until'?",
    ):
        assert expected in "\n".join(said)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("identities:\n  entra:A: {}\n  entra:a: {}\n", 3, "the same as 'entra:A': capitals make no difference"),
        (
            "exceptions:\n  - {matchers: [team=a], author: a, reason: b, from: 2026-05-02, until: 2026-05-02}\n",
            2,
            "expected from < until",
        ),
        (
            "exceptions:\n- {matchers: [team!=a, rule=~.+], author: a, reason: b, from: 2026-05-02, until: 2026-06-02}",
            2,
            "expected a matcher that names something",
        ),
        ("- x\n", 1, "expected a mapping of keys to values"),
        ("identities: [\n", 2, "not YAML"),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path: Path, text: str, line: int, message: str) -> None:
    (said,) = wrong(tmp_path, text)
    assert said.startswith(f"identities.yml:{line}: ")
    assert message in said


def test_a_file_is_read_again_when_it_changes_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "identities.yml"
    file = IdentitiesFile(path)
    assert file.read() == (Owners(), f"{path}: cannot be read: No such file or directory")
    path.write_text("vaults: {pay: {owner: ann}}\n")
    first, error = file.read()
    assert (first.of("vault:pay"), error) == (Owner("ann"), "")
    assert file.read()[0] is first
    written(path, "vaults: {pay: {ownr: ann}}\n")
    kept, error = file.read()
    assert kept is first
    assert f"{path}:1: unknown key 'vaults.pay.ownr'" in error
    assert file.read() == (kept, error)
    path.unlink()
    assert file.read() == (first, f"{path}: cannot be read: No such file or directory")
    written(path, "vaults: {pay: {owner: eve}}\n")
    assert file.read() == (Owners(vaults={"pay": Owner("eve")}), "")


def written(path: Path, text: str) -> None:
    """Another file in its place, as a mounted ConfigMap changes: of another time, or not."""
    path.with_suffix(".new").write_text(text)
    os.utime(path.with_suffix(".new"), ns=(0, 0))
    path.with_suffix(".new").replace(path)


def test_a_team_is_spelt_in_one_way(tmp_path: Path) -> None:
    said = wrong(
        tmp_path,
        """\
identities: {entra:a: {team: Payments}}
vaults: {pay: {team: web}, shop: {team: Web}}
teams: {payments: {tz: UTC}}
""",
    )
    assert said == [
        "identities.yml:3: unknown key 'teams.payments.tz'; there are owner, criticality, time_zone, runbook"
    ]
    said = wrong(
        tmp_path,
        """\
identities: {entra:a: {team: Payments}}
vaults: {pay: {team: web}, shop: {team: Web}}
teams: {payments: {owner: ann}, PAYMENTS: {}}
exceptions:
  - {matchers: [team=WEB], author: ann, reason: move, from: 2026-05-01, until: 2026-06-01}
""",
    )
    assert said == [
        "identities.yml:1: identities.entra:a.team: expected 'payments', as it is spelt elsewhere here, got 'Payments'",
        "identities.yml:2: vaults.shop.team: expected 'web', as it is spelt elsewhere here, got 'Web'",
        "identities.yml:3: the same as 'payments': capitals make no difference",
        "identities.yml:5: exceptions.0.matchers.0: expected 'web', as it is spelt elsewhere here, got 'WEB'",
    ]


def test_an_entry_named_as_a_key_is_an_entry(tmp_path: Path) -> None:
    (said,) = wrong(tmp_path, "teams: {owner: {ownr: ann}}\n")
    assert said == "identities.yml:1: unknown key 'teams.owner.ownr', did you mean 'owner'?"


def test_without_a_file_nobody_owns_anything() -> None:
    assert IdentitiesFile(None).read() == (Owners(), "")


def test_the_schema_takes_what_loading_takes_and_refuses_what_it_refuses() -> None:
    quoted = re.sub(r"(from|until): (.*)", r'\1: "\2"', WHOLE)  # to editors, dates are text
    jsonschema.validate(YAML(typ="safe").load(quoted), identities_schema())
    wrong: tuple[dict[str, Any], ...] = (
        {"identity": {}},
        {"identities": {"payroll": {}}},
        {"vaults": {"a": {"ownr": "ann"}}},
        {"vaults": {"a": {"criticality": "hihg"}}},
        {"exceptions": [{"matchers": ["rule=x"], "author": "ann", "reason": "x", "until": "2026-06-01"}]},
    )
    for bad in wrong:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, identities_schema())


def test_every_key_is_described() -> None:
    made = identities_schema()
    for one in (made, *(part for part in made["$defs"].values() if "properties" in part)):
        assert [name for name, key in one["properties"].items() if "description" not in key] == []
