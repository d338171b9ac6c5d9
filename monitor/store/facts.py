"""Facts on disk: immutable Parquet files, and the table that says which of them are live."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from monitor.clock import DAY, midnight
from monitor.errors import PermanentError, StateError
from monitor.frames import FACTS, conform_facts
from monitor.model import Name, Window
from monitor.ports import Counts, Fetched
from monitor.store.control import refusal
from monitor.store.names import remember
from monitor.store.opening import Opened, moment, stamp
from monitor.store.writing import ROW_GROUP, regrouped, sync


@dataclass(frozen=True, slots=True)
class Written:
    """A fact file on disk that is not live yet."""

    path: Path
    window: Window
    rows: int
    counts: Counts
    names: tuple[Name, ...]
    as_of: datetime
    merged: frozenset[str] = frozenset()
    """Of which live files it was made, if it was."""


class FactFiles(Opened):
    """The facts of a state directory."""

    def __init__(self, directory: Path | None = None, *, write: bool = True) -> None:
        super().__init__(directory, write=write)
        self._retired: dict[str, list[str]] = {}
        self._readers = 0
        self._counting = Lock()
        if write:
            self.sweep()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """No fact file that is live within it is deleted by this process until it is left."""
        with self._counting:
            self._readers += 1
        try:
            yield
        finally:
            with self._counting:
                self._readers -= 1

    @contextmanager
    def staged(self) -> Iterator[list[Written]]:
        """A list of files written and not live yet; those that did not become live are deleted if it fails."""
        written: list[Written] = []
        try:
            yield written
        except BaseException:
            self.discard(written)
            raise

    def write(self, source: str, window: Window, fetched: Fetched, as_of: datetime) -> Written:
        """Put one window's facts, fetched as of then, on disk, fsynced, without making them live.

        Raises
        ------
        PermanentError
            Naming the file, if it cannot be written (the disk is full); nothing stays behind.
        """
        groups = (fetched.facts.slice(at, ROW_GROUP) for at in range(0, max(fetched.facts.num_rows, 1), ROW_GROUP))
        path = self._put(source, window, groups)
        return Written(path, window, fetched.facts.num_rows, fetched.counts, fetched.names, as_of)

    def _put(self, source: str, window: Window, groups: Iterable[pa.Table]) -> Path:
        """A new file of these row groups; text is made plain a group at a time."""
        path = self._facts / f"{source}.{window.start:%Y%m%dT%H%M}.{uuid4().hex[:12]}.parquet"
        aside = path.with_suffix(".tmp")
        try:
            with pq.ParquetWriter(aside, FACTS, compression="zstd", write_page_checksum=True) as file:
                for group in groups:
                    file.write_table(conform_facts(group))
            sync(aside)
            aside.rename(path)
            sync(self._facts)
        except BaseException as error:
            for left in (aside, path):
                with suppress(OSError):  # of a read-only volume
                    left.unlink(missing_ok=True)
            if isinstance(error, OSError | pa.ArrowException):
                self._control.refused = refusal(error) or self._control.refused
                raise PermanentError(f"{path}: facts cannot be written: {error}") from error
            raise
        return path

    def switch(self, source: str, written: Sequence[Written], watermark: datetime | None) -> None:
        """Make these files live in place of every older one whose window they cover, and move the watermark if given.

        It is one transaction: all of it or nothing. Which windows changed is kept for those who judge them, unless they
        are older than the day before the source was first collected. The older files are deleted at the source's next
        switch, because somebody may just be reading them.

        Raises
        ------
        StateError
            If a live window would be replaced in part: a window is replaced whole. If files that were put together
            are not the live ones any more: meanwhile one of them was fetched again.
        """
        with self._control.transaction() as control:
            old: list[str] = []
            for one in written:
                covered = self._covered(control, source, one.window)
                if one.merged and one.merged != set(covered):
                    raise StateError(f"{source}: {one.window.start} .. {one.window.end} changed while put together")
                control.executemany("delete from live_files where path = ?", [(path,) for path in covered])
                control.execute(
                    "insert into live_files values (?, ?, ?, ?, ?, ?, ?)",
                    (
                        one.path.name,
                        source,
                        *map(stamp, (one.window.start, one.window.end)),
                        one.rows,
                        _text(one.counts),
                        stamp(one.as_of),
                    ),
                )
                old += covered
            _changed(control, source, [one for one in written if not one.merged])
            remember(control, (name for one in written for name in one.names))
            if watermark is not None:
                control.execute("insert or replace into watermarks values (?, ?)", (source, stamp(watermark)))
        self._retire(source, old)

    def _retire(self, source: str, old: list[str]) -> None:
        """Delete what was retired before, unless somebody is reading, and remember these for the next time."""
        with self._counting:
            before = self._retired.pop(source, [])
            if self._readers:
                old = [*before, *old]
            else:
                for path in before:
                    with suppress(OSError):  # then the next start deletes it
                        (self._facts / path).unlink(missing_ok=True)
            self._retired[source] = old

    def compact(self, source: str, before: datetime) -> list[Window]:
        """Put the windows of each UTC day that ended by then together in one file; returns the days put together.

        Facts, counts and watermark stay as they are. A day put together is one window from then on: should a row still
        come, it is fetched and replaced whole. A crash between any two steps leaves either all the old files live or
        the new one.

        Raises
        ------
        PermanentError, StateError
            If a file cannot be read or written; what was live stays live.
        """
        done = []
        with self.reading():  # so that nothing that was retired before is deleted sooner because of this
            for day, paths in self._scattered(source, before):
                merged = self.merge(source, day, paths)
                with self.staged() as written:
                    written.append(merged)
                    self.switch(source, written, None)
                done.append(day)
        return done

    def _scattered(self, source: str, before: datetime) -> list[tuple[Window, list[Path]]]:
        """The days before then that several live files hold, each from its first window to its last."""
        days: dict[datetime, list[tuple[Window, Path]]] = {}
        rows = self._control.rows(
            "select start_at, end_at, path from live_files where source = ? and end_at <= ? order by start_at",
            (source, stamp(midnight(before))),
        )
        for start, end, path in rows:
            window = Window(moment(start), moment(end))
            if window.end <= midnight(window.start) + DAY:
                days.setdefault(midnight(window.start), []).append((window, self._facts / path))
        found = [
            (Window(held[0][0].start, held[-1][0].end), [path for _, path in held])
            for held in days.values()
            if len(held) > 1
        ]
        gaps = [
            Window(moment(start), moment(end))
            for start, end in self._control.rows("select start_at, end_at from gaps where source = ?", (source,))
        ]  # one would grow to the day when it is filled
        return [(day, paths) for day, paths in found if not any(day.overlaps(gap) for gap in gaps)]

    def merge(self, source: str, window: Window, paths: Sequence[Path]) -> Written:
        """The facts of several live files in a new one, fsynced, which is not live yet."""
        try:
            path = self._put(source, window, regrouped(paths))
        except pa.ArrowException as error:
            raise PermanentError(f"{paths[0]} .. {paths[-1]}: facts cannot be read: {error}") from error
        names = [one.name for one in paths]
        rows = self._control.rows(
            "select rows, counts, as_of from live_files where path in (select value from json_each(?))",
            (json.dumps(names),),
        )
        counts = sum((Counts(**json.loads(counts)) for _, counts, _ in rows), Counts())
        as_of = min(moment(as_of) for *_, as_of in rows)
        return Written(path, window, sum(held for held, *_ in rows), counts, (), as_of, frozenset(names))

    def discard(self, written: Iterable[Written]) -> None:
        """Delete those of the files that are not live: another window of their source could not be fetched."""
        live = set(self.live())
        for one in written:
            if one.path not in live:
                one.path.unlink(missing_ok=True)

    def _covered(self, control: sqlite3.Connection, source: str, window: Window) -> list[str]:
        rows = control.execute(
            "select path, start_at, end_at from live_files where source = ? and start_at < ? and end_at > ?",
            (source, stamp(window.end), stamp(window.start)),
        ).fetchall()
        for path, start, end in rows:
            if moment(start) < window.start or moment(end) > window.end:
                raise StateError(f"{path}: window {start} .. {end} would be replaced only in part")
        return [path for path, _, _ in rows]

    def live(self, sources: Collection[str] | None = None) -> list[Path]:
        """The fact files that count, of these sources or of all.

        Never a glob: a file on disk may not be live yet, or any more.
        """
        rows = self._control.rows("select path, source from live_files order by path")
        return [self._facts / path for path, source in rows if sources is None or source in sources]

    def windows(self, source: str) -> dict[Window, datetime]:
        """The windows of that source's live files, oldest first, and as of when each was fetched."""
        rows = self._control.rows(
            "select start_at, end_at, as_of from live_files where source = ? order by start_at", (source,)
        )
        return {Window(moment(start), moment(end)): moment(as_of) for start, end, as_of in rows}

    def window_counts(self, source: str) -> dict[Window, Counts]:
        """What became of the rows of each of that source's live windows, oldest first."""
        rows = self._control.rows(
            "select start_at, end_at, counts from live_files where source = ? order by start_at", (source,)
        )
        return {Window(moment(start), moment(end)): Counts(**json.loads(counts)) for start, end, counts in rows}

    def counts(self) -> dict[str, Counts]:
        """What became of the rows of each source's live windows."""
        total: dict[str, Counts] = {}
        for source, counts in self._control.rows("select source, counts from live_files order by source"):
            total[source] = total.get(source, Counts()) + Counts(**json.loads(counts))
        return total

    def watermark(self, source: str) -> datetime | None:
        """How far this source was collected, in arrival time; None before the first time."""
        row = self._control.row("select at from watermarks where source = ?", (source,))
        return moment(row[0]) if row else None

    def newest(self, without: str = "") -> datetime | None:
        """The end of the newest live window, of all sources but one; None if there is none."""
        row = self._control.row("select max(end_at) from live_files where source <> ?", (without,))
        return moment(row[0]) if row[0] else None

    def sweep(self) -> list[Path]:
        """Delete fact files that are not live: left by a crash between writing and switching."""
        live = set(self.live())
        orphans = [path for path in self._facts.iterdir() if path not in live]
        for path in orphans:
            path.unlink()
        return orphans


def _changed(control: sqlite3.Connection, source: str, written: Sequence[Written]) -> None:
    """Keep that these windows came to say something else."""
    if not written:
        return
    control.execute("insert or ignore into begun values (?, ?)", (source, stamp(min(one.as_of for one in written))))
    (begun,) = control.execute("select at from begun where source = ?", (source,)).fetchone()
    first = midnight(moment(begun)) - DAY
    control.executemany(
        "insert into changes (source, start_at, as_of) values (?, ?, ?)",
        [(source, stamp(max(one.window.start, first)), stamp(one.as_of)) for one in written if one.window.end > first],
    )


def _text(counts: Counts) -> str:
    return json.dumps(asdict(counts))
