"""What is measured, how often, and against what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

from bench import clicks, commands, fold, rows, travel

BACKTEST, IDENTITIES, DAYS = 1_000_000, 2_000, 35
FOLD = 10_000_000
CLICKS = 100
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Rows:
    """How much to measure on."""

    backtest: int
    fold: int
    identities: int
    days: int
    clicks: int = CLICKS


@dataclass(frozen=True, slots=True)
class Timing:
    """One contestant: the seconds of each run; of a process measured alone also its processor time and peak memory."""

    name: str
    seconds: tuple[float, ...]
    processor: float = 0.0
    memory: int = 0

    @classmethod
    def of(cls, name: str, runs: Sequence[commands.Spent]) -> Timing:
        """From runs of a command: the median of processor time, the most memory of any."""
        middle = median(one.processor for one in runs)
        return cls(name, tuple(one.seconds for one in runs), middle, max(one.memory for one in runs))

    @property
    def middle(self) -> float:
        """The median of the runs."""
        return median(self.seconds)


@dataclass(frozen=True, slots=True)
class Result:
    """One measurement: what was done, the contestants, how they compare, what is aimed at when unshrunk."""

    title: str
    timings: tuple[Timing, ...]
    aim: str
    note: str = ""
    ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """One number beside what it is compared with."""

    name: str
    count: int
    beside: str
    baseline: int

    @property
    def ratio(self) -> float:
        """The number for each of the baseline."""
        return self.count / self.baseline


@dataclass(frozen=True, slots=True)
class Count:
    """Something counted, not timed: the numbers, what is aimed at."""

    title: str
    numbers: tuple[Counted, ...]
    aim: str


@dataclass(frozen=True, slots=True)
class Waited:
    """How long people waited, in seconds: the median, what 95 of 100 stayed below, the longest."""

    title: str
    waits: tuple[tuple[str, float, float, float], ...]
    aim: str
    note: str


def each(cache: Path, wanted: Rows, runs: int) -> Iterator[Result | Count | Waited]:
    """All measurements, one after the other, on rows made here unless the cache has them; what is counted first."""
    yield _travel()
    yield _questions()
    for condition in clicks.CONDITIONS:
        yield _clicks(condition, wanted.clicks)
    made = rows.world(cache, wanted.backtest, wanted.identities, wanted.days)
    yield _backtest(made, rows.as_ndjson(made, wanted.identities, wanted.days), wanted, runs)
    yield _fold(rows.table(cache, made, wanted.fold), runs)


def _backtest(made: rows.World, text: rows.World, wanted: Rows, runs: int) -> Result:
    parquet, ndjson = in_turn(runs, lambda: commands.backtest(made.folder), lambda: commands.backtest(text.folder))
    return Result(
        f"mintwatch backtest, {made.total:,} rows, {wanted.identities:,} identities, {wanted.days} days, shipped rules",
        (
            Timing.of("Parquet", parquet),
            Timing.of("NDJSON, gzipped", ndjson),
        ),
        aim="Parquet 20 s and 1,000 MB, NDJSON 30 s, on 1,000,000 rows and two cores",
        note="the whole command in a process of its own, from start to exit",
    )


def _fold(table: Path, runs: int) -> Result:
    mine, theirs = in_turn(runs, lambda: fold.ours(table), lambda: fold.by_hand(table))
    alike = "alike" if {one.events for one in mine} == {one.events for one in theirs} else "NOT ALIKE"
    kql = Timing("our KQL through the engine", tuple(one.seconds for one in mine))
    sql = Timing("by hand, DuckDB SQL", tuple(one.seconds for one in theirs))
    return Result(
        f"folding {mine[0].events:,} rows of {rows.TABLE} into facts, duplicates removed",
        (kql, sql),
        aim="at most 2.0 times the hand-written SQL, on 10,000,000 rows",
        note=f"rows counted {alike}; {mine[0].facts:,} facts and {theirs[0].facts:,}; both on {fold.THREADS} threads",
        ratio=kql.middle / sql.middle,
    )


def _travel() -> Count:
    low = travel.collected(travel.LOW.rows())
    busy, more = (travel.collected(travel.BUSY.rows(times)) for times in (1, 10))
    return Count(
        "what travels from a workspace when it is collected",
        (
            Counted("facts of a low-rate tenant", low.facts, "rows", low.rows),
            Counted("facts of a busy tenant", busy.facts, "rows", busy.rows),
            Counted("facts of the same ten times in each bin", more.facts, "facts of it once", busy.facts),
            Counted("bytes answered, the same ten times", more.bytes, "bytes of it once", busy.bytes),
        ),
        aim="1 fact per row at most; ten times the identical traffic within a bin 1.0 of facts, 1.05 of bytes at most",
    )


def _questions() -> Count:
    few, every = (travel.asked(few=few) for few in (True, False))
    return Count(
        f"questions of a tick over {few.sources} sources, after {few.windows} windows changed",
        (
            Counted(f"with {few.rules} rules", few.asked, "allowed: 2 per source, 1 per window", few.most),
            Counted(f"with {every.rules} rules", every.asked, f"with {few.rules} rules", few.asked),
        ),
        aim="1.0 at most, whatever the number of rules",
    )


def _clicks(condition: str, number: int) -> Waited:
    names = {"mintwatch": "mintwatch", "bot": "slack-sdk's own client and chat.update"}
    taken = {name: clicks.measured(name, condition, number) for name in clicks.CONTESTANTS}
    return Waited(
        f"from a click to the changed message, {number:,} clicks, {condition}",
        tuple((names[name], median(one.seconds), one.slow, max(one.seconds)) for name, one in taken.items()),
        aim="a median below 1 s, whatever else goes on",
        note="at a local Slack in the same process; mintwatch asks who it is, keeps the act and composes the message",
    )


One = TypeVar("One")
Other = TypeVar("Other")


def in_turn(runs: int, one: Callable[[], One], other: Callable[[], Other]) -> tuple[Sequence[One], Sequence[Other]]:
    """Both, one after the other, `runs` times, so that what else the machine does falls on both alike."""
    pairs = [(one(), other()) for _ in range(runs)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def lines(result: Result | Count | Waited) -> list[str]:
    """The measurement for a person."""
    if isinstance(result, Waited):
        width = max(len(name) for name, *_ in result.waits)
        said = [
            f"  {name:<{width}}  median {middle:6.3f} s  95 % {slow:6.3f} s  max {longest:6.3f} s"
            for name, middle, slow, longest in result.waits
        ]
        return [result.title, *said, f"  {result.note}", f"  aim: {result.aim}"]
    if isinstance(result, Count):
        width = max(len(one.name) for one in result.numbers)
        told = [
            f"  {one.name:<{width}}  {one.count:>11,}  of {one.baseline:,} {one.beside}: ratio {one.ratio:.3f}"
            for one in result.numbers
        ]
        return [result.title, *told, f"  aim: {result.aim}"]
    width = max(len(one.name) for one in result.timings)
    shown = [result.title]
    for one in result.timings:
        memory = f"  processor {one.processor:.2f} s  peak {one.memory / MB:,.0f} MB" if one.memory else ""
        runs = ", ".join(f"{seconds:.2f}" for seconds in one.seconds)
        shown.append(f"  {one.name:<{width}}  median {one.middle:7.2f} s  of {runs}{memory}")
    if result.ratio is not None:
        shown.append(f"  ratio {result.ratio:.2f}")
    return [*shown, f"  {result.note}", f"  aim: {result.aim}"]


def plain(result: Result | Count | Waited) -> dict[str, object]:
    """The measurement for a machine."""
    if isinstance(result, Waited):
        return asdict(result) | {"medians": {name: middle for name, middle, *_ in result.waits}}
    if isinstance(result, Count):
        return asdict(result) | {"ratios": {one.name: one.ratio for one in result.numbers}}
    return asdict(result) | {"medians": {one.name: one.middle for one in result.timings}}
