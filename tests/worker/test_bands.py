from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from monitor import aggregate, plugins
from monitor.clock import DAY
from monitor.coverage import Hearing
from monitor.frames import FACTS, conform_facts
from monitor.kql import DuckEngine
from monitor.model import Finding, Window
from monitor.rules import Rule, read, shipped
from monitor.rules.model import Measure
from monitor.worker import judge
from monitor.worker.bands import band
from monitor.worker.evidence import evidence

START = datetime(2026, 4, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def fact(at: datetime, events: int, **columns: object) -> dict[str, object]:
    row: dict[str, object] = {field.name: "" for field in FACTS}
    times = dict.fromkeys(("at", "seen_at", "first_at", "last_at"), at)
    known = {"stream": "sign_in", "source": "service_principal", "kind": "service_principal", "outcome": "issued"}
    return row | known | times | {"identity": "entra:a", "events": events} | columns


@pytest.fixture(scope="module")
def engine() -> DuckEngine:
    return DuckEngine(threads=1)


@pytest.fixture(scope="module")
def rule() -> Rule:
    made, wrong = read(shipped() / "sp-issuance-spike.yml", plugins.detectors())
    assert made is not None, wrong
    return made


@pytest.fixture(scope="module")
def facts() -> pa.Table:
    """Ten tokens an hour for 20 days but for a silent one, then 200 in one hour; and another identity's noise."""
    hours = [START + HOUR * number for number in range(20 * 24) if number // 24 != 17]
    rows = [fact(at, 10, ip="20.1.2.3") for at in hours]
    rows += [fact(at, 3, identity="entra:b") for at in hours]
    rows += [fact(START + 20 * DAY, 180, ip="20.9.9.9"), fact(START + 20 * DAY, 20, ip="20.1.2.3")]
    return conform_facts(pa.Table.from_pylist(rows, schema=FACTS))


@pytest.fixture(scope="module")
def hearing(engine: DuckEngine, facts: pa.Table) -> dict[str, Hearing]:
    bins = aggregate.bins(engine, {"facts": facts})
    return {"service_principal": Hearing.of("service_principal", timedelta(minutes=30), timedelta(0), bins)}


@pytest.fixture(scope="module")
def finding(rule: Rule, engine: DuckEngine, facts: pa.Table, hearing: dict[str, Hearing]) -> Finding:
    until = START + 21 * DAY
    said = judge(rule, engine, {"facts": facts}, hearing, Window(START + 20 * DAY, until), until)
    (one,) = said.findings
    return one


def test_a_band_shows_the_groups_own_counts_and_what_the_detector_expected(
    rule: Rule, engine: DuckEngine, facts: pa.Table, hearing: dict[str, Hearing], finding: Finding
) -> None:
    shown = band(finding, rule, engine, {"facts": facts}, hearing, {}, [finding])
    assert shown.marked == (START + 20 * DAY,) == (shown.at[-1],)
    assert (shown.observed[-1], shown.expected[-1], shown.high[-1]) == pytest.approx(
        (finding.observed, finding.expected, finding.high)
    )
    assert set(shown.observed[:-1]) == {10.0}
    middle = np.array(shown.expected[:-1])
    assert np.all((middle > 8) & (middle < 12))
    assert "200 tokens in 1 h" in shown.title


def test_hours_in_which_nobody_listened_are_left_out_and_not_drawn_as_zero(
    rule: Rule, engine: DuckEngine, facts: pa.Table, hearing: dict[str, Hearing], finding: Finding
) -> None:
    shown = band(finding, rule, engine, {"facts": facts}, hearing, {})
    silent = Window(START + 17 * DAY + HOUR, START + 18 * DAY)
    assert not [at for at in shown.at if at in silent]
    assert 6 * 24 - 2 <= len(shown.at) <= 6 * 24 + 2


def test_evidence_is_the_findings_own_facts_busiest_first(
    rule: Rule, engine: DuckEngine, facts: pa.Table, finding: Finding
) -> None:
    rows = evidence(finding, rule, engine, {"facts": facts}, 10)
    assert list(zip(rows["ip"], rows["events"], strict=True)) == [("20.9.9.9", 180), ("20.1.2.3", 20)]
    assert len(evidence(finding, rule, engine, {"facts": facts}, 1)) == 1


def test_an_empty_value_is_none_of_the_distinct_ones_drawn(
    rule: Rule, engine: DuckEngine, facts: pa.Table, hearing: dict[str, Hearing], finding: Finding
) -> None:
    addresses = rule.model_copy(update={"measure": Measure(name="distinct", column="ip")})
    nowhere = conform_facts(pa.Table.from_pylist([fact(START + 20 * DAY, 5)], schema=FACTS))
    with_nowhere = pa.concat_tables([facts, nowhere])
    assert band(finding, addresses, engine, {"facts": with_nowhere}, hearing, {}).observed[-1] == 2.0
