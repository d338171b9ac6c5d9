"""A storm's one message."""

from __future__ import annotations

from typing import Final

from monitor.clock import length
from monitor.model import Digest
from monitor.notifiers.slack import kit
from monitor.notifiers.slack.card import LEVELS
from monitor.notifiers.slack.escaping import code
from monitor.notifiers.slack.kit import Json

LINE: Final = 360
RULES: Final = 600
SHOWN: Final = 10


def heading(digest: Digest) -> str:
    """How much there is beside what was told one by one."""
    return f"🌊 STORM · {digest.incidents:,} more incident{'s' if digest.incidents != 1 else ''}, told together"


def storm(digest: Digest) -> list[Json]:
    """The blocks of a digest: how many of which level and rule, the worst by name, and where the others are."""
    levels = " · ".join(f"{LEVELS[level]} {count:,} {level}" for level, count in digest.levels)
    span = f" in {length(digest.until - digest.since)}" if digest.until > digest.since else ""
    stamp = int(digest.since.timestamp())
    since = f"<!date^{stamp}^{{date_short_pretty}} {{time}}|{digest.since:%Y-%m-%d %H:%M} UTC>"
    rules = ", ".join(f"{rule} {count:,}" for rule, count in digest.rules)
    return [
        kit.header(heading(digest)),
        kit.marked(
            f"*{levels}*\n{digest.findings:,} finding{'s' if digest.findings != 1 else ''}{span}, since {since}"
        ),
        kit.lines([f"{LEVELS[one.level]} {one.headline} · {one.incident}" for one in digest.worst[:SHOWN]], LINE),
        kit.context(f"by rule {code(rules, RULES)}"),
        kit.context(
            "They speak again only if they become worse. All of them: `mintwatch incidents list`,"
            " one of them: `mintwatch explain ID`"
        ),
    ]
