"""Messages to render, ordinary and hostile."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.model import Daily, Digest, DigestLine, Level, Message, Reason, State

AT = datetime(2026, 5, 1, 10, tzinfo=UTC)

WEAPONS = (
    "<!channel>",
    "<!here|x>",
    "<@U012AB3CD>",
    "<#C012AB3CD>",
    "<https://evil.example|Azure portal>",
    "&lt;!channel&gt;",
    "`",
    "```",
    "*bold*",
    ":white_check_mark: RESOLVED",
    "$\\frac{",
    "\u202egnp.exe\u202c",
    "\u200b\ufeff",
    "\x1b[31m\x07",
    "[bold red]",
    "line\nline\r\u2028line",
    "e\u0301\u0301\u0301\u0301\u0301",
    "名前 😀",
    "\ud800",
    "x" * 10_000,
    "&" * 5_000,
)


@pytest.fixture
def message() -> Message:
    """An ordinary message."""
    return Message(
        incident="a1b2c3d4e5",
        reason=Reason.OPENED,
        state=State.OPEN,
        level=Level.HIGH,
        headline="sp-build-agent: 412 tokens in 15 min, expected 30",
        because="412 in 15 min, expected 30.2 (12 to 60). By chance alone, once in about 20,000 identity-days.",
        facts=(
            ("Identity", "sp-build-agent · service principal · 0f3c9a51"),
            ("Owner", "unknown"),
            ("From", "203.0.113.0/24"),
        ),
        findings=("05-01 10:00 sp-issuance-spike: 412 in 15 min",),
        rules=("sp-issuance-spike", "sp-new-prefix"),
        runbook="Who owns the identity?\nAsk them before you touch it.",
        since=AT,
        until=AT + timedelta(minutes=15),
        at=AT + timedelta(minutes=20),
        score=0.59,
        surprise=4.3,
        status="Nobody has acknowledged it · 2 findings since 10:00 UTC",
        link="https://portal.azure.com/#blade/Logs.ReactView/resourceId/x?a=1&b=2",
        query='SigninLogs\n| where AppId == "0f3c9a51"',
        related=("b2c3d4e5f6 sp-deploy-agent · MEDIUM, open: same address 203.0.113.7",),
        evidence=(
            "UTC          what      at                     from              outcome  events",
            "05-01 10:02  sign-in   Azure Resource Manager  203.0.113.7 DE   issued      412",
        ),
        log=("10:20 UTC  opened, HIGH", "10:25 UTC  ann acknowledged it (Slack): planned"),
    )


@pytest.fixture(params=WEAPONS, ids=lambda text: ascii(text)[:20])
def weapon(request: pytest.FixtureRequest) -> str:
    """A name chosen to harm whoever reads it."""
    return str(request.param)


@pytest.fixture
def attacked(message: Message, weapon: str) -> Message:
    """A message in which the weapon is everywhere a log's text may be."""
    return replace(
        message,
        headline=f"{weapon}: 412 tokens in 15 min, expected 30",
        because=f"{weapon}: never seen before",
        facts=tuple((label, weapon) for label, _ in message.facts),
        findings=(weapon,),
        status=f"Acknowledged by {weapon}: {weapon}",
        news=weapon,
        query=weapon,
        link=f"https://portal.azure.com/{weapon}",
        related=(weapon,) * 5,
        evidence=(weapon,) * 5,
        log=(weapon,) * 5,
        mention=weapon,
    )


@pytest.fixture
def storm() -> Digest:
    """The digest of a small storm."""
    return Digest(
        id="storm-1",
        notifier="slack",
        since=AT,
        until=AT + timedelta(minutes=20),
        at=AT + timedelta(minutes=21),
        incidents=37,
        findings=5_000,
        levels=((Level.HIGH, 3), (Level.MEDIUM, 34)),
        rules=(("sp-new-prefix", 30), ("failure-burst", 7)),
        worst=tuple(
            DigestLine(f"a{n}", Level.HIGH, f"sp-{n}: 412 tokens in 15 min, expected 30", 4.3) for n in range(3)
        ),
    )


@pytest.fixture
def day() -> Daily:
    """The daily digest of a day on which something was wrong."""
    return Daily(
        id="daily-2026-05-04",
        day="Monday 2026-05-04",
        since=AT - timedelta(days=1),
        at=AT,
        well=False,
        verdict="main.vault cannot be read since 05-04 03:10 UTC (and 1 more); 8 of 9 sources healthy, 412 identities"
        " watched, 3 incidents, coverage 98.4 %",
        wrong=("main.vault cannot be read since 05-04 03:10 UTC: 403", "Rule sp-new-prefix fails: no such column"),
        facts=(("Incidents", "3: 1 high, 2 medium"), ("Coverage", "98.4 %")),
        open=(DigestLine("a0", Level.HIGH, "sp-0: 412 tokens in 15 min, expected 30", 4.3),),
        more=2,
        notes=("24 hours up to 2026-05-04 08:00 UTC · mintwatch 0.1.0",),
    )
