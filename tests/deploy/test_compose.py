"""The file for Compose: by its specification, as closed as the manifests are, and true of mintwatch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import compose_spec
import pytest

from monitor import settings
from tests.deploy.names import DEPLOY, read

FILE: Final = DEPLOY / "compose.yml"
TEXT: Final = FILE.read_text("utf-8")


def service() -> Any:
    services: Any = read(FILE)["services"]
    return services["mintwatch"]


def test_it_is_by_the_specification() -> None:
    compose_spec.PyCompose.from_yaml(TEXT).validate()


@pytest.mark.parametrize(
    ("was", "wrong"),
    [("read_only: true\n    cap", "readonly: true\n    cap"), ("15s", "soon"), ("[slack-bot-token,", "[bot-token,")],
    ids=["key", "duration", "secret"],
)
def test_the_specification_refuses_a_mistake(was: str, wrong: str) -> None:
    assert was in TEXT
    with pytest.raises(ValueError, match=r"readonly|soon|bot-token"):
        compose_spec.PyCompose.from_yaml(TEXT.replace(was, wrong)).validate()


def test_it_is_closed() -> None:
    assert service()["read_only"] is True
    assert service()["cap_drop"] == ["ALL"]
    assert service()["security_opt"] == ["no-new-privileges:true"]
    assert service()["user"] == "10001:10001"
    assert all(one.startswith("127.0.0.1:") for one in service()["ports"])
    assert not {"privileged", "environment", "env_file", "network_mode", "pid", "devices"} & service().keys()


def test_it_is_given_the_time_to_stop() -> None:
    assert int(service()["stop_grace_period"].removesuffix("s")) >= 15


def test_the_settings_load_and_name_what_is_mounted() -> None:
    chosen = settings.load(DEPLOY / "config" / "mintwatch.yml", {})
    places = {one["target"]: one for one in service()["volumes"]}
    assert (FILE.parent / places["/etc/mintwatch"]["source"]).resolve() == (DEPLOY / "config").resolve()
    assert places["/state"]["type"] == "volume"
    assert chosen.state == Path("/state")
    assert chosen.slack is not None
    assert chosen.heartbeat is not None
    said = [one.file for one in (chosen.slack.token, chosen.slack.app_token, chosen.heartbeat.url) if one]
    assert [one for one in said if one is None or one.parent != Path("/run/secrets")] == []
    assert {one.name for one in said if one} == set(service()["secrets"])


def test_secrets_are_not_kept_in_git() -> None:
    secrets: Any = read(FILE)["secrets"]
    assert {Path(one["file"]).parent.as_posix() for one in secrets.values()} == {"secrets"}
    assert "/deploy/secrets/" in (DEPLOY.parent / ".gitignore").read_text("utf-8").splitlines()
