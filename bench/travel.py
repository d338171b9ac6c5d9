"""What travels from a workspace: how far rows fold, what more of the same costs, and how many questions a tick asks.

Counted at a local Azure that is watched as a daemon watches the real one. Nothing here is timed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from monitor import plugins, rules, settings, worker
from monitor.kql import DuckEngine
from monitor.store import Store
from monitor.tables import SCHEMAS
from monitor.testing.azure import Fault, LocalAzure
from monitor.testing.azure.http import Reply
from monitor.testing.azure.ready import WORKSPACE, ready
from monitor.worker import Watch

TABLE: Final = "AADServicePrincipalSignInLogs"
START: Final = datetime(2026, 6, 1, tzinfo=UTC)
HOURS: Final = 6
HOURLY: Final = {"MINTWATCH__WORKSPACES__LOCAL__SOURCES__SERVICE_PRINCIPAL__STEP": "1h"}
"""Windows as a daemon has them."""
FEW: Final = 5
"""Rules of the smaller set."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Sign-ins of so many service principals, each with a token every `beat`, from one address, for one resource."""

    identities: int
    beat: timedelta

    def rows(self, times: int = 1, hours: int = HOURS, start: datetime = START) -> pa.Table:
        """The sign-ins of these hours, each so many times, under ids of their own within the same second."""
        number = int(timedelta(hours=hours) / self.beat)
        who = [place for place in range(self.identities) for _ in range(number * times)]
        at = [start + beat * self.beat for _ in range(self.identities) for beat in range(number) for _ in range(times)]
        same = {"ServicePrincipalName": "robot", "ResultType": "0", "ResourceIdentity": "vault", "Location": "SE"}
        return pa.table(
            {
                "TimeGenerated": pa.array(at, pa.timestamp("us", tz="UTC")),
                "CreatedDateTime": pa.array(at, pa.timestamp("us", tz="UTC")),
                "_TimeReceived": pa.array([one + timedelta(minutes=2) for one in at], pa.timestamp("us", tz="UTC")),
                "Id": [f"{start:%H}-{place}" for place in range(len(at))],
                "ServicePrincipalId": [f"00000000-0000-4000-8000-{place:012d}" for place in who],
                "AppId": [f"00000000-0000-4000-9000-{place:012d}" for place in who],
                "IPAddress": [f"20.{place // 250}.{place % 250}.1" for place in who],
                **{name: [value] * len(at) for name, value in same.items()},
            }
        )


LOW: Final = Traffic(200, timedelta(hours=1))
BUSY: Final = Traffic(40, timedelta(seconds=10))


@dataclass(frozen=True, slots=True)
class Travelled:
    """One collection: rows in the table, facts kept, bytes of all answers as they were before compression."""

    rows: int
    facts: int
    bytes: int


def collected(rows: pa.Table) -> Travelled:
    """What travels when these rows are collected for the first time."""
    with _watching(rows, few=True) as (watch, azure):
        sizes: list[int] = []

        def note(reply: Reply) -> Reply:
            sizes.append(len(reply.body))
            return reply

        azure.faults.add(Fault("weighed", altered=note), times=None)
        report = worker.tick(watch.app, azure.clock.now)
        _whole(report.failures)
        return Travelled(rows.num_rows, sum(one.facts for one in report.sources), sum(sizes))


@dataclass(frozen=True, slots=True)
class Questions:
    """One tick: rules judged, sources watched, windows that changed, and what was asked of the workspace."""

    rules: int
    sources: int
    windows: int
    asked: int

    @property
    def most(self) -> int:
        """What may be asked: two questions a source, and one per changed window."""
        return 2 * self.sources + self.windows


def asked(*, few: bool) -> Questions:
    """The questions of one tick after rows arrived since the last, with a few of the shipped rules or with all."""
    with _watching(LOW.rows(), few=few) as (watch, azure):
        for _ in range(2):  # by then it is known which tables are not there; they are asked for again in a day
            _whole(worker.tick(watch.app, azure.clock.now).failures)
            azure.clock.advance(timedelta(minutes=15))
        before = sum(one.tally.total() for one in watch.workspaces)
        rows = LOW.rows(hours=1, start=azure.clock.now - timedelta(hours=1)).drop_columns("_TimeReceived")
        azure.workspace(WORKSPACE).append(TABLE, rows, arrived=azure.clock.now)
        azure.clock.advance(timedelta(minutes=15))
        report = worker.tick(watch.app, azure.clock.now)
        _whole(report.failures)
        return Questions(
            len(watch.app.rules),
            len(watch.every) - 1,
            sum(one.windows for one in report.sources),
            sum(one.tally.total() for one in watch.workspaces) - before,
        )


@contextmanager
def _watching(rows: pa.Table, *, few: bool) -> Iterator[tuple[Watch, LocalAzure]]:
    """The shipped rules over a workspace with these rows, two hours after the last of them."""
    with tempfile.TemporaryDirectory(prefix="mintwatch-bench-") as place, LocalAzure() as azure:
        folder = Path(place)
        (folder / "logs").mkdir()
        pq.write_table(rows, folder / "logs" / f"{TABLE}.parquet")
        made = ready(azure, folder, folder / "logs", days=2, portion=2)
        azure.clock.now = START + timedelta(hours=HOURS + 2)
        chosen = rules.load(rules.shipped(), plugins.detectors())
        engine = DuckEngine(SCHEMAS, temp_directory=folder)
        with (
            Store() as store,
            worker.watch(
                settings.load(made.settings, HOURLY),
                {},
                chosen[:FEW] if few else chosen,
                engine=engine,
                store=store,
                stop=Event(),
            ) as watch,
        ):
            yield watch, azure
        engine.close()


def _whole(failures: tuple[str, ...]) -> None:
    if failures:
        raise RuntimeError("\n".join(failures))
