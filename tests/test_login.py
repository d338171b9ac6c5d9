"""Logging in: what is refused before anybody is asked, what a failure is called, and what is told to nobody."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from monitor.entra import scope
from monitor.errors import InputError, MintwatchError, PermanentError, TransientError
from monitor.login import PUBLIC, Cloud, Kind, Login, credential
from monitor.settings import Logins, Reference, load
from monitor.testing.azure import Fault, LocalAzure, faults

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


def test_without_az_it_says_to_log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PermanentError, match="az is not installed or not logged in: az login --tenant"):
        credential(Login(name="main", kind=Kind.AZURE_CLI)).warm(PUBLIC.audience)


class Machine(BaseHTTPRequestHandler):
    """The identity endpoint of a container; answers while `tokens` lasts."""

    tokens = 0

    def do_GET(self) -> None:
        Machine.tokens -= 1
        given = {"access_token": "t", "expires_on": "4102444800", "resource": "r", "token_type": "Bearer"}
        body = json.dumps(given if Machine.tokens >= 0 else {"error": "busy", "error_description": "no"}).encode()
        self.send_response(200 if Machine.tokens >= 0 else 503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Nothing."""


def test_a_managed_identity_that_hesitates_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    with HTTPServer(("127.0.0.1", 0), Machine) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.server_port}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "x")
        here = Login(name="main", kind=Kind.MANAGED_IDENTITY)
        Machine.tokens = 0
        with pytest.raises(PermanentError, match="expected to run in Azure with an identity assigned"):
            credential(here).warm(PUBLIC.audience)
        Machine.tokens = 1
        made = credential(here)
        made.warm(PUBLIC.audience)
        with pytest.raises(TransientError, match="no token for the moment"):
            made.warm(PUBLIC.arm)
        server.shutdown()


def test_a_secret_is_not_in_its_repr() -> None:
    assert "hunter2" not in repr(replace(LOGIN, kind=Kind.CLIENT_SECRET, secret=lambda: "hunter2"))


# --- against the local token endpoint ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def azure() -> Iterator[LocalAzure]:
    with LocalAzure() as azure:
        azure.authority.trust(LOGIN.client_id, LOGIN.tenant_id)
        yield azure


@pytest.fixture
def login(azure: LocalAzure, tmp_path: Path) -> Login:
    token = tmp_path / "token"
    token.write_text(azure.authority.assertion() + "\n")
    here = Cloud(authority=azure.url, query=azure.url, audience=azure.audience, arm=azure.url, vault=azure.url)
    return replace(LOGIN, cloud=here, token_file=token, ca_bundle=azure.ca)


def test_threads_that_find_no_token_make_one_request(azure: LocalAzure, login: Login) -> None:
    made, before = credential(login), azure.authority.requests
    with ThreadPoolExecutor(16) as threads:
        tokens = set(threads.map(lambda _: made.get_token(scope(azure.audience)).token, range(16)))
    assert (len(tokens), azure.authority.requests - before) == (1, 1)


def test_a_file_that_was_rotated_is_read_at_once(azure: LocalAzure, login: Login) -> None:
    assert login.token_file is not None
    login.token_file.write_text(azure.authority.assertion(lifetime=timedelta(seconds=-60)))
    made = credential(login)
    with pytest.raises(TransientError, match=r"AADSTS700024: the token has expired or is not yet valid"):
        made.warm(azure.audience)
    login.token_file.write_text(azure.authority.assertion())
    made.warm(azure.audience)


@pytest.mark.parametrize(
    ("changed", "code", "advice"),
    [
        ({"subject": "repo:evil/fork"}, "AADSTS700213", "subject"),
        ({"audience": "api://other"}, "AADSTS700212", "expected api://AzureADTokenExchange"),
        ({"issuer": "https://elsewhere"}, "AADSTS700211", "issuer"),
        ({"signer": "stranger"}, "AADSTS700027", "signature"),
    ],
    ids=["subject", "audience", "issuer", "signature"],
)
def test_a_refusal_says_what_does_not_fit_and_repeats_no_claim(
    azure: LocalAzure,
    login: Login,
    changed: dict[str, str],
    code: str,
    advice: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    assert login.token_file is not None
    assertion = azure.authority.assertion(**changed)  # type: ignore[arg-type]
    login.token_file.write_text(assertion)
    with pytest.raises(PermanentError, match=code) as caught:
        credential(login).warm(azure.audience)
    assert advice in str(caught.value)
    for text in (str(caught.value), caplog.text):
        assert not [claim for claim in ("repo:evil/fork", "api://other", "elsewhere", assertion) if claim in text]


def test_a_token_is_in_no_log(azure: LocalAzure, login: Login, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert login.token_file is not None
    token = credential(login).get_token(scope(azure.audience)).token
    assert token not in caplog.text
    assert login.token_file.read_text().strip() not in caplog.text


def test_an_audience_entra_does_not_know_is_not_retried(login: Login) -> None:
    with pytest.raises(PermanentError, match="AADSTS500011: nobody of that audience"):
        credential(login).warm("https://api.nowhere.example")


@pytest.mark.parametrize(
    "fault",
    [faults.throttled(timedelta(hours=1)), faults.failing(503), faults.html(), faults.empty(), faults.cut_json()],
    ids=lambda fault: fault.name,
)
def test_trouble_at_the_token_endpoint_passes_and_holds_nobody_up(
    azure: LocalAzure, login: Login, fault: Fault
) -> None:
    made, before = credential(login), azure.authority.requests
    azure.faults.add(fault, service="token")
    with pytest.raises(TransientError, match="credential 'main'"):
        made.warm(azure.audience)
    made.warm(azure.audience)
    assert azure.authority.requests - before <= 2


def test_a_certificate_nobody_vouches_for_names_the_setting(azure: LocalAzure, login: Login) -> None:
    with pytest.raises(TransientError, match="give its CA as ca_bundle"):
        credential(replace(login, ca_bundle=None)).warm(azure.audience)


def test_a_client_secret_works_and_warns(azure: LocalAzure, login: Login, caplog: pytest.LogCaptureFixture) -> None:
    azure.authority.trust("33333333-0000-4000-8000-000000000003", login.tenant_id, secret="hunter2")  # noqa: S106
    given = replace(
        login, kind=Kind.CLIENT_SECRET, client_id="33333333-0000-4000-8000-000000000003", secret=lambda: "hunter2"
    )
    credential(given).warm(azure.audience)
    assert [(one.levelname, one.message) for one in caplog.records if one.name == "mintwatch.login"] == [
        ("WARNING", "static secret")
    ]
    assert "hunter2" not in caplog.text
    with pytest.raises(PermanentError, match="AADSTS7000215: the client secret is wrong"):
        credential(replace(given, secret=lambda: "hunter3")).warm(azure.audience)


# --- a secret in a Key Vault ------------------------------------------------------------------------------------------


@pytest.fixture
def logins(azure: LocalAzure, login: Login, tmp_path: Path) -> Logins:
    url = azure.url
    text = f"""\
credentials:
  default:
    addresses: {{authority: {url}, query: {url}, audience: {azure.audience}, arm: {url}, vault: {url}}}
    tenant_id: {login.tenant_id}
    client_id: {login.client_id}
    token_file: token
    ca_bundle: {azure.ca}
workspaces: {{prod: {{id: 33333333-0000-4000-8000-000000000003}}}}
"""
    (tmp_path / "mintwatch.yml").write_text(text)
    return Logins(load(tmp_path / "mintwatch.yml", {}), {})


def test_a_secret_is_read_from_a_vault_with_the_same_login(azure: LocalAzure, logins: Logins) -> None:
    azure.secrets.values["slack"] = "xoxb"
    assert logins.reveal(Reference(key_vault=f"{azure.url}/secrets/slack")) == "xoxb"
    assert logins.credential("default") is logins.credential("default")


def test_what_is_needed_at_every_call_is_not_fetched_at_every_call(azure: LocalAzure, logins: Logins) -> None:
    azure.secrets.values["slack"] = "xoxb"
    asked = logins.revealing(Reference(key_vault=f"{azure.url}/secrets/slack"))
    assert asked() == "xoxb"
    azure.secrets.values["slack"] = "renewed"
    assert asked() == "xoxb"


def test_what_a_vault_refuses_says_what_to_do(azure: LocalAzure, logins: Logins) -> None:
    azure.secrets.values["slack"] = "xoxb"
    with pytest.raises(PermanentError, match=r"HTTP 404 .*no such secret"):
        logins.reveal(Reference(key_vault=f"{azure.url}/secrets/slick"))
    azure.secrets.denied.add(LOGIN.client_id)
    with pytest.raises(PermanentError, match=r"HTTP 403 .*az role assignment create --role 'Key Vault Secrets User'"):
        logins.reveal(Reference(key_vault=f"{azure.url}/secrets/slack"))
    azure.secrets.denied.clear()


def test_no_token_goes_to_a_host_that_is_no_vault(azure: LocalAzure, logins: Logins) -> None:
    before = azure.authority.requests
    with pytest.raises(MintwatchError, match="expected https and a host of localhost"):
        logins.reveal(Reference(key_vault="https://localhost.evil.example/secrets/x"))
    assert azure.authority.requests == before
