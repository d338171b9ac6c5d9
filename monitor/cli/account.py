"""What watching a local Azure took: logins, questions, rows; and what went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from monitor.cli.screen import OUT, Json, cell, say, table
from monitor.clock import iso
from monitor.ports import Counts, LogSource
from monitor.sources.fold import QUERIES
from monitor.worker import Report, Watch

if TYPE_CHECKING:  # it needs the extra `mintwatch[testing]`, which other commands do without
    from monitor.testing.azure import LocalAzure, Ready


@dataclass(frozen=True, slots=True)
class Refused:
    """An assertion that was not good enough: what was wrong with it, Entra's codes, and what mintwatch says of it.

    Without a code it was taken, which would be a failure.
    """

    what: str
    codes: tuple[str, ...]
    said: str


@dataclass(frozen=True, slots=True)
class Rows:
    """What became of one source's rows.

    `there` are the rows that its tables show at the end, `counted` what was made of them: `read` the same rows, if each
    counted once. `travelled` are facts fetched, those of a window that was replaced included; `live` those that stay.
    """

    source: str
    there: int
    counted: Counts
    travelled: int
    live: int
    absent: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """What all of it took."""

    ticks: tuple[datetime, ...]
    tokens: int
    refused: tuple[Refused, ...]
    requests: Mapping[str, int]
    questions: Mapping[tuple[str, str], int]
    rows: tuple[Rows, ...]
    failures: tuple[str, ...]


def accounted(
    azure: LocalAzure, set_up: Ready, watch: Watch, reports: Sequence[Report], refused: tuple[Refused, ...]
) -> Account:
    """The account of those ticks."""
    questions: Counter[tuple[str, str]] = Counter()
    for one in watch.workspaces:
        for asked, count in one.tally.counts().items():
            questions[asked.purpose, asked.outcome.value] += count
    failed = [f"{one.what} assertion: expected a refusal, it was taken" for one in refused if not one.codes]
    failed += [f"{iso(one.now)}: {failure}" for one in reports for failure in one.failures]
    live = _live(watch)
    return Account(
        ticks=tuple(one.now for one in reports),
        tokens=azure.authority.requests - len(azure.authority.refused),
        refused=refused,
        requests={str(service): count for service, count in sorted(azure.requests.items())},
        questions=dict(sorted(questions.items())),
        rows=tuple(_rows(azure, set_up, watch, one, reports, live) for one in watch.app.sources if _query(one)),
        failures=tuple(failed),
    )


def _query(source: LogSource) -> str:
    """The shipped query of a source of a workspace; '' of mintwatch's own."""
    return source.name.rpartition(".")[2] if "." in source.name else ""


def _live(watch: Watch) -> Mapping[str, int]:
    """How many facts each source has."""
    files = watch.app.store.live()
    if not files:
        return {}
    answer = watch.app.engine.run("facts | summarize facts = count() by source", {"facts": files})
    return dict(zip(answer["source"].to_pylist(), answer["facts"].to_pylist(), strict=True))


def _rows(
    azure: LocalAzure,
    set_up: Ready,
    watch: Watch,
    source: LogSource,
    reports: Sequence[Report],
    live: Mapping[str, int],
) -> Rows:
    now = azure.clock.now
    known = set_up.workspace.catalogue(set_up.app.client_id, now)
    tables = [name for name in QUERIES[_query(source)].tables if name in known]
    said = [one for report in reports for one in report.sources if one.name == source.name]
    return Rows(
        source=source.name,
        there=sum(_ours(name, set_up.workspace.shown(name, now, None, None)) for name in tables),
        counted=watch.app.store.counts().get(source.name, Counts()),
        travelled=sum(one.facts for one in said),
        live=live.get(source.name, 0),
        absent=said[-1].absent if said else "",
    )


def _ours(table: str, rows: pa.Table) -> int:
    """How many rows are of a kind that mintwatch reads, counted without asking anybody; AzureDiagnostics is shared."""
    if table != "AzureDiagnostics":
        return int(rows.num_rows)
    provider, category = pc.utf8_upper(rows["ResourceProvider"]), rows["Category"]
    mine = pc.and_(pc.equal(provider, "MICROSOFT.KEYVAULT"), pc.equal(category, "AuditEvent"))
    return int(pc.sum(mine).as_py() or 0)


def as_json(account: Account) -> dict[str, Json]:
    """The account for a machine."""
    return {
        "ticks": [iso(at) for at in account.ticks],
        "tokens": account.tokens,
        "refused": [{"assertion": one.what, "codes": [*one.codes], "said": one.said} for one in account.refused],
        "requests": {**account.requests},
        "questions": [
            {"purpose": purpose, "outcome": outcome, "count": count}
            for (purpose, outcome), count in account.questions.items()
        ],
        "sources": [_row_json(one) for one in account.rows],
        "failures": [*account.failures],
    }


def _row_json(one: Rows) -> Json:
    counts = one.counted
    return {
        "name": one.source,
        "there": one.there,
        "read": counts.read,
        "doubled": counts.doubled,
        "late": counts.late,
        "kept": counts.kept,
        "facts": one.live,
        "facts_fetched": one.travelled,
        "absent": one.absent,
    }


def show(account: Account) -> None:
    """The account for a person."""
    say("Login", "bold")
    tokens = f"{account.tokens} access token{'' if account.tokens == 1 else 's'}"
    say(f"{tokens} for the assertion in the token file; no secret in the settings, nothing read from the environment")
    for one in account.refused:
        say(f"  {one.what} assertion: {one.said}")
    say()
    _show_questions(account)
    _show_rows(account.rows)


def _show_questions(account: Account) -> None:
    say("Questions", "bold")
    ticks, sent = len(account.ticks), sum(account.requests.values())
    say(f"{ticks} ticks, {account.ticks[0]:%Y-%m-%d %H:%M} to {account.ticks[-1]:%Y-%m-%d %H:%M}; {sent:,} requests")
    shown = table("purpose", "answered", "otherwise", numbers=("answered",))
    for purpose in dict.fromkeys(one for one, _ in account.questions):
        ended = {outcome: count for (one, outcome), count in account.questions.items() if one == purpose}
        other = ", ".join(f"{count:,} {outcome}" for outcome, count in ended.items() if outcome != "ok")
        shown.add_row(cell(purpose), cell(ended.get("ok", 0)), cell(other))
    OUT.print(shown)
    say()


def _show_rows(rows: Sequence[Rows]) -> None:
    say("Rows", "bold")
    numbers = ("there", "read", "doubled", "late", "kept", "facts", "travelled")
    shown = table("source", *numbers, numbers=numbers)
    for one in rows:
        counts = one.counted
        row = (one.there, counts.read, counts.doubled, counts.late, counts.kept, one.live, one.travelled)
        shown.add_row(cell(one.source), *map(cell, row))
    OUT.print(shown)
    there, read = sum(one.there for one in rows), sum(one.counted.read for one in rows)
    facts, fetched = sum(one.live for one in rows), sum(one.travelled for one in rows)
    once = "each row counted once" if there == read else f"{abs(there - read):,} rows miscounted"
    say(f"{once}; {read:,} rows are {facts:,} facts; {fetched:,} travelled, for a window that changed is fetched whole")
    for one in rows:
        if one.absent:
            say(f"{one.source}: absent, which is not the same as zero rows: its table was never there")
