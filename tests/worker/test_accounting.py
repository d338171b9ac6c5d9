"""Whatever the journal says is said in words in the daily digest, or is no fault."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import monitor
from monitor import plugins
from monitor.model import HealthEvent
from monitor.rules import HEALTH, load, shipped
from monitor.store import Store
from monitor.worker import App
from monitor.worker.accounting import ELSEWHERE, WORDS, Moment, account
from tests.worker.alerts import HOUR, MINUTE, NOON
from tests.worker.postal import running

WHERE = re.compile(r'action == "(?P<action>\w+)" and outcome (?:==|in) (?P<outcomes>.+)')


def judged() -> Iterator[tuple[str, str]]:
    """What the shipped rules about mintwatch itself look for."""
    for rule in load(shipped(), plugins.detectors()):
        if rule.stream == HEALTH:
            found = WHERE.fullmatch(rule.where.strip())
            assert found, f"{rule.id}: its where names no action and outcome: {rule.where}"
            yield from ((found["action"], one) for one in re.findall(r'"(\w+)"', found["outcomes"]))


def journalled() -> Iterator[tuple[str, str]]:
    """What code writes down, where action and outcome are written there."""
    for path in Path(monitor.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name("HealthEvent"), args=[_, ast.Constant(str() as action), _, outcome, *_]):
                    yield from ((action, one) for one in _words(outcome))


def _words(outcome: ast.expr) -> list[str]:
    branches = [outcome.body, outcome.orelse] if isinstance(outcome, ast.IfExp) else [outcome]
    return [one.value for one in branches if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def test_everything_the_journal_says_has_words_or_is_said_elsewhere() -> None:
    """Off: any line of `WORDS` or `ELSEWHERE` in monitor/worker/accounting.py."""
    written = set(journalled())
    assert {("clock", "back"), ("clock", "forward"), ("store", "restored"), ("config", "refused")} <= written
    assert (written | set(judged())) == WORDS.keys() | ELSEWHERE
    assert not WORDS.keys() & ELSEWHERE


def test_a_disk_that_was_full_is_said_once_and_its_recovery_is_no_fault() -> None:
    """Off: `restored` in `ELSEWHERE` of monitor/worker/accounting.py."""
    full = [HealthEvent(NOON - HOUR + n * 5 * MINUTE, "store", "state", "full", "") for n in range(3)]
    judging = [HealthEvent(NOON - HOUR + n * 5 * MINUTE, "judge", "spike", "failed", "") for n in range(6)]
    with Store() as store:
        store.note([*full, HealthEvent(full[-1].at, "store", "state", "restored", ""), *judging])
        said = account(App((), (), store, running()), Moment("d", NOON.date(), NOON, NOON), (), {}).stretches
    assert sorted((one.part, one.what, one.since, one.until) for one in said) == [
        ("rule spike", "could not be judged", NOON - HOUR, NOON - HOUR / 2),
        ("state", "could not be written (disk full)", NOON - HOUR, NOON - 45 * MINUTE),
    ]
