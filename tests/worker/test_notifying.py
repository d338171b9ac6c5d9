"""From settings to notifiers: ours, and those of other distributions."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.errors import InputError
from monitor.ports import Notifier
from monitor.settings import Logins, load
from monitor.worker.notifying import plugin, webhook

LEAST = "workspaces: {prod: {id: 33333333-0000-4000-8000-000000000003}}\n"
PAGER = '''\
"""A notifier of another distribution."""

from monitor.model import Delivery, Part


class Pager:
    parts = frozenset({Part.NEWS})

    def __init__(self, name, *, severity, key):
        self.name, self.severity, self.key = name, severity, key

    def send(self, delivery):
        return self.key()

    def find(self, delivery):
        return ""
'''


@pytest.fixture
def pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution with a notifier, installed as pip would."""
    info = tmp_path / "site" / "mintwatch_pager-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mintwatch-pager\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mintwatch.notifiers]\npager = mintwatch_pager:Pager\n")
    (info.parent / "mintwatch_pager.py").write_text(PAGER)
    monkeypatch.syspath_prepend(info.parent)


def made(folder: Path, text: str, environment: dict[str, str]) -> Notifier:
    (folder / "mintwatch.yml").write_text(LEAST + text)
    settings = load(folder / "mintwatch.yml", {})
    return plugin("oncall", settings.notifiers["oncall"], Logins(settings, environment))


@pytest.mark.usefixtures("pager")
def test_a_notifier_of_another_distribution_gets_its_options_and_a_function_for_each_secret(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    text = "notifiers: {oncall: {kind: pager, options: {severity: critical}, secrets: {key: {env: PAGER_KEY}}}}\n"
    one = made(tmp_path, text, environment)
    assert (one.name, vars(one)["severity"]) == ("oncall", "critical")
    environment["PAGER_KEY"] = "hunter2"
    assert vars(one)["key"]() == "hunter2"


@pytest.mark.usefixtures("pager")
def test_what_its_class_does_not_take_is_said(tmp_path: Path) -> None:
    text = "notifiers: {oncall: {kind: pager, options: {sevrity: critical}}}\n"
    with pytest.raises(InputError, match=r"notifiers.oncall: kind 'pager' does not take sevrity: .*'sevrity'"):
        made(tmp_path, text, {})


@pytest.mark.usefixtures("pager")
def test_kinds_that_are_installed_are_named_where_one_is_misspelt(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one of console, files, slack, webhook, pager, got 'pagr', did you mean 'pag"):
        made(tmp_path, "notifiers: {oncall: {kind: pagr}}\n", {})


@pytest.mark.parametrize("address", ["http://hooks.slack.com/services/hunter2", "hunter2", "https://x/\nhunter2"])
def test_an_address_of_a_webhook_that_is_none_is_not_repeated(tmp_path: Path, address: str) -> None:
    (tmp_path / "mintwatch.yml").write_text(LEAST + "notifiers: {hook: {kind: webhook, url: {env: HOOK}}}\n")
    settings = load(tmp_path / "mintwatch.yml", {})
    url = settings.notifiers["hook"].url
    assert url is not None
    with pytest.raises(InputError, match="HOOK: expected the address of a webhook") as caught:
        webhook(url, Logins(settings, {"HOOK": address}))()
    assert "hunter2" not in str(caught.value)
    assert webhook(url, Logins(settings, {"HOOK": "https://hooks.slack.com/services/T/B/x\n"}))().endswith("/x")
