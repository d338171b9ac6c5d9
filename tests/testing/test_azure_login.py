"""The local token endpoint believes one thing: a valid assertion of its own issuer."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CertificateCredential, ClientSecretCredential, WorkloadIdentityCredential
from azure.monitor.query import LogsQueryClient

from monitor.testing.azure import LocalAzure, tokens
from tests.testing.clients import Asker, app, asker, credential, workspace


class Fixed:
    """A credential that has one token, whatever it is worth."""

    def __init__(self, token: str) -> None:
        self.token = token

    def get_token(self, *_: str, **__: object) -> AccessToken:
        return AccessToken(self.token, 2**33)


SCOPE = "https://api.loganalytics.io/.default"


def test_a_token_file_buys_one_token_and_the_token_buys_rows(azure: LocalAzure, tmp_path: Path) -> None:
    asked = azure.authority.requests
    with asker(azure, tmp_path) as client:
        assert client.rows("print answer = 42") == [[42]]
        assert client.rows("print answer = 43") == [[43]]
    assert azure.authority.requests == asked + 1


def test_the_environment_alone_is_enough(azure: LocalAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted = app(azure)
    (tmp_path / "token").write_text(azure.authority.assertion())
    for name, value in {
        "AZURE_AUTHORITY_HOST": azure.authority.url,
        "AZURE_TENANT_ID": trusted.tenant,
        "AZURE_CLIENT_ID": trusted.client_id,
        "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token"),
        "REQUESTS_CA_BUNDLE": str(azure.ca),
    }.items():
        monkeypatch.setenv(name, value)
    with WorkloadIdentityCredential() as found:
        claims = tokens.unsigned(found.get_token(SCOPE).token)
    assert claims is not None
    assert (claims["aud"], claims["oid"]) == ("https://api.loganalytics.io", trusted.object_id)


@pytest.mark.parametrize(
    ("flaw", "code"),
    [
        ({"lifetime": timedelta(minutes=-1)}, 700024),
        ({"starts": datetime(2126, 1, 1, tzinfo=UTC)}, 700024),
        ({"audience": "https://elsewhere"}, 700212),
        ({"subject": "repo:elsewhere/fork:ref:refs/heads/main"}, 700213),
        ({"issuer": "https://token.elsewhere"}, 700211),
        ({"signer": "stranger"}, 700027),
        ({"signer": "authority"}, 700027),
    ],
)
def test_any_flaw_in_an_assertion_is_refused_by_its_code(
    azure: LocalAzure, tmp_path: Path, flaw: dict[str, object], code: int
) -> None:
    assertion = azure.authority.assertion(**flaw)  # type: ignore[arg-type]
    with (
        credential(azure, app(azure), assertion, tmp_path) as made,
        pytest.raises(ClientAuthenticationError, match=f"AADSTS{code}"),
    ):
        made.get_token(SCOPE)
    assert azure.authority.refused[-1] == code


@pytest.mark.parametrize("spoil", [lambda token: token + "\n", lambda token: token[:-9], lambda _: "eyJ"])
def test_what_is_no_assertion_is_refused(azure: LocalAzure, tmp_path: Path, spoil: object) -> None:
    assert callable(spoil)
    with (
        credential(azure, app(azure), spoil(azure.authority.assertion()), tmp_path) as made,
        pytest.raises(ClientAuthenticationError, match=r"AADSTS(50027|700027)"),
    ):
        made.get_token(SCOPE)


def test_a_stranger_and_an_unknown_resource_are_refused(azure: LocalAzure, tmp_path: Path) -> None:
    trusted = app(azure)
    with (
        credential(azure, trusted, azure.authority.assertion(), tmp_path) as made,
        pytest.raises(ClientAuthenticationError, match="AADSTS500011"),
    ):
        made.get_token("https://nowhere.example/.default")
    with (
        WorkloadIdentityCredential(
            tenant_id=trusted.tenant,
            client_id="99999999-0000-0000-0000-000000000009",
            token_file_path=str(next(tmp_path.iterdir())),
            authority=azure.authority.url,
            connection_verify=str(azure.ca),
        ) as unknown,
        pytest.raises(ClientAuthenticationError, match="AADSTS700016"),
    ):
        unknown.get_token(SCOPE)


def test_an_unsigned_assertion_is_refused(azure: LocalAzure, tmp_path: Path) -> None:
    head, body, _ = azure.authority.assertion().split(".")
    none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"
    assert head != none
    with (
        credential(azure, app(azure), f"{none}.{body}.", tmp_path) as made,
        pytest.raises(ClientAuthenticationError, match="AADSTS700027"),
    ):
        made.get_token(SCOPE)


def test_a_secret_works_where_one_is_set_and_is_told_from_a_wrong_one(azure: LocalAzure) -> None:
    trusted = app(azure, secret="right")  # noqa: S106
    for secret, code in (("right", None), ("wrong", "AADSTS7000215")):
        with ClientSecretCredential(
            trusted.tenant,
            trusted.client_id,
            secret,
            authority=azure.authority.url,
            disable_instance_discovery=True,
            connection_verify=str(azure.ca),
        ) as made:
            if code is None:
                assert made.get_token(SCOPE).token
            else:
                with pytest.raises(ClientAuthenticationError, match=code):
                    made.get_token(SCOPE)


def test_a_certificate_is_enough_and_another_is_not(azure: LocalAzure, tmp_path: Path) -> None:
    leaves = [trustme.CA().issue_cert(name, key_type=trustme.KeyType.RSA) for name in ("right", "wrong")]
    trusted = app(azure)
    azure.authority.trust(trusted.client_id, trusted.tenant, certificate=leaves[0].cert_chain_pems[0].bytes())
    for leaf, refused in zip(leaves, (False, True), strict=True):
        file = tmp_path / "certificate.pem"
        leaf.private_key_and_cert_chain_pem.write_to_path(file)
        with CertificateCredential(
            trusted.tenant,
            trusted.client_id,
            str(file),
            authority=azure.authority.url,
            disable_instance_discovery=True,
            connection_verify=str(azure.ca),
        ) as made:
            if refused:
                with pytest.raises(ClientAuthenticationError, match="AADSTS700027"):
                    made.get_token(SCOPE)
            else:
                assert made.get_token(SCOPE).token


@pytest.mark.parametrize(
    ("resource", "lifetime", "refusal"),
    [
        ("https://management.azure.com", timedelta(hours=1), (403, "InvalidAuthenticationTokenAudience")),
        ("https://api.loganalytics.io", timedelta(0), (403, "InvalidAuthenticationToken")),
    ],
)
def test_a_bearer_for_elsewhere_or_of_the_past_gets_no_rows(
    azure: LocalAzure, resource: str, lifetime: timedelta, refusal: tuple[int, str]
) -> None:
    bearer = azure.authority.token(app(azure), resource, lifetime=lifetime)
    with LogsQueryClient(
        Fixed(bearer), endpoint=azure.url, audience=azure.audience, connection_verify=str(azure.ca), retry_total=0
    ) as client:
        assert Asker(client, workspace(azure)).refusal("print 1") == refusal


def test_no_role_is_403_and_a_granted_role_answers(azure: LocalAzure, tmp_path: Path) -> None:
    trusted, held = app(azure), workspace(azure)
    held.grant("somebody else")
    with asker(azure, tmp_path, trusted, held) as client:
        assert client.refusal("print 1") == (403, "InsufficientAccessError")
        held.grant(trusted.client_id)
        assert client.rows("print x = 1") == [[1]]
        held.revoke(trusted.client_id)
        assert client.refusal("print 1") == (403, "InsufficientAccessError")
