"""A desk to work at: the facts, sources, rules and detectors of a daemon, for a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

import pandas as pd
import pyarrow as pa

from monitor import charts, clock
from monitor.aggregate import Straight
from monitor.clock import DAY
from monitor.coverage import Hearing
from monitor.errors import InputError, MintwatchError
from monitor.frames import FACTS
from monitor.kql import Value
from monitor.model import Band, Finding, Window
from monitor.ports import LogSource, Past
from monitor.rules import Rule
from monitor.sources import fold
from monitor.sources.report import Report as ReadReport
from monitor.store import Store
from monitor.worker import given, tabulated
from monitor.worker.app import App, Report
from monitor.worker.bands import band, counts
from monitor.worker.evidence import evidence
from monitor.worker.health import HealthSource
from monitor.worker.judging import Judged, hear, judge, remember
from monitor.worker.recalling import recalled
from monitor.worker.replay import replay
from monitor.worker.story import Story, tell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

T = TypeVar("T")
AGAIN: Final = 3
"""How often a question is asked anew because a daemon replaced the files under it."""


class Desk:
    """What a daemon works with, opened by `monitor.open` for a person; a context manager.

    Attributes
    ----------
    writes
        Whether the state is this desk's own, so that `replay` may fill it. A daemon's is only read, also while it
        writes; each question sees the facts of its moment.
    read
        Of a folder of exports: what was found in it, and what could not be read.
    """

    def __init__(
        self, app: App, closing: ExitStack, *, where: Path, writes: bool, live: bool, read: ReadReport | None = None
    ) -> None:
        self.writes = writes
        self.read = read
        self._app = app
        self._where = where
        self._live = live
        self._closing = closing
        self._open, self._filled = True, False
        self._heard: tuple[tuple[Path, ...], Mapping[str, Hearing]] = ((), {})
        self._known: dict[str, Finding] = {}

    def __repr__(self) -> str:
        if not self._open:
            return f"Desk({str(self._where)!r}, closed)"
        has = (
            f"{len(self.app.sources)} sources, {len(self.app.rules)} rules, {len(self.app.store.live())} files of facts"
        )
        return f"Desk({str(self._where)!r}, {has}, {'its own state' if self.writes else 'a state that is only read'})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and let go of what is temporary."""
        self._open = False
        self._closing.close()

    @property
    def app(self) -> App:
        """Sources, rules, store and engine, as the stages of the worker take them; `InputError` once it is closed."""
        if not self._open:
            raise InputError(f"{self._where}: this desk was closed; open another")
        return self._app

    # --- facts and rows ------------------------------------------------------------------------------------------

    def ask(self, kql: str, /, **values: Value) -> pd.DataFrame:
        """The answer of `kql` over the tables `facts` (FACTS) and `names` (`identity`, `name`, `kind`, `app_id`, ...).

        `values` are names the query may use: text, numbers, times with a zone and timedeltas. They are bound: text from
        logs belongs here, never into the query.

        Raises
        ------
        InputError
            If a value is of another kind.
        QueryError
            If the query does not parse, bind or run.
        """
        bound = given.values(values)

        def asked() -> pd.DataFrame:
            query = given.counted(kql, bound)
            answer: pd.DataFrame = self.app.engine.run(query, self._tables(), bound).to_pandas()
            return answer

        return self._steadily(asked)

    def rows(
        self, source: str, since: datetime, until: datetime, where: str = "true", limit: int = 1_000, **values: Value
    ) -> pd.DataFrame:
        """Raw rows of a source with TimeGenerated in [since, until) that satisfy the KQL predicate `where`.

        Oldest first, at most `limit`; of a workspace they are asked for now. `values` are names `where` may use, safe
        for any text.

        Raises
        ------
        InputError
            If there is no such source here (a state alone has none), or a time has no zone.
        QueryError, TransientError, PermanentError
            If the predicate fits no table, or the question was not answered.
        """
        return self.source(source).rows(given.stretch(since, until), fold.bound(where, given.values(values)), limit)

    def source(self, name: str) -> LogSource:
        """The source of that name; `InputError` naming those there are."""
        found = {one.name: one for one in self.app.sources}
        if name not in found:
            raise InputError(f"no source {name!r} here; there is {', '.join(found) or 'none: a state is only facts'}")
        return found[name]

    def rule(self, id: str) -> Rule:  # noqa: A002 - it is the id
        """The rule of that id; `InputError` naming the nearest, or all if none is near."""
        found = {one.id: one for one in self.app.rules}
        if id not in found:
            near = get_close_matches(id, list(found), n=3)
            raise InputError(f"no rule {id!r} here; there is {', '.join(near or found)}")
        return found[id]

    # --- judging -------------------------------------------------------------------------------------------------

    def replay(self, since: datetime | None = None, until: datetime | None = None) -> Report:
        """Collect everything and judge it as a daemon that ticked every 5 minutes from `since` to `until`.

        Without bounds from the first row to the last, of a workspace the last 35 days; once per desk. After one
        that was stopped or failed it goes on from what was collected, or from nothing if more than that was kept.

        Raises
        ------
        InputError
            If the state is a daemon's, or was filled before, or a time has no zone.
        """
        if not self.writes:
            raise InputError(f"{self.app.store.directory}: is a daemon's state, which a desk only reads; fresh=True")
        if self._filled:
            raise InputError("replay: this desk was filled before; open another")
        start = None if since is None else given.moment(since, "since")
        end = clock.floor(clock.now()) if self._live else None
        end = end if until is None else given.moment(until, "until")
        if start and end:
            given.stretch(start, end)
        if self.app.store.known(clock.EPOCH) or self.app.store.incidents():
            self._forget()
        report = replay(self.app, start, end)
        self._filled = report.finished
        return report

    def hearing(self) -> Mapping[str, Hearing]:
        """What each source was heard to say, as detectors take it."""
        files = tuple(self.app.store.live())
        if self._heard[0] != files:
            self._heard = files, self._steadily(self._hear)
        return self._heard[1]

    def past(self, finding: Finding | str) -> Past:
        """The past that the rule's detector had when it judged the finding; for a rule that counts facts."""
        one, rule = self._counting(finding)
        window, hearing = Window(one.bucket, one.bucket_end), self.hearing()
        return self._steadily(lambda: remember(rule, self.app.engine, self._reading(), hearing, window, one.judged_at))

    def judge(self, finding: Finding | str) -> Judged:
        """The same judgement again: what the finding's rule says of its day, with what was known then.

        A whole UTC day, as a tick judges it: what was said of one bucket is not said again of the next.

        Raises
        ------
        InputError
            If the rule judges what other rules found: it has no facts of its own.
        """
        one, rule = self._counting(finding)
        hearing, day = self.hearing(), clock.midnight(one.bucket)
        return self._steadily(
            lambda: judge(rule, self.app.engine, self._judged(), hearing, Window(day, day + DAY), one.judged_at)
        )

    # --- what was found ------------------------------------------------------------------------------------------

    def findings(self) -> pd.DataFrame:
        """One row per finding, told or not, in order of time, indexed by key; columns as `mintwatch backtest` has."""
        return tabulated.findings(self.app.store)

    def incidents(self) -> pd.DataFrame:
        """One row per incident, worst first, indexed by id."""
        return tabulated.incidents(self.app.store)

    def finding(self, key: Finding | str) -> Finding:
        """The finding of that key (or one itself); `InputError` if there is none."""
        if isinstance(key, Finding):
            return key
        if key in (known := self._findings()):
            return known[key]
        if self.app.store.incident(key):
            raise InputError(f"{key!r} is an incident's id; expected a finding's key, as in findings()")
        raise InputError(f"no finding {key!r} in {self.app.store.directory}")

    def explain(self, incident: str) -> Story:
        """Everything behind an incident, as `mintwatch explain` tells it; `InputError` if there is none."""
        found = self.app.store.incident(incident)
        if found is None and incident in self._findings():
            raise InputError(f"{incident!r} is a finding's key; expected an incident's id, as in incidents()")
        if found is None:
            raise InputError(f"no incident {incident!r} in {self.app.store.directory}")
        known, hearing = {one.id: one for one in self.app.rules}, self.hearing()
        return self._steadily(lambda: tell(found, self.app.store, known, self.app.engine, hearing))

    def evidence(self, finding: Finding | str, limit: int = 10) -> pd.DataFrame:
        """The facts a finding is made of, most events first; for a rule that counts facts."""
        one, rule = self._counting(finding)
        return self._steadily(lambda: evidence(one, rule, self.app.engine, self._tables(), limit))

    def band(self, finding: Finding | str) -> Band:
        """What was counted of the finding's group up to it, and what was expected; for a rule that counts facts."""
        one, rule = self._counting(finding)
        hearing, names = self.hearing(), self.app.store.names()
        others = [each for each in self._findings().values() if each.fingerprint == one.fingerprint]
        return self._steadily(lambda: band(one, rule, self.app.engine, self._tables(), hearing, names, others))

    def chart(self, finding: Finding | str) -> Figure:
        """The same, drawn as a message shows it; needs `mintwatch[charts]`."""
        return charts.figure(self.band(finding))

    # --- within --------------------------------------------------------------------------------------------------

    def _findings(self) -> Mapping[str, Finding]:
        """Every finding by its key; read anew only when there are others, for one that is kept never changes."""
        if self.app.store.known(clock.EPOCH) != self._known.keys():
            self._known = {one.key: one for one, _, _ in self.app.store.findings()}
        return self._known

    def _counting(self, finding: Finding | str) -> tuple[Finding, Rule]:
        """The finding and its rule; `InputError` if that judges what other rules found, and has no facts of its own."""
        one = self.finding(finding)
        rule = self.rule(one.rule)
        if not counts(rule):
            raise InputError(f"{rule.id}: judges what other rules found; ask for one of theirs")
        return one, rule

    def _forget(self) -> None:
        """A new temporary state: half of what a replay concluded cannot be told from the whole."""
        old, store = self.app.store, self._closing.enter_context(Store())
        sources = tuple(HealthSource(store) if isinstance(one, HealthSource) else one for one in self.app.sources)
        self._app = replace(self.app, sources=sources, store=store)
        old.close()

    def _tables(self) -> dict[str, pa.Table | list[Path]]:
        facts = self.app.store.live()
        return {"facts": facts or FACTS.empty_table(), "names": tabulated.names(self.app.store)}

    def _judged(self) -> dict[str, pa.Table | list[Path]]:
        """The facts that rules judge: not those of a source that is watched no more."""
        facts = self.app.store.live({one.name for one in self.app.sources} or None)
        return self._tables() | {"facts": facts or FACTS.empty_table()}

    def _reading(self) -> Straight:
        return Straight(self.app.engine, self._judged())

    def _hear(self) -> Mapping[str, Hearing]:
        store = self.app.store
        if not self.app.sources:
            return recalled(self.app.engine, store)
        files = store.live()
        return hear(self.app.engine, {"facts": files}, self.app.sources, store.gaps()) if files else {}

    def _steadily(self, work: Callable[[], T]) -> T:
        """What `work` makes of facts, made anew if a daemon replaced files while they were read."""
        for _ in range(AGAIN):
            files = self.app.store.live()
            try:
                return work()
            except MintwatchError:
                if files == self.app.store.live():
                    raise
        return work()
