"""What a daily digest counts: what was seen of each source, what was found, told and judged, and what was wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from monitor import __version__
from monitor.clock import BIN, DAY
from monitor.coverage import OPEN, Hearing, aware
from monitor.model import DigestLine, Gap, HealthEvent, Incident, State, Trouble, Window
from monitor.notify import Account, Covered, Stretch, digest_line
from monitor.notify.daily import worst_first
from monitor.rules import HEALTH
from monitor.worker import canary
from monitor.worker.app import App, RuleReport
from monitor.worker.deciding import silences

BEHIND: Final = timedelta(hours=1)
"""From when on it counts as not seen what was not collected yet."""
LONG: Final = timedelta(minutes=30)
"""A trouble that passed sooner is nobody's business."""
LATE: Final = timedelta(minutes=15)
"""A message that has waited for less is on its way."""
APART: Final = timedelta(hours=1)
"""The same trouble is another one if nothing was said of it for longer."""
SPEAKING: Final = 20
"""Among how many findings, the strongest, an incident's headline is looked for."""
WORDS: Final[Mapping[tuple[str, str], str]] = {
    ("collect", "failed"): "could not be read",
    ("collect", "silent"): "is silent",
    ("collect", "stale"): "tells of long ago only",
    ("notify", "failed"): "could not be told",
    ("judge", "failed"): "could not be judged",
    ("store", "full"): "could not be written (disk full)",
    ("store", "readonly"): "could not be written (read-only)",
    ("store", "failing"): "could not be written (disk failing)",
    ("clock", "back"): "lost track of time (clock set back)",
    ("clock", "forward"): "lost track of time (clock set forward)",
    ("config", "refused"): "did not take over a changed configuration",
}
"""What is said of whom the journal names, by action and outcome."""
ELSEWHERE: Final = frozenset(
    {
        ("collect", "gap"),
        ("collect", "shrunk"),
        (canary.ACTION, "sent"),
        (canary.ACTION, "lost"),
        ("store", "restored"),
    }
)
"""What the list of gaps and the line of the canary say better, and what is no fault."""
GAPS: Final[Mapping[str, str]] = {
    "left out": "was not read",
    "too large": "was too large to be read",
    "shrunk": "lost rows it had",
}
_EVENTS: Final = f'facts\n| where at >= since and at < until and stream != "{HEALTH}"\n| summarize events = sum(events)'


@dataclass(frozen=True, slots=True)
class Moment:
    """Whose digest it is: its id and day, when it was due, when it is made, and which days before had none."""

    id: str
    day: date
    due: datetime
    now: datetime
    skipped: tuple[date, ...] = ()

    @property
    def window(self) -> Window:
        """The 24 hours it is about."""
        return Window(self.now - DAY, self.now)


def account(app: App, moment: Moment, rules: Sequence[RuleReport], hearing: Mapping[str, Hearing]) -> Account:
    """Everything counted that a digest says, after a judgement: what `rules` did, and how sources were heard."""
    store, window = app.store, moment.window
    unknown = not hearing and any(one.error for one in rules)
    sources = [one.name for one in app.sources if one.stream != HEALTH]
    watched = {one.name for one in app.sources}
    troubles = {one.source: one for one in store.troubles() if one.source in watched}
    gaps = store.gaps()
    covered = None if unknown else [_covered(app, one, hearing.get(one), troubles, window) for one in sources]
    incidents, untold = _told(app, window)
    flies, bird = canary.expected(app), canary.newest(store)
    return Account(
        id=moment.id,
        day=moment.day,
        since=window.start,
        at=window.end,
        due=moment.due,
        version=__version__,
        sources=covered,
        stretches=tuple(_stretches(app, hearing, troubles, gaps, window)),
        rules=len(app.rules),
        failing=tuple((one.name, one.error) for one in rules if one.error),
        judged=sum(one.judged for one in rules),
        unjudged=sum(one.unjudged for one in rules),
        identities=store.known_identities(),
        events=_events(app, window),
        told=incidents,
        untold=untold,
        open=worst_first(_open(app)),
        silences=sum(one.active(window.end) for one in silences(app, window.end)),
        late=tuple((who, many, since) for who, (many, since) in store.late(window.end - LATE).items()),
        lost=store.lost(window.start),
        canary=flies,
        sent=bird.sent if bird else None,
        took=bird.took if bird else None,
        missing=flies and bird is not None and bird.lost(window.end),
        skipped=moment.skipped,
    )


def _told(app: App, window: Window) -> tuple[tuple[Incident, ...], int]:
    """Incidents that people heard of anew in the window, and how many were found in it that nobody ever heard of."""
    store = app.store
    opened = {one.incident for one in store.openings(window.start) if one.at <= window.end}
    found = [one for one in store.recent(window.start) if one.last_at >= window.start and one.rules != (canary.RULE,)]
    heard = {one.incident for one in store.said(each.id for each in found)}
    return tuple(store.these(sorted(opened))), sum(one.id not in heard for one in found)


def _open(app: App) -> list[DigestLine]:
    """What somebody was told of and nobody has acknowledged, however old."""
    store, rules = app.store, {rule.id: rule for rule in app.rules}
    found = store.incidents(State.OPEN)
    heard = {one.incident for one in store.said(each.id for each in found)}
    left = [one for one in found if one.id in heard]
    names = store.names([one.subject.removeprefix("identity:") for one in left])
    return [digest_line(one, store.strongest(one.id, SPEAKING, one.reopened_at), rules, names) for one in left]


def _events(app: App, window: Window) -> int:
    with app.store.reading():
        if not (live := app.store.live()):
            return 0
        values = {"since": window.start, "until": window.end}
        (row,) = app.engine.run(_EVENTS, {"facts": live}, values).to_pylist()
        return int(row["events"] or 0)


def _covered(app: App, source: str, heard: Hearing | None, troubles: Mapping[str, Trouble], window: Window) -> Covered:
    """How much of the window was seen: from its first row ever on, less gaps, holes, and what is not read yet."""
    first = next(iter(heard.covered(window.end)), None) if heard else None
    if heard is None or first is None or first.start >= window.end:
        return Covered(source)
    due = Window(max(window.start, first.start), window.end)
    blind = [one.window for one in heard.gaps if one.noted_at <= window.end]
    blind += [one for one, _ in _holes(heard, window.end)]
    blind += [Window(one.since, window.end) for one in (troubles.get(source),) if one and one.since < window.end]
    if behind := _behind(app, source, window.end):
        blind.append(behind)
    return Covered(source, due.length, sum((one.length for one in due.without(blind)), timedelta(0)))


def _holes(heard: Hearing, now: datetime) -> Iterator[tuple[Window, bool]]:
    """Stretches that were not covered, gaps among them, and whether each goes on."""
    for start, end in heard.holes(now):
        until = now if end == OPEN else aware(end)
        if aware(start) < until:
            yield Window(aware(start), until), end == OPEN


def _behind(app: App, source: str, now: datetime) -> Window | None:
    """What is not collected yet, if it is more than a round or two."""
    upto = app.store.watermark(source)
    return Window(upto, now) if upto and now - upto > BEHIND else None


def _stretches(
    app: App, hearing: Mapping[str, Hearing], troubles: Mapping[str, Trouble], gaps: Sequence[Gap], window: Window
) -> Iterator[Stretch]:
    """What was wrong in the window, and what still is; of one source and one time, the one that says most."""
    now = window.end
    yield from (Stretch(one.source, "cannot be read", one.since, None, one.error) for one in troubles.values())
    for gap in gaps:
        if gap.window.overlaps(window) or gap.noted_at in window:
            yield Stretch(gap.source, GAPS[gap.kind], gap.window.start, gap.window.end, gap.reason)
    written = list(_written(app.store.events(window), troubles, now))
    yield from written
    for name, heard in hearing.items():
        if heard.ours or name in troubles:
            continue
        known = [one.window for one in gaps if one.source == name]
        known += [Window(one.since, one.until or now) for one in written if one.part == name]
        for hole, lasts in _holes(heard, now):
            for left in hole.without(known) if hole.overlaps(window) else ():
                yield Stretch(name, "had no rows", left.start, None if lasts and left.end == now else left.end)
        if (behind := _behind(app, name, now)) and not any(one.part == name for one in written):
            yield Stretch(name, "is not read further", behind.start)


def _written(events: Sequence[HealthEvent], troubles: Mapping[str, Trouble], now: datetime) -> Iterator[Stretch]:
    """Runs of the same thing in the journal, each from its first to its last moment."""
    runs: dict[tuple[str, str, str], list[list[HealthEvent]]] = {}
    for one in events:
        if (one.action, one.outcome) in ELSEWHERE:
            continue
        mine = runs.setdefault((one.source, one.action, one.outcome), [])
        if mine and one.at - mine[-1][-1].at <= APART:
            mine[-1].append(one)
        else:
            mine.append([one])
    for (source, action, outcome), found in runs.items():
        what = WORDS.get((action, outcome), f"{action} {outcome}")
        for run in found:
            since, until = _since(run[0]), run[-1].at + BIN
            if outcome == "failed" and (until - since < LONG or (action == "collect" and source in troubles)):
                continue
            lasts = outcome in {"silent", "stale"} and until >= now - BIN
            part = f"rule {source}" if action == "judge" else source
            yield Stretch(part, what, since, None if lasts else until)


def _since(event: HealthEvent) -> datetime:
    """Since when it was so: when it was written down, unless it says itself."""
    try:
        said = datetime.fromisoformat(event.code)
    except ValueError:
        return event.at
    return said if said.tzinfo and said < event.at else event.at
