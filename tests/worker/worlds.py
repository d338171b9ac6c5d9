"""Small, nasty tenants: a few identities, a few days, and everything that logs do to those who count them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from monitor import plugins
from monitor.clock import BIN, iso
from monitor.kql import DuckEngine
from monitor.model import Window
from monitor.ports import LogSource, Notifier
from monitor.rules import Rule, load
from monitor.sources.export import open_exports
from monitor.store import Store
from monitor.tables import SCHEMAS
from monitor.worker import App, Report, replay, tick
from monitor.worker.lines import Line, lines

Row = dict[str, object]
World = dict[str, list[Row]]

START = datetime(2026, 5, 4, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WORKLOADS, MACHINES, PEOPLE = 6, 3, 3
OUTAGE = Window(START + 1 * DAY + 9 * HOUR, START + 1 * DAY + 14 * HOUR)
"""Of the workloads' table: half of it is backfilled hours later, half of it never comes."""
STUCK = Window(START + 1 * DAY + 19 * HOUR, START + 2 * DAY + 3 * HOUR)
"""The machines' table says nothing over midnight, and then everything at once."""

_RULES: Mapping[str, str] = {
    "failures": """
where: outcome == "failed"
by: [identity]
bucket: 15m
detector: limit
params: {limit: 5, lookback: 1d}
""",
    "addresses": """
where: outcome == "issued"
measure: distinct ip
by: [identity]
bucket: 1h
detector: limit
params: {limit: 4, lookback: 1d}
""",
    "expired": """
where: code == "7000222"
after: outcome == "issued"
by: [identity]
bucket: 1h
detector: limit
params: {limit: 2}
""",
    "spray": """
where: outcome == "failed"
by: [ip]
bucket: 30m
detector: limit
params: {limit: 6, lookback: 1d}
""",
    "surge": """
where: outcome == "issued"
by: [identity]
bucket: 1h
detector: spike
params: {lookback: 2d, warmup: 1d, min_count: 8, ratio: 2.0}
""",
    "country": """
where: outcome == "issued"
new: [country]
by: [identity]
detector: first_seen
params: {forget: 3d, warmup: 1d, active: 1}
""",
    "resource": """
where: outcome == "issued" and resource == "vault"
after: outcome == "issued"
new: [resource]
by: [identity]
detector: first_seen
params: {forget: 3d, warmup: 12h, active: 1}
""",
    "wakes": """
where: outcome == "issued"
by: [identity]
bucket: 1h
detector: first_seen
params: {forget: 3d, warmup: 1d, active: 2, gap_factor: 2.0}
""",
}


def rules(folder: Path, only: Iterable[str] = _RULES) -> tuple[Rule, ...]:
    """Rules with small thresholds and short memories, so that days are enough for each of them to speak."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in only:
        text = (
            f"title: The rule {name}\nid: {name}\nstatus: stable\nlevel: medium\nstream: sign_in\ntell: 1.0\n"
            f"runbook: Look at what it did in that hour and ask its owner.\n{_RULES[name]}"
        )
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    return load(folder, plugins.detectors())


def oid(number: int) -> str:
    return f"{number:08d}-0000-4000-8000-000000000000"


def world(seed: int, days: int) -> World:
    """Rows per table, in no order."""
    dice = Random(seed)
    tables: World = {
        "AADServicePrincipalSignInLogs": list(_workloads(dice, days)),
        "AADManagedIdentitySignInLogs": list(_machines(dice, days)),
        "SigninLogs": [],
        "AADNonInteractiveUserSignInLogs": [],
    }
    for row in _people(dice, days):
        tables["SigninLogs" if dice.random() < 0.4 else "AADNonInteractiveUserSignInLogs"].append(row)
    for rows in tables.values():
        rows.extend([_copy(dice, row) for row in rows if dice.random() < 0.08])
        dice.shuffle(rows)
    return tables


def _row(dice: Random, who: int, at: datetime, **columns: object) -> Row:
    """One sign-in; most arrive within minutes, some after hours, a few after more than a day."""
    minutes = dice.choices((dice.uniform(1, 8), dice.uniform(30, 600), dice.uniform(1400, 2000)), (93, 5, 2))[0]
    return {
        "TimeGenerated": iso(at),
        "CreatedDateTime": iso(at),
        "_TimeReceived": iso(at + minutes * MINUTE),
        "Id": f"{dice.getrandbits(64):016x}",
        "AADTenantId": "t",
        "ServicePrincipalId": oid(who),
        "ServicePrincipalName": f"app {who}",
        "AppId": f"app-{who}",
        "ResultType": "0",
        "ResourceIdentity": "graph",
        "IPAddress": f"20.0.{who}.1",
        "Location": "SE",
    } | columns


def _copy(dice: Random, row: Row) -> Row:
    """The same row again, told a little differently: in the bin of the first, or hours later."""
    arrived = datetime.fromisoformat(str(row["_TimeReceived"])) + dice.choice((0, 1, 3, 20, 180)) * MINUTE
    changed = {"_TimeReceived": iso(arrived), "Location": dice.choice(("SE", "", "NO"))}
    if dice.random() < 0.3:
        generated = datetime.fromisoformat(str(row["TimeGenerated"]))
        changed["TimeGenerated"] = iso(generated + dice.choice((-40, 2, 50)) * MINUTE)
    return row | changed


def _workloads(dice: Random, days: int) -> Iterator[Row]:
    for who in range(WORKLOADS):
        beat = timedelta(minutes=dice.choice((12, 20, 35)))
        at = START + dice.uniform(0, 300) * MINUTE
        while at < START + days * DAY:
            asleep = who == 0 and 3 * DAY < at - START < (days - 1.3) * DAY
            if not asleep and not (at in OUTAGE and dice.random() < 0.5):
                row = _row(dice, who, at)
                if at in OUTAGE:
                    row["_TimeReceived"] = iso(OUTAGE.end + dice.uniform(120, 130) * MINUTE)
                yield row
            at += beat
        for _ in range(days if who else 0):
            yield from _mischief(dice, who, START + dice.uniform(0.8, days) * DAY)
    for _ in range(2 * days):
        at = START + dice.uniform(0.5, days) * DAY
        for step in range(dice.randrange(4, 12)):
            guess = at + dice.uniform(0, 40) * MINUTE
            yield _row(dice, 99, guess, ServicePrincipalId="", ResultType="700016", IPAddress=f"66.0.0.{step % 2}")


def _mischief(dice: Random, who: int, at: datetime) -> Iterator[Row]:
    """A burst of failures, tokens, addresses or an expired secret; a new country; a first token for the vault."""
    match dice.randrange(6):
        case 0:
            for _ in range(dice.randrange(4, 14)):
                yield _row(dice, who, at + dice.uniform(0, 25) * MINUTE, ResultType="7000215", IPAddress="66.1.1.1")
        case 1:
            for _ in range(dice.randrange(10, 40)):
                yield _row(dice, who, at + dice.uniform(0, 70) * MINUTE)
        case 2:
            for step in range(dice.randrange(3, 7)):
                yield _row(dice, who, at + dice.uniform(0, 80) * MINUTE, IPAddress=f"77.0.{who}.{step}")
        case 3:
            for _ in range(dice.randrange(1, 5)):
                yield _row(dice, who, at + dice.uniform(0, 60) * MINUTE, ResultType="7000222")
        case 4:
            yield _row(dice, who, at, Location=dice.choice(("BR", "KP", "US")))
        case _:
            yield _row(dice, who, at, ResourceIdentity="vault")


def _machines(dice: Random, days: int) -> Iterator[Row]:
    for who in range(100, 100 + MACHINES):
        at = START + dice.uniform(0, 60) * MINUTE
        while at < START + days * DAY:
            row = _row(dice, who, at)
            if at in STUCK:
                row["_TimeReceived"] = iso(STUCK.end + dice.uniform(5, 40) * MINUTE)
            yield row
            at += dice.choice((9, 10, 11)) * MINUTE
        for _ in range(2):
            yield from _mischief(dice, who, START + dice.uniform(1, days) * DAY)


def _people(dice: Random, days: int) -> Iterator[Row]:
    """Each is busier in one table on some days and in the other on others."""
    for who in range(200, 200 + PEOPLE):
        for day in range(days):
            for _ in range(dice.randrange(0, 40)):
                at = START + day * DAY + dice.uniform(7, 18) * HOUR
                yield _person(dice, _row(dice, who, at))
        for _ in range(days):
            at = START + dice.uniform(1, days) * DAY
            for row in _mischief(dice, who, at):
                yield _person(dice, row)


def _person(dice: Random, row: Row) -> Row:
    who = row.pop("ServicePrincipalId")
    name = f"Person {dice.randrange(2)}"
    del row["ServicePrincipalName"]
    return row | {"UserId": who, "UserPrincipalName": f"{who}@contoso.example", "UserDisplayName": name}


def put(folder: Path, tables: Mapping[str, Sequence[Row]]) -> Path:
    """The tables as exported NDJSON; a table without rows is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for table, rows in tables.items():
        if rows:
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (folder / f"{table}.ndjson").write_text(text, encoding="utf-8")
    return folder


def arrived(row: Row) -> datetime:
    return datetime.fromisoformat(str(row["_TimeReceived"]))


def cut(tables: World, until: datetime) -> World:
    """What had arrived by then."""
    return {name: [row for row in rows if arrived(row) < until] for name, rows in tables.items()}


@contextmanager
def opened(
    folder: Path, judged: tuple[Rule, ...], state: Path | None = None, notifiers: tuple[Notifier, ...] = ()
) -> Iterator[App]:
    """An app over exported logs."""
    engine = DuckEngine(SCHEMAS, threads=1)
    with open_exports(folder, engine=engine, step=DAY) as exports, Store(state) as store:
        sources: tuple[LogSource, ...] = exports.sources
        yield App(sources, judged, store, engine, notifiers)
    engine.close()


def replayed(folder: Path, judged: tuple[Rule, ...]) -> tuple[list[Line], Report]:
    with opened(folder, judged) as app:
        report = replay(app)
        assert report.finished, report
        return lines(app.store), report


def ticked(folder: Path, judged: tuple[Rule, ...], moments: Iterable[datetime]) -> list[Line]:
    with opened(folder, judged) as app:
        for moment in moments:
            report = tick(app, moment)
            assert report.finished, report
        return lines(app.store)


def every(step: timedelta, start: datetime, end: datetime) -> Iterator[datetime]:
    """Ticks after `start`, up to and with `end`."""
    at = start + step
    while at < end:
        yield at
        at += step
    yield end


def keys(found: Iterable[Line]) -> set[str]:
    """A finding: all a line holds but what triage made of it, and the display name, which is always the newest."""
    rest = {"incident", "told", "reason", "name"}
    return {json.dumps({key: value for key, value in one.items() if key not in rest}) for one in found}


__all__ = [name for name in dir() if not name.startswith("_")] + ["BIN"]
