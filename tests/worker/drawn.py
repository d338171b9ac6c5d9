"""Tenants and schedules as hypothesis draws them: few numbers, many events, so that a failure shrinks well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import strategies as st

from monitor.clock import BIN, ceil
from monitor.model import Window
from monitor.testing.sources import Event, ScriptedSource
from tests.worker.scripts import DAY, HOUR, MINUTE, NOON

OVERLAP = 15 * MINUTE
"""Of every source; no row shows later than this after it arrived."""
CHORUS = 12
"""Identities that do the same every hour: without them nothing is rare."""
WAYS = ("failures", "tokens", "addresses", "expired", "country")


@dataclass(frozen=True, slots=True)
class Habit:
    """One token every `beat`, each `late` after it happened; every `copied`-th comes twice, `apart` later (0: none)."""

    beat: timedelta
    late: timedelta
    copied: int
    apart: timedelta


@dataclass(frozen=True, slots=True)
class Mischief:
    """`count` events of one identity, `pace` apart, from `at` on, each `late`, and shown `hidden` after it arrived."""

    way: str
    who: int
    at: datetime
    count: int
    pace: timedelta
    late: timedelta
    hidden: timedelta


@dataclass(frozen=True, slots=True)
class Stuck:
    """A stretch of one table that arrives only at its end, or never where `lost`."""

    source: int
    window: Window
    lost: bool


@dataclass(frozen=True, slots=True)
class Tenant:
    """Identities of several sources, what they did beside their habits, and where tables were stuck."""

    days: int
    habits: tuple[tuple[Habit, ...], ...]
    mischief: tuple[Mischief, ...]
    stuck: tuple[Stuck, ...] = ()

    def sources(self) -> tuple[ScriptedSource, ...]:
        """A fresh source for each tuple of habits; all of them tell of sign-ins."""
        return tuple(
            ScriptedSource(name=f"table-{place}", events=list(self._events(place)), overlap=OVERLAP, step=DAY)
            for place in range(len(self.habits))
        )

    @property
    def end(self) -> datetime:
        """When everything has arrived, shown and settled, and every incident had its two quiet hours."""
        shown = (one.visible or one.arrived for source in self.sources() for one in source.events)
        return ceil(max(shown) + 6 * HOUR, BIN)

    def _events(self, source: int) -> Iterator[Event]:
        stuck = [one for one in self.stuck if one.source == source]
        for who, habit in self._who(source):
            own = [one for one in self.mischief if one.who == who]
            for event in (*_steady(who, habit, self.days), *(event for each in own for event in _acts(each))):
                held = next((one for one in stuck if event.at in one.window), None)
                if held is None:
                    yield event
                elif not held.lost:
                    yield replace(event, arrived=max(event.arrived, held.window.end), visible=None)

    def _who(self, source: int) -> Iterator[tuple[int, Habit]]:
        """The source's identities by number: those drawn count from 0 through all sources, the chorus from 1000."""
        start = sum(len(habits) for habits in self.habits[:source])
        yield from enumerate(self.habits[source], start)
        chorus = Habit(HOUR, 3 * MINUTE, 0, 0 * MINUTE)
        yield from ((1000 + n, chorus) for n in range(source, CHORUS, len(self.habits)))


def _steady(who: int, habit: Habit, days: int) -> Iterator[Event]:
    for number in range(days * DAY // habit.beat):
        at = NOON + number * habit.beat
        event = Event(f"{who}/{number}", at, at + habit.late, None, f"entra:{who}", ip=f"20.0.{who}.1")
        yield event
        if habit.copied and number % habit.copied == 0:
            yield replace(event, arrived=event.arrived + habit.apart, country="")


def _acts(one: Mischief) -> Iterator[Event]:
    for number in range(one.count):
        at = one.at + number * one.pace
        event = Event(f"{one}/{number}", at, at + one.late, at + one.late + one.hidden, f"entra:{one.who}")
        match one.way:
            case "failures":
                yield replace(event, outcome="failed", code="7000215", ip="66.1.1.1")
            case "addresses":
                yield replace(event, ip=f"77.0.{one.who}.{number}")
            case "expired":
                yield replace(event, outcome="failed", code="7000222")
            case "country":
                yield replace(event, country="KP")
            case _:
                yield event


# --- what is drawn ---------------------------------------------------------------------------------------------------

_minutes = st.integers(0, 90).map(lambda n: n * MINUTE)
_lateness = st.one_of(
    st.integers(0, 10).map(lambda n: n * MINUTE), st.integers(0, 30).map(lambda n: n * HOUR + 2 * MINUTE)
)
_habits = st.builds(
    Habit,
    beat=st.sampled_from((20, 30, 45, 240)).map(lambda n: n * MINUTE),
    late=st.integers(0, 40).map(lambda n: n * MINUTE),
    copied=st.sampled_from((0, 3, 7)),
    apart=_minutes,
)


def moments(days: int, first: float = 0.0) -> st.SearchStrategy[datetime]:
    """Minutes of the tenant's days, and more often those around its midnights."""
    midnights = st.integers(1, days).map(lambda day: NOON - 12 * HOUR + day * DAY)
    near = st.builds(lambda at, minutes: at + minutes * MINUTE, midnights, st.integers(-20, 20))
    anywhere = st.integers(int(first * 24 * 60), days * 24 * 60).map(lambda minute: NOON + minute * MINUTE)
    return st.one_of(anywhere, near)


def mischief(days: int, identities: int) -> st.SearchStrategy[Mischief]:
    """Mostly after the first day, before which no rule has any history."""
    return st.builds(
        Mischief,
        way=st.sampled_from(WAYS),
        who=st.integers(0, identities - 1),
        at=moments(days, 1.0),
        count=st.integers(2, 30),
        pace=st.sampled_from((7, 60, 400, 1500)).map(lambda seconds: timedelta(seconds=seconds)),
        late=_lateness,
        hidden=st.integers(0, OVERLAP // MINUTE).map(lambda n: n * MINUTE),
    )


@st.composite
def tenants(draw: st.DrawFn) -> Tenant:
    """One or two sources of one to three identities, over two or three days."""
    days = draw(st.integers(2, 3))
    habits = draw(st.lists(st.lists(_habits, min_size=1, max_size=2).map(tuple), min_size=1, max_size=2))
    acts = draw(st.lists(mischief(days, sum(map(len, habits))), min_size=1, max_size=6))
    stuck = st.builds(
        Stuck,
        source=st.integers(0, len(habits) - 1),
        window=st.builds(lambda start, hours: Window(start, start + hours * HOUR), moments(days), st.integers(1, 14)),
        lost=st.booleans(),
    )
    return Tenant(days, tuple(habits), tuple(acts), tuple(draw(st.lists(stuck, max_size=2))))


def schedules(tenant: Tenant, most: int) -> st.SearchStrategy[list[datetime]]:
    """Up to `most` ticks in order, at any 5 minutes, between one on the first day and one when all is over.

    Most of them are close upon the arrival of some mischief. A daemon that starts later than on the first day would not
    judge the days before yesterday at all.
    """
    last = int((tenant.end - NOON) / BIN)
    close = st.builds(
        lambda act, late: min(last, (act.at + act.count * act.pace + act.late - NOON) // BIN + late),
        st.sampled_from(tenant.mischief),
        st.integers(0, 4),
    )
    return st.lists(st.one_of(close, close, st.integers(13, last)), max_size=most).map(
        lambda drawn: sorted({NOON + HOUR, *(NOON + number * BIN for number in drawn), tenant.end})
    )
