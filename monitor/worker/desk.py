"""A desk to work at: the facts, sources, rules and detectors of a daemon, for a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
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
from monitor.worker import tabulated
from monitor.worker.app import App, Report
from monitor.worker.bands import band, counts
from monitor.worker.evidence import evidence
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
    app
        Sources, rules, store and engine, as the stages of the worker take them.
    writes
        Whether the state is this desk's own, so that `replay` may fill it. A daemon's is only read, also while it
        writes; each question sees the facts of its moment.
    read
        Of a folder of exports: what was found in it, and what could not be read.
    """

    def __init__(
        self, app: App, closing: ExitStack, *, writes: bool, live: bool, read: ReadReport | None = None
    ) -> None:
        self.app = app
        self.writes = writes
        self.read = read
        self._live = live
        self._closing = closing
        self._heard: tuple[tuple[Path, ...], Mapping[str, Hearing]] = ((), {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and let go of what is temporary."""
        self._closing.close()

    # --- facts and rows ------------------------------------------------------------------------------------------

    def ask(self, kql: str, **values: Value) -> pd.DataFrame:
        """The answer of `kql` over the tables `facts` (FACTS) and `names` (`identity`, `name`, `kind`, `app_id`, ...).

        `values` are names the query may use. They are bound: text from logs belongs here, never into the query.

        Raises
        ------
        QueryError
            If the query does not parse, bind or run.
        """

        def asked() -> pd.DataFrame:
            answer: pd.DataFrame = self.app.engine.run(kql, self._tables(), values).to_pandas()
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
            If there is no such source here; a state alone has none.
        QueryError, TransientError, PermanentError
            If the predicate fits no table, or the question was not answered.
        """
        return self.source(source).rows(Window(since, until), fold.bound(where, values), limit)

    def source(self, name: str) -> LogSource:
        """The source of that name; `InputError` naming those there are."""
        found = {one.name: one for one in self.app.sources}
        if name not in found:
            raise InputError(f"no source {name!r} here; there is {', '.join(found) or 'none: a state is only facts'}")
        return found[name]

    def rule(self, id: str) -> Rule:  # noqa: A002 - it is the id
        """The rule of that id; `InputError` naming the nearest."""
        found = {one.id: one for one in self.app.rules}
        if id not in found:
            raise InputError(f"no rule {id!r} here; there is {', '.join(found)}")
        return found[id]

    # --- judging -------------------------------------------------------------------------------------------------

    def replay(self, since: datetime | None = None, until: datetime | None = None) -> Report:
        """Collect everything and judge it as a daemon that ticked every 5 minutes from `since` to `until`.

        Without bounds from the first row to the last, of a workspace the last 35 days; once per desk.

        Raises
        ------
        InputError
            If the state is a daemon's, or was filled before.
        """
        if not self.writes:
            raise InputError(f"{self.app.store.directory}: is a daemon's state, which a desk only reads; fresh=True")
        if self.app.store.live():
            raise InputError("replay: this desk was filled before; open another")
        until = clock.floor(clock.now()) if until is None and self._live else until
        return replay(self.app, since, until)

    def hearing(self) -> Mapping[str, Hearing]:
        """What each source was heard to say, as detectors take it."""
        files = tuple(self.app.store.live())
        if self._heard[0] != files:
            self._heard = files, self._steadily(self._hear)
        return self._heard[1]

    def past(self, finding: Finding | str) -> Past:
        """The past that the rule's detector had when it judged the finding."""
        one = self.finding(finding)
        rule, window, hearing = self.rule(one.rule), Window(one.bucket, one.bucket_end), self.hearing()
        return self._steadily(lambda: remember(rule, self.app.engine, self._reading(), hearing, window, one.judged_at))

    def judge(self, finding: Finding | str) -> Judged:
        """The same judgement again: what the finding's rule says of its day, with what was known then.

        A whole UTC day, as a tick judges it: what was said of one bucket is not said again of the next.

        Raises
        ------
        InputError
            If the rule judges what other rules found: it has no facts of its own.
        """
        one, hearing = self.finding(finding), self.hearing()
        rule, day = self.rule(one.rule), clock.midnight(one.bucket)
        if not counts(rule):
            raise InputError(f"{rule.id}: judges what other rules found; ask for one of theirs")
        return self._steadily(
            lambda: judge(rule, self.app.engine, self._tables(), hearing, Window(day, day + DAY), one.judged_at)
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
        for one, _, _ in self.app.store.findings():
            if one.key == key:
                return one
        raise InputError(f"no finding {key!r} in {self.app.store.directory}")

    def explain(self, incident: str) -> Story:
        """Everything behind an incident, as `mintwatch explain` tells it; `InputError` if there is none."""
        found = self.app.store.incident(incident)
        if found is None:
            raise InputError(f"no incident {incident!r} in {self.app.store.directory}")
        known, hearing = {one.id: one for one in self.app.rules}, self.hearing()
        return self._steadily(lambda: tell(found, self.app.store, known, self.app.engine, hearing))

    def evidence(self, finding: Finding | str, limit: int = 10) -> pd.DataFrame:
        """The facts a finding is made of, most events first."""
        one = self.finding(finding)
        return self._steadily(lambda: evidence(one, self.rule(one.rule), self.app.engine, self._tables(), limit))

    def band(self, finding: Finding | str) -> Band:
        """What was counted of the finding's group up to it, and what was expected; for a rule that counts facts."""
        one, hearing, names = self.finding(finding), self.hearing(), self.app.store.names()
        others = [each for each, _, _ in self.app.store.findings() if each.fingerprint == one.fingerprint]
        rule = self.rule(one.rule)
        return self._steadily(lambda: band(one, rule, self.app.engine, self._tables(), hearing, names, others))

    def chart(self, finding: Finding | str) -> Figure:
        """The same, drawn as a message shows it; needs `mintwatch[charts]`."""
        return charts.figure(self.band(finding))

    # --- within --------------------------------------------------------------------------------------------------

    def _tables(self) -> dict[str, pa.Table | list[Path]]:
        facts = self.app.store.live()
        return {"facts": facts or FACTS.empty_table(), "names": tabulated.names(self.app.store)}

    def _reading(self) -> Straight:
        return Straight(self.app.engine, self._tables())

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
