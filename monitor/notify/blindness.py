"""Of a source that is not seen: since when, and what is not judged meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from monitor.model import Incident
from monitor.notify.showing import Shown
from monitor.rules import HEALTH, Rule

SINCE: Final = frozenset({"silent", "stale"})
"""Outcomes whose code says when the source was last heard."""
NAMED: Final = 3


def unseen(
    incident: Incident, rules: Mapping[str, Rule], shown: Sequence[Shown], streams: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Label and value; nothing if the incident is not about a source. `streams` is the stream of each source."""
    word, _, source = incident.subject.partition(":")
    stream = streams.get(source, "")
    if word != "source" or not stream or stream == HEALTH:
        return
    last = [at for one in shown for row in one.rows if row.outcome in SINCE and (at := _moment(row.code))]
    if last:
        yield "Last word", f"{max(last):%Y-%m-%d %H:%M} UTC"
    blind = sorted(one.id for one in rules.values() if one.stream == stream)
    if blind:
        more = f" and {len(blind) - NAMED} more" if len(blind) > NAMED else ""
        yield "Not seen meanwhile", f"its part of {stream}, for {', '.join(blind[:NAMED])}{more}"


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None
