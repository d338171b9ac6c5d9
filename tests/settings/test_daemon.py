"""Settings of a mintwatch that stays: what is refused, and how it is said."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path

import pytest

from monitor.errors import InputError
from monitor.settings import load

ID = "33333333-0000-4000-8000-000000000003"
LEAST = f"workspaces: {{prod: {{id: {ID}}}}}\n"


def _load(tmp_path: Path, text: str, **environment: str) -> object:
    path = tmp_path / "mintwatch.yml"
    path.write_text(LEAST + text)
    return load(path, environment)


def test_what_is_left_out_is_what_a_person_would_want(tmp_path: Path) -> None:
    path = tmp_path / "mintwatch.yml"
    path.write_text(LEAST)
    settings = load(path, {"MINTWATCH__SERVE__ADDRESS": "0.0.0.0:9464"})
    assert settings.serve.address == "0.0.0.0:9464"
    assert settings.heartbeat is None
    assert (settings.daily.digest, settings.daily.canary, settings.daily.at) == (True, True, time(8))
    assert (settings.logs.format, settings.logs.level) == ("auto", "info")
    assert settings.keep.facts == timedelta(days=180)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("serve: {address: 9464}", "mintwatch.yml:2"),
        ('serve: {address: "host:9464"}', "expected an IP address and a port, such as 127.0.0.1:9464"),
        ('serve: {address: "127.0.0.1:70000"}', "expected an IP address and a port"),
        ('serve: {address: "999.0.0.1:1"}', "expected an IP address before the port"),
        ("heartbeat: {url: https://hc-ping.com/secret}", "a secret in clear is refused"),
        (
            "heartbeat: {url: {key_vault: 'https://a.vault.azure.net/secrets/b', credential: other}}",
            "no credential 'other'",
        ),
        ("daily: {to: [oncal]}", "no notifier 'oncal'"),
        ('daily: {at: "25:00"}', "expected a time of day"),
        ("daily: {zone: Europe/Berln}", "expected a time zone"),
        ("logs: {level: verbose}", "expected a level of logs, one of debug, info, warning, error"),
        ("logs: {levels: {'mint watch': debug}}", "expected the name of a logger"),
        ("keep: {facts: 30d}", "expected at least 35d, the longest history of a workspace"),
        ("keep: {backups: 0}", "mintwatch.yml:2"),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        _load(tmp_path, text)
    assert said in str(refused.value)
    assert "hc-ping.com/secret" not in str(refused.value)
