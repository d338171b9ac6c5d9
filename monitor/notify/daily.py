"""The daily digest in words: whether mintwatch sees everything, what it saw, and first of all what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import floor
from typing import Final

from monitor.clock import length
from monitor.model import Daily, DigestLine, Incident, Level

OPEN: Final = 5
"""How many incidents that nobody has are named."""
WRONG: Final = 12
"""How many lines say what is wrong; of the rest it is said how many there are."""
NAMED: Final = 3
"""How many of anything are named in one line."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Something that was wrong with a part for a while: since when, until when (None: it still is), and why."""

    part: str
    what: str
    since: datetime
    until: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Covered:
    """How much of a source's time was seen, of what there was to see. One that never had a row has none."""

    source: str
    due: timedelta = timedelta(0)
    seen: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Account:
    """What was counted for one daily digest; docs/howto/daily.md says how.

    `sources` is None where nobody could say, because the facts could not be read. `took` is how long the newest canary
    took to come through, None if it has not; `sent` when it was sent, None where there is none.
    """

    id: str
    day: date
    since: datetime
    at: datetime
    due: datetime
    version: str
    sources: Sequence[Covered] | None = ()
    stretches: Sequence[Stretch] = ()
    rules: int = 0
    failing: Sequence[tuple[str, str]] = ()
    judged: int = 0
    unjudged: int = 0
    identities: int = 0
    events: int = 0
    told: Sequence[Incident] = ()
    untold: int = 0
    open: Sequence[DigestLine] = ()
    silences: int = 0
    late: Sequence[tuple[str, int, datetime]] = ()
    lost: int = 0
    canary: bool = True
    sent: datetime | None = None
    took: timedelta | None = None
    missing: bool = False
    skipped: Sequence[date] = ()


def accounted(account: Account) -> Daily:
    """The message for a day."""
    wrong = list(_wrong(account))
    left = len(wrong) - WRONG
    more = [f"and {left:,} more"] if left > 0 else []
    return Daily(
        id=account.id,
        day=f"{account.day:%A %Y-%m-%d}",
        since=account.since,
        at=account.at,
        well=not wrong,
        verdict=_verdict(account, wrong),
        wrong=(*(f"{what}: {why}" if why else what for what, why in wrong[:WRONG]), *more),
        facts=tuple(_facts(account)),
        open=tuple(account.open[:OPEN]),
        more=max(len(account.open) - OPEN, 0),
        notes=tuple(_notes(account)),
    )


def percent(seen: timedelta, due: timedelta) -> str:
    """A share in per cent that never rounds a gap away.

    >>> hour = timedelta(hours=1)
    >>> percent(24 * hour, 24 * hour), percent(1000 * hour - hour / 100, 1000 * hour), percent(hour, 24 * hour)
    ('100 %', '99.9 %', '4.1 %')
    """
    return "100 %" if seen >= due else f"{floor(1000 * (seen / due)) / 10:.1f} %"


def _verdict(account: Account, wrong: Sequence[tuple[str, str]]) -> str:
    numbers = [_healthy(account), f"{_many(account.identities, 'identity', 'identities')} watched"]
    numbers += [_many(len(account.told), "incident"), f"coverage {_coverage(account)}"]
    first = [] if not wrong else [wrong[0][0] + (f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else "")]
    return "; ".join([*first, ", ".join(numbers)])


def _healthy(account: Account) -> str:
    """How many sources are; those that never had a row are none."""
    if account.sources is None:
        return "health of the sources unknown"
    spoke = [one.source for one in account.sources if one.due]
    ill = {one.part for one in account.stretches if one.until is None} & set(spoke)
    well = len(spoke) - len(ill)
    return f"{well} of {_many(len(spoke), 'source')} healthy" if ill else f"{_many(well, 'source')} healthy"


def _coverage(account: Account) -> str:
    spoke = [one for one in account.sources or () if one.due]
    if not spoke:
        return "unknown"
    return percent(sum((one.seen for one in spoke), timedelta(0)), sum((one.due for one in spoke), timedelta(0)))


def _wrong(account: Account) -> Iterator[tuple[str, str]]:
    """(what, why) of everything that is wrong with mintwatch itself, the worst first: what blinds it now, and so on."""
    if account.failing and len(account.failing) >= account.rules:
        yield "Nothing is judged", account.failing[0][1]
    elif account.sources is not None and not any(one.due for one in account.sources):
        yield "No source has ever had a row", ""
    now = [one for one in account.stretches if one.until is None]
    for one in sorted(now, key=lambda one: (one.since, one.part)):
        yield f"{one.part} {one.what} since {_time(one.since)}", one.why
    if account.missing and account.sent:
        yield f"The canary of {_time(account.sent)} did not come through", "see the runbook of rule canary-lost"
    if account.failing and len(account.failing) < account.rules:
        for rule, error in account.failing:
            yield f"Rule {rule} fails", error
    for notifier, many, oldest in account.late:
        yield f"{notifier} cannot be told, {_many(many, 'message')} since {_time(oldest)}", ""
    if account.lost:
        yield f"{_many(account.lost, 'message')} given up: who should have been told was not", ""
    over = [(one, one.until) for one in account.stretches if one.until is not None]
    for one, until in sorted(over, key=lambda pair: (pair[0].since, pair[0].part)):
        yield f"{one.part} {one.what} from {_time(one.since)} to {_time(until)}", one.why


def _facts(account: Account) -> Iterator[tuple[str, str]]:
    levels = Counter(one.level for one in account.told)
    said = ", ".join(f"{levels[level]:,} {level}" for level in reversed(Level) if levels[level])
    yield "Incidents", f"{len(account.told):,}{f': {said}' if said else ''}"
    yield "Open, nobody has them", f"{len(account.open):,}"
    yield "Found, not told", f"{account.untold:,}"
    yield "Coverage", _covered(account)
    yield "Log rows read", f"{account.events:,}"
    failing = f", {len(account.failing):,} fail" if account.failing else ""
    yield "Groups judged", f"{account.judged:,}, {account.unjudged:,} not yet known well enough"
    yield "Rules", f"{account.rules:,}{failing}"
    yield "Silences in force", f"{account.silences:,}"
    waiting = sum(many for _, many, _ in account.late)
    yield "Messages", f"{waiting:,} late, {account.lost:,} lost"
    yield "Canary", _canary(account)


def _covered(account: Account) -> str:
    """The whole, and the sources of which least was seen."""
    part = [one for one in account.sources or () if one.seen < one.due]
    worst = sorted(part, key=lambda one: (one.seen / one.due, one.source))
    least = ", ".join(f"{one.source} {percent(one.seen, one.due)}" for one in worst[:NAMED])
    more = f" and {len(worst) - NAMED} more" if len(worst) > NAMED else ""
    return f"{_coverage(account)}{f'; {least}{more}' if least else ''}"


def _canary(account: Account) -> str:
    if not account.canary:
        return "switched off"
    if account.sent is None:
        return "none was sent yet"
    if account.took is not None:
        return f"came through in {length(account.took)}"
    return "did not come through" if account.missing else f"on its way since {_time(account.sent)}"


def _notes(account: Account) -> Iterator[str]:
    if account.skipped:
        days = [f"{one:%m-%d}" for one in account.skipped[-NAMED:]]
        more = f"{len(account.skipped) - NAMED} earlier days, " if len(account.skipped) > NAMED else ""
        yield f"No digest was sent on {more}{', '.join(days)}: mintwatch was not running, or could not judge"
    if account.at - account.due >= timedelta(minutes=30):
        yield f"Late: it was due at {_time(account.due)}"
    if silent := [one.source for one in account.sources or () if not one.due]:
        more = f" and {len(silent) - NAMED} more" if len(silent) > NAMED else ""
        yield f"Never had a row: {', '.join(silent[:NAMED])}{more}"
    yield f"24 hours up to {account.at:%Y-%m-%d %H:%M} UTC · mintwatch {account.version}"


def _many(number: int, noun: str, several: str = "") -> str:
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"


def _time(at: datetime) -> str:
    return f"{at:%m-%d %H:%M} UTC"


def worst_first(lines: Iterable[DigestLine]) -> list[DigestLine]:
    """Incidents in the order in which a person should look at them."""
    return sorted(lines, key=lambda one: (-one.level.rank, -one.surprise, one.incident))
