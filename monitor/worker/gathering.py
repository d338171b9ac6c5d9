"""Gather: what arrived at one source since the watermark, slice by slice, into facts that are live."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from monitor.clock import BIN, DAY, iso
from monitor.collect import Found, Slice, collect, compare, fetched, rows, slices, widen
from monitor.during import during
from monitor.errors import AbsentError, StateError, StoppedError
from monitor.model import Gap, GapKind, HealthEvent, Window
from monitor.ports import Counts, Fetched, LogSource, Remote
from monitor.rules import HEALTH
from monitor.store import Store, Written
from monitor.worker.app import App, SourceReport
from monitor.worker.guard import guarded, told
from monitor.worker.health import NAME, note_untold

log = logging.getLogger("mintwatch.worker")

RETRIED = 7 * DAY
"""For how long beyond the bound a window is tried again that did not fit."""
AHEAD = "ahead"
"""The mark, by source, that says how far a watermark was ahead when the clock went back."""
GONE, GONE_SHARE = 10, 0.1
"""From how many rows, and from what share of a window's, rows are called gone."""


def gather(app: App, source: LogSource, as_of: datetime, *, whole: bool = False) -> SourceReport:
    """Fetch the source's changed windows, put them on disk, and make those of a slice live in one switch.

    Whatever fails leaves the watermark where the last whole slice put it. With `whole`, `as_of` may be far in the
    future: the watermark goes no further than the newest arrival.
    """
    if source.stream == HEALTH and not whole:
        guarded("notifiers", lambda: note_untold(app, as_of), lambda _: None)
    gathering = Gathering(app.store, source, as_of, whole)

    def work() -> SourceReport:
        try:
            _through(app, gathering)
        except AbsentError as error:
            if app.store.watermark(source.name) is not None:  # it was there once
                raise
            gathering.absent = str(error)
        app.store.recovered(source.name)
        if isinstance(source, Remote):
            app.store.note_tables(source.name, source.seen_tables)
        return gathering.report()

    def failed(error: Exception) -> SourceReport:
        if isinstance(error, StoppedError):  # nothing is wrong with the source: whoever comes next asks it again
            return gathering.report(told(error))
        try:
            app.store.failed(source.name, as_of, told(error), type(error).__name__)
        except StateError as also:  # nothing can be written, which is said once it can
            log.error("not written down", extra={"part": source.name, "error": str(also)})
        return gathering.report(told(error))

    with during({"source": source.name, "round": iso(as_of)}):
        return guarded(source.name, work, failed)


def _through(app: App, gathering: Gathering) -> None:
    """All slices there are, oldest first, then the comparison if it is due."""
    name, store = gathering.source.name, app.store
    if not gathering.whole:
        store.note_begun(name, gathering.as_of)
    watermark = app.store.watermark(name)
    if watermark is not None and watermark > gathering.as_of and not gathering.whole:
        watermark = gathering.turn_back(watermark)
    parts, left_out = slices(watermark, gathering.as_of, app.backlog(name), store.begun(name))
    if left_out is not None:
        gathering.leave_out(left_out)
    for place, part in enumerate(parts):
        if len(parts) > 1:
            app.progress(f"reading {name}", place / len(parts))
        gathering.take(part)
    every = app.backlog(name).compare
    if not gathering.whole and every is not None and gathering.due(every):
        gathering.compare()
    if not gathering.whole:
        gathering.compact()


@dataclass(slots=True)
class Gathering:
    """One source in one tick, and what became of it so far."""

    store: Store
    source: LogSource
    as_of: datetime
    whole: bool
    absent: str = ""
    windows: int = 0
    facts: int = 0
    missed: int = 0
    strays: int = 0
    counts: Counts = field(default_factory=Counts)
    gaps: dict[Window, Gap] = field(default_factory=dict)
    shrunk: list[Window] = field(default_factory=list)
    hurried: bool = False
    lags: Counter[timedelta] = field(default_factory=Counter)

    def leave_out(self, stretch: Window) -> None:
        """Keep that arrivals of this stretch will not be looked for: it was down for longer than the cap."""
        reason = f"arrivals of {iso(stretch.start)} to {iso(stretch.end)} left out: down for too long"
        self._gap(stretch, reason, "left out")

    def take(self, part: Slice) -> None:
        """Collect one slice of arrivals and move the watermark to its end."""
        name = self.source.name
        since, live = self.store.watermark(name), self.store.windows(name)
        # a clock that was ahead did not see what came since
        live = {window: min(at, self.as_of) for window, at in live.items()}
        found = collect(self.source, part, live, self.asked_at, whole=self.whole)
        with self.store.staged() as written:
            newest = self._write(found, written, self.store.window_counts(name), part=part)
            arrived = [at for at in (since, newest) if at]
            if self.whole and not arrived:
                return
            self._switch(written, min(self.as_of, max(arrived)) if self.whole else part.until)

    def turn_back(self, watermark: datetime) -> datetime:
        """From where to look, when the watermark lies in the future: the clock was ahead then, or is behind now.

        If it was ahead, arrivals since then may be missed: everything inside the lateness bound is compared at once. If
        it is behind, rows arrived that it has yet to come to: they must not vanish from what was fetched before.
        """
        self.hurried = True
        ahead = {"part": self.source.name, "watermark": iso(watermark), "as_of": iso(self.as_of)}
        log.warning("the clock went back", extra=ahead)
        self.store.note_mark(f"{AHEAD}.{self.source.name}", iso(watermark))
        self.store.note([HealthEvent(self.as_of - BIN, "clock", NAME, "back", "")])
        return self.as_of

    @property
    def asked_at(self) -> datetime:
        """Up to when rows may have arrived that are fetched: now, or what was now before the clock went back."""
        mark = self.store.mark(f"{AHEAD}.{self.source.name}")
        return max(self.as_of, min(datetime.fromisoformat(mark), self.as_of + DAY)) if mark else self.as_of

    def due(self, every: timedelta) -> bool:
        """Whether a comparison is due: `every` so often, first so long after the first collection; at once if hurried.

        It is if the clock went back, or if there are gaps where facts were damaged since the last one.
        """
        last = self.store.compared(self.source.name)
        if last is None:
            self.store.note_compared(self.source.name, self.as_of)
        gaps = (one for one in self.store.gaps() if one.source == self.source.name and one.kind == "damaged")
        hurried = self.hurried or (last is not None and any(one.noted_at >= last for one in gaps))
        return last is not None and (self.as_of - last >= every or hurried)

    def compare(self) -> None:
        """Fetch again the windows whose counts differ from what the source would count now, and what was too large."""
        name = self.source.name
        before = self.store.window_counts(name)
        gaps = [one for one in self.store.gaps() if one.source == name]
        comparison = compare(self.source, before, [one.window for one in gaps], self.asked_at)
        again = widen([*comparison.differ, *(one for one in self._tried_again(gaps) if one not in before)], before)
        held = self.counts
        with self.store.staged() as written:
            self._write(fetched(self.source, again, self.asked_at), written, before, same=True)
            self._switch(written, None)
        was = sum((before[one.window] for one in written if one.window in before), Counts())
        self.missed = max(0, self.counts.read - held.read - was.read)
        # what is there now is all there is, whatever was left out when it arrived
        self.store.mended(name, [left for one in comparison.counted for left in one.without(self.gaps)])
        if isinstance(self.source, Remote):
            self.strays = self.source.strays(self.store.compared(name) or self.as_of, self.as_of)
        self.store.note_compared(name, self.as_of)

    def _tried_again(self, gaps: Iterable[Gap]) -> list[Window]:
        """What did not fit, beyond what is compared, and what our disk lost: it may be answered, but not for ever."""
        bound = self.as_of - self.source.bound
        return [
            one.window
            for one in gaps
            if (one.kind == "too large" and bound - RETRIED < one.window.end <= bound and one.window.length <= DAY)
            or (one.kind == "damaged" and self.as_of - one.noted_at < RETRIED)
        ]

    def compact(self) -> None:
        """Put days together that no row comes to any more: a tick opens a file per source and day, not per window."""
        for day in self.store.compact(self.source.name, self.as_of - self.source.bound):
            said = {"part": self.source.name, "start": iso(day.start), "end": iso(day.end)}
            log.info("compacted", extra=said)

    def _switch(self, written: Sequence[Written], watermark: datetime | None) -> None:
        """Make the files live; gaps are kept before that, so that no watermark passes one unseen."""
        whole = [one.window for one in written]
        for window in whole:
            self.gaps.pop(window, None)
        self.store.note_gaps(self.gaps.values())
        self.store.switch(self.source.name, written, watermark)
        self.store.mended(self.source.name, whole)

    def _write(
        self,
        found: Iterable[Found],
        written: list[Written],
        before: Mapping[Window, Counts],
        *,
        same: bool = False,
        part: Slice | None = None,
    ) -> datetime | None:
        """Put each window on disk; just past the newest arrival in them, if there are any.

        One that has lost rows since is left as it was, and said; so is, if `same`, one that counts as it did. What
        arrived within `part` is new.
        """
        newest = None
        for window, answer in found:
            old = sum((counts for one, counts in before.items() if window.overlaps(one)), Counts())
            if not isinstance(answer, Fetched):
                self._gap(window, str(answer), "too large")
            elif shrunk(old, answer.counts):
                self.shrunk.append(window)
                lost = rows(old)[0] - rows(answer.counts)[0]
                self._gap(window, f"{lost:,} rows are gone that were read; what was read is kept as it was", "shrunk")
            elif not answer.counts.read and window not in before:
                continue  # an old gap whose rows are forgotten by now
            elif not (same and window in before and rows(before[window]) == rows(answer.counts)):
                arrived = _arrived(window, answer)
                as_of = min(self.as_of, arrived) if self.whole else self.as_of
                written.append(self.store.write(self.source.name, window, answer, as_of))
                self.windows += 1
                self.facts += answer.facts.num_rows
                if part is not None and not self.whole:
                    self.lags.update(_lags(answer, part))
                self.counts += answer.counts
                newest = max(filter(None, [newest, arrived]))
        return newest

    def _gap(self, window: Window, reason: str, kind: GapKind) -> None:
        self.gaps[window] = Gap(self.source.name, window, reason, self.as_of, kind)

    def report(self, error: str = "") -> SourceReport:
        """What became of the source, and its error if it failed."""
        return SourceReport(
            self.source.name,
            self.windows,
            self.counts,
            self.facts,
            error,
            absent=self.absent,
            missed=self.missed,
            strays=self.strays,
            shrunk=tuple(self.shrunk),
            gaps=tuple(self.gaps.values()),
            lags=self.lags,
        )


def shrunk(before: Counts, after: Counts) -> bool:
    """Whether rows of a window are gone that were there.

    A few may have moved to the next window, when a copy that came first is found there; logs lose none by themselves.

    >>> shrunk(Counts(read=400), Counts(read=397)), shrunk(Counts(read=400), Counts(read=40))
    (False, True)
    """
    lost = before.read - before.ignored - (after.read - after.ignored)
    return lost >= GONE and lost > GONE_SHARE * before.read


def _lags(fetched: Fetched, part: Slice) -> dict[timedelta, int]:
    """How long after they happened the events arrived that arrived within the slice; of other rounds are the others."""
    facts = fetched.facts.select(["seen_at", "at", "events"])
    facts = facts.filter(pc.less(facts["seen_at"], part.until))
    if part.since is not None:
        facts = facts.filter(pc.greater_equal(facts["seen_at"], part.since))
    late = pa.table({"late": pc.subtract(facts["seen_at"], facts["at"]), "events": facts["events"]})
    totals = late.group_by("late").aggregate([("events", "sum")])
    return dict(zip(totals["late"].to_pylist(), totals["events_sum"].to_pylist(), strict=True))


def _arrived(window: Window, fetched: Fetched) -> datetime:
    """Just past the newest arrival in a window; where nothing was kept of it, its end."""
    newest: datetime | None = pc.max(fetched.facts["seen_at"]).as_py()
    return newest + BIN if newest else window.end
