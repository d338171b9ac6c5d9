"""A state that an older mintwatch wrote is taken over as it is."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.errors import StateError
from monitor.frames import DIMENSIONS, FACTS
from monitor.model import Finding, Level, Reason, State, Window
from monitor.ports import Counts
from monitor.store import Store, bodies
from monitor.triage import Known, Policy, Triaged, everything, informed, triage
from tests.triage.desks import RULES, finding

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PATH = "a.20260504T1200.0123456789ab.parquet"


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A state directory of schema 1 with one fact file."""
    (tmp_path / "facts").mkdir()
    text = dict.fromkeys(DIMENSIONS, "")
    moments = dict.fromkeys(("at", "seen_at", "first_at", "last_at"), NOON)
    pq.write_table(pa.Table.from_pylist([text | moments | {"events": 7}], schema=FACTS), tmp_path / "facts" / PATH)
    control = sqlite3.connect(tmp_path / "control.db")
    control.executescript((files("monitor.store") / "migrations" / "0001_first.sql").read_text())
    control.execute("pragma user_version = 1")
    moment = [one.isoformat(timespec="microseconds") for one in (NOON, NOON + HOUR)]
    control.execute("insert into live_files values (?, 'a', ?, ?, 1, '{\"read\": 7, \"kept\": 7}')", (PATH, *moment))
    control.execute("insert into watermarks values ('a', ?)", (moment[1],))
    control.commit()
    control.close()
    return tmp_path


def test_the_first_schema_is_upgraded_with_its_facts(first: Path) -> None:
    for _ in range(2):
        with Store(first) as store:
            assert [pq.read_table(path)["events"].to_pylist() for path in store.live()] == [[7]]
            assert store.watermark("a") == NOON + HOUR
            assert store.window_counts("a") == {Window(NOON, NOON + HOUR): Counts(read=7, kept=7)}
            (as_of,) = store.windows("a").values()
            assert as_of < NOON  # nobody knows as of when, so it is fetched again when something arrives
            assert (store.gaps(), store.troubles(), store.compared("a")) == ([], [], None)
    with Store(first, write=False) as reader:
        assert len(reader.live()) == 1


def test_a_reader_leaves_an_older_state_as_it_is(first: Path) -> None:
    before = (first / "control.db").read_bytes()
    with pytest.raises(StateError, match="an older mintwatch"):
        Store(first, write=False)
    assert (first / "control.db").read_bytes() == before


# --- a state of schema 2, in the middle of things --------------------------------------------------------------------


def written(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")


def kept(name: str, who: int, surprise: float, state: str = "open", **more: object) -> tuple[object, ...]:
    """An incident of schema 2, as its row; it knows itself what was told of it."""
    end = written(NOON + HOUR)
    body = {
        "id": name,
        "subject": f"identity:entra:{who}",
        "state": state,
        "level": "medium",
        "surprise": surprise,
        "evidence": [["sign_in", "events", surprise]],
        "rules": ["one"],
        "findings": 2,
        "first_at": written(NOON),
        "last_at": end,
        "opened_at": end,
        "updated_at": end,
        "told_surprise": 0.0,
        "told_level": "informational",
        "experimental": False,
        "reopened": False,
        "loud": True,
    }
    return name, body["subject"], state, end, json.dumps(body | more)


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """One incident told of, at less than it has come to; one that a storm kept back; one over; one not yet sent."""
    (tmp_path / "facts").mkdir()
    control = sqlite3.connect(tmp_path / "control.db")
    for script in ("0001_first.sql", "0002_collecting.sql"):
        control.executescript((files("monitor.store") / "migrations" / script).read_text())
    control.execute("pragma user_version = 2")
    told: dict[str, object] = {"told_surprise": 3.0, "told_level": "low"}
    incidents = [
        kept("told", 1, 5.5, "open", **told),
        kept("storm", 2, 9.0),
        kept("over", 3, 4.0, "resolved", told_surprise=4.0, told_level="medium"),
        kept("owed", 4, 4.0, told_surprise=4.0, told_level="medium"),
    ]
    control.executemany("insert into incidents values (?, ?, ?, ?, ?)", incidents)
    at, later = written(NOON + HOUR), written(NOON + 2 * HOUR)
    decided = [
        ("told", at, "opened"),
        ("storm", at, "storm"),
        ("over", at, "opened"),
        ("over", later, "resolved"),
        ("owed", at, "opened"),
        ("told", later, "unchanged"),
    ]
    control.executemany("insert into decisions (incident, notifier, at, reason) values (?, 'console', ?, ?)", decided)
    control.executemany(
        "insert into notices values (?, 'console', ?, ?)",
        [("told", at, "1"), ("over", at, "2"), ("over", later, "3")],
    )
    control.execute("insert into refused values ('owed', 'console', ?)", (at,))
    for name, who, reason in (("told", 1, "opened"), ("storm", 2, "storm")):
        for place, surprise in enumerate((2.0, 3.5)):
            one = replace(finding(surprise, place, who=who), expected=float("nan"), because="NaN -Infinity")
            row = (one.key, one.rule, one.subject, written(one.bucket), written(one.time), name, reason, 0)
            control.execute("insert into findings values (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, bodies.dump(one)))
    control.commit()
    control.close()
    return tmp_path


def triaged(store: Store, hours: float, found: Sequence[Finding] = ()) -> Triaged:
    """What a tick so many hours after noon makes of it."""
    now = NOON + hours * HOUR
    incidents = store.recent(NOON)
    told = informed(store.said(one.id for one in incidents))
    known = Known(RULES, dict.fromkeys(RULES, NOON + HOUR), told, openings=store.openings(now - HOUR))
    return triage(found, incidents, known, everything(["console"]), Policy(), now)


def test_a_state_in_the_middle_of_a_storm_goes_on_where_it_was(second: Path) -> None:
    """Off: `storm`, `told_surprise` in monitor/store/migrations/0003_people.sql."""
    with Store(second) as store:
        assert [one.reason for one in store.decisions("storm")] == [Reason.UNCHANGED]
        last = store.told(["told", "storm", "over", "owed"])
        assert [(name, one.reason, one.surprise, one.level) for (name, _), one in sorted(last.items())] == [
            ("over", Reason.RESOLVED, 4.0, Level.MEDIUM),
            ("owed", Reason.OPENED, 4.0, Level.MEDIUM),
            ("told", Reason.OPENED, 3.0, Level.LOW),
        ]
        said = {one.incident: one.reason for one in triaged(store, 2.5).decisions if one.told}
        assert said == {"storm": Reason.OPENED, "told": Reason.WORSENED}
        worse = finding(4.1, 1.5, who=1)
        said = {one.incident: one.reason for one in triaged(store, 3, [worse]).decisions if one.told}
        assert said == {"storm": Reason.OPENED, "told": Reason.WORSENED}
        assert [one.state for one in store.incidents()] == [State.OPEN, State.OPEN, State.RESOLVED, State.OPEN]


def test_what_was_sent_and_what_was_not_is_known_after_it(second: Path) -> None:
    with Store(second) as store:
        (one,) = store.due(NOON + HOUR)
        assert (one.wanted.incident, one.wanted.about, one.since) == (
            "owed",
            "2026-05-04T13:00:00Z opened",
            NOON + HOUR,
        )
        assert [len(store.notices(name)) for name in ("told", "storm", "over", "owed")] == [1, 0, 2, 0]


def test_findings_are_in_their_order_after_it(second: Path) -> None:
    """Off: `surprise` in monitor/store/migrations/0003_people.sql."""
    with Store(second) as store:
        assert [one.surprise for one in store.strongest("told", 5)] == [3.5, 2.0]
        assert [one.surprise for one in store.strongest("told", 5, NOON + 2 * HOUR)] == [3.5]
        assert {reason for _, _, reason in store.findings("storm")} == {Reason.UNCHANGED}
