"""A rule over other rules' findings: what ticks keep of earlier days is what a replay has before it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from monitor import plugins
from monitor.clock import iso
from monitor.model import Window
from monitor.rules import Rule, load
from monitor.worker import replay
from monitor.worker.overhearing import spoken
from tests.worker.worlds import DAY, HOUR, MINUTE, START, World, every, keys, oid, opened, put, replayed, ticked

PEOPLE, LAST = 24, START + 5 * DAY
RULES = {
    "failures": """
stream: sign_in
where: outcome == "failed"
by: [identity]
bucket: 1h
slide: false
detector: limit
params: {limit: 5, lookback: 4d}
""",
    "many": """
stream: scores
by: [tenant]
bucket: 1h
detector: surge
params: {identities: 5, lookback: 4d, warmup: 2d}
""",
}


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rule, ...]:
    folder = tmp_path_factory.mktemp("rules")
    for name, text in RULES.items():
        head = f"title: The rule {name}\nid: {name}\nstatus: stable\nlevel: medium\ntell: 1.0\n"
        (folder / f"{name}.yml").write_text(f"{head}runbook: Look at what it did in that hour.\n{text}", "utf-8")
    return load(folder, plugins.detectors())


def rows() -> Iterator[dict[str, object]]:
    """Two dozen that get a token every two hours; each day one of them fails in a burst, on the last a dozen do."""

    def row(who: int, after: timedelta, code: str) -> dict[str, object]:
        at = START + after
        return {
            "TimeGenerated": iso(at),
            "CreatedDateTime": iso(at),
            "_TimeReceived": iso(at + 3 * MINUTE),
            "Id": f"{who}-{after}",
            "ServicePrincipalId": oid(who),
            "ResultType": code,
        }

    for who in range(PEOPLE):
        yield from (row(who, n * 2 * HOUR + who * MINUTE, "0") for n in range(12 * 6))
    bursts = [(day, day) for day in range(1, 5)] + [(5, who) for who in range(8, 20)]
    for day, who in bursts:
        yield from (row(who, day * DAY + 10 * HOUR + 5 * MINUTE + n * 7 * MINUTE / 60, "50126") for n in range(8))


def test_ticks_know_of_earlier_days_what_a_replay_knows(tmp_path: Path, rules: tuple[Rule, ...]) -> None:
    world: World = {"AADServicePrincipalSignInLogs": list(rows())}
    folder = put(tmp_path / "logs", world)
    whole, report = replayed(folder, rules)
    surges = [one for one in whole if one["rule"] == "many"]
    assert [one["subject"] for one in surges] == ["tenant:entra"]
    assert surges[0]["members"] == [oid(who) for who in range(8, 20)]
    moments = [*every(12 * HOUR, START + HOUR, LAST), *every(30 * MINUTE, LAST, report.now), report.now]
    assert keys(ticked(folder, rules, moments)) == keys(whole)


def test_what_was_said_before_is_that_of_stable_rules_over_facts(tmp_path: Path, rules: tuple[Rule, ...]) -> None:
    with opened(put(tmp_path / "logs", {"AADServicePrincipalSignInLogs": list(rows())}), rules) as app:
        replay(app)
        failures, many = ({one.subject for one, _, _ in app.store.findings() if one.rule == name} for name in RULES)
        kept = app.store.spoke(Window(LAST, LAST + DAY))
        assert {subject for _, subject, _, _ in kept} == {f"identity:entra:{oid(who)}" for who in range(8, 20)} | many
        assert {said[:3] for said in spoken(rules, kept)} == {("failures", "sign_in", "events")}
        assert {said[3] for said in spoken(rules, kept)} < failures
        assert app.store.spoke(Window(LAST + DAY, LAST + 2 * DAY)) == []
        trial = [rule.model_copy(update={"status": "experimental"}) for rule in rules]
        assert spoken(trial, kept) == []
