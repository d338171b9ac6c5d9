"""The picture of a daily digest: `python -m docs.images.daily`, from the checkout; needs what the others need."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from docs.images.make import Scene, photographed, scene
from monitor.model import Daily, Delivery, DigestLine, Incident, Level, Part, State
from monitor.notify import Account, Covered, Stretch, accounted
from tests.testing.browser import chromium

EIGHT = datetime(2026, 5, 4, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
SOURCES = ("interactive", "non_interactive", "service_principal", "managed_identity", "directory", "risk", "control")


def counted() -> Account:
    """What an ordinary day comes to."""
    sources = [Covered(f"main.{name}", 24 * HOUR, 24 * HOUR) for name in (*SOURCES, "vault")]
    return Account(
        id="daily-2026-05-04",
        day=date(2026, 5, 4),
        since=EIGHT - 24 * HOUR,
        at=EIGHT,
        due=EIGHT,
        version="0.1.0",
        sources=(*sources, Covered("west.vault", 24 * HOUR, 24 * HOUR)),
        rules=55,
        judged=96_130,
        unjudged=412,
        identities=41_212,
        events=18_304_551,
        told=(_incident("9c41e0aa72", Level.HIGH), _incident("5b1d", Level.MEDIUM), _incident("77f0", Level.MEDIUM)),
        untold=14,
        open=(DigestLine("9c41e0aa72", Level.HIGH, "sp-build-agent: 412 tokens in 15 min, expected 30", 5.1),),
        silences=2,
        sent=EIGHT - HOUR,
        took=timedelta(minutes=5),
    )


def ill() -> Account:
    """A day on which a source could not be read."""
    at = EIGHT + 24 * HOUR
    sources = [one if one.source != "main.vault" else replace(one, seen=19 * HOUR) for one in counted().sources or ()]
    why = "main.vault: 403 InsufficientAccessError: the workspace does not let mintwatch read AZKVAuditLogs"
    hostile = "<!channel> :white_check_mark: *all is well* `rm` \u202egnp.exe"
    return replace(
        counted(),
        id="daily-2026-05-05",
        day=date(2026, 5, 5),
        since=EIGHT,
        at=at,
        due=at,
        sources=tuple(sources),
        stretches=(Stretch("main.vault", "cannot be read", at - 5 * HOUR, None, why),),
        failing=(("sp-new-prefix", f"no such column {hostile}"),),
        open=(*counted().open, DigestLine("c0ffee1234", Level.HIGH, f"{hostile}: 9 denials", 3.4)),
        sent=at - HOUR,
    )


def _incident(id: str, level: Level) -> Incident:  # noqa: A002
    return Incident(
        id=id, subject=f"identity:entra:{id}", state=State.OPEN, level=level, surprise=4.0, evidence=(), rules=(),
        findings=1, first_at=EIGHT - HOUR, last_at=EIGHT, opened_at=EIGHT, updated_at=EIGHT,
    )  # fmt: skip


def _told(place: Scene, day: Daily) -> None:
    place.slack.clock.now = day.at
    place.notifier.send(Delivery(day.id, Part.DAILY, day))


def main() -> None:
    """A good day, and a bad one."""
    with scene() as place, chromium() as browser:
        for one in (counted(), ill()):
            _told(place, accounted(one))
        photographed(browser, place, "daily.png", 900, 1170)


if __name__ == "__main__":
    main()
