"""A rule's proofs: events on which it must speak, and events nearly alike on which it must not.

They lie beside the rules as `tests/<id>.fires.ndjson` and `tests/<id>.quiet.ndjson`: facts, one JSON object a line,
with the columns of FACTS. Text left out is '', `source` follows from `stream` and `action`, `events` is 1, and
`seen_at`, `first_at` and `last_at` are those of `at`. Two more keys keep a file readable:

- `repeat: {"every": "1h", "times": 200}` writes the line 200 times, an hour apart; `{i}` in its texts is 0, 1, 2 ...
- `groups: 20` writes all of that 20 times at once; `{n}` in its texts is 1, 2, 3 ...

Facts whose `app_id` is `OWN` are of mintwatch's own identity. An empty line, or one that starts with `#`, is a remark.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Protocol, TypeAlias, TypeVar

import pyarrow as pa

from monitor import aggregate, clock
from monitor.coverage import Hearing
from monitor.errors import InputError
from monitor.frames import DIMENSIONS, FACTS, conform_facts
from monitor.model import Finding, Window
from monitor.ports import Engine, Tables
from monitor.rules import STREAMS, Rule, duration

Fact: TypeAlias = dict[str, str | int | datetime]
OWN: Final = "0e11c0de-0000-4000-8000-000000000001"
"""The application that mintwatch itself is taken to be: whose facts the word `own` of a predicate means."""
SETTLE: Final = timedelta(minutes=20)
"""How late the proofs' sources are taken to be. Their only events may lie an hour apart, and silence of up to three
settles is not an outage."""
MOST: Final = 1_000_000
"""Facts that one file may come to."""
TIMES: Final = ("at", "seen_at", "first_at", "last_at")
SOURCES: Final[Mapping[str, str]] = {
    "client_credentials": "service_principal",
    "managed_identity": "managed_identity",
    "interactive": "interactive",
    "non_interactive": "non_interactive",
}
"""The source of a sign-in, by its action; other streams have one source of their own name."""


class Judged(Protocol):
    """What judging a rule yields, as far as a proof looks at it."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the rule said."""
        ...


J = TypeVar("J", bound=Judged)


class Judge(Protocol[J]):
    """`monitor.worker.judge`, handed in: the stages of the daemon in their order, which only the worker knows."""

    def __call__(
        self,
        rule: Rule,
        engine: Engine,
        tables: Tables,
        hearing: Mapping[str, Hearing],
        window: Window,
        as_of: datetime,
        others: Sequence[J] = (),
    ) -> J:
        """What the rule says in the window; `others` is what other rules said of it, where it judges scores."""
        ...


@dataclass(frozen=True, slots=True)
class Proof:
    """How a rule did on its two files: the strongest surprise on each, and what is wrong ('' if nothing)."""

    rule: str
    fires: float
    quiet: float
    wrong: str

    @property
    def held(self) -> bool:
        """Whether it spoke where it must and nowhere else."""
        return not self.wrong


def check(rule: Rule, engine: Engine, judge: Judge[J], rules: Sequence[Rule] = ()) -> Proof:
    """The rule on both of its files; `rules` are those whose findings it judges, if it judges scores.

    Raises
    ------
    InputError
        If a file is missing or has a line that is no fact.
    """
    rule = rule.knowing(lambda: frozenset({OWN}))
    fires, quiet = (loudest(prove(rule, facts_of(path), engine, judge, rules)) for path in paths(rule))
    wrong = []
    if fires < rule.tell:
        wrong.append(f"{paths(rule)[0]}: expected a finding of surprise {rule.tell:g} or more, got {fires:.1f}")
    if quiet >= rule.tell:
        wrong.append(f"{paths(rule)[1]}: expected no finding of surprise {rule.tell:g} or more, got {quiet:.1f}")
    return Proof(rule.id, fires, quiet, "; ".join(wrong))


def paths(rule: Rule) -> tuple[Path, Path]:
    """Where the rule's proofs are: (fires, quiet)."""
    folder = Path(rule.file).parent / "tests"
    return folder / f"{rule.id}.fires.ndjson", folder / f"{rule.id}.quiet.ndjson"


def prove(rule: Rule, facts: pa.Table, engine: Engine, judge: Judge[J], rules: Sequence[Rule] = ()) -> list[Finding]:
    """What the rule says of these facts from their first day to their last, told or not.

    A rule that judges scores is first told what `rules` say of the same facts.
    """
    if not facts.num_rows:
        return []
    tables: Tables = {"facts": facts}
    bins = aggregate.bins(engine, tables)
    hearing = {
        str(name): Hearing.of(str(name), SETTLE, timedelta(0), bins[bins["source"] == name])
        for name in bins["source"].unique()
    }
    first, last = bins["at"].min().to_pydatetime(), bins["seen_at"].max().to_pydatetime()
    until = clock.midnight(last) + 2 * clock.DAY
    window = Window(clock.midnight(first), until)
    heard = [one for one in rules if not overhears(one)] if overhears(rule) else []
    others = [judge(one, engine, tables, hearing, window, until) for one in heard]
    return list(judge(rule, engine, tables, hearing, window, until, others).findings)


def overhears(rule: Rule) -> bool:
    """Whether it judges what other rules said."""
    return "scores" in rule.judge.needs


def loudest(findings: Sequence[Finding]) -> float:
    """The strongest surprise among them; 0 if there are none."""
    return max((one.surprise for one in findings), default=0.0)


def facts_of(path: Path) -> pa.Table:
    """FACTS of a proof file.

    Raises
    ------
    InputError
        If it cannot be read, or with file and line of the first line that is no fact.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a file of facts: {error}") from error
    facts: list[Fact] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            facts.extend(_facts(line, MOST - len(facts)))
        except ValueError as error:
            raise InputError(f"{path}:{number}: {error}") from error
    columns = {field.name: pa.array([fact[field.name] for fact in facts], field.type) for field in FACTS}
    return conform_facts(pa.table(columns, schema=FACTS))


def _facts(line: str, most: int) -> Iterator[Fact]:
    """The facts one line stands for; `ValueError` saying what was expected."""
    try:
        given = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(given, dict):
        raise ValueError(f"expected an object with the columns of FACTS, got {line.strip()[:40]}")
    every, times = _repeat(given.pop("repeat", {"every": "5m", "times": 1}))
    groups = _count("groups", given.pop("groups", 1))
    if groups * times > most:
        raise ValueError(f"expected at most {MOST:,} facts in a file")
    fact = _fact(given)
    for n in range(groups):
        for i in range(times):
            yield {name: _placed(name, value, i, n + 1, every * i) for name, value in fact.items()}


def _fact(given: Mapping[str, object]) -> Fact:
    for name in given:
        if name not in FACTS.names:
            close = get_close_matches(name, [*FACTS.names, "repeat", "groups"], n=1)
            raise ValueError(f"unknown key {name!r}" + (f", did you mean {close[0]!r}?" if close else ""))
    if "at" not in given or given.get("stream") not in STREAMS:
        raise ValueError(f"expected 'at' and a 'stream' among {', '.join(STREAMS)}")
    fact: Fact = {name: _text(name, given.get(name, "")) for name in DIMENSIONS}
    fact["source"] = fact["source"] or SOURCES.get(str(fact["action"]), str(fact["stream"]))
    fact["events"] = _count("events", given.get("events", 1))
    return fact | {name: _moment(name, given.get(name, given["at"])) for name in TIMES}


def _placed(name: str, value: str | int | datetime, i: int, n: int, later: timedelta) -> str | int | datetime:
    if isinstance(value, datetime):
        return clock.floor(value + later) if name in {"at", "seen_at"} else value + later
    if isinstance(value, str):
        return value.replace("{i}", str(i)).replace("{n}", str(n))
    return value


def _repeat(given: object) -> tuple[timedelta, int]:
    if not isinstance(given, dict) or set(given) != {"every", "times"}:
        raise ValueError('repeat: expected {"every": "1h", "times": 24}')
    return duration(given["every"]), _count("repeat.times", given["times"])


def _count(name: str, given: object) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise ValueError(f"{name}: expected a whole number of at least 1, got {given!r}")
    return given


def _text(name: str, given: object) -> str:
    if not isinstance(given, str):
        raise ValueError(f"{name}: expected text, got {given!r}")
    return given


def _moment(name: str, given: object) -> datetime:
    try:
        return clock.aware(datetime.fromisoformat(_text(name, given)), name)
    except ValueError as error:
        raise ValueError(f"{name}: expected a time such as 2026-05-01T10:00:00Z, got {given!r}") from error
