"""Gather: what arrived at one source since the watermark, slice by slice, into facts that are live."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pyarrow.compute as pc

from monitor.clock import BIN, iso
from monitor.collect import Found, Slice, collect, compare, fetched, slices, widen
from monitor.errors import AbsentError
from monitor.model import Gap, Window
from monitor.ports import Counts, Fetched, LogSource
from monitor.store import Store, Written
from monitor.worker.app import App, SourceReport
from monitor.worker.guard import guarded, told


def gather(app: App, source: LogSource, as_of: datetime, *, whole: bool = False) -> SourceReport:
    """Fetch the source's changed windows, put them on disk, and make those of a slice live in one switch.

    Whatever fails leaves the watermark where the last whole slice put it. With `whole`, `as_of` may be far in the
    future: the watermark goes no further than the newest arrival.
    """
    gathering = Gathering(app.store, source, as_of, whole)

    def work() -> SourceReport:
        try:
            _through(app, gathering)
        except AbsentError as error:
            if app.store.watermark(source.name) is not None:  # it was there once
                raise
            gathering.absent = str(error)
        app.store.recovered(source.name)
        return gathering.report()

    def failed(error: Exception) -> SourceReport:
        app.store.failed(source.name, as_of, told(error), type(error).__name__)
        return gathering.report(told(error))

    return guarded(source.name, work, failed)


def _through(app: App, gathering: Gathering) -> None:
    """All slices there are, oldest first, then the comparison if it is due."""
    name = gathering.source.name
    parts, left_out = slices(app.store.watermark(name), gathering.as_of, app.backlog(name))
    if left_out is not None:
        gathering.leave_out(left_out)
    for place, part in enumerate(parts):
        if len(parts) > 1:
            app.progress(f"reading {name}", place / len(parts))
        gathering.take(part)
    every = app.backlog(name).compare
    if not gathering.whole and every is not None and gathering.due(every):
        gathering.compare()


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
    earliest: datetime | None = None
    counts: Counts = field(default_factory=Counts)
    gaps: list[Gap] = field(default_factory=list)
    _too_large: list[Window] = field(default_factory=list)

    def leave_out(self, stretch: Window) -> None:
        """Keep that arrivals of this stretch will not be looked for: it was down for longer than the cap."""
        self._gap(stretch, f"arrivals of {iso(stretch.start)} to {iso(stretch.end)} left out: down for too long")

    def take(self, part: Slice) -> None:
        """Collect one slice of arrivals and move the watermark to its end."""
        name = self.source.name
        since, live = self.store.watermark(name), self.store.windows(name)
        found = collect(self.source, part, live, self.as_of, whole=self.whole)
        with self.store.staged() as written:
            newest = self._write(found, written)
            arrived = [at for at in (since, newest) if at]
            if self.whole and not arrived:
                return
            upto = min(self.as_of, max(arrived)) if self.whole else part.until
            self._switch(written, upto)

    def due(self, every: timedelta) -> bool:
        """Whether a comparison is due, `every` so often; the first is so long after the first collection."""
        last = self.store.compared(self.source.name)
        if last is None:
            self.store.note_compared(self.source.name, self.as_of)
        return last is not None and self.as_of - last >= every

    def compare(self) -> None:
        """Fetch again the windows whose counts differ from what the source would count now."""
        name = self.source.name
        live = self.store.windows(name)
        before = self.store.window_counts(name)
        differ, unknown = compare(self.source, before, self.as_of)
        differ = widen(differ, live)
        held = self.counts
        with self.store.staged() as written:
            self._write(fetched(self.source, differ, self.as_of), written)
            if differ:  # whatever becomes of this process, somebody judges what is found now
                self.store.judge_again(differ[0].start)
            self._switch(written, self.store.watermark(name) or self.as_of)
        was = sum((before[one.window] for one in written if one.window in before), Counts())
        self.missed = self.counts.read - held.read - was.read
        self.earliest = min((one.window.start for one in written), default=None)
        # what is there now is all there is, whatever was left out when it arrived
        whole = Window(self.as_of - self.source.bound, self.as_of).without([*unknown, *self._too_large])
        self.store.mended(name, whole)
        self.store.note_compared(name, self.as_of)

    def _switch(self, written: Sequence[Written], watermark: datetime) -> None:
        """Make the files live; gaps are kept before that, so that no watermark passes one unseen."""
        self.store.note_gaps(self.gaps)
        self.store.switch(self.source.name, written, watermark)
        self.store.mended(self.source.name, [one.window for one in written])

    def _write(self, found: Iterable[Found], written: list[Written]) -> datetime | None:
        """Put each window on disk; just past the newest arrival in them, if there are any."""
        newest = None
        for window, fetched_or_not in found:
            if not isinstance(fetched_or_not, Fetched):
                self._too_large.append(window)
                self._gap(window, str(fetched_or_not))
                continue
            as_of = min(self.as_of, _arrived(window, fetched_or_not)) if self.whole else self.as_of
            written.append(self.store.write(self.source.name, window, fetched_or_not, as_of))
            self.windows += 1
            self.facts += fetched_or_not.facts.num_rows
            self.counts += fetched_or_not.counts
            newest = max(filter(None, [newest, _arrived(window, fetched_or_not)]))
        return newest

    def _gap(self, window: Window, reason: str) -> None:
        self.gaps.append(Gap(self.source.name, window, reason, self.as_of))

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
            earliest=self.earliest,
            gaps=tuple(self.gaps),
        )


def _arrived(window: Window, fetched: Fetched) -> datetime:
    """Just past the newest arrival in a window; where nothing was kept of it, its end."""
    newest: datetime | None = pc.max(fetched.facts["seen_at"]).as_py()
    return newest + BIN if newest else window.end
