"""Logging in: what is refused before anybody is asked, and what a failure is called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from monitor.errors import InputError, PermanentError, TransientError
from monitor.login import PUBLIC, Kind, Login, credential

NOBODY = replace(PUBLIC, authority="https://localhost:9")
LOGIN = Login(
    name="main",
    cloud=NOBODY,
    tenant_id="11111111-0000-4000-8000-000000000001",
    client_id="22222222-0000-4000-8000-000000000002",
    token_file=Path("nowhere/token"),
)


@pytest.mark.parametrize("kind", [Kind.WORKLOAD_IDENTITY, Kind.CLIENT_CERTIFICATE, Kind.CLIENT_SECRET])
def test_what_a_kind_lacks_is_named(kind: Kind) -> None:
    with pytest.raises(InputError, match=r"credential 'main' \(\w+\): needs tenant_id and client_id and \w+"):
        credential(Login(name="main", kind=kind))


def test_a_missing_token_file_says_where_it_should_be_and_what_makes_it() -> None:
    with pytest.raises(
        PermanentError, match=r"nowhere/token: no such token file; in AKS .*azure.workload.identity/use"
    ):
        credential(LOGIN).warm(PUBLIC.audience)


def test_a_token_file_that_is_being_written_is_waited_for(tmp_path: Path) -> None:
    half = tmp_path / "token"
    half.write_text("eyJ\n")
    with pytest.raises(TransientError, match="expected a signed token"):
        credential(replace(LOGIN, token_file=half)).warm(PUBLIC.audience)


def test_an_authority_that_cannot_be_reached_may_be_next_time(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a.b.c\n")
    with pytest.raises(TransientError, match="https://localhost:9 cannot be reached"):
        credential(replace(LOGIN, token_file=token)).warm(PUBLIC.audience)


def test_a_certificate_that_is_none_is_wrong_input(tmp_path: Path) -> None:
    wrong = tmp_path / "certificate.pem"
    wrong.write_text("-----BEGIN NOTHING-----")
    with pytest.raises(InputError, match="expected a certificate and its private key in PEM"):
        credential(replace(LOGIN, kind=Kind.CLIENT_CERTIFICATE, certificate=wrong))


def test_managed_identity_is_not_quietly_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_AUTHORITY_HOST", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.setenv(name, "set")
    with pytest.raises(InputError, match="expected kind: workload_identity"):
        credential(Login(name="main", kind=Kind.MANAGED_IDENTITY))


def test_a_secret_is_not_in_its_repr() -> None:
    assert "hunter2" not in repr(replace(LOGIN, kind=Kind.CLIENT_SECRET, secret=lambda: "hunter2"))
