"""From settings to notifiers: ours, and those of other distributions."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from threading import Event

import pytest
from rich.console import Console

from monitor.errors import InputError
from monitor.model import Delivery, Digest, Level, Message, Part, Reason, State
from monitor.notifiers.console import ConsoleNotifier
from monitor.ports import Notifier
from monitor.settings import Logins, Reference, load
from monitor.testing.slack import LocalSlack
from monitor.worker.notifying import Notifying

LEAST = "workspaces: {prod: {id: 33333333-0000-4000-8000-000000000003}}\n"
AT = datetime(2026, 5, 1, 10, tzinfo=UTC)
DIGEST = Digest("storm-1", "oncall", AT, AT, AT, 12, 40, ((Level.HIGH, 12),), (("sp-issuance-spike", 12),), ())
MESSAGE = Message(
    incident="a1b2c3d4e5",
    reason=Reason.OPENED,
    state=State.OPEN,
    level=Level.HIGH,
    headline="payroll: 412 tokens in 15 min, expected 30",
    because="412 in 15 min, expected 30.2 (12 to 60).",
    facts=(),
    findings=(),
    rules=("sp-issuance-spike",),
    runbook="Who owns the identity?",
    since=AT,
    until=AT,
    at=AT,
    score=0.6,
    surprise=4.3,
)
PAGER = '''\
"""A notifier of another distribution."""

from monitor.model import Delivery, Part


class Pager:
    parts = frozenset({Part.NEWS, Part.DIGEST})

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


def notifying(folder: Path, text: str, environment: dict[str, str]) -> Notifying:
    (folder / "mintwatch.yml").write_text(LEAST + text)
    settings = load(folder / "mintwatch.yml", {})
    return Notifying(settings, Logins(settings, environment), Event())


def made(folder: Path, text: str, environment: dict[str, str]) -> Notifier:
    (one,) = notifying(folder, text, environment).notifiers(console)
    return one


def console(name: str) -> Notifier:
    return ConsoleNotifier(Console(file=StringIO()), name)


SLACK = "slack: {{token: {{env: BOT}}, api_url: '{url}'{more}}}\n"
ALL = """\
notifiers:
  oncall: {{kind: slack, channel: {channel}, charts: false}}
  hook: {{kind: webhook, url: {{env: HOOK}}}}
  screen: {{kind: console}}
  dump: {{kind: files, directory: messages}}
"""


def test_notifiers_are_made_as_configured_and_ask_nobody_before_they_send(tmp_path: Path) -> None:
    with LocalSlack() as slack:
        channel, hooked = slack.channel("alerts"), slack.channel("hooked")
        environment: dict[str, str] = {}
        text = SLACK.format(url=slack.url, more="") + ALL.format(channel=channel.id)
        made = notifying(tmp_path, text, environment).notifiers(console)
        assert [one.name for one in made] == ["oncall", "hook", "screen", "dump"]
        assert Part.CARD in made[0].parts
        assert Part.CHART not in made[0].parts
        assert slack.requests.total() == 0
        environment |= {"BOT": slack.token, "HOOK": slack.webhook(hooked)}
        delivery = Delivery("key", Part.DIGEST, DIGEST)
        refs = [one.send(delivery) for one in made[:3]]
        assert all(refs)
        assert (channel.posted, hooked.posted) == (1, 1)


@pytest.mark.parametrize(("more", "buttons"), [(", app_token: {env: APP}", True), ("", False)])
def test_messages_carry_buttons_only_if_somebody_listens(tmp_path: Path, more: str, buttons: bool) -> None:
    with LocalSlack() as slack:
        channel = slack.channel("alerts")
        text = SLACK.format(url=slack.url, more=more)
        text += f"notifiers: {{oncall: {{kind: slack, channel: {channel.id}}}}}\n"
        (one,) = notifying(tmp_path, text, {"BOT": slack.token}).notifiers(console)
        one.send(Delivery("key", Part.CARD, MESSAGE))
        kinds = [block["type"] for block in channel.messages[0].blocks]
        assert ("actions" in kinds) is buttons


@pytest.mark.usefixtures("pager")
@pytest.mark.parametrize(
    ("parts", "missed"), [("{Part.NEWS}", "digest .* storms"), ("{Part.CARD, Part.DIGEST}", "news .* what came back")]
)
def test_a_notifier_that_would_leave_people_untold_is_refused(tmp_path: Path, parts: str, missed: str) -> None:
    """Off: `UNTOLD` in `plugin` of monitor/worker/notifying.py."""
    name = f"mintwatch_pager_{len(parts)}"
    made_of = tmp_path / "site" / f"{name}.py"
    made_of.write_text(PAGER.replace("{Part.NEWS, Part.DIGEST}", parts))
    (tmp_path / "site" / "mintwatch_pager-1.0.dist-info" / "entry_points.txt").write_text(
        f"[mintwatch.notifiers]\npager = {name}:Pager\n"
    )
    text = "notifiers: {oncall: {kind: pager, options: {severity: x}, secrets: {key: {env: PAGER_KEY}}}}\n"
    with pytest.raises(InputError, match=f"notifiers.oncall: kind 'pager': expected {missed}"):
        made(tmp_path, text, {})


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


@pytest.mark.parametrize(
    "address", ["http://hooks.slack.com/services/hunter2", "hunter2", "https://slack.com.evil.example/hunter2"]
)
def test_an_address_of_a_webhook_that_is_none_is_not_repeated(tmp_path: Path, address: str) -> None:
    url = Reference(env="HOOK")
    found = notifying(tmp_path, "", {"HOOK": address})
    with pytest.raises(InputError, match="HOOK: expected the address of a webhook") as caught:
        found.webhook(url)()
    assert "hunter2" not in str(caught.value)
    right = notifying(tmp_path, "", {"HOOK": "https://hooks.slack.com/services/T/B/x\n"})
    assert right.webhook(url)() == "https://hooks.slack.com/services/T/B/x"
